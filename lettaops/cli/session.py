"""What the global options mean: which engine, which profile, which permissions, where state is kept."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lettaops.cli.output import Output
from lettaops.config.paths import StateDirectory, config_files, state_directory
from lettaops.config.profile import Settings, load_settings
from lettaops.model.errors import UsageError

if TYPE_CHECKING:
    from lettaops.operations.audit import Operator
    from lettaops.operations.execute import Permission
    from lettaops.sources.target import EngineTarget


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The words before the verb."""

    profile: str | None = None
    host: str | None = None
    context: str | None = None
    project: str | None = None
    read_only: bool = False
    ascii: bool = False


class Session:
    """One run of the command line. What a verb doesn't ask for isn't read."""

    def __init__(self, options: Options, environ: Mapping[str, str] | None = None) -> None:
        self.options = options
        self.environ = os.environ if environ is None else environ

    @property
    def words(self) -> tuple[str, ...]:
        """The words before the verb again, for a process that goes on with what this one began."""
        given = self.options
        named = {
            "--profile": given.profile,
            "--host": given.host,
            "--context": given.context,
            "--project": given.project,
        }
        words = [word for name, value in named.items() if value is not None for word in (name, value)]
        return (*words, "--read-only") if given.read_only else tuple(words)

    @cached_property
    def settings(self) -> Settings:
        """The effective profile. Raises `UsageError`."""
        overrides = {
            name: getattr(self.options, name) for name in ("host", "context", "project", "read_only", "ascii")
        }
        return load_settings(config_files(self.environ), self.options.profile, overrides)

    @cached_property
    def output(self) -> Output:
        """The way out, by the options alone: it must work when the profile doesn't."""
        return Output(ascii=self.options.ascii)

    @cached_property
    def target(self) -> "EngineTarget":
        """The engine. Raises `UsageError`, `Refused`."""
        from lettaops.sources.target import resolve_target

        profile = self.settings.profile
        return resolve_target(profile.host, profile.context, self.environ, Path.home())

    @cached_property
    def state(self) -> StateDirectory:
        """Where journals, locks and the audit are."""
        return state_directory(self.environ)

    @cached_property
    def operator(self) -> "Operator":
        """Who is asking."""
        from lettaops.operations.audit import current_operator

        return current_operator(self.environ)

    @cached_property
    def permission(self) -> "Permission":
        """What may be done. Raises `UsageError` when the profile allows an act that doesn't exist."""
        from lettaops.operations.execute import Permission

        profile = self.settings.profile
        check_allowed(profile.allow, self.settings.origins.get("allow", ""))
        return Permission(
            read_only=profile.read_only,
            read_only_origin=self.settings.origins.get("read_only", ""),
            allow=tuple(profile.allow) if profile.allow is not None else None,
        )


def check_allowed(allow: list[str] | None, origin: str) -> None:
    """Raises `UsageError` for a name in `allow` that is no act."""
    from lettaops.operations.deed_plan import Deed
    from lettaops.operations.plan import Act

    acts = [str(each) for each in (*Act, *Deed)]
    unknown = [each for each in allow or () if each not in acts]
    if unknown:
        raise UsageError(
            f"`allow` names no act with {', '.join(unknown)} ({origin})",
            next_step=f"known: {', '.join(acts)}",
        )
