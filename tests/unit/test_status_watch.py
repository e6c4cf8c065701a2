"""`status --watch`: nothing is told before there is something to tell."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lettaops.cli import status
from lettaops.cli.main import run
from lettaops.model.probe import Answers
from lettaops.model.source import Link


class Watch:
    """A watch whose snapshot the test sets."""

    def __init__(self, link: Link = Link.LIVE) -> None:
        self.snapshot = SimpleNamespace(answers=Answers(), stack=object(), engine=SimpleNamespace(link=link))


async def waited(watch: Watch) -> bool:
    """Whether a short while passes and nothing was told."""
    try:
        await asyncio.wait_for(status._first_answers(cast(Any, watch)), 0.15)
    except TimeoutError:
        return True
    return False


async def test_the_first_round_of_answers_is_waited_for() -> None:
    watch = Watch()
    assert await waited(watch)
    asyncio.get_running_loop().call_later(0.05, setattr, watch.snapshot, "answers", Answers())
    assert not await waited(watch)


async def test_an_engine_that_fails_and_a_stack_that_is_missing_are_told_at_once() -> None:
    assert not await waited(Watch(Link.DOWN))
    watch = Watch()
    watch.snapshot.stack = None
    assert not await waited(watch)


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "FIRST_ANSWERS_SECONDS", 0.05)
    assert not await waited(Watch(Link.CONNECTING))


def test_ctrl_c_ends_a_watch_as_it_ends_any_command(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pressed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "_watch", pressed)
    assert run(["status", "--watch"]) == 130
