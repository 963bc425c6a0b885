"""Laws for every component: a unit energy moves the total by its count; clocks scale time; ns become cycles."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.arrivals import Arrivals
from accelsim.chip import Instance
from accelsim.components import COMPONENTS
from accelsim.run import ChipRun, RunOptions, simulate
from accelsim.workload import Workload, load_workload
from tests.dataflows import chips
from tests.dataflows.test_row_stationary import write_layer
from tests.workload import builders, residual_parts

KINDS = ("hybrid", "mbi", "cascade", "hybrid_digital", "cascade_digital", "cnn", "row_stationary")
RESIDUAL = (residual_parts.conv("stem", 4, stride=2), residual_parts.conv("res", 4, add="stem", max_pool=2))
MBI_CHIP: dict[str, Any] = {"arrays": {"n_splits": 2, "count": 512}}


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workload]:
    folder = tmp_path_factory.mktemp("workloads")
    for kind in ("hybrid", "cnn"):
        builders.write_folder(folder / kind, residual_parts.network(0, RESIDUAL, n_inputs=6, kind=kind))
    builders.write_mbi(folder / "mbi", n_inputs=6, depth=2)
    builders.write_cascade(folder / "cascade", n_inputs=12, head="acam", seed=5)
    write_layer(folder / "row_stationary")
    return {kind: load_workload(folder / kind.removesuffix("_digital")) for kind in KINDS}


def run(
    folder: Path,
    kind: str,
    workload: Workload,
    arrivals: str = "back-to-back",
    mhz: tuple[float, float] = (100, 50),
    **changes: dict[str, Any],
) -> tuple[ChipRun, str, int]:
    spec = chips.spec(folder, kind, mhz, **changes)
    finished = simulate(spec, workload, RunOptions(workload.n_inputs, arrivals=Arrivals.parse(arrivals)))
    return finished.chips[0], finished.timeline_sha256, finished.chip.clocks.tick_hz


def dynamic(run: ChipRun) -> dict[tuple[str, str, str], tuple[float, float]]:
    return {(r.instance, r.action, r.phase): (r.count, r.energy_pj) for r in run.ledger if r.phase != "static"}


def unit_energies(kind: str) -> list[tuple[str, str]]:
    return sorted(
        {
            (name, field)
            for name, fields in chips.INSTANCES[kind].items()
            for field in COMPONENTS[fields["component"]].actions.values()
        }
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_energy_moves_the_total_by_its_count(
    tmp_path: Path, kind: str, workloads: dict[str, Workload]
) -> None:
    """For every action of every component; nothing else changes, and no time does."""
    for readout in ("analog_wta", "ramp"):  # between them, every action of the read-out is counted
        wta = {"wta": {"readout": readout}} if "wta" in chips.INSTANCES[kind] else {}
        reloaded = {"controller": {"residency": "reloaded"}} if "controller" in chips.INSTANCES[kind] else {}
        base_changes: dict[str, dict[str, Any]] = {**wta, **reloaded}
        base, times, _ = run(tmp_path, kind, workloads[kind], **base_changes)
        before = dynamic(base)
        counted = set()
        for instance, field in unit_energies(kind):
            changes = {name: dict(fields) for name, fields in base_changes.items()}
            old = chips.INSTANCES[kind][instance][field]
            changes.setdefault(instance, {})[field] = old + 1.0
            after_run, after_times, _ = run(tmp_path, kind, workloads[kind], **changes)
            after = dynamic(after_run)
            assert after_times == times
            actions = COMPONENTS[chips.INSTANCES[kind][instance]["component"]].actions
            mine = {site for site in before if site[0] == instance and actions[site[1]] == field}
            count = sum(before[site][0] for site in mine)
            moved = sum(energy for _, energy in after.values()) - sum(energy for _, energy in before.values())
            assert moved == pytest.approx(count, rel=1e-9, abs=1e-6)
            assert all(after[site] == before[site] for site in before if site not in mine)
            counted |= {(instance, field)} if count else set()
        missing = set(unit_energies(kind)) - counted
        # A read-out either steps or decides; the cascade's CNN neither pools nor adds (the others do); logits are
        # not added.
        other_readout = ("wta", "ramp_step_pj" if readout == "analog_wta" else "decide_pj")
        unused = {("post", "pool_pj"), ("post", "add_pj")} if kind.startswith("cascade") else set()
        unused |= {("vote", "add_pj")} if kind == "cnn" else set()
        assert missing == {other_readout} & set(unit_energies(kind)) | unused


def without_ns(kind: str) -> dict[str, dict[str, Any]]:
    """Every ns field so short that it is one cycle at any clock here (0 is not allowed for all of them)."""
    return {
        name: {field: 0.001 for field in fields if field.endswith("_ns")}
        for name, fields in chips.INSTANCES[kind].items()
        if any(field.endswith("_ns") for field in fields)
    }


def clocks_and_powers(run: ChipRun) -> tuple[list[float], list[float]]:
    static = [row for row in run.ledger if row.phase == "static"]
    clocks = [row.energy_pj for row in static if row.action == "clock"]
    return clocks, [row.energy_pj for row in static if row.action != "clock"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arrivals", ["back-to-back", "interval"])
def test_half_the_clocks_twice_the_time(
    tmp_path: Path, kind: str, arrivals: str, workloads: dict[str, Workload]
) -> None:
    fast, slow = ("back-to-back",) * 2 if arrivals == "back-to-back" else ("interval:1500", "interval:3000")
    changes = without_ns(kind)
    a, a_times, a_hz = run(tmp_path, kind, workloads[kind], fast, (100, 50), **changes)
    b, b_times, b_hz = run(tmp_path, kind, workloads[kind], slow, (50, 25), **changes)
    assert a_hz == 2 * b_hz
    assert a_times == b_times  # the same start and end of every job, counted in ticks that are twice as long
    assert a.makespan == b.makespan
    assert dynamic(a) == dynamic(b)
    for rows_a, rows_b, factor in zip(clocks_and_powers(a), clocks_and_powers(b), (1, 2), strict=True):
        # A clock tree draws its energy a cycle, and the cycles are the same; power is drawn for twice the time.
        assert rows_b == pytest.approx([factor * energy for energy in rows_a], rel=1e-12)
        assert sum(rows_a) > 0


def _tree(fields: dict[str, Any]) -> Fraction:
    return math.ceil(math.log2(fields["n_inputs_max"])) * Fraction(str(fields["decide_ns"]))


def _sum(*names: str) -> Any:
    return lambda fields: sum((Fraction(str(fields[name])) for name in names), Fraction(0))


def _cycles(value: int | str) -> Any:
    return lambda fields: fields[value] if isinstance(value, str) else value


_PHASES = ("wake_ns", "reset_ns", "precharge_ns", "evaluate_ns", "share_ns", "sample_ns")

# Every op of every component: role, whole cycles, nanoseconds; gated parts wake for each access.
DELAYS: dict[tuple[str, str], tuple[str, Any, Any]] = {
    ("admission", "admit"): ("admission", _cycles(1), _sum()),
    ("sram_buffer", "load"): ("buffer", _cycles(0), _sum("access_ns")),
    ("weight_store", "fetch"): ("weights", _cycles(0), _sum("access_ns")),
    ("cnn_engine", "compute"): ("engine", _cycles("pipeline_cycles"), _sum()),
    ("post_unit", "write_back"): ("post", _cycles("pipeline_cycles"), _sum()),
    ("binariser", "binarise"): ("binariser", _cycles(1), _sum()),
    ("die_link", "transfer"): ("link", _cycles(1), _sum("latency_ns")),
    ("synchroniser", "cross"): ("sync", _cycles("stages"), _sum()),
    ("column_driver", "drive"): ("driver", _cycles(0), _sum("settle_ns")),
    ("acam_array", "search"): ("acam", _cycles(0), _sum("wake_ns", "search_ns", "combine_ns")),
    ("sense_amps", "sense"): ("sense", _cycles(0), _sum("wake_ns", "sense_ns")),
    ("winner_take_all", "decide"): ("wta", _cycles(0), _sum("wake_ns", "decide_ns")),
    ("digital_matcher", "match"): ("matcher", _cycles("pipeline_cycles"), _sum("access_ns")),
    ("cim_macro", "compute"): ("macro", _cycles(1), _sum()),
    ("row_stationary_engine", "compute"): ("engine", _cycles("pipeline_cycles"), _sum()),
    ("dram_port", "read"): ("dram", _cycles(0), _sum("access_ns")),
    ("dram_port", "write"): ("dram", _cycles(0), _sum("access_ns")),
    ("glimpse_extractor", "extract"): ("extractor", _cycles("pipeline_cycles"), _sum()),
    ("lut_controller", "route"): ("controller", _cycles("route_cycles"), _sum()),
    ("distance_array", "compare"): ("arrays", _cycles(0), _sum(*_PHASES)),
    ("distance_array", "write_row"): ("arrays", _cycles(0), _sum("row_write_ns")),
    ("adc", "convert"): ("adc", _cycles(0), _sum("wake_ns", "convert_ns")),
    ("minimum_scan", "accumulate"): ("scan", _cycles("accumulate_cycles"), _sum()),
    ("value_memory", "read"): ("values", _cycles(0), _sum("access_ns")),
    ("vote", "accumulate"): ("vote", _cycles(1), _sum()),
    ("vote", "decide"): ("vote", _cycles(1), _sum()),
}


def test_the_table_of_delays_is_complete() -> None:
    assert set(DELAYS) == {(name, op) for name, component in COMPONENTS.items() for op in component.ops}


def _kind(component: str, role: str) -> str:
    """A kind of chip whose instance of this role is this component."""
    kinds = (kind for kind in chips.INSTANCES if role in chips.INSTANCES[kind])
    return next(kind for kind in kinds if chips.INSTANCES[kind][role]["component"] == component)


def _instance(name: str, role: str, changes: dict[str, Any], mhz: int) -> tuple[Instance, dict[str, Any]]:
    fields = chips.spec_data(_kind(name, role), **{role: changes})["instances"][role]
    component = COMPONENTS[name]
    return Instance(role, component, component.spec(**fields), mhz * 10**6, 1), fields


NS = st.decimals("0.001", "500", places=3).map(float)


@pytest.mark.parametrize(("component", "op"), DELAYS)
@given(mhz=st.integers(1, 4000), data=st.data())
def test_cycles_are_the_ceiling_of_ns_times_clock(component: str, op: str, mhz: int, data: st.DataObject) -> None:
    role, cycles, ns = DELAYS[component, op]
    names = [name for name in chips.INSTANCES[_kind(component, role)][role] if name.endswith("_ns")]
    changes = {name: data.draw(NS, name) for name in names}
    instance, fields = _instance(component, role, changes, mhz)
    by_hand = max(1, cycles(fields) + math.ceil(ns(fields) * mhz / 1000))
    assert instance.latency(op) == by_hand
    assert 1 <= instance.interval(op) <= by_hand


@given(mhz=st.integers(1, 4000), decide_ns=NS, n=st.integers(1, 64))
def test_a_compare_tree_chains_its_levels(mhz: int, decide_ns: float, n: int) -> None:
    changes = {"readout": "compare_tree", "n_inputs_max": n, "decide_ns": decide_ns, "bias_gated": False}
    instance, fields = _instance("winner_take_all", "wta", changes, mhz)
    assert instance.latency("decide") == max(1, math.ceil(_tree(fields) * mhz / 1000))
