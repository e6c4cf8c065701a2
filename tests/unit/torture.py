"""Lines that try to command a terminal, hide text or cost too much: for everything that shows logs."""

from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st

from lettaops.model.logs.line import KEPT_BYTES, STDERR, STDOUT, LogLine
from lettaops.model.text import Safe
from tests.unit.build import HOSTILE

START_NS: Final = 1_795_320_144_232_000_000
SERVER, PROXY, DATABASE = Safe("letta_server"), Safe("letta_nginx"), Safe("letta_db")
CONTAINERS: Final = {
    SERVER: Safe("5e7fe70123ab"),
    PROXY: Safe("9a1e70123abc"),
    DATABASE: Safe("db5e70123abc"),
}

# Nested and broken colours, foreground as background, concealed, palette and true colour of both spellings.
_COLOURS: Final = (
    "\x1b[31mred \x1b[1mbold \x1b[0mplain",
    "\x1b[31;41minvisible\x1b[0m",
    "\x1b[38;5;196;48;5;196minvisible\x1b[m",
    "\x1b[38;2;1;2;3;48;2;1;2;4minvisible\x1b[m",
    "\x1b[38:2::10:20:30mcolon\x1b[m \x1b[38:5:99mcolon\x1b[m \x1b[4:3mcurly\x1b[m",
    "\x1b[8mconcealed\x1b[28m",
    "\x1b[38;5mcut \x1b[38;2;1m cut \x1b[999999999999999m \x1b[;;;m \x1b[38;5;999m",
    "\x1b[" + "1;" * 400 + "31mlong",
    "\x1b[31\x1b[32mnested",
    "\x1b[31",
    "\x9b31mtwo bytes\x9b0m",
    "\x1b]0;title\x1b[31mred\x07 after",
)
_PROGRESS: Final = (
    "10%\r20%\r100% done",
    "Downloading 100%\rDone",
    "\r\x1b[K\x1b[32mready\x1b[0m",
    "a long line that is erased\x1b[2K\rshort",
    "spin |\x08/\x08-\x08\\",
    "\x08\x08\x08before the start",
    "日本語\rx",
    "x日\x08y",
    "ends\r\n"[:-1],
    "\r" * 500 + "a",
    "tab\tbed\rX\tY",
    "é\u0301\r\u0301",
)
_UNICODE: Final = (
    "e" + "\u0301" * 400,
    "\u202eevil\u202c \u2066x\u2069 \u200b\u200f\ufeff",
    "✔\ufe0f ☎\ufe0f 1\ufe0f\u20e3 👨\u200d👩\u200d👧",
    "日本語のログ ｱｲｳ ＡＢＣ 한국어",
    "line\u2028separator\u2029and paragraph",
    "\U000e0041\U000e0042 tags \u3164 filler",
    "ﷺ ﷽ ꧅",
)
_BYTES: Final = (
    b"\xc0\xaf overlong \xe0\x80\xaf \xf0\x80\x80\xaf",
    b"\xed\xa0\x80 surrogate \xf4\x90\x80\x80 beyond",
    b"\xff\xfe\x00b\x00r\x00o\x00k\x00e\x00n",
    b"cut \xe6\x97",
    b"\x80\x9b31m continuation first",
    b"NUL \x00 BEL \x07 ESC \x1b DEL \x7f",
    bytes(range(256)).replace(b"\n", b""),
    b"",
    b" ",
    b"\t",
)
FLAGS: Final = "two flags 🇩🇪🇫🇷".encode()  # terminals disagree about their width
CORPUS: Final[tuple[bytes, ...]] = (
    FLAGS,
    HOSTILE.encode(),
    *(each.encode() for each in (*_COLOURS, *_PROGRESS, *_UNICODE)),
    *_BYTES,
)

_PIECES: Final = st.one_of(
    st.sampled_from(CORPUS),
    st.binary(max_size=30),
    st.text(st.characters(exclude_categories=()), max_size=30).map(
        lambda t: t.encode("utf-8", "surrogatepass")
    ),
    st.sampled_from(
        (b"\x1b", b"\x1b[", b"\x9b", b"\r", b"\x08", b"\t", b"m", b"31", b";", b"K", "日".encode(), b"x")
    ),
    st.sampled_from((b"password: hunter2", b"postgresql://u:secret@h/db", b"token=abc", b"Bearer abcdefgh")),
)
RAW: Final = st.lists(_PIECES, max_size=6).map(
    lambda pieces: b"".join(pieces).replace(b"\n", b"")[:KEPT_BYTES]
)
"""The bytes of one line, hostile in any mixture."""


def made(
    text: str | bytes, service: Safe = SERVER, *, at: float = 0, stream: int = STDOUT, more: int = 0
) -> LogLine:
    """A line of a service, so many seconds after START_NS."""
    raw = text if isinstance(text, bytes) else text.encode()
    return LogLine(service, CONTAINERS[service], stream, START_NS + round(at * 1e9), raw, more)


def many(texts: Iterable[str | bytes], service: Safe = SERVER) -> list[LogLine]:
    """Lines of a service, a millisecond apart."""
    return [made(text, service, at=number / 1000) for number, text in enumerate(texts)]


LINES: Final = st.builds(
    made,
    RAW,
    st.sampled_from((SERVER, PROXY, DATABASE)),
    at=st.floats(0, 3600, allow_nan=False),
    stream=st.sampled_from((STDOUT, STDERR)),
    more=st.sampled_from((0, 0, 0, 1, 10_000_000)),
)
