"""The runs of a server whose API answers wrongly, not at all, or without end."""

import asyncio

import pytest

from lettaops.model.database.runs import RunStatus
from lettaops.model.errors import (
    ApiError,
    DeadlineExceeded,
    Denied,
    LettaopsError,
    NotFound,
    ProtocolError,
    Unreachable,
    UsageError,
)
from lettaops.model.secrets import Secret
from lettaops.sources import letta_runs
from lettaops.sources.letta_runs import LettaRuns
from tests.fakes.engine import Reply, answer, cut_after, hang, raw
from tests.fakes.web import FakeWeb
from tests.unit.build import HOSTILE, is_clean

PATH = "/v1/runs/"
ONE = {"id": "run-1", "agent_id": "agent-1", "status": "running"}
HTML = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>"
NO_JSON = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (raw(NO_JSON), ProtocolError, "gave no JSON"),
        (raw(HTML), ApiError, "status 502"),
        (answer({"detail": HOSTILE}, 500), ApiError, "status 500"),
        (answer({"detail": "Unauthorized"}, 401), Denied, "status 401"),
        (answer({"detail": "gone"}, 404), NotFound, "gone"),
        (cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n["), Unreachable, "can't be asked"),
        (hang(), DeadlineExceeded, "doesn't answer"),
        (hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1"), DeadlineExceeded, "doesn't answer"),
    ],
)
async def test_what_is_said_of_it(reply: Reply, kind: type[LettaopsError], words: str) -> None:
    async with FakeWeb() as web, LettaRuns(web.base, None, timeout=0.5) as api:
        web.on(PATH, reply)
        with pytest.raises(LettaopsError) as caught:
            await api.runs()
    assert type(caught.value) is kind
    assert words in caught.value.what
    assert is_clean(caught.value.what)


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letta_runs, "MAX_ANSWER_BYTES", 1000)
    async with FakeWeb() as web, LettaRuns(web.base, None) as api:
        web.on(PATH, answer(["x" * 2000]))
        with pytest.raises(ProtocolError, match="larger than 1000 bytes"):
            await api.runs()


async def test_nobody_listens() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    async with LettaRuns(f"http://127.0.0.1:{port}", None) as api:
        with pytest.raises(Unreachable, match="can't be asked"):
            await api.runs()


async def test_what_is_asked() -> None:
    async with FakeWeb() as web, LettaRuns(web.base, Secret("knock-knock")) as api:
        web.on(PATH, answer([ONE]))
        (found,) = await api.runs((RunStatus.CREATED, RunStatus.RUNNING))
        (request,) = web.asked(PATH)
    assert found.status is RunStatus.RUNNING
    assert request.query == {"limit": "100", "order": "desc", "statuses": "running"}
    assert request.headers["authorization"] == "Bearer knock-knock"


@pytest.mark.parametrize("identity", ["../agents", "a/b", "a?b", "", "run 1", "x" * 65, ".."])
async def test_what_can_be_no_id_is_not_asked_for(identity: str) -> None:
    async with FakeWeb() as web, LettaRuns(web.base, None) as api:
        with pytest.raises(UsageError, match="is no id"):
            await api.run(identity)
        assert web.requests == []


async def test_a_run_that_is_none() -> None:
    async with FakeWeb() as web, LettaRuns(web.base, None) as api:
        web.on(f"{PATH}run-1", answer(["surprise"]))
        with pytest.raises(ProtocolError, match="something else for run run-1"):
            await api.run("run-1")
