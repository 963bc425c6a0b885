"""Whole hybrid chips with imperfect analog parts: nothing at zero, cycles by hand, keyed draws, and clear errors."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.charge_row import ChargeRow
from accelsim.component import OpResult
from accelsim.dataflows.block import stretched
from accelsim.errors import RangeError, SpecError
from accelsim.run import ChipRun, Run, RunOptions, simulate
from accelsim.units import is_physical
from accelsim.workload import Workload, load_workload
from tests.components import acam_blocks
from tests.dataflows import chips
from tests.workload import builders

READOUTS = ("analog_wta", "compare_tree", "ramp")
COMBINES = ("charge_share", "current_sum", "adc_per_segment")
DAY = 86400.0
Changes = dict[str, dict[str, Any]]


def sourced(block: Any) -> dict[str, Any]:
    """A block of tests/components/acam_blocks.py, or plain fields, as a spec file would have it."""
    fields = block if isinstance(block, dict) else block.model_dump(exclude_none=True)
    data = {
        name: sourced(value) if isinstance(value, dict) else _plain(value)
        for name, value in fields.items()
        if name != "sources"
    }
    named = [name for name, value in data.items() if is_physical(name) and not isinstance(value, dict)]
    return {**data, "sources": {name: {"basis": "assumed", "text": "for a test"} for name in named}}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def small_row(**changes: Any) -> ChargeRow:
    """A row that fits the 1 V supply of chips.py even where its segments are added: 8 x 8 x 2.1 / 220 = 0.61 V."""
    return acam_blocks.row(q_match_fc=2.1, q_mismatch_fc=0.1, **changes)


def blocks(size: float, readout: str = "analog_wta", combine: str = "charge_share") -> Changes:
    """Every block, with sigmas times `size` (1: large enough for this small chip to make mistakes)."""
    relaxation = {
        **acam_blocks.RELAXATION,
        "sigma_siemens": tuple(tuple(3 * size * c for c in p) for p in acam_blocks.RELAXATION["sigma_siemens"]),
    }
    device = acam_blocks.device(
        relaxation=relaxation,
        read_noise=acam_blocks.read_noise(0.1 * size),
        stuck_low_rel=0.02 * size,
        stuck_high_rel=0.02 * size,
    )
    spreads = {"cell_spread_rel": 0.2 * size, "segment_gain_rel": 0.05 * size, "segment_offset_v": 0.0025 * size}
    row = small_row(**spreads)
    comparators = {"offset_v": 0.001 * size, "noise_v": 0.0005 * size, "sources": {}}
    array = {"device": device, "window": acam_blocks.window(), "row": row}
    in_volts = {} if combine == "adc_per_segment" else {"comparators": sourced(comparators)}
    return {
        "acam": {"cell": "9T4R", "combine": combine, **{name: sourced(block) for name, block in array.items()}},
        "wta": {"readout": readout, **in_volts},
        "sense": in_volts,
    }


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder = tmp_path_factory.mktemp("hybrid")
    builders.write_hybrid(folder, n_inputs=300, side=5, channels=(2,))
    return load_workload(folder)


def run(folder: Path, workload: Workload, changes: Changes, n_inputs: int = 300, **options: Any) -> Run:
    return simulate(chips.spec(folder, "hybrid", **changes), workload, RunOptions(n_inputs, **options))


def answers(run: ChipRun) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in run.columns.items()}


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize("readout", READOUTS)
def test_zero_sigmas_are_the_ideal_chip(tmp_path: Path, workload: Workload, readout: str, combine: str) -> None:
    plain: Changes = {"acam": {"cell": "9T4R", "combine": combine}, "wta": {"readout": readout}}
    ideal = run(tmp_path, workload, plain)
    zero = run(tmp_path, workload, blocks(0.0, readout, combine), age_s=DAY)
    assert zero.timeline_sha256 == ideal.timeline_sha256
    assert answers(zero.chips[0]) == answers(ideal.chips[0])


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize("readout", READOUTS)
def test_fewer_inputs_and_more_chips_change_nothing(
    tmp_path: Path, workload: Workload, readout: str, combine: str
) -> None:
    """The first inputs of a long run are a short run; chip 1 of three is chip 1 of two; another seed, other chips."""
    changes = blocks(1.0, readout, combine)
    whole = run(tmp_path, workload, changes, n_chips=2, age_s=DAY)
    some = run(tmp_path, workload, changes, n_inputs=270, n_chips=3, age_s=DAY)
    for chip in range(2):
        for name in ("predicted", "tied", "energy_dynamic_pj"):
            assert np.array_equal(whole.chips[chip].columns[name][:270], some.chips[chip].columns[name])
    predicted = [chip.columns["predicted"] for chip in some.chips]
    assert not np.array_equal(predicted[0], predicted[1])
    assert not np.array_equal(predicted[1], predicted[2])
    other = run(tmp_path, workload, changes, n_inputs=270, seed=1, age_s=DAY)
    assert not np.array_equal(predicted[0], other.chips[0].columns["predicted"])


def test_age_moves_a_chip(tmp_path: Path, workload: Workload) -> None:
    """0 s is 1 s, the first age of the record; a day is another; beyond two days nothing is known."""
    quiet = blocks(1.0)
    fresh, second, day = (run(tmp_path, workload, quiet, age_s=age_s).chips[0] for age_s in (0.0, 1.0, DAY))
    assert answers(fresh) == answers(second)
    assert fresh.columns["energy_dynamic_pj"].tolist() != day.columns["energy_dynamic_pj"].tolist()
    with pytest.raises(RangeError, match="age_s: got 172801, need 0 to 172800"):
        run(tmp_path, workload, quiet, age_s=2 * DAY + 1)


def test_a_ramps_comparators_are_the_sense_amplifiers(tmp_path: Path, workload: Workload) -> None:
    """Their offsets alone change what wins and how many steps it takes; those of the wta do not."""
    row = {"acam": {"row": sourced(small_row())}}
    offsets = {"comparators": sourced({"offset_v": 0.0025, "noise_v": 0.0, "sources": {}})}
    ideal = run(tmp_path, workload, {**row, "wta": {"readout": "ramp"}}).chips[0]
    of_wta = run(tmp_path, workload, {**row, "wta": {"readout": "ramp", **offsets}}).chips[0]
    of_sense = run(tmp_path, workload, {**row, "wta": {"readout": "ramp"}, "sense": offsets}).chips[0]
    assert answers(ideal) == answers(of_wta)
    assert answers(ideal)["predicted"] != answers(of_sense)["predicted"]

    def counted(run: ChipRun) -> tuple[float, float]:
        found = {(r.instance, r.action): r.count for r in run.ledger if r.phase == "match"}
        return found["wta", "ramp_step"], found["sense", "sense"]

    (steps, strobes), (other_steps, other_strobes) = counted(ideal), counted(of_sense)
    assert other_steps != steps
    rows = workload.model["template_low"].shape[0]
    assert (strobes, other_strobes) == (steps * rows, other_steps * rows)


def test_errors_of_rows_and_of_a_ramps_comparators_add_up(tmp_path: Path, workload: Workload) -> None:
    """Exact comparators leave the errors of the rows as they are; ones that are off change them further."""
    spread = {"cell_spread_rel": 0.2, "segment_gain_rel": 0.05, "segment_offset_v": 0.0025}
    ramp = {"wta": {"readout": "ramp"}}
    rows = {"acam": {"row": sourced(small_row(**spread))}, **ramp}
    ideal = run(tmp_path, workload, {"acam": {"row": sourced(small_row())}, **ramp}).chips[0]
    of_rows = run(tmp_path, workload, rows).chips[0]
    exact, off = (
        run(tmp_path, workload, {**rows, "sense": {"comparators": sourced(block)}}).chips[0]
        for block in ({"offset_v": size, "noise_v": 0.0, "sources": {}} for size in (0.0, 0.0025))
    )
    assert answers(of_rows)["predicted"] != answers(ideal)["predicted"]
    assert answers(exact) == answers(of_rows)
    assert answers(off)["predicted"] != answers(of_rows)["predicted"]


SETTLING = {"tau_ns": 4.0, "swing_v": 2.0, "max_ns": 60.0, "sources": {}}


def test_settling_takes_cycles_and_is_counted(tmp_path: Path, workload: Workload) -> None:
    """The decision's wake_ns + 21 ns (chips.py) and 4 ns x ln(2 V / margin) are added, then rounded up once."""
    array = {"row": sourced(small_row())}
    changes = {"acam": array, "wta": {"settling": sourced(SETTLING)}}
    base = run(tmp_path, workload, {"acam": array}).chips[0]
    slow = run(tmp_path, workload, changes).chips[0]
    assert np.array_equal(base.columns["predicted"], slow.columns["predicted"])
    low, high = workload.model["template_low"], workload.model["template_high"]
    thresholds, features = workload.model["thresholds"], workload.evaluation["features"]
    levels = (features[:300, :, None] > thresholds).sum(axis=2)
    counts = ((low <= levels[:, None]) & (levels[:, None] <= high)).sum(axis=2)
    volts = 2.0 / (20 + 8 * 25) / 8  # 8 segments of 8 cells
    best = np.sort(counts, axis=1)[:, -2:]
    wake_and_decide = Fraction(str(chips.BACK["wta"]["wake_ns"])) + 21
    extra = []
    for second, first in best:
        ns = 60.0 if first == second else min(60.0, max(0.0, 4 * log(2 / ((first - second) * volts))))
        extra.append(ceil((wake_and_decide + Fraction(str(ns))) / 20) - ceil(wake_and_decide / 20))
    assert len(set(extra)) > 1
    assert slow.counters == {"wta.timeouts": sum(first == second for second, first in best)}
    assert base.counters == {}


