"""Profiles: what an operator may set for a deployment that can't be found by itself.

A value may come from the system's file, the operator's file, or the command line, the later ones
stronger; `Settings` remembers for each where it came from.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from lettaops.model.errors import UsageError
from lettaops.model.secrets import Secret
from lettaops.model.text import clean

DEFAULT_PROFILE: Final = "default"
Colour = Literal["red", "yellow", "green", "blue", "magenta", "cyan"]


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One deployment, and what may be done to it."""

    host: Annotated[
        str | None, msgspec.Meta(description="Docker engine: unix:///path or tcp://host:port")
    ] = None
    context: Annotated[str | None, msgspec.Meta(description="Docker context to take the engine from")] = None
    project: Annotated[
        str | None, msgspec.Meta(description="Compose project, or the server's container name")
    ] = None
    password_file: Annotated[
        str | None,
        msgspec.Meta(description="File with the Letta server's password, readable by its owner only"),
    ] = None
    read_only: Annotated[bool, msgspec.Meta(description="Refuse every act")] = False
    allow: Annotated[
        list[str] | None, msgspec.Meta(description="The only acts that are allowed, by name; all when absent")
    ] = None
    ascii: Annotated[bool, msgspec.Meta(description="Draw with ASCII characters only")] = False
    colour: Annotated[
        Colour | None,
        msgspec.Meta(description="Colour of the profile's name in the title bar; red for production"),
    ] = None
    bell: Annotated[
        bool, msgspec.Meta(description="Ring the terminal's bell when the deployment gets worse")
    ] = False


class Configuration(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A configuration file."""

    default_profile: Annotated[str, msgspec.Meta(description="Profile used without --profile")] = (
        DEFAULT_PROFILE
    )
    profiles: dict[str, Profile] = {}


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One effective value and where it came from."""

    name: str
    value: object
    origin: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The effective profile."""

    profile_name: str
    profile: Profile
    origins: dict[str, str]
    files: tuple[Path, ...] = ()

    def listing(self) -> tuple[Setting, ...]:
        """All values with their origins, in the order of the fields."""
        return tuple(
            Setting(name=name, value=getattr(self.profile, name), origin=self.origins.get(name, "default"))
            for name in Profile.__struct_fields__
        )

    def password(self) -> Secret | None:
        """The server's password from `password_file`; None without one."""
        return read_password(Path(self.profile.password_file)) if self.profile.password_file else None


def read_configuration(path: Path) -> Configuration | None:
    """A configuration file; None when there is none. Raises `UsageError` with the place of a mistake."""
    found = _read(path)
    return found[0] if found is not None else None


def _read(path: Path) -> tuple[Configuration, dict[str, dict[str, Any]]] | None:
    """A file's configuration, and the fields that each of its profiles names, defaults among them."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} can't be read: {error}") from error
    try:
        raw = tomllib.loads(text)
        return msgspec.convert(raw, Configuration), raw.get("profiles", {})
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise UsageError(
            f"the configuration {path} is wrong: {error}",
            not_done="Nothing was started.",
            next_step="see `lettaops config schema` for what it may hold",
        ) from error


def load_settings(files: tuple[Path, ...], name: str | None, overrides: Mapping[str, object]) -> Settings:
    """Merge the files and the command line's words into the effective profile.

    `overrides` holds values by field name; None and False don't override. Raises `UsageError`.
    """
    if overrides.get("host") and overrides.get("context"):
        raise UsageError("both --host and --context are given", next_step="keep one of them")
    read = [(path, *found) for path in files if (found := _read(path)) is not None]
    chosen = name or next(
        (each.default_profile for _, each, _ in reversed(read) if each.default_profile != DEFAULT_PROFILE),
        DEFAULT_PROFILE,
    )
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    known = False
    for path, _, profiles in read:
        if chosen not in profiles:
            continue
        known = True
        _one_engine(profiles[chosen], values, f"the profile {clean(chosen)} in {path} names")
        for field, value in profiles[chosen].items():
            values[field], origins[field] = value, f"{path}, profile {chosen}"
    if not known and chosen != DEFAULT_PROFILE:
        names = sorted({each for _, _, profiles in read for each in profiles})
        raise UsageError(
            f"there is no profile {clean(chosen)}",
            next_step=f"known: {', '.join(names)}" if names else "`lettaops config init` writes a first file",
        )
    _one_engine(overrides, values, "the command line names")
    for field, value in overrides.items():
        if value is not None and value is not False:
            values[field], origins[field] = value, "command line"
    return Settings(
        profile_name=chosen,
        profile=msgspec.convert(values, Profile),
        origins={field: origin for field, origin in origins.items() if field in values},
        files=tuple(path for path, _, _ in read),
    )


def _one_engine(new: Mapping[str, object], values: dict[str, Any], who: str) -> None:
    """Let the engine that is named now take the place of the one named before, in whichever way."""
    if new.get("host") and new.get("context"):
        raise UsageError(f"{who} both a host and a context", next_step="keep one of them")
    for one, other in (("host", "context"), ("context", "host")):
        if new.get(one):
            values.pop(other, None)


def read_password(path: Path) -> Secret:
    """The first line of a password file. Raises `UsageError` when it is empty, or open to others."""
    try:
        descriptor = os.open(path.expanduser(), os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "r", encoding="utf-8") as file:
            info = os.fstat(file.fileno())
            first = file.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:  # RuntimeError: no home of that name
        raise UsageError(f"the password file {path} can't be read: {error}") from error
    if info.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or info.st_uid not in (os.geteuid(), 0):
        raise UsageError(
            f"the password file {path} is open to others", next_step=f"chown it to you and: chmod 600 {path}"
        )
    if not first:
        raise UsageError(f"the password file {path} is empty", next_step="its first line is the password")
    return Secret(first)
