"""The page that compares ways to match: costs by hand on tiny chips, and the committed page."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim import account
from accelsim.report.matching import Cost, break_even_s, page, side
from accelsim.run import Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.report import matching
from tests.workload import builders


def run(folder: Path, kind: str, **changes: dict[str, object]) -> Run:
    builders.write_hybrid(folder / "w", side=3, channels=(2,), n_inputs=4)
    return simulate(chips.spec(folder, kind, **changes), load_workload(folder / "w"), RunOptions(4))


@pytest.mark.parametrize(
    ("kind", "matching_parts", "way_parts"),
    [
        ("hybrid", ("driver", "acam", "sense", "wta"), ("binariser", "link", "sync")),
        ("hybrid_digital", ("matcher",), ("binariser", "link", "sync")),
    ],
)
def test_costs_are_the_ledger_split_into_matches_and_leakage(
    tmp_path: Path, kind: str, matching_parts: tuple[str, ...], way_parts: tuple[str, ...]
) -> None:
    done = run(tmp_path, kind)
    found = side(done)
    (chip,) = done.chips
    input_ns = chip.makespan * 1e9 / done.chip.clocks.tick_hz / 4
    assert found.input_s == pytest.approx(input_ns * 1e-9)
    assert found.node_nm == 180
    assert set(found.instances) == {*matching_parts, *way_parts}
    for cost, parts in ((found.matching, matching_parts), (found.way, way_parts)):
        rows = [row for row in chip.ledger if row.instance in parts]
        total = account.total_pj(rows) / 4
        # Biases and clocks of the tiny chips are gated but for the binariser's clock, 0.5 pJ a cycle of 10 ns.
        always = 0.5 * input_ns / 10 if "binariser" in parts else 0.0
        leaks = len(parts) * 1.0 + (0.25 if "matcher" in parts else 0.0)  # uW; 1 uW for 1 ns is 0.001 pJ
        assert cost.total_pj == pytest.approx(total)
        assert cost.leakage_uw == pytest.approx(leaks + always * 1000 / input_ns)
        assert cost.match_pj == pytest.approx(total - leaks * input_ns / 1000 - always)
        assert cost.low_pj == cost.high_pj == pytest.approx(total)  # no source of the tiny chips states a range
    assert found.whole == found.way + found.matching
    assert found.area_um2 is None


def test_ranges_of_prices_are_the_ends(tmp_path: Path) -> None:
    done = run(tmp_path, "hybrid_digital")
    sources = done.chip["matcher"].spec.sources
    (read,) = [row for row in done.chips[0].ledger if (row.instance, row.action) == ("matcher", "read")]
    words = read.count / 4
    sources["read_pj"] = sources["read_pj"].model_copy(update={"range": (0.17, 1.37)})
    cost = side(done).matching
    assert cost.total_pj - cost.low_pj == pytest.approx(words * (0.37 - 0.17))
    assert cost.high_pj - cost.total_pj == pytest.approx(words * (1.37 - 0.37))


def test_time_from_features_to_class(tmp_path: Path) -> None:
    """As in `test_matcher_by_hand.py`: two and two cycles of 10 ns, two of 20 ns to cross, and those of the match."""
    found = side(run(tmp_path, "hybrid_digital"))
    cycles = 1 + 3 + (5 - 1) + (5 - 1)
    waited_ns = 10  # for an edge of 20 ns, at most
    assert found.match_s * 1e9 == pytest.approx(20 + 20 + 20 * 2 + 20 * cycles, abs=waited_ns)


def test_break_even() -> None:
    a, b = Cost(100.0, 5.0, 0, 0, 0), Cost(300.0, 1.0, 0, 0, 0)
    time_s = break_even_s(a, b)
    assert time_s == pytest.approx(200e-12 / 4e-6)  # 200 pJ at 4 uW
    assert time_s == break_even_s(b, a)
    assert 100.0 + 5.0 * time_s * 1e6 == pytest.approx(300.0 + 1.0 * time_s * 1e6)
    assert break_even_s(a, Cost(300.0, 6.0, 0, 0, 0)) is None
    assert break_even_s(a, Cost(300.0, 5.0, 0, 0, 0)) is None


def test_a_page_names_the_cheaper_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    dear = side(run(tmp_path / "a", "hybrid", acam={"match_pj": 1000.0, "mismatch_pj": 1000.0}))
    cheap = side(run(tmp_path / "b", "hybrid_digital"))
    text = page([dear, cheap], "made by a test")
    assert "times cheaper with the digital one" in text
    assert "cheaper with the analog one" not in text
    swapped = page([cheap, dear], "")  # the first one is taken for the analog one
    assert "times cheaper with the analog one" in swapped
    assert "cheaper with the digital one" not in swapped


def test_the_committed_page_is_what_the_code_gives() -> None:
    written = matching.FILE.read_text(encoding="utf-8")
    assert written == matching.text(), "python -m tests.report.matching writes it anew"
