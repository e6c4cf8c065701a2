"""The figures that a reader of the README wants first, in its table. Written by a whole run only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- figures: written by make bench -->"
END: Final = "<!-- end of figures -->"


class Figure(NamedTuple):
    """A line of a table; `theirs` is the peer's, `holds` is None where nothing is promised."""

    what: str
    unit: str
    ours: float
    theirs: float | None = None
    promise: str = ""
    holds: bool | None = None

    def __str__(self) -> str:
        """For a terminal."""
        kept = "" if self.holds is None else "holds" if self.holds else "FAILS"
        theirs = "" if self.theirs is None else number(self.theirs)
        line = f"{f'{self.what}, {self.unit}':<46}{number(self.ours):>10}{theirs:>12}{self.ratio:>9}"
        return f"{line}  {self.promise:<20}{kept}".rstrip()

    @property
    def ratio(self) -> str:
        """Ours to theirs."""
        return f"{self.ours / self.theirs:.4f}"[:6] if self.theirs else ""

    @property
    def row(self) -> str:
        """For a Markdown table."""
        theirs = "" if self.theirs is None else number(self.theirs)
        broken = " **broken**" if self.holds is False else ""
        cells = (f"{self.what}, {self.unit}", number(self.ours), theirs, self.ratio, self.promise + broken)
        return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """As many digits as are worth reading."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def table(figures: Sequence[Figure], peer: str, conditions: str) -> str:
    """The table, and under which conditions it was measured."""
    head = f"| | lettaops | {peer} | ratio | promise |\n|---|---:|---:|---:|---|"
    return "\n".join([f"{conditions}.", "", head, *(figure.row for figure in figures)])


def replaced(readme: str, text: str) -> str:
    """The README with another text between the two marks. Raises ValueError when they aren't there."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md needs the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
