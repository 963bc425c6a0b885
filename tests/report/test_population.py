"""Chips as a population: spreads and yields worked out by hand, the same chips whatever is changed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accelsim.account import LedgerRow
from accelsim.chip_run import ChipRun
from accelsim.errors import UsageError
from accelsim.report.intervals import spread, wilson_interval
from accelsim.report.ledger import mean_ledger
from accelsim.report.population import Limits, population
from accelsim.report.summary import summary
from accelsim.report.words import yields
from accelsim.run import Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.workload.builders import hybrid, write_folder

N_INPUTS = 8


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("population")
    parts = hybrid(n_inputs=N_INPUTS)
    parts.manifest["accuracy"] = {"measured": 0.5, "note": "for a test"}
    write_folder(folder / "workload", parts)
    return simulate(chips.spec(folder, "hybrid"), load_workload(folder / "workload"), RunOptions(N_INPUTS))


def chip_like(run: Run, correct: int, energy_pj: float, ticks: int) -> ChipRun:
    """A chip that answers so many inputs correctly, and takes so much energy and time for each."""
    first = run.chips[0]
    columns = dict(first.columns)
    columns["correct"] = np.arange(N_INPUTS) < correct
    columns["end_ticks"] = columns["start_ticks"] + ticks
    row = LedgerRow("engine", "mac", "conv", 1, energy_pj * N_INPUTS, energy_pj * N_INPUTS, "assumed", "for a test")
    return replace(first, columns=columns, ledger=[row])


def many(run: Run, figures: list[tuple[int, float, int]]) -> Run:
    made = [chip_like(run, *each) for each in figures]
    return Run(run.chip, run.workload, replace(run.options, n_chips=len(made)), made)


FIGURES = [(8, 10.0, 200), (6, 14.0, 100), (7, 12.0, 100), (2, 11.0, 400)]  # correct of 8, pJ, ticks of 10 ns


def test_spread_by_hand(one: Run) -> None:
    found = population(many(one, FIGURES), Limits())
    assert found is not None
    accuracy, energy, latency = found["accuracy"], found["energy_pj"], found["latency_s"]
    assert accuracy["mean"] == (8 + 6 + 7 + 2) / 8 / 4
    assert energy["mean"] == (10 + 14 + 12 + 11) / 4
    # 11.75: squares of -1.75, 2.25, 0.25, -0.75 are 3.0625, 5.0625, 0.0625, 0.5625; three degrees of freedom.
    assert energy["std"] == pytest.approx(math.sqrt(8.75 / 3), rel=1e-12)
    assert (energy["min"], energy["p5"], energy["p50"], energy["p95"], energy["max"]) == (10, 10, 11, 14, 14)
    assert latency["mean"] == pytest.approx((200 + 100 + 100 + 400) / 4 * 10e-9, rel=1e-12)
    assert latency["p50"] == pytest.approx(100 * 10e-9, rel=1e-12)
    assert found["yield"] == {}
    assert found["per_chip"]["accuracy"] == [1, 6 / 8, 7 / 8, 2 / 8]
    assert population(one, Limits()) is None


def test_a_percentile_is_a_value_that_occurred() -> None:
    """p5 of 20 values is the lowest (one is 5 %), of 21 the second (one is less), of 40 the second."""
    for n, p5, p50, p95 in ((2, 1, 1, 2), (20, 1, 10, 19), (21, 2, 11, 20), (40, 2, 20, 38), (140, 7, 70, 133)):
        found = spread([float(value) for value in range(n, 0, -1)])
        assert (found["p5"], found["p50"], found["p95"]) == (p5, p50, p95), n


def test_equal_chips_have_no_spread() -> None:
    """Exactly: sums of 0.1 would be off in the last digit."""
    found = spread([0.1] * 7)
    assert (found["mean"], found["std"], found["p5"], found["max"]) == (0.1, 0, 0.1, 0.1)


def test_yield_of_each_limit_and_of_all(one: Run) -> None:
    """A chip on the limit is good. Accuracy ≥ 0.75: three; energy ≤ 12: three; latency ≤ 1 us: two; all: the third."""
    run = many(one, FIGURES)
    found = population(run, Limits(0.75, 12.0, 1e-6))
    assert found is not None
    passed = {name: entry["passed"] for name, entry in found["yield"].items()}
    assert passed == {"min_accuracy": 3, "max_energy_pj": 3, "max_latency_s": 2, "all": 1}
    assert found["yield"]["min_accuracy"]["yield"] == 0.75
    assert found["yield"]["min_accuracy"]["limit"] == 0.75
    # Wilson, 3 of 4, z = 1.96: centre (p + z²/2n)/(1 + z²/n), half width z √(p(1-p)/n + z²/4n²)/(1 + z²/n).
    z = 1.959964
    centre, scale = 0.75 + z * z / 8, 1 + z * z / 4
    half = z * math.sqrt(0.75 * 0.25 / 4 + z * z / 64)
    expected = [(centre - half) / scale, (centre + half) / scale]
    assert found["yield"]["min_accuracy"]["ci95"] == pytest.approx(expected, rel=1e-6)
    assert found["yield"]["min_accuracy"]["ci95"] == wilson_interval(0.75, 4)
    lines = yields(summary(run, command="", spec_path="", overrides=[], limits=Limits(0.75, 12.0, 1e-6)))
    assert [line.split(",")[0] for line in lines] == [
        "accuracy ≥ 75.00%: 3 of 4 chips",
        "energy ≤ 12.0 pJ: 3 of 4 chips",
        "latency ≤ 1 µs: 2 of 4 chips",
        "all of these: 1 of 4 chips",
    ]


def test_one_limit_needs_no_second_line(one: Run) -> None:
    run = many(one, FIGURES)
    lines = yields(summary(run, command="", spec_path="", overrides=[], limits=Limits(max_energy_pj=9.0)))
    assert len(lines) == 1
    assert lines[0].startswith("energy ≤ 9 pJ: 0 of 4 chips, 0.0%")


@pytest.mark.parametrize(
    ("limits", "n_chips", "labelled", "message"),
    [
        (Limits(min_accuracy=1.2), 4, True, "--min-accuracy: got 1.2, need a share from 0 to 1"),
        (Limits(min_accuracy=math.nan), 4, True, "--min-accuracy: got nan, need a share from 0 to 1"),
        (Limits(max_energy_pj=0), 4, True, "--max-energy-pj: got 0, need a number above 0"),
        (Limits(max_latency_s=math.inf), 4, True, "--max-latency-s: got inf, need a number above 0"),
        (Limits(max_latency_s=1), 1, True, "--max-latency-s: got one chip, need --chips of at least 2"),
        (Limits(min_accuracy=0.5), 4, False, "--min-accuracy: got a workload without labels, need one whose accuracy"),
    ],
)
def test_a_limit_that_means_nothing(limits: Limits, n_chips: int, labelled: bool, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        limits.require_usable(n_chips, labelled)
    assert str(caught.value).startswith(message)


def row(action: str, count: int, phase: str = "conv") -> LedgerRow:
    return LedgerRow("engine", action, phase, count, 0.5, count * 0.5, "assumed", "for a test")


def test_a_mean_ledger_counts_what_only_some_chips_did(one: Run) -> None:
    ledgers = [[row("mac", 4)], [row("mac", 8), row("mac_gated", 3)], [row("mac", 9), row("mac_gated", 6)]]
    made = [replace(one.chips[0], ledger=ledger) for ledger in ledgers]
    mean = mean_ledger(Run(one.chip, one.workload, replace(one.options, n_chips=3), made))
    assert [(line.action, line.count, line.energy_pj) for line in mean] == [("mac", 7, 3.5), ("mac_gated", 3, 1.5)]


def test_counters_are_means_and_a_chip_without_one_counts_as_none(one: Run) -> None:
    counted: list[dict[str, int]] = [{"adc.saturated": 12}, {}, {"adc.saturated": 4, "wta.timeout": 1}]
    made = [replace(one.chips[0], counters=counters) for counters in counted]
    run = Run(one.chip, one.workload, replace(one.options, n_chips=3), made)
    found: dict[str, Any] = summary(run, command="", spec_path="", overrides=[])
    assert found["counters"] == {"adc.saturated": 16 / (8 * 3), "wta.timeout": 1 / (8 * 3)}
