"""`lettaops info`: what a report about lettaops itself needs."""

import asyncio
import importlib.metadata
import os
import platform
import sys
import time

import click

from lettaops import __version__
from lettaops.cli.session import Session
from lettaops.config.paths import config_files
from lettaops.model.errors import LettaopsError
from lettaops.model.units import milliseconds

_LIBRARIES = ("asyncpg", "click", "docker", "httpx", "msgspec", "psutil", "textual")
_TERMINAL = ("TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR", "TMUX", "STY", "SSH_CONNECTION")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.pass_obj
def info(session: Session, as_json: bool) -> None:
    """Versions, paths, the engine and its latency, the terminal."""
    facts = {
        "lettaops": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{f"library.{name}": importlib.metadata.version(name) for name in _LIBRARIES},
        "paths.configuration": ", ".join(str(path) for path in config_files(session.environ)),
        "paths.state": f"{session.state.path} ({_sharing(session)})",
        "profile": session.settings.profile_name,
        **asyncio.run(_engine(session)),
        "terminal.stdout": "terminal" if session.output.is_tty else "no terminal",
        "terminal.encoding": sys.stdout.encoding or "unknown",
        **{f"terminal.{name}": os.environ[name] for name in _TERMINAL if name in os.environ},
    }
    if as_json:
        session.output.json({"schema": "lettaops/info/1", **facts})
    else:
        session.output.table(("WHAT", "VALUE"), list(facts.items()))


def _sharing(session: Session) -> str:
    return "shared by the group" if session.state.shared else "locks are per user"


async def _engine(session: Session) -> dict[str, str]:
    from lettaops.sources.engine import Engine

    try:
        target = session.target
    except LettaopsError as error:
        return {"engine": f"none: {error.what}"}
    facts = {"engine": target.name, "engine.origin": target.origin}
    async with Engine(target) as engine:
        try:
            version = await engine.negotiate()
            started = time.monotonic()
            await engine.ping()
        except LettaopsError as error:
            return {**facts, "engine.state": error.what}
        latency = milliseconds((time.monotonic() - started) * 1000)
    return {
        **facts,
        "engine.version": f"{version.engine}, API {version.api}",
        "engine.system": f"{version.os} {version.arch} {version.kernel}",
        "engine.latency": latency,
    }
