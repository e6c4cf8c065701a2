"""Configuration: what is in effect, where it came from, and what is wrong with it."""

import os
from pathlib import Path

import pytest

from lettaops.config.paths import config_files, state_directory
from lettaops.config.profile import Profile, Settings, load_settings, read_configuration, read_password
from lettaops.model.errors import Exit, UsageError
from tests.unit.build import HOSTILE, is_clean

SYSTEM = """
default_profile = "prod"
[profiles.prod]
project = "letta"
read_only = true
allow = ["start"]
[profiles.staging]
project = "staging"
"""
OWN = """
[profiles.prod]
host = "unix:///run/user/1000/docker.sock"
read_only = false
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "system.toml", tmp_path / "own.toml")
    for path, text in zip(paths, (SYSTEM, OWN), strict=True):
        path.write_text(text)
    return paths


def load(files: tuple[Path, ...], name: str | None = None, **overrides: object) -> Settings:
    return load_settings(files, name, overrides)


def test_without_files_all_is_default(tmp_path: Path) -> None:
    settings = load((tmp_path / "absent.toml",))
    assert settings.profile == Profile()
    assert settings.profile_name == "default"
    assert settings.files == ()
    assert {each.origin for each in settings.listing()} == {"default"}
    assert settings.password() is None


def test_the_later_file_is_stronger_and_each_value_tells_its_origin(files: tuple[Path, Path]) -> None:
    settings = load(files)
    listing = {each.name: (each.value, each.origin) for each in settings.listing()}
    assert settings.profile_name == "prod"
    assert listing["project"] == ("letta", f"{files[0]}, profile prod")
    assert listing["host"] == ("unix:///run/user/1000/docker.sock", f"{files[1]}, profile prod")
    assert listing["read_only"] == (False, f"{files[1]}, profile prod"), "a default that is named counts"
    assert listing["allow"] == (["start"], f"{files[0]}, profile prod")
    assert listing["context"] == (None, "default")
    assert settings.files == files


def test_the_command_line_is_strongest(files: tuple[Path, Path]) -> None:
    settings = load(files, project="mine", read_only=True, host=None, ascii=False)
    assert (settings.profile.project, settings.origins["project"]) == ("mine", "command line")
    assert (settings.profile.read_only, settings.origins["read_only"]) == (True, "command line")
    assert settings.origins["host"].startswith(str(files[1]))
    assert not settings.profile.ascii


def test_read_only_of_a_file_is_not_lifted_by_the_absence_of_the_option(files: tuple[Path, Path]) -> None:
    assert load(files[:1], read_only=False).profile.read_only


def test_a_named_profile(files: tuple[Path, Path]) -> None:
    settings = load(files, "staging")
    assert settings.profile.project == "staging"
    assert not settings.profile.read_only


def test_an_unknown_profile_tells_the_known_ones(files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError) as caught:
        load(files, HOSTILE)
    assert caught.value.exit is Exit.USAGE
    assert is_clean(caught.value.what)
    assert caught.value.next_step == "known: prod, staging"
    with pytest.raises(UsageError, match="prod"):
        load((), "prod")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profiles.prod]\nhots = 'x'", ("hots", "profiles")),
        ("[profiles.prod]\nread_only = 'yes'", ("bool", "read_only")),
        ("[profiles.prod]\nallow = 'start'", ("array", "allow")),
        ("profile = 'prod'", ("profile",)),
        ("[profiles.prod\nproject = 'x'", ("line 1",)),
        ("[profiles]\nprod = 3", ("object", "profiles")),
        ("profiles = 3", ("object",)),
        ("\x00", ()),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load((path,))
    for word in (str(path), *words):
        assert word in caught.value.what
    assert "config schema" in caught.value.next_step


def test_a_file_that_can_not_be_read_is_no_absent_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_configuration(tmp_path)
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# caf\xe9")
    with pytest.raises(UsageError, match="can't be read"):
        read_configuration(path)


def test_host_and_context_are_not_both_to_be_had(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[profiles.default]\nhost = 'unix:///a'\ncontext = 'b'")
    with pytest.raises(UsageError, match="both a host and a context"):
        load((path,))
    with pytest.raises(UsageError, match="both --host and --context"):
        load((), host="unix:///a", context="b")


@pytest.mark.parametrize("word", ["host", "context"])
def test_the_later_files_engine_replaces_the_earlier_ones(tmp_path: Path, word: str) -> None:
    first, second = tmp_path / "system.toml", tmp_path / "own.toml"
    other = "context" if word == "host" else "host"
    first.write_text(f"[profiles.default]\n{other} = 'x'\nproject = 'p'")
    second.write_text(f"[profiles.default]\n{word} = 'y'")
    settings = load((first, second))
    assert getattr(settings.profile, word) == "y"
    assert getattr(settings.profile, other) is None
    assert other not in settings.origins
    assert settings.profile.project == "p"


@pytest.mark.parametrize("word", ["host", "context"])
def test_the_command_lines_engine_replaces_the_profiles(tmp_path: Path, word: str) -> None:
    path = tmp_path / "config.toml"
    other = "context" if word == "host" else "host"
    path.write_text(f"[profiles.default]\n{other} = 'x'")
    settings = load((path,), **{word: "y"})
    assert getattr(settings.profile, word) == "y"
    assert getattr(settings.profile, other) is None
    assert other not in settings.origins


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("sesame open\nsecond line\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_password_file_of_ones_own(password_file: Path, mode: int) -> None:
    password_file.chmod(mode)
    assert read_password(password_file).reveal() == "sesame open"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_password_file_that_others_can_read_is_refused(password_file: Path, mode: int) -> None:
    password_file.chmod(mode)
    with pytest.raises(UsageError, match="open to others") as caught:
        read_password(password_file)
    assert "chmod 600" in caught.value.next_step
    assert "sesame" not in caught.value.what


def test_a_password_file_of_somebody_else_is_refused(
    password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(password_file, 12345, 12345)
    else:  # nobody else can give a file away: become another user instead
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(UsageError, match="open to others"):
        read_password(password_file)


def test_a_password_file_that_is_none(tmp_path: Path, password_file: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, Path("~nobody-of-this-name/x")):
        with pytest.raises(UsageError, match="can't be read"):
            read_password(path)
    password_file.write_bytes(b"\n")
    with pytest.raises(UsageError, match="is empty"):
        read_password(password_file)
    password_file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="can't be read"):
        read_password(password_file)


def test_the_profile_names_its_password_file(tmp_path: Path, password_file: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[profiles.default]\npassword_file = '{password_file}'")
    password = load((path,)).password()
    assert password is not None
    assert password.reveal() == "sesame open"
    assert "sesame" not in repr(password)


def test_where_files_are_looked_for(tmp_path: Path) -> None:
    assert config_files({"LETTAOPS_CONFIG": str(tmp_path)}) == (tmp_path,)
    system, own = config_files({})
    assert str(system) == "/etc/lettaops/config.toml"
    assert own.name == "config.toml"
    assert state_directory({"LETTAOPS_STATE_DIR": str(tmp_path)}).path == tmp_path


def test_colour_and_bell_of_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[profiles.prod]\ncolour = "red"\nbell = true\n')
    profile = load((path,), "prod").profile
    assert (profile.colour, profile.bell) == ("red", True)
    assert (Profile().colour, Profile().bell) == (None, False)


def test_a_colour_that_no_terminal_has_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[profiles.prod]\ncolour = "pink"\n')
    with pytest.raises(UsageError, match=r"colour") as caught:
        load((path,), "prod")
    assert str(path) in caught.value.what
