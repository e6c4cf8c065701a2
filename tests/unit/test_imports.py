"""A verb is quick because it imports little, and a library has one importing module."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import lettaops
from lettaops.actions import ACTIONS, DEEDS, Action, Danger, DeedAction
from lettaops.cli.main import lettaops as command
from lettaops.operations.deed_plan import Deed
from lettaops.operations.plan import Act

PACKAGE = Path(lettaops.__file__).parent
# The dashboard's folders and the one module that is its engine room may import Textual.
DASHBOARD = ("screens", "terminal", "app.py", "styles")
ENTRY = """
import json, os, sys
from lettaops.__main__ import main
for words in json.loads(os.environ["RUNS"]):
    sys.argv = ["lettaops", *words]
    try:
        main()
    except SystemExit:
        pass
with open(os.environ["MODULES"], "w") as file:
    json.dump(sorted(sys.modules), file)
"""
# Verbs that may share a process: what one of a group must not import, none of it must.
GROUPS: dict[str, list[list[str]]] = {
    "version": [["--version"]],
    "status": [["status"], ["status", "--json"]],
    "logs": [["logs"], ["logs", "-f", "--grep", "x"]],
    "info": [["info"]],
    "database": [["pool"], ["sessions"], ["sessions", "cancel", "1", "--yes"], ["runs"]],
    "acts": [[action.verb, "letta_server", "--yes"] for action in ACTIONS],
    "without a backend": [
        ["--help"],
        ["stop", "--help"],
        ["audit"],
        ["audit", "verify"],
        ["config", "show"],
        ["config", "schema"],
        ["config", "validate"],
        ["completion", "bash"],
    ],
    "scenarios": [["demo", "--list"]],
}


def modules_of(place: Path, runs: list[list[str]]) -> set[str]:
    """The modules that are loaded at the end of some runs, on an engine that isn't there."""
    place.mkdir()
    listing = place / "modules.json"
    subprocess.run(
        [sys.executable, "-c", ENTRY],
        env=os.environ
        | {
            "RUNS": json.dumps(runs),
            "MODULES": str(listing),
            "LETTAOPS_STATE_DIR": str(place / "state"),
            "LETTAOPS_CONFIG": str(place / "absent.toml"),
            "DOCKER_HOST": f"unix://{place}/nowhere.sock",
        },
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=30,
    )
    return set(json.loads(listing.read_text()))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The modules that each group of verbs loads."""
    base = tmp_path_factory.mktemp("verbs")
    return {name: modules_of(base / str(at), runs) for at, (name, runs) in enumerate(GROUPS.items())}


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("group", GROUPS)
def test_a_verb_imports_no_dashboard(loaded: dict[str, set[str]], group: str) -> None:
    found = loaded[group]
    assert "lettaops.__main__" in found
    assert not roots(found) & {"textual", "screens", "styles"}
    assert not roots(found) & {"rich", "pygments"}, "httpx imports them, unless it is kept from it"
    assert not {name for name in found if name.startswith(("lettaops.screens", "lettaops.app"))}


def test_a_verb_that_asks_no_backend_imports_none(loaded: dict[str, set[str]]) -> None:
    found = loaded["without a backend"]
    assert {"lettaops.cli.audit", "lettaops.cli.config", "lettaops.cli.completion"} <= found
    assert not roots(found) & {"httpx", "asyncpg", "docker", "psutil"}


def test_an_engine_that_is_not_there_costs_no_docker_py(loaded: dict[str, set[str]]) -> None:
    assert "docker" not in roots(loaded["acts"])


def test_the_version_imports_nothing_else(loaded: dict[str, set[str]]) -> None:
    found = loaded["version"]
    assert not roots(found) & {"click", "msgspec", "httpx", "asyncio"}
    assert {name for name in found if name.startswith("lettaops")} == {"lettaops", "lettaops.__main__"}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


SOURCES = {str(path.relative_to(PACKAGE)): imported(path) for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("asyncpg", {"sources/postgres/connection.py"}),
        ("httpx", {"sources/letta_runs.py"}),
        ("psutil", {"sources/host.py"}),
        ("docker", {"sources/engine_acts.py", "sources/target.py"}),
    ],
)
def test_a_library_has_one_importing_module(library: str, homes: set[str]) -> None:
    importers = {name for name, found in SOURCES.items() if library in found}
    assert {name for name in importers if not name.startswith("sandbox/")} == homes


def test_only_the_dashboard_knows_textual() -> None:
    importers = {name for name, found in SOURCES.items() if found & {"textual", "rich"}}
    assert not {name for name in importers if name.split("/")[0] not in DASHBOARD}


def test_nothing_is_imported_by_two_names() -> None:
    assert not {name for name, found in SOURCES.items() if found & {"screens", "styles", "tests", "bench"}}


def test_every_act_has_its_verb_and_every_verb_its_help() -> None:
    verbs = [action.verb for action in ACTIONS]
    assert {action.act for action in ACTIONS} == set(Act)
    assert len(set(verbs)) == len(verbs)
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    context = command.make_context("lettaops", ["--read-only"], resilient_parsing=True)
    listed = command.list_commands(context)
    assert set(verbs) <= set(listed)
    assert len(set(listed)) == len(listed)
    for verb in listed:
        found = command.get_command(context, verb)
        assert found is not None
        assert found.name == verb
        assert found.help
        assert found.help.strip().split("\n")[0].endswith(".")
    assert command.get_command(context, "nonsense") is None


@pytest.mark.parametrize("action", DEEDS, ids=[action.id for action in DEEDS])
def test_every_deed_has_its_verb(action: DeedAction) -> None:
    context = command.make_context("lettaops", ["--read-only"], resilient_parsing=True)
    verb, word = action.verb
    group = command.get_command(context, verb)
    assert isinstance(group, click.Group)
    found = group.get_command(context, word)
    assert found is not None
    assert found.help == action.help
    assert "--yes" in {option for each in found.params for option in each.opts}
    assert action.danger >= Danger.CONFIRM


def test_the_deeds_are_all_that_there_are() -> None:
    assert [action.deed for action in DEEDS] == list(Deed)
    assert not {action.id for action in DEEDS} & {action.id for action in ACTIONS}


@pytest.mark.parametrize("action", ACTIONS, ids=[action.verb for action in ACTIONS])
def test_a_verb_takes_what_its_act_takes(action: Action) -> None:
    context = command.make_context("lettaops", ["--read-only"], resilient_parsing=True)
    found = command.get_command(context, action.verb)
    assert found is not None
    options = {option for each in found.params for option in each.opts}
    assert "--yes" in options
    assert ("--timeout" in options) is action.takes_grace
    assert ("--signal" in options) is action.takes_signal
