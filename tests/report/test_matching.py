"""The page that compares ways to match: costs by hand on tiny chips, and the committed page."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim import account
from accelsim.report.matching import page
from accelsim.report.matching_costs import Cost, Side, break_even_s, side
from accelsim.run import Run, RunOptions, correct_answers, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.report import matching
from tests.workload import builders


def run(folder: Path, kind: str, **changes: dict[str, object]) -> Run:
    builders.write_hybrid(folder / "w", side=3, channels=(2,), n_inputs=4)
    return simulate(chips.spec(folder, kind, **changes), load_workload(folder / "w"), RunOptions(4))


def cost(match_pj: float, leakage_uw: float, low_uw: float = 0.0, high_uw: float = 0.0, time_us: float = 0.0) -> Cost:
    return Cost(match_pj, leakage_uw, match_pj + leakage_uw * time_us, 0, 0, low_uw, high_uw)


def made_side(name: str, way: Cost, matching_cost: Cost, accuracies: tuple[float, ...], supply_v: float) -> Side:
    instances = {"link": way, "sync": way, "matcher": matching_cost}
    return Side(name, 180, supply_v, way, matching_cost, instances, 1e6, 1e-3, 1e-6, accuracies, None)


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
    found = side(done, [0.5])
    (chip,) = done.chips
    input_ns = chip.makespan * 1e9 / done.chip.clocks.tick_hz / 4
    assert found.input_s == pytest.approx(input_ns * 1e-9)
    assert found.node_nm == 180
    assert set(found.instances) == {*matching_parts, *way_parts}
    for got, parts in ((found.matching, matching_parts), (found.way, way_parts)):
        rows = [row for row in chip.ledger if row.instance in parts]
        total = account.total_pj(rows) / 4
        # Biases and clocks of the tiny chips are gated but for the binariser's clock, 0.5 pJ a cycle of 10 ns.
        always = 0.5 * input_ns / 10 if "binariser" in parts else 0.0
        leaks = len(parts) * 1.0 + (0.25 if "matcher" in parts else 0.0)  # uW; 1 uW for 1 ns is 0.001 pJ
        assert got.total_pj == pytest.approx(total)
        assert got.leakage_uw == pytest.approx(leaks + always * 1000 / input_ns)
        assert got.match_pj == pytest.approx(total - leaks * input_ns / 1000 - always)
        assert got.low_pj == got.high_pj == pytest.approx(total)  # no source of the tiny chips states a range
        assert got.leakage_low_uw == pytest.approx(got.leakage_uw)
        assert got.leakage_high_uw == pytest.approx(got.leakage_uw)
    assert found.whole == found.way + found.matching
    assert found.area_um2 is None


def test_ranges_of_prices_are_the_ends(tmp_path: Path) -> None:
    done = run(tmp_path, "hybrid_digital")
    sources = done.chip["matcher"].spec.sources
    (read,) = [row for row in done.chips[0].ledger if (row.instance, row.action) == ("matcher", "read")]
    words = read.count / 4
    sources["read_pj"] = sources["read_pj"].model_copy(update={"range": (0.17, 1.37)})
    got = side(done, [0.5]).matching
    assert got.total_pj - got.low_pj == pytest.approx(words * (0.37 - 0.17))
    assert got.high_pj - got.total_pj == pytest.approx(words * (1.37 - 0.37))
    assert got.leakage_low_uw == pytest.approx(got.leakage_uw)  # a read is no leakage


def test_ranges_of_leakage_move_what_is_paid_all_the_time(tmp_path: Path) -> None:
    done = run(tmp_path, "hybrid_digital")
    sources = done.chip["matcher"].spec.sources
    sources["leakage_uw"] = sources["leakage_uw"].model_copy(update={"range": (0.1, 10.0)})  # 1 uW is used
    got = side(done, [0.5]).matching
    assert got.leakage_uw == pytest.approx(1.25)  # with 0.25 of the memory, which states no range
    assert got.leakage_low_uw == pytest.approx(0.35)
    assert got.leakage_high_uw == pytest.approx(10.25)
    low, high = got.ends
    assert high.total_pj == pytest.approx(got.high_pj)  # nothing else has a range
    assert low.total_pj == pytest.approx(got.low_pj)
    assert low.match_pj == high.match_pj == got.match_pj


def test_time_from_features_to_class(tmp_path: Path) -> None:
    """As in `test_matcher_by_hand.py`: two and two cycles of 10 ns, two of 20 ns to cross, and those of the match."""
    found = side(run(tmp_path, "hybrid_digital"), [0.5])
    cycles = 1 + 3 + (5 - 1) + (5 - 1)
    waited_ns = 10  # for an edge of 20 ns, at most
    assert found.match_s * 1e9 == pytest.approx(20 + 20 + 20 * 2 + 20 * cycles, abs=waited_ns)


def test_break_even() -> None:
    a, b = cost(100.0, 5.0), cost(300.0, 1.0)
    time_s = break_even_s(a, b)
    assert time_s == pytest.approx(200e-12 / 4e-6)  # 200 pJ at 4 uW
    assert time_s == break_even_s(b, a)
    assert 100.0 + 5.0 * time_s * 1e6 == pytest.approx(300.0 + 1.0 * time_s * 1e6)
    assert break_even_s(a, cost(300.0, 6.0)) is None
    assert break_even_s(a, cost(300.0, 5.0)) is None


def test_leakages_move_together() -> None:
    """A tenth and ten times the leakage on both sides: ten times and a tenth of the time from which digital wins."""
    analog = made_side("a", cost(0, 0), cost(1000.0, 10.0, 1.0, 100.0, 1000), (0.8, 0.82, 0.84), 3.0)
    digital = made_side("d", cost(0, 0), cost(3460.0, 4.0, 0.4, 40.0, 1000), (0.83,), 1.5)
    text = page([analog, digital], "")
    # 2460 pJ over 6, 0.6 and 60 uW are 410 us, 4.1 ms and 41 us; an input is 1000 us long
    turn = "less than about 410 µs apart, digital with inputs further apart"
    assert f"{turn} (all leakage at the low end of its range: 4.1 ms; at the high end: 41 µs)" in text
    # 11,000 against 7,460; 2,000 against 3,860; 101,000 against 43,460 pJ
    low, high = "1.9 times cheaper with the analog one", "2.3 times cheaper with the digital one"
    ends = f"(all leakage at the low end of its range: {low}; at the high end: {high})"
    assert f"an input here 1.5 times cheaper with the digital one {ends}" in text


def test_accuracies_are_paired_with_the_exact_chip() -> None:
    analog = made_side("a", cost(0, 0), cost(1.0, 1.0), (0.80, 0.82, 0.84), 3.0)
    digital = made_side("d", cost(0, 0), cost(2.0, 0.5), (0.83,), 1.5)
    # -3, -1 and +1 points: mean -1, standard deviation 2
    assert "| analog minus this one, points | – | -1.00 ± 2.00 |" in page([analog, digital], "")


def test_the_way_is_told_apart() -> None:
    analog = made_side("a", cost(500.0, 2.0, time_us=100), cost(1000.0, 5.0, time_us=100), (0.8,), 3.0)
    digital = made_side("d", cost(200.0, 1.5, time_us=100), cost(3000.0, 1.0, time_us=100), (0.8,), 1.5)
    text = page([analog, digital], "")
    assert "at 3 V on the analog side and at 1.5 V on the digital one (V² is 4 times)" in text
    assert "pays 300.0 pJ a match and 0.5 µW of leakage more" in text
    # 1000 + 200 against 3000 + 200 pJ; with (5 + 1.5) and (1 + 1.5) uW over 100 us: 1,850 against 3,450 pJ
    assert "in all is 1,200.0 against 3,200.0 pJ and an input here 1,850.0 against 3,450.0 pJ" in text


def test_a_page_names_the_cheaper_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    dear = side(run(tmp_path / "a", "hybrid", acam={"match_pj": 1000.0, "mismatch_pj": 1000.0}), [0.5])
    cheap = side(run(tmp_path / "b", "hybrid_digital"), [0.5])
    text = page([dear, cheap], "made by a test")
    assert "times cheaper with the digital one" in text
    assert "cheaper with the analog one" not in text
    swapped = page([cheap, dear], "")  # the first one is taken for the analog one
    assert "times cheaper with the analog one" in swapped
    assert "cheaper with the digital one" not in swapped


def test_accuracy_of_the_exact_chip_is_that_of_all_recorded_inputs() -> None:
    """It is what training measured on all of them; that of the first 512 alone is another one."""
    workload = load_workload(matching.ROOT / "workloads" / matching.WORKLOAD)
    spec = load_spec(matching.ROOT / "arch_specs" / "hybrid_digital_65nm.yaml")
    first = correct_answers(spec, workload, RunOptions(512))[0] / 512
    (whole,) = matching.accuracies("hybrid_digital_65nm", 1)
    assert workload.n_inputs == 10_000
    assert whole == pytest.approx(workload.manifest.accuracy.measured)
    assert whole != first


def test_the_committed_page_is_what_the_code_gives() -> None:
    written = matching.FILE.read_text(encoding="utf-8")
    assert written == matching.text(), "python -m tests.report.matching writes it anew"
