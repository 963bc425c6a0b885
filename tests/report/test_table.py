"""The table on terminals of any width: figures are whole, columns that repeat others go first."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from accelsim.report.summary import summary
from accelsim.report.table import print_run
from accelsim.run import Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.workload.builders import write_cascade

ALL = ["where", "count", "each", "pJ", "share", "basis"]
WIDE = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cascade")
    write_cascade(folder / "workload", head="acam")
    return simulate(chips.spec(folder, "cascade"), load_workload(folder / "workload"), RunOptions(8))


def printed(run: Run, width: int) -> str:
    file = io.StringIO()
    print_run(run, summary(run, command="", spec_path="", overrides=[]), Console(file=file, width=width))
    return file.getvalue()


def table(text: str) -> list[str]:
    """Lines from the headings to the total."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split()[:2] == ["where", "count"])
    last = next(i for i, line in enumerate(lines) if line.split()[:1] == ["total"])
    return lines[first : last + 1]


def needed(run: Run, width: int) -> int:
    """Width that the table takes on a terminal of this width."""
    return max(len(line) for line in table(printed(run, width)))


def test_a_terminal_of_80_columns_shows_all(run: Run) -> None:
    assert table(printed(run, 80)) == table(printed(run, WIDE))
    assert table(printed(run, 80))[0].split() == ALL


def test_narrow_ones_lose_the_share_and_then_the_basis(run: Run) -> None:
    full = needed(run, WIDE)
    without_share = needed(run, full - 1)
    figures = needed(run, without_share - 1)
    assert figures < without_share < full
    for width, headings in (
        (full, ALL),
        (full - 1, [*ALL[:4], "basis"]),
        (without_share, [*ALL[:4], "basis"]),
        (without_share - 1, ALL[:4]),
        (figures, ALL[:4]),
        (figures - 1, ALL[:4]),
        (10, ALL[:4]),
    ):
        assert table(printed(run, width))[0].split() == headings, width
    assert needed(run, 10) == figures


@pytest.mark.parametrize("width", [10, 30, 50, 60, 70])
def test_no_figure_is_cut(run: Run, width: int) -> None:
    text = printed(run, width)
    assert "…" not in text
    rows = zip(table(printed(run, WIDE))[2:], table(text)[2:], strict=True)
    for wide, narrow in rows:
        cells = narrow.split()
        assert cells == [cell for cell in wide.split() if cell in cells]
