"""The Logs screen by its keys, on scripted lines."""

import json
import os
import stat
from pathlib import Path

import pytest

from lettaops.model.secrets import MASK
from lettaops.model.text import Safe
from lettaops.screens.pick import PickScreen
from lettaops.terminal.clipboard import Copied
from tests.pilot import dashboards
from tests.pilot.log_feeds import PASSWORD, logs, moment
from tests.pilot.test_health import drawn, shows, until
from tests.unit.torture import DATABASE, PROXY, made, many


async def test_all_services_stand_together_parsed_and_masked(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.sees("all services · 8 records · following")
        text = "\n".join(run.lines)
        assert "letta_server ERROR rest_api.app  Unhandled error: gaierror  [+4 lines]" in text
        assert "letta_nginx  ERROR 500 GET /v1/agents/count" in text
        assert "letta_db     INFO  connection received: host=172.20.0.4" in text
        assert "── restarted 04:02:26, exit 137 ──" in text
        assert f"password: {MASK}" in text
        assert PASSWORD not in "\n".join(drawn(run.app))


async def test_it_follows_until_the_reader_scrolls_and_counts_what_comes(tmp_path: Path) -> None:
    async with logs(tmp_path, many([f"line {number}" for number in range(100)])) as run:
        await until(run.pilot, lambda: run.lines[-1].endswith("line 99"))
        await run.press("up", "up")
        seen = run.lines
        await run.tell(many(["later one", "later two"]))
        await run.sees("2 new (G follows)")
        assert run.lines == seen
        await run.press("G")
        await run.sees("following")
        assert run.lines[-1].endswith("later two")


async def test_a_filter_is_live_and_each_part_can_go(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("slash", *"connection")
        await run.sees('"connection" · 2 of 8 records')  # markers stay
        await run.press("enter", "X", *"received", "enter")
        await run.sees('"connection" · not "received" · 1 of 8 records')
        await run.press("backspace")
        await run.sees('"connection" · 2 of 8 records')
        await run.tell([made("another connection", at=9), made("something else", at=9.1)])
        await run.sees('"connection" · 3 of 10 records')
        await run.press("escape")
        await run.sees("all services · 10 records")


async def test_a_regular_expression_that_is_none_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("slash", *"/(")
        await run.sees("not a regular expression")
        await run.press("enter")
        await run.sees("all services · 8 records")


async def test_leaving_the_line_drops_what_was_typed(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("slash", *"gaierror")
        await run.sees("2 of 8 records")
        await run.press("escape")
        await run.sees("all services · 8 records")


async def test_an_expression_without_end_is_given_up(tmp_path: Path) -> None:
    async with logs(tmp_path, [made("a" * 40 + "!")]) as run:
        await run.press("slash", *"/(a+)+$/", "enter")
        await run.sees("takes too long")
        await run.press("escape")
        await run.sees("aaaa")


async def test_a_threshold_of_the_level(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("l", "l")
        await run.sees("≥ warning · 4 of 8 records")
        await run.press("l")
        await run.sees("≥ error · 3 of 8 records")
        await run.press("l")
        await run.sees("all services · 8 records")


async def test_services_are_chosen(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("c")
        await until(run.pilot, lambda: isinstance(run.app.screen, PickScreen))
        await until(run.pilot, lambda: shows(run.app, "letta_nginx"))
        await run.press("down", "space", "enter")
        await run.sees("letta_nginx · 1 of 8 records")
        await run.press("c")
        await until(run.pilot, lambda: isinstance(run.app.screen, PickScreen))
        await run.press("enter")
        await run.sees("all services · 8 records")


async def test_parts_are_removed_from_a_list(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("l", "l", "slash", *"gaierror", "enter")
        await run.sees('≥ warning · "gaierror"')
        await run.press("F")
        await until(run.pilot, lambda: isinstance(run.app.screen, PickScreen))
        await until(run.pilot, lambda: shows(run.app, "Remove which?"))
        await run.press("enter")
        await run.sees('all services · "gaierror" ·')


async def test_hits_are_counted_and_gone_through(tmp_path: Path) -> None:
    lines = [f"line {number}" + (" needle" if number % 50 == 3 else "") for number in range(300)]
    async with logs(tmp_path, many(lines)) as run:
        await run.press("ctrl+f", *"needle")
        await run.sees("hit 6")
        await run.press("enter")
        await run.sees("hit 6 of 6")
        assert any("line 253 needle" in line for line in run.lines)
        await run.press("N")
        await run.sees("hit 5 of 6")
        await run.press("n", "n")
        await run.sees("hit 1 of 6")
        await run.sees("went on from the other end")
        await run.tell(many(["one more needle"]))
        await run.sees("hit 1 of 7")


async def test_a_hit_within_a_folded_record_unfolds_it(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("ctrl+f", *"raise", "enter")
        await run.sees("    raise gaierror(-2)")


async def test_a_hit_that_parsing_left_out_is_seen(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("ctrl+f", *"curl/8", "enter")
        await run.sees("hit 1 of 1")
        assert any("curl/8" in line for line in run.lines)


async def test_errors_are_gone_through(tmp_path: Path) -> None:
    lines = [f"{'ERROR' if number in (40, 160) else 'INFO'}:     line {number}" for number in range(300)]
    async with logs(tmp_path, many(lines)) as run:
        await run.press("left_square_bracket")
        await run.sees("line 160")
        await run.press("left_square_bracket")
        await run.sees("line 40")
        await run.press("right_square_bracket")
        await run.sees("line 160")
        assert not run.screen.pane.following


async def test_the_detail_shows_the_whole_record_and_follows_the_cursor(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("left_square_bracket", "left_square_bracket", "enter")
        await run.sees("socket.gaierror: [Errno -2]")
        await run.sees("· error · letta.server.rest_api.app")
        await run.press("down")
        await run.sees("path    ")
        await run.press("escape")
        await run.sees_no("path    ")


async def test_json_is_set_out(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("up", "enter")
        await run.sees('"name": "search"')


async def test_unfolding(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("home", "down", "down", "o")
        await run.sees("    raise gaierror(-2)")
        await run.press("o")
        await run.sees("[+4 lines]")


async def test_times(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("t")
        await run.sees("04:02:25.453Z")
        await run.press("t", "home")
        await run.sees("+1.221s")
        await run.press("t")
        await until(run.pilot, lambda: run.lines[0].startswith("letta_server"))
        await run.press("t")
        await run.sees("times: local")


async def test_going_to_a_time(tmp_path: Path) -> None:
    async with logs(tmp_path, many([f"line {number}" for number in range(3000)])) as run:
        await run.press("T", *"2026-11-22T04:02:25Z", "enter")
        await run.sees("line 768")
        await run.press("T", *"nonsense", "enter")
        await run.sees("nonsense is no moment")
        await run.press("T", *"2020-01-01", "enter")
        await run.sees("isn't within what is held")
        assert "line 0" in run.lines[0]


async def test_wrap_and_raw(tmp_path: Path) -> None:
    async with logs(tmp_path, [*moment(), made("x" * 150 + "end", at=3)]) as run:
        assert not shows(run.app, "xend")
        await run.press("w")
        await run.sees("xend")
        await run.press("v")
        await run.sees("LOG:  connection received")


async def test_the_offset_to_the_right_is_kept(tmp_path: Path) -> None:
    async with logs(tmp_path, [made("0123456789" * 20)]) as run:
        await run.press("right", "right")
        seen = run.lines[0]
        await run.tell(many(["short"]))
        await until(run.pilot, lambda: len(run.lines) > 1 and bool(run.lines[1]))
        assert run.lines[0] == seen


async def test_nothing_is_read_while_it_is_frozen_or_hidden(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:

        def reads() -> bool:
            return not run.dashboard.feed.paused

        await run.press("f")
        await run.sees("paused (f goes on)")
        assert not reads()
        await run.press("1")
        await run.press("4")
        assert not reads(), "it stays frozen"
        await run.press("f")
        await until(run.pilot, reads)
        await run.press("1")
        await until(run.pilot, lambda: not reads())
        await run.press("4")
        await until(run.pilot, reads)


async def test_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with logs(tmp_path) as run:
        copied: list[str] = []

        def copy(text: str) -> Copied:
            copied.append(text)
            return Copied(Safe("copied"), text)

        monkeypatch.setattr(run.app, "copy", copy)
        await run.press("left_square_bracket", "left_square_bracket", "y")
        assert copied[-1].endswith("Name or service not known")
        assert copied[-1].count("\n") == 4
        for number, wanted in ((1, "[+4 lines]"), (2, "exit 137"), (3, "red words"), (4, "red words")):
            await run.press("Y")
            await until(run.pilot, lambda: isinstance(run.app.screen, PickScreen))
            await until(run.pilot, lambda: shows(run.app, "Copy what?"))
            before = len(copied)
            await run.press(*["down"] * number, "enter")
            await until(run.pilot, lambda before=before: len(copied) > before)  # type: ignore[misc]
            assert wanted in copied[-1]
        assert not any(PASSWORD in text or "\x1b" in text for text in copied)


async def _save(run: object, downs: int, name: str) -> None:
    from tests.pilot.log_feeds import Logs

    assert isinstance(run, Logs)
    await run.press("W")
    await until(run.pilot, lambda: isinstance(run.app.screen, PickScreen))
    await run.sees("Save what?")
    await run.press(*["down"] * downs, "enter")
    await run.sees("save to")
    await run.press(*["backspace"] * 40, *name, "enter")


async def test_saves_what_is_filtered_or_all_and_never_over_another_file(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("slash", *"gaierror", "enter")
        text = tmp_path / "a.log"
        await _save(run, 0, str(text))
        await run.sees("records written to")
        assert "gaierror" in text.read_text()
        assert "agents/count" not in text.read_text()
        assert stat.S_IMODE(os.stat(text).st_mode) == 0o600
        before = text.read_bytes()
        await _save(run, 0, str(text))
        await run.sees("exists already")
        assert text.read_bytes() == before
        objects = tmp_path / "b.jsonl"
        await _save(run, 3, str(objects))
        await until(run.pilot, objects.exists)
        found = [json.loads(line) for line in objects.read_text().splitlines()]
        assert len(found) == 8
        assert {each["service"] for each in found} == {"letta_server", str(PROXY), str(DATABASE)}
        assert PASSWORD not in objects.read_text()


async def test_a_pager_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    async with logs(tmp_path) as run:
        await run.press("p")
        await run.sees("the pager no-such-pager isn't there")


async def test_an_engine_that_refuses_is_told_in_place_of_records(tmp_path: Path) -> None:
    async with logs(tmp_path, [], first=dashboards.denied()) as run:
        await run.sees("no permission to use /var/run/docker.sock. join the group docker")


async def test_a_feed_that_ends_is_begun_again_behind_what_is_held(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        run.dashboard.feed.tell([])  # an empty batch: the end
        await until(run.pilot, lambda: len(run.dashboard.asked) == 2)
        again = run.dashboard.asked[1]
        assert again.tail is None
        assert again.since_ns == moment()[-1].timestamp_ns + 1


async def test_help_and_palette_have_the_keys_of_this_screen(tmp_path: Path) -> None:
    async with logs(tmp_path) as run:
        await run.press("question_mark")
        await run.sees("Only this level and graver")
        assert not shows(run.app, "inspect document")
