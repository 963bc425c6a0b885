"""Complete ledgers of tiny chips, worked out by hand: every (instance, action, phase), static power and programming.

The chips and geometries are those of `test_hand_timelines.py`; counts are written as arithmetic, and what depends on
data (matches, toggles, keys, ties) comes from the loops of `by_hand.py`. Zeros are left out on both sides.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from accelsim import account
from accelsim.run import ChipRun, Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import by_hand, chips
from tests.dataflows.hand_counts import (
    ADDRESS_BITS,
    CHANNEL_BITS,
    CONV_BITS,
    CONV_MACS,
    DECIDED,
    Hand,
    admitted,
    cascade,
    conv,
    lookups,
    match,
    reloads,
    with_riders,
)
from tests.dataflows.test_hand_timelines import LOOKUP_SIZES
from tests.workload import builders
from tests.workload.parts import Built

Changes = dict[str, dict[str, Any]]


def run(folder: Path, built: Built, n_inputs: int, changes: Changes) -> Run:
    builders.write_folder(folder / "w", built)
    spec = chips.spec(folder, built.manifest["kind"], **changes)
    return simulate(spec, load_workload(folder / "w"), RunOptions(n_inputs))


def check(
    folder: Path, built: Built, hand: list[Hand], changes: Changes, address_bits: dict[str, int] = ADDRESS_BITS
) -> ChipRun:
    """Runs the first inputs; their counts, and their energies, are those worked out by hand, and there are no more."""
    hand = [with_riders(one, address_bits) for one in hand]
    (done,) = run(folder, built, len(hand), changes).chips
    dynamic = [row for row in done.ledger if row.phase != "static"]
    assert {f"{r.instance}.{r.action}@{r.phase}": r.count for r in dynamic if r.count} == +sum(hand, Counter())
    instances = chips.spec_data(built.manifest["kind"], **changes)["instances"]
    unit = {f"{r.instance}.{r.action}@{r.phase}": instances[r.instance][f"{r.action}_pj"] for r in dynamic}
    energies = [sum(count * unit[site] for site, count in (+one).items()) for one in hand]
    assert done.columns["energy_dynamic_pj"].tolist() == pytest.approx(energies, rel=1e-12)
    assert [r.energy_pj for r in dynamic] == pytest.approx(
        [r.count * instances[r.instance][f"{r.action}_pj"] for r in dynamic], rel=1e-12
    )
    return done


def check_programming(finished: Run, counts: dict[str, int], time_ns: float) -> None:
    found = account.programming(finished.chip, finished.chips[0].programmed)
    assert {name: entry["count"] for name, entry in found["by_action"].items()} == counts
    instances = finished.chip.spec.instances
    energy = sum(n * getattr(instances[name.split(".")[0]], f"{name.split('.')[1]}_pj") for name, n in counts.items())
    assert found["energy_pj"] == pytest.approx(energy, rel=1e-12)
    assert found["time_s"] == pytest.approx(time_ns * 1e-9, rel=1e-12)


def check_static(done: ChipRun, makespan_ns: int, clocks: dict[str, float], busy: dict[str, tuple[float, int]]) -> None:
    """Leakage of 1 uW a copy, and `clocks` pJ a cycle of 10 ns, all the time; `busy` uW for as many ns.

    1 uW for 1 ns is 0.001 pJ. A gated clock of c pJ a cycle of t ns is a power of 1000 c / t uW.
    """
    found = {f"{row.instance}.{row.action}": row.energy_pj for row in done.ledger if row.phase == "static"}
    copies = {"arrays": 256}
    expected = {f"{name}.leakage": copies.get(name, 1) * 1.0 * makespan_ns / 1000 for name in done.shares}
    if "controller" in done.shares:
        expected["controller.descriptor_leakage"] = 0.75 * makespan_ns / 1000
    expected |= {f"{name}.clock": pj * makespan_ns / 10 for name, pj in clocks.items()}
    expected |= {name: uw * ns / 1000 for name, (uw, ns) in busy.items()}
    assert done.makespan * 10 == makespan_ns
    assert found == pytest.approx(expected, rel=1e-12)
    n_inputs = len(done.columns["input"])
    assert done.columns["energy_static_pj"].tolist() == pytest.approx([sum(expected.values()) / n_inputs] * n_inputs)


PULSES = 5 * 64 * 4 * 10  # every cell of a used row has four devices, and a device takes ten pulses
PULSE_NS = 60  # 50 ns are three cycles of 20 ns
WRITE_NS = 30  # 25 ns are three cycles of 10 ns


@pytest.mark.parametrize("readout", ["analog_wta", "ramp", "compare_tree"])
def test_hybrid(tmp_path: Path, readout: str) -> None:
    built = builders.hybrid(seed=3, side=3, channels=(2,), n_inputs=4)  # the winners' counts differ
    built.evaluation["nonzero_macs"][:, 0] = [18, 11, 0, CONV_MACS]
    hand = [admitted("buffer", 3, ceil(9 * 8 / 64)) + conv(built, i, 3) + match(built, i, readout) for i in range(4)]
    changes = {"wta": {"readout": readout}}
    check(tmp_path, built, hand, changes)
    check(tmp_path, built, hand[:1], changes)
    words = ceil(CONV_BITS / 64)
    counts = {"weights.write": words, "acam.pulse": PULSES}
    check_programming(run(tmp_path, built, 1, changes), counts, words * WRITE_NS + PULSES * PULSE_NS)


def test_hybrid_static_power(tmp_path: Path) -> None:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=1)
    always = {"buffer": 0.5, "weights": 0.5, "post": 0.5, "binariser": 0.5}
    # Busy: two cycles of crossing, of search and of decision, one of sensing, of 20 ns each.
    biases = {"acam.bias": (2.0, 40), "sense.bias": (2.0, 20), "wta.bias": (2.0, 40)}
    biases |= {"sync.clock": (1000 * 3.0 / 20, 40)}
    # In 10 ns: admit 2, fetch 5, compute 3 + 17, write 2 + 3, binarise 2, link 2; in 20 ns: 2 + 1 + 2 + 2 + 1.
    makespan_ns = 10 * (2 + 5 + 20 + 5 + 2 + 2) + 20 * 8
    (done,) = run(tmp_path, built, 1, {}).chips
    check_static(done, makespan_ns, always | {"engine": 1.5 * 2 * 2}, biases)
    (done,) = run(tmp_path, built, 1, {"engine": {"clock_gated": True}}).chips
    gated = {"engine.clock": (1000 * 1.5 * 2 * 2 / 10, 18 * 10)}  # 18: its interval
    check_static(done, makespan_ns, always, biases | gated)


def test_hybrid_streams_its_weights_through_the_buffer(tmp_path: Path) -> None:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=2)
    changes = {"weights": {"kind": "dram", "residency": "streamed", "word_bits": 96}}
    hand = [admitted("buffer", 3, 2) + conv(built, i, 3) + match(built, i) for i in range(2)]
    words = ceil(CONV_BITS / 64)  # weights and constants in port words of the buffer
    for one in hand:
        one["weights.read@conv1"] = ceil(CONV_BITS / 96)
        one.update({"buffer.write@conv1": words, "buffer.read@conv1": words})
    check(tmp_path, built, hand, changes)
    check_programming(run(tmp_path, built, 1, changes), {"weights.write": 0, "acam.pulse": PULSES}, PULSES * PULSE_NS)


def test_hybrid_with_run_length_weights(tmp_path: Path) -> None:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=1)
    built.model["conv1.weight"][0, 0, 1:] = 0  # a run that needs fillers
    bits = by_hand.run_length_bits(built.model["conv1.weight"], index_bits=1, value_bits=8) + 2 * CHANNEL_BITS
    changes = {"weights": {"encoding": "run_length", "index_bits": 1, "word_bits": 8}}
    hand = admitted("buffer", 3, 2) + conv(built, 0, 3) + match(built, 0)
    hand["weights.read@conv1"] = ceil(bits / 8)
    assert bits != CONV_BITS
    check(tmp_path, built, [hand], changes, ADDRESS_BITS | {"weights": 12})
    counts = {"weights.write": ceil(bits / 8), "acam.pulse": PULSES}
    check_programming(run(tmp_path, built, 1, changes), counts, ceil(bits / 8) * WRITE_NS + PULSES * PULSE_NS)


def test_hybrid_with_three_levels_and_nothing_gated(tmp_path: Path) -> None:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=2, feature_levels=3)
    changes: Changes = {name: {"bias_gated": False} for name in ("acam", "sense", "wta")}
    changes["engine"] = {"zero_gating": False}
    hand = [
        admitted("buffer", 3, 2) + conv(built, i, 3) + match(built, i, thresholds=2, wake=0) for i in range(2)
    ]
    for one in hand:
        one["engine.mac@conv1"], one["engine.mac_gated@conv1"] = CONV_MACS, 0
    check(tmp_path, built, hand, changes)


def test_hybrid_in_four_tiles_with_pooling(tmp_path: Path) -> None:
    """Two groups of two channels, in each the output rows 0-1 (input rows 0-3) and 2-3 (input rows 3-7)."""
    built = builders.hybrid(side=8, channels=(4,), max_pool=2, n_inputs=2)
    changes = {"engine": {"weight_tile_bytes": 2 * 9, "input_tile_bytes": 5 * 8}}
    hand = []
    for i in range(2):
        nonzero = int(built.evaluation["nonzero_macs"][i, 0])
        tiles = {
            "weights.read@conv1": 2 * ceil(CONV_BITS / 64),  # once a group
            "engine.weight_fill@conv1": 2 * 2 * 9,
            "engine.input_fill@conv1": 2 * (4 + 5) * 8,
            "engine.psum_move@conv1": 4 * 16,
            "buffer.read@conv1": 2 * (4 + 5),  # rows of eight bytes are words
            "engine.mac@conv1": nonzero,
            "engine.mac_gated@conv1": 4 * 16 * 9 - nonzero,
            "post.requantise@conv1": 4 * 16,
            "post.pool@conv1": 4 * 4 * 3,  # three comparisons a window
            "buffer.write@conv1": 4 * ceil(2 * 2 * 8 / 64),  # two channels of two pooled outputs a tile
        }
        hand.append(admitted("buffer", 8, 8) + Hand(tiles) + match(built, i, features=4 * 4))
    done = check(tmp_path, built, hand, changes)
    assert done.n_jobs == 2 * (1 + 2 + 4 + 4 + 4 + 7)  # admit; fetches, loads, computes, writes; from features to class


@pytest.mark.parametrize("residency", ["resident", "reloaded"])
def test_mbi(tmp_path: Path, residency: str) -> None:
    built = builders.mbi(**LOOKUP_SIZES, n_inputs=4)
    hand = [admitted("pixels", 4, 4) + lookups(built, i, 2) + DECIDED for i in range(4)]
    for i, one in enumerate(hand):
        assert [found.nodes for found in by_hand.glimpses(built, i)] == [[2], [2]]
        if residency == "reloaded":
            one.update(reloads(built, i, key_bits=8 + 2, cells=8 + 2))
    changes = {"controller": {"residency": residency}}
    check(tmp_path, built, hand, changes)
    check(tmp_path, built, hand[:1], changes)
    # Four keys of 10 bits and four rows of 2 + 3 x 8 bits are written to the store, and read at power-up as needed.
    keys, rows = 4 * 10, 4 * 26
    nodes = 2 * 48  # a descriptor of 48 bits for the one node of each glimpse's table
    stored, read = ceil((keys + rows + nodes) / 64), ceil((rows + nodes + keys * (residency == "resident")) / 64)
    counts = {"tables.write": stored, "tables.read": read, "values.write": 4 * 1, "controller.descriptor_write": 2}
    time_ns = stored * WRITE_NS + (read + 4) * 10
    if residency == "resident":
        counts["arrays.write"], time_ns = 4 * 10, time_ns + 4 * 10  # a row of 10 ns a key
    check_programming(run(tmp_path, built, 1, changes), counts, time_ns)


def test_mbi_static_power(tmp_path: Path) -> None:
    built = builders.mbi(**LOOKUP_SIZES, n_inputs=2)
    (done,) = run(tmp_path, built, 2, {}).chips
    clocks = dict.fromkeys(("pixels", "extractor", "controller", "tables", "scan", "values", "vote"), 0.5)
    biases = {"arrays.bias": (256 * 2.0, 2 * 4 * 40), "adc.bias": (2.0, 2 * 4 * 20)}  # four keys an input
    # Admit 4, extract 3, two glimpses of route 2, compare 4 twice, convert 2, scan 1, read 1, vote 1; decide 3.
    check_static(done, 2 * 10 * (4 + 3 + 2 * 15 + 3), clocks, biases)


RICH: dict[str, Any] = {
    "side": 12, "n_patches": 5, "hidden_bits": 36, "n_tables": 3, "depth": 2, "branches": 3, "n_inputs": 6,
}  # fmt: skip


@pytest.mark.parametrize("residency", ["resident", "reloaded"])
def test_mbi_with_trees_and_keys_of_two_passes(tmp_path: Path, residency: str) -> None:
    """Patches of 40 bits and hidden codes of 36 bits are four splits: two passes, and two rounds of four converters."""
    built = builders.mbi(**RICH)
    hand = [
        admitted("pixels", 12, 12 * 2) + lookups(built, i, 3, arrays=4, passes=2, rounds=2) + DECIDED for i in range(6)
    ]
    for i, one in enumerate(hand):
        if residency == "reloaded":
            one.update(reloads(built, i, key_bits=76, cells=76))
    assert any(len(found.nodes) > 3 for i in range(6) for found in by_hand.glimpses(built, i))
    check(tmp_path, built, hand, {"controller": {"residency": residency}})


def test_mbi_with_thermometer_columns_and_one_conversion(tmp_path: Path) -> None:
    """Twenty pixels of three columns in splits of 48 and 12 columns, hidden bits in splits of 32 and 4: five arrays."""
    built = builders.mbi(**RICH, metric="manhattan", decision="last")
    changes: Changes = {"arrays": {"metric": "manhattan"}, "adc": {"conversions_per_compare": 1, "bias_gated": False}}
    changes["controller"] = {"residency": "reloaded"}
    hand = []
    for i in range(6):
        one = lookups(built, i, 3, arrays=5, passes=3, rounds=0)
        for g, found in enumerate(by_hand.glimpses(built, i)):
            keys = sum(found.nodes)
            one[f"adc.convert@glimpse{g + 1}"], one[f"scan.add@glimpse{g + 1}"] = keys * 5, keys * (5 - 1)
            one[f"vote.add@glimpse{g + 1}"] = 0
        hand.append(admitted("pixels", 12, 24) + one + reloads(built, i, key_bits=76, cells=20 * 3 + 36))
    check(tmp_path, built, hand, changes)


@pytest.mark.parametrize(("n_tables", "thresholds"), [(1, [9, 36]), (2, [60, 70])])
@pytest.mark.parametrize("abort", ["first_far", "after_all"])
@pytest.mark.parametrize("head", ["argmax", "acam"])
def test_cascade(tmp_path: Path, head: Any, abort: Any, n_tables: int, thresholds: list[int]) -> None:
    """Inputs that are far at the first glimpse, at the second, and never."""
    sizes = {**LOOKUP_SIZES, "n_tables": n_tables, "thresholds": thresholds, "channels": (2,)}
    built = builders.cascade(**sizes, n_inputs=12, head=head, abort=abort)
    ways = {by_hand.entered(built, i) for i in range(12)}
    assert ways == {(1 if abort == "first_far" else 2, True), (2, True), (2, False)}
    hand = [cascade(built, i) for i in range(12)]
    check(tmp_path, built, hand, {})
    check(tmp_path, built, hand[:1], {})
    keys, rows, value_bits, nodes = n_tables * 4, n_tables * 4, 2 // n_tables + 3 * 8, n_tables * 2
    stored = ceil((keys * 10 + rows * value_bits + nodes * 48) / 64)
    weights = ceil((CONV_BITS + (3 * (8 * 8 + 32) if head == "argmax" else 0)) / 64)
    counts = {"tables.write": stored, "tables.read": stored, "values.write": rows, "arrays.write": keys * 10}
    counts |= {"controller.descriptor_write": nodes}
    counts |= {"weights.write": weights} | ({"acam.pulse": PULSES} if head == "acam" else {})
    time_ns = (stored + weights) * WRITE_NS + (stored + rows + keys) * 10
    time_ns += counts.get("acam.pulse", 0) * PULSE_NS
    check_programming(run(tmp_path, built, 1, {}), counts, time_ns)


def test_cascade_static_power(tmp_path: Path) -> None:
    """Far at the first glimpse, answered by the logits: the parts of the ACAM are never busy."""
    built = builders.cascade(**LOOKUP_SIZES, n_inputs=1, channels=(2,), thresholds=[0, 0])
    (done,) = run(tmp_path, built, 1, {}).chips
    half = ("pixels", "extractor", "controller", "tables", "scan", "values", "vote", "buffer", "weights", "post")
    clocks = dict.fromkeys((*half, "binariser"), 0.5) | {"engine": 1.5 * 2 * 2}
    biases = {"arrays.bias": (256 * 2.0, 2 * 40), "adc.bias": (2.0, 2 * 20), "sync.clock": (3.0, 0)}
    biases |= {f"{name}.bias": (2.0, 0) for name in ("acam", "sense", "wta")}
    # Admit 4, extract 2, lookup 15, move 4; fetch 5, compute 20, write 5; load 1, compute 18, write 3; decide 3.
    check_static(done, 10 * (4 + 2 + 15 + 4 + 5 + 20 + 5 + 1 + 18 + 3 + 3), clocks, biases)
