"""What `lettaops status` prints, on terminals of several widths and in a pipe."""

import io
import os

import pytest

from lettaops.cli.output import Output
from lettaops.cli.status import show
from tests.golden.goldens import check
from tests.pilot import dashboards


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [40, 80, 120, None])
@pytest.mark.parametrize("state", ["ok", "down", "stale"])
def test_status(monkeypatch: pytest.MonkeyPatch, state: str, columns: int | None) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((columns or 80, 24)))
    out = _Terminal() if columns else io.StringIO()
    show(Output(out=out), dashboards.STATES[state](), as_json=False)
    lines = out.getvalue().splitlines()
    assert all(len(line) <= columns for line in lines if columns)
    check(f"status-{state}-{columns or 'pipe'}", lines)
