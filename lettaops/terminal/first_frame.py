"""The first frame: the states of the containers, drawn before Textual is imported.

Importing Textual takes a third of a second; an operator at an incident sees what runs and what
doesn't at once, and verdicts when they have been found. Nothing is claimed that isn't known: the
states are the engine's, verdicts are `…` until services were asked. Imports as little as
`first_look`; everything is cleaned, and only plain sequences are written.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lettaops.model.cells import ELLIPSIS, cut, pad, to_ascii, width, wrap
from lettaops.model.signs import CURSOR, Tone, shown_names, sign
from lettaops.model.text import bare, clean
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.first_look import Look, Seen
from lettaops.terminal.held import HeldTerminal

Pens = dict[Tone, str]
# SGR parameters of the terminal's own colours; without colour only bold and dim are left.
COLOR_PENS: Final[Pens] = {
    Tone.NORMAL: "", Tone.ACCENT: "1;34", Tone.MUTED: "90", Tone.GOOD: "32", Tone.WARN: "33", Tone.BAD: "31",
}  # fmt: skip
PLAIN_PENS: Final[Pens] = {
    Tone.NORMAL: "", Tone.ACCENT: "1", Tone.MUTED: "2", Tone.GOOD: "", Tone.WARN: "1", Tone.BAD: "1",
}  # fmt: skip
_DEADLY: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_TITLES: Final = ("", "SERVICE", "VERDICT", "STATE")


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone = Tone.NORMAL


Line = tuple[Span, ...]
Row = list[tuple[str, str]]  # text, SGR parameters


class FirstFrame(NamedTuple):
    """A laid-out screen: lines from the top, and the footer's lines at the bottom. May be too long.

    `keys` are the ids of the containers that the last of `rows` show; the cursor is at one of them.
    """

    title: Line
    sentence: tuple[Line, ...]
    rows: tuple[Line, ...]
    footer: tuple[Line, ...] = ()
    keys: tuple[str, ...] = ()
    cursor: int = 0


def lay_out(target: str, seen: Look | None, columns: int) -> FirstFrame:
    """The default layout of the Health screen, without anything that isn't known yet."""
    place = f"{target} · {seen.project}" if seen is not None and seen.project else target
    left = f" lettaops  {place}"
    gap = " " * max(1, columns - width(left) - 3)
    return FirstFrame(
        title=(Span(" lettaops  ", Tone.ACCENT), Span(place), Span(f"{gap}{ELLIPSIS} ", Tone.MUTED)),
        sentence=tuple((Span(line),) for line in wrap(_sentence(seen), max(20, columns))),
        rows=_table(seen.members) if seen is not None else (),
        footer=((Span(" q", Tone.ACCENT), Span(" quit", Tone.MUTED)),),
        keys=tuple(each.id for each in seen.members) if seen is not None else (),
    )


def draw(frame: FirstFrame, capabilities: Capabilities, held: HeldTerminal | None = None) -> HeldTerminal:
    """Take the terminal and draw; the driver of `TerminalApp(held=…)` goes on from there.

    Until then a deadly signal restores the terminal and ends the process with 128 and its number.
    Whoever prints before the application runs must call `leave` first.
    """
    held = held or HeldTerminal(linux_console=capabilities.linux_console)
    _guard(held)
    held.enter(signals=True)
    rows = painted(frame, capabilities)
    held.painted = (capabilities.columns, capabilities.rows, rows)
    held.write(b"\x1b[m\x1b[H\x1b[2J" + sent(dict(enumerate(rows)), capabilities))
    return held


def painted(frame: FirstFrame, capabilities: Capabilities) -> list[Row]:
    """The rows of the screen as (text, SGR parameters), each as wide as the terminal at most."""
    pens = COLOR_PENS if capabilities.color else PLAIN_PENS
    footer = frame.footer[: capabilities.rows - 1]
    room = capabilities.rows - len(footer)
    table = list(frame.rows)
    if frame.keys:
        at = len(table) - len(frame.keys) + frame.cursor
        table[at] = _chosen(table[at])
    upper: list[Line] = [frame.title, *frame.sentence, (), *table][:room]
    lines = [*upper, *[()] * (room - len(upper)), *footer]
    return [_row(line, capabilities, pens) for line in lines]


def _row(line: Sequence[Span], capabilities: Capabilities, pens: Pens) -> Row:
    row: Row = []
    room = capabilities.columns
    for span in line:
        text = cut(bare(clean(span.text)), room)
        if text:
            row.append((to_ascii(text) if capabilities.ascii else text, pens[span.tone]))
            room -= width(text)
        if room <= 0:
            break
    return row


def sent(rows: Mapping[int, Row], capabilities: Capabilities) -> bytes:
    """The bytes that draw rows by their number from the top."""
    parts = []
    for at, row in rows.items():
        if row and at < capabilities.rows:
            parts.append(f"\x1b[{at + 1}H")
            parts += [f"\x1b[0;{pen}m{text}" if pen else f"\x1b[m{text}" for text, pen in row]
    parts.append("\x1b[m")
    return "".join(parts).encode("ascii" if capabilities.ascii else "utf-8", "replace")


def _chosen(line: Line) -> Line:
    """A row of the table with the cursor in its first cell."""
    first, *others = line
    return (Span(CURSOR, Tone.ACCENT), first._replace(text=first.text[1:]), *others)


def _guard(held: HeldTerminal) -> None:
    """Have deadly signals restore the terminal; Ctrl-Z waits until there is something that can come back."""

    def end(number: int, _: object) -> None:
        held.leave()
        os._exit(128 + number)

    for number in _DEADLY:
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(number, end)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)


def _sentence(seen: Look | None) -> str:
    if seen is None:
        return "looking for services…"
    if seen.choices > 1:
        return f"there are {seen.choices} Letta deployments here; looking…"
    if not seen.members:
        return f"{_count(seen.others, 'container')} here; looking for a Letta server…"
    running = sum(each.state == "running" for each in seen.members)
    most = len(seen.members)
    told = f"{_count(most, 'container')}, {'all' if running == most else running} running"
    return f"{told}; asking the services how they are…"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(members: Sequence[Seen]) -> tuple[Line, ...]:
    if not members:
        return ()
    names = shown_names([each.service for each in members], [each.name for each in members])
    widest = min(32, max(len(_TITLES[1]), *map(width, names)))
    head: Line = (Span(f"   {pad(_TITLES[1], widest)}  {_TITLES[2]}  {_TITLES[3]}", Tone.MUTED),)
    rows: list[Line] = [head]
    for name, each in zip(names, members, strict=True):
        symbol, tone = sign(each.state)
        rows.append(
            (
                Span(f" {symbol} ", tone),
                Span(pad(cut(name, widest), widest)),
                Span(f"  {pad(ELLIPSIS, len(_TITLES[2]))}  ", Tone.MUTED),
                Span(each.state or "?", Tone.NORMAL if each.state == "running" else tone),
                Span(f"  {each.status}", Tone.MUTED),
            )
        )
    return tuple(rows)
