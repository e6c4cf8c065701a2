"""What is decided from a terminal's environment."""

import os
import subprocess
import sys

import pytest

from lettaops.terminal.capabilities import Capabilities, capabilities, neutralise

XTERM = {"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}


def decide(
    environ: dict[str, str] | None = None,
    *,
    is_tty: bool = True,
    size: tuple[int, int] | None = (160, 48),
    encoding: str = "utf-8",
    ascii: bool = False,
) -> Capabilities:
    return capabilities(XTERM | (environ or {}), is_tty=is_tty, size=size, encoding=encoding, ascii=ascii)


def test_an_ordinary_terminal() -> None:
    assert decide() == Capabilities(columns=160, rows=48)


@pytest.mark.parametrize("term", ["dumb", "", "unknown", "DUMB"])
def test_a_terminal_that_cannot_place_text_is_refused_with_a_way_out(term: str) -> None:
    refusal = decide({"TERM": term}).refusal
    assert "lettaops status" in refusal
    assert term.lower() in refusal


def test_a_pipe_is_refused_with_a_way_out() -> None:
    assert "lettaops status" in decide(is_tty=False).refusal


def test_a_hostile_term_is_cleaned() -> None:
    found = capabilities({"TERM": "dumb\x1b]0;x\x07"}, is_tty=True, size=None, encoding="utf-8")
    assert "\x1b" not in found.refusal


def test_no_color_takes_the_ansi_theme_and_no_colours() -> None:
    found = decide({"NO_COLOR": "1"})
    assert (found.color, found.ansi, found.ascii) == (False, True, False)
    assert decide({"NO_COLOR": ""}).color  # set but empty means nothing, by no-color.org


@pytest.mark.parametrize("term", ["vt100", "vt220", "xterm-mono"])
def test_a_terminal_without_colours(term: str) -> None:
    assert not decide({"TERM": term}).color


def test_the_linux_console_gets_ascii_and_its_sixteen_colours() -> None:
    found = decide({"TERM": "linux"})
    assert found.ascii
    assert found.ansi
    assert found.color
    assert found.linux_console


@pytest.mark.parametrize(
    "environ", [{"LANG": "C"}, {"LC_ALL": "POSIX"}, {"LC_CTYPE": "C", "LANG": "en_US.UTF-8"}]
)
def test_a_locale_without_unicode_gets_ascii(environ: dict[str, str]) -> None:
    assert decide(environ).ascii


@pytest.mark.parametrize(
    ("encoding", "ascii"), [("UTF-8", False), ("utf8", False), ("latin-1", True), ("odd", True)]
)
def test_the_encoding_decides_too(encoding: str, ascii: bool) -> None:
    assert decide(encoding=encoding).ascii is ascii


def test_c_utf8_is_unicode() -> None:
    assert not decide({"LANG": "C.UTF-8"}).ascii


def test_what_python_makes_of_the_c_locale_is_not_believed() -> None:
    assert decide({"LANG": "C", "LC_CTYPE": "C.UTF-8"}).ascii
    assert not decide({"LANG": "", "LC_CTYPE": "C.UTF-8"}).ascii  # unset: most terminals know UTF-8


def test_over_ssh_bytes_are_saved() -> None:
    found = decide({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    assert found.slow
    assert found.ansi
    assert found.frame_interval > 0


@pytest.mark.parametrize(
    ("environ", "multiplexer"),
    [
        ({"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "screen-256color"}, "tmux"),
        ({"TERM": "tmux-256color"}, "tmux"),
        ({"TERM": "screen", "STY": "1.pts"}, "screen"),
        ({"TERM": "screen-256color"}, "screen"),
        ({}, ""),
    ],
)
def test_multiplexers(environ: dict[str, str], multiplexer: str) -> None:
    assert decide(environ).multiplexer == multiplexer


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (80, 24)), ((0, 0), (80, 24)), ((1, 1), (1, 1)), ((300, 100), (300, 100))]
)
def test_sizes(size: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    found = decide(size=size)
    assert (found.columns, found.rows) == expected


def test_too_small() -> None:
    assert decide(size=(59, 40)).too_small
    assert decide(size=(80, 14)).too_small
    assert not decide(size=(60, 15)).too_small


def test_ascii_on_request() -> None:
    assert decide(ascii=True).ascii


def test_variables_that_would_break_promises_are_taken_out() -> None:
    environ = {
        "TEXTUAL": "debug,devtools",
        "TEXTUAL_DRIVER": "evil:Driver",
        "TEXTUAL_LOG": "/tmp/everything-on-screen",
        "TEXTUAL_PRESS": "K,enter",
        "TEXTUAL_ANIMATIONS": "full",
        "TEXTUAL_COLOR_SYSTEM": "nonsense",
        "TEXTUAL_FPS": "100000",
        "TEXTUAL_DISABLE_KITTY_KEY": "1",
        "LINES": "24",
        "COLUMNS": "80",
        "UNICODE_VERSION": "9.0.0",
        "TERM": "xterm",
    }
    neutralise(environ)
    assert environ == {"TEXTUAL_DISABLE_KITTY_KEY": "1", "TERM": "xterm"}
    kept = {"TEXTUAL_COLOR_SYSTEM": "256", "TEXTUAL_FPS": "10"}
    neutralise(kept)
    assert kept == {"TEXTUAL_COLOR_SYSTEM": "256", "TEXTUAL_FPS": "10"}


def test_importing_the_base_takes_them_out_before_textual_reads_them() -> None:
    code = "import lettaops.terminal.base, textual.constants as c; print(c.DRIVER, c.PRESS == '', c.DEBUG)"
    environ = os.environ | {"TEXTUAL_DRIVER": "evil:Driver", "TEXTUAL_PRESS": "q", "TEXTUAL_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", "True", "False"]
