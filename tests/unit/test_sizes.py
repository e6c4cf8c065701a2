"""Modules that stay legible: none grows beyond what is read in one go."""

import os
from pathlib import Path

import pytest

import lettaops

PACKAGE = Path(lettaops.__file__).parent
MOST_LINES = 420  # about 400
MOST_OF_THE_APPLICATION = 250

MODULES = sorted(
    str((Path(folder) / name).relative_to(PACKAGE))
    for folder, _, names in os.walk(PACKAGE, followlinks=True)  # `screens` is a link
    for name in names
    if name.endswith(".py")
)


def lines(name: str) -> int:
    return len((PACKAGE / name).read_text(encoding="utf-8").splitlines())


def test_the_screens_are_looked_at_too() -> None:
    assert "screens/health.py" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_read_in_one_go(name: str) -> None:
    assert lines(name) <= MOST_LINES, f"{name}: split it by subject"


def test_the_application_stays_small() -> None:
    assert lines("app.py") < MOST_OF_THE_APPLICATION, "what isn't the frame of the screens belongs elsewhere"
