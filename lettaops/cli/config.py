"""`lettaops config`: show, check, describe and begin lettaops' own configuration."""

import os
from pathlib import Path
from typing import Final

import click
import msgspec

from lettaops.cli.session import Session, check_allowed
from lettaops.config.paths import config_files
from lettaops.config.profile import Configuration, Profile, read_configuration
from lettaops.model.errors import Refused, UsageError

_HEADING: Final = """\
# Configuration of lettaops. Everything here is optional: a stack on this machine is found without it.
# `lettaops config schema` describes every field, `lettaops config show` what is in effect and why.
"""
_EXAMPLES: Final = {
    "default_profile": "prod",
    "host": "unix:///var/run/docker.sock",
    "context": "prod",
    "project": "letta",
    "password_file": "~/.config/lettaops/letta-password",
    "read_only": True,
    "allow": ["start", "restart"],
    "ascii": True,
    "colour": "red",
    "bell": True,
}


def template() -> str:
    """A first configuration file: every field, described and commented out."""
    return "\n".join((_HEADING, *_fields(Configuration), "", "# [profiles.prod]", *_fields(Profile), ""))


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    """Two lines for each field that has a description; one without an example is shown by its name."""
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    lines: list[str] = []
    for name, facts in schema.items():
        if "description" in facts:
            value = msgspec.json.encode(_EXAMPLES.get(name, "")).decode()  # such values are TOML too
            lines += [f"# {facts['description']}:", f"# {name} = {value}"]
    return lines


@click.group()
def config() -> None:
    """Show, check, describe and begin lettaops' own configuration."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.pass_obj
def show(session: Session, as_json: bool) -> None:
    """Print the effective values and where each comes from."""
    settings = session.settings
    if as_json:
        values = {each.name: {"value": each.value, "origin": each.origin} for each in settings.listing()}
        session.output.json(
            {
                "schema": "lettaops/config/1",
                "profile": settings.profile_name,
                "files": [str(path) for path in settings.files],
                "values": values,
            }
        )
        return
    read = ", ".join(str(path) for path in settings.files) or "none"
    session.output.line(f"profile {settings.profile_name}; files read: {read}")
    rows = [(each.name, _shown(each.value), each.origin) for each in settings.listing()]
    session.output.table(("NAME", "VALUE", "FROM"), rows)


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def validate(session: Session, file: Path | None) -> None:
    """Check a configuration file, or those that are read. Exit status 2 when one is wrong."""
    paths = (file,) if file is not None else config_files(session.environ)
    for path in paths:
        found = read_configuration(path)
        if found is None and file is not None:
            raise UsageError(f"there is no file {path}")
        for name, profile in (found.profiles if found is not None else {}).items():
            check_allowed(profile.allow, f"{path}, profile {name}")
        words = "is absent" if found is None else f"is right, {len(found.profiles)} profiles"
        session.output.line(f"{path} {words}")
    if file is None:
        _ = session.settings


@config.command()
@click.pass_obj
def schema(session: Session) -> None:
    """Print the JSON Schema of the configuration file (which is TOML)."""
    session.output.json(msgspec.json.schema(Configuration))


@config.command()
@click.pass_obj
def init(session: Session) -> None:
    """Write a first configuration file with every field explained; never over one that is there."""
    path = config_files(session.environ)[-1]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise Refused(f"{path} is there already", not_done="It was not touched.") from error
    except OSError as error:
        raise Refused(f"{path} can't be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(template())
    session.output.line(str(path))


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
