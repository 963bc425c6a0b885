"""Energies at other prices: what a run with `--set` gives, to 12 digits, and intervals by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from accelsim import account, yamlfile
from accelsim.chip_run import RunOptions
from accelsim.constants import constants
from accelsim.recost import energy_interval, recosted_pj
from accelsim.run import Run, simulate
from accelsim.spec import load_spec
from accelsim.workload import Workload, load_workload
from tests.dataflows import chips
from tests.workload.builders import write_cascade

N_INPUTS = 6
GATE = {"leakage_uw": 1.0, "gate_leakage_uw": 0.25}


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder = tmp_path_factory.mktemp("workload")
    write_cascade(folder, head="acam", n_inputs=N_INPUTS)
    return load_workload(folder)


def data(ranges: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """A cascade whose CNN die is hotter than its reference, with ranges of `instance.field`."""
    made = chips.spec_data("cascade", acam=GATE, buffer=GATE)
    made["dies"]["acam"]["temperature_k"] = 330
    for path, ends in ranges.items():
        instance, field = path.split(".")
        made["instances"][instance]["sources"][field]["range"] = list(ends)
    return made


def run(folder: Path, workload: Workload, spec: dict[str, Any], *overrides: str, n_chips: int = 1) -> Run:
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(spec), encoding="utf-8")
    return simulate(load_spec(path, overrides), workload, RunOptions(N_INPUTS, n_chips=n_chips))


def energy_pj(done: Run) -> float:
    """Mean energy per input and chip."""
    return math.fsum(account.total_pj(chip.ledger) for chip in done.chips) / (N_INPUTS * len(done.chips))


def test_every_price_at_another_value_is_a_run_with_that_value(tmp_path: Path, workload: Workload) -> None:
    nominal = run(tmp_path, workload, data({}))
    before = energy_pj(nominal)
    prices = [known for known in constants(nominal.chip.spec) if known.effect == "price"]
    assert len(prices) > 60
    moved = 0
    for known in prices:
        value = 0.3 if known.value == 0 else known.value * 1.37
        if known.source.basis == "not_charged":
            continue  # a price that is not 0 needs another basis
        again = before - recosted_pj(nominal, known.instance, {})
        again += recosted_pj(nominal, known.instance, {known.field: value})
        expected = energy_pj(run(tmp_path, workload, data({}), f"{known.path}={value!r}"))
        assert again == pytest.approx(expected, rel=1e-12), known.path
        moved += expected != before
    assert moved > 50


def test_instances_add_up_to_the_whole(tmp_path: Path, workload: Workload) -> None:
    done = run(tmp_path, workload, data({}), n_chips=2)
    parts = [recosted_pj(done, name, {}) for name in done.chip.instances]
    assert math.fsum(parts) == pytest.approx(energy_pj(done), rel=1e-12)


def test_an_interval_by_hand(tmp_path: Path, workload: Workload) -> None:
    ranges = {"engine.mac_pj": (0.05, 0.3), "acam.bias_uw": (2.0, 5.0)}
    done = run(tmp_path, workload, data(ranges))
    (chip,) = done.chips
    n_macs = sum(row.count for row in chip.ledger if (row.instance, row.action) == ("engine", "mac")) / N_INPUTS
    biased_ns = sum(row.count for row in chip.ledger if (row.instance, row.action) == ("acam", "bias")) / N_INPUTS
    assert n_macs > 0
    assert biased_ns > 0
    nominal = energy_pj(done)
    mac_down, mac_up = n_macs * (0.11 - 0.05), n_macs * (0.3 - 0.11)
    bias_up = biased_ns * (5.0 - 2.0) / 1000  # 1 uW for 1000 ns is 1 pJ
    interval = energy_interval(done)
    assert interval is not None
    assert interval["low"] == pytest.approx(nominal - mac_down, rel=1e-12)
    assert interval["high"] == pytest.approx(nominal + mac_up + bias_up, rel=1e-12)
    assert interval["rss_low"] == pytest.approx(nominal - mac_down, rel=1e-12)  # the bias is at its low end
    assert interval["rss_high"] == pytest.approx(nominal + math.sqrt(mac_up**2 + bias_up**2), rel=1e-12)


def test_what_is_no_price_of_a_run_is_not_in_its_interval(tmp_path: Path, workload: Workload) -> None:
    assert energy_interval(run(tmp_path, workload, data({}))) is None
    ranges = {"acam.pulse_pj": (1.0, 20.0), "acam.search_ns": (10.0, 20.0)}
    assert energy_interval(run(tmp_path, workload, data(ranges))) is None


def test_several_prices_of_one_instance_move_together(tmp_path: Path, workload: Workload) -> None:
    """All low at once is a run with all low at once: prices do not multiply each other."""
    ranges = {"acam.match_pj": (0.1, 0.2), "acam.mismatch_pj": (0.03, 0.05), "acam.leakage_uw": (0.5, 1.5)}
    interval = energy_interval(run(tmp_path, workload, data(ranges)))
    assert interval is not None
    for end, name in enumerate(("low", "high")):
        overrides = [f"instances.{path}={ends[end]}" for path, ends in ranges.items()]
        assert interval[name] == pytest.approx(energy_pj(run(tmp_path, workload, data(ranges), *overrides)), rel=1e-12)