def test_stretched_rounds_once(tmp_path: Path) -> None:
    """100 + 21 ns are 6.05 cycles of 20 ns, so 7: 19 ns more still fit, a thousandth beyond takes another cycle."""
    wta = chips.chip(tmp_path, "hybrid", wta={"wake_ns": 100.0, "decide_ns": 21.0})["wta"]
    result = OpResult(None, {}, np.array([0, 0, 0, 5]))
    assert wta.latency("decide") == 7
    assert stretched(wta, "decide", result, np.array([0.0, 19.0, 19.001, 60.0])).extra_cycles.tolist() == [0, 0, 1, 8]
    assert stretched(wta, "decide", result, np.zeros(4)) is result


def test_saturated_conversions_are_counted(tmp_path: Path, workload: Workload) -> None:
    done = run(tmp_path, workload, blocks(1.0, combine="adc_per_segment")).chips[0]
    assert done.counters["acam.saturated"] > 0
    assert set(done.counters) == {"acam.saturated"}


def test_counters_of_a_cascade_leave_out_who_never_came(tmp_path: Path) -> None:
    """All rows alike: every search ends in a tie, whose decision runs into the limit; only far inputs are searched."""
    parts = builders.cascade(2, n_inputs=40, side=6, n_glimpses=2, head="acam", channels=(2,))
    parts.model["template_low"][:] = 0
    parts.model["template_high"][:] = parts.manifest["acam"]["feature_levels"] - 1
    builders.write_folder(tmp_path / "w", parts)
    changes = {"acam": {"row": sourced(small_row())}, "wta": {"settling": sourced(SETTLING)}}
    spec = chips.spec(tmp_path, "cascade", **changes)
    done = simulate(spec, load_workload(tmp_path / "w"), RunOptions(40)).chips[0]
    far = int((~done.columns["covered"]).sum())
    assert 0 < far < 40
    assert done.counters["wta.timeouts"] == far


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"wta": {"settling": sourced(SETTLING)}},
            "instances.wta.settling: got a block in volts, need instances.acam.row as well, which says how many volts",
        ),
        (
            {**blocks(1.0), "acam": {**blocks(1.0)["acam"], "combine": "adc_per_segment"}},
            "instances.sense.comparators: got a block in volts with combine adc_per_segment, need none, as the sums",
        ),
        (
            {"acam": {"combine": "current_sum", "row": sourced(acam_blocks.row())}},
            "instances.acam.row: got 12.1 V where all cells match (combine current_sum), need at most 1 V, the highest",
        ),
        (
            {"acam": blocks(1.0)["acam"] | {"device": sourced(acam_blocks.device(search_v=1.2, disturb_limit_v=1.5))}},
            "instances.acam.device.search_v: got 1.2 V, need at most 1 V, the highest supply of die acam",
        ),
        (
            {"acam": {"cell": "9T4R", "device": blocks(1.0)["acam"]["device"]}},
            "instances.acam: got window = nothing, need a block: device has one, and the window says what it does",
        ),
    ],
)
def test_blocks_that_do_not_go_together(tmp_path: Path, changes: Changes, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        chips.spec(tmp_path, "hybrid", **changes)
    assert message in str(caught.value)


def test_laws_of_two_records(tmp_path: Path) -> None:
    """The message says which law is of another record, and where it stands."""
    changes = blocks(1.0)
    changes["acam"]["device"]["relaxation"]["record"] = "milo"
    with pytest.raises(SpecError) as caught:
        chips.spec(tmp_path, "hybrid", **changes)
    assert "instances.acam.device.relaxation.record: got milo, need wan2022, the record of the device" in str(
        caught.value
    )
    assert "chip.yaml:" in str(caught.value)

