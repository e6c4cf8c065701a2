"""The README's table of figures: written between its marks, and nowhere else."""

import pytest

from bench.figures import BEGIN, END, README, Figure, replaced, table

FIGURES = (
    Figure("engine's states on the screen", "s", 0.0712, 0.3104, "≤ 0.3 × lazydocker", holds=True),
    Figure("idle, 3 containers", "B/s", 64.4, 71115.0, "≤ 200", holds=True),
    Figure("key to moved cursor, 95 of 100", "ms", 28.09, 27.36),
    Figure("verdicts of server and database", "s", 1.71, None, "≤ 1.5", holds=False),
)


def test_the_table_says_what_holds_and_what_does_not() -> None:
    assert table(FIGURES, "lazydocker 0.25.2", "2026-11-22, 2 cores").splitlines() == [
        "2026-11-22, 2 cores.",
        "",
        "| | lettaops | lazydocker 0.25.2 | ratio | promise |",
        "|---|---:|---:|---:|---|",
        "| engine's states on the screen, s | 0.07 | 0.31 | 0.2294 | ≤ 0.3 × lazydocker |",
        "| idle, 3 containers, B/s | 64.40 | 71115 | 0.0009 | ≤ 200 |",
        "| key to moved cursor, 95 of 100, ms | 28.09 | 27.36 | 1.0267 |  |",
        "| verdicts of server and database, s | 1.71 |  |  | ≤ 1.5 **broken** |",
    ]


def test_only_what_is_between_the_marks_changes() -> None:
    before, after = "# lettaops\n\n| a | table |\n", "\n## Tests\n"
    readme = f"{before}{BEGIN}\nold\n{END}{after}"
    assert replaced(readme, "new") == f"{before}{BEGIN}\nnew\n{END}{after}"
    assert replaced(replaced(readme, "new"), "newer") == f"{before}{BEGIN}\nnewer\n{END}{after}"


@pytest.mark.parametrize("readme", ["", BEGIN, END, f"{END}\n{BEGIN}"])
def test_without_the_marks_nothing_is_written(readme: str) -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        replaced(readme, "new")


def test_the_readme_has_the_marks() -> None:
    assert replaced(README.read_text(encoding="utf-8"), "new")
