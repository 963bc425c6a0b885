"""Timelines of tiny chips, worked out by hand and written as arithmetic; engine ticks are cycles of 10 ns.

The chips are those of `chips.py`: engine clock 100 MHz (1 tick a cycle), ACAM clock 50 MHz (2 ticks a cycle).
"""

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.chip import Chip
from accelsim.dataflows.block import Block
from accelsim.engines import events
from accelsim.jobs import JobBuilder, Timeline
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS
from accelsim.workload import Workload, load_workload
from tests.dataflows import by_hand, chips
from tests.dataflows.hand_counts import CONV_BITS
from tests.workload import builders


def run(chip: Chip, workload: Workload, n_inputs: int) -> Timeline:
    inputs = np.minimum(np.arange(BLOCK_INPUTS), workload.n_inputs - 1)
    block = Block(0, inputs, np.zeros(BLOCK_INPUTS, dtype=np.int64), seed=0, chip=0)
    jobs = JobBuilder(chip.services, 0, BLOCK_INPUTS)
    DATAFLOWS[chip.spec.kind](chip, workload, Sample(0, 0)).lay(jobs, block)
    table, _ = jobs.build(n_inputs)
    (timeline,) = events.run([table])
    return timeline


def spans(timeline: Timeline, input_number: int) -> list[tuple[str, int, int]]:
    table = timeline.table
    names = [f"{table.services[i].name}.{table.ops[o]}" for i, o in zip(table.instance, table.op, strict=True)]
    return [
        (name, int(start), int(end))
        for name, start, end, number in zip(names, timeline.start, timeline.end, table.input, strict=True)
        if number == input_number
    ]


def edge(tick: int, ticks_per_cycle: int) -> int:
    return ceil(tick / ticks_per_cycle) * ticks_per_cycle


def cnn_spans(begin: int, words: int) -> tuple[list[tuple[str, int, int]], int]:
    """One 3 x 3 convolution, two channels, 2 x 2 outputs, from `words` input words: its jobs, and its end."""
    fetch = 1 + (ceil(CONV_BITS / 64) - 1)  # 10 ns for the first word, one a cycle after that
    load = 1 + (words - 1)
    compute_at = begin + max(fetch, load)
    passes = ceil(2 / 2) * ceil(4 / 2)  # two channels on two columns, four pixels on two rows
    compute = 3 + (passes * 9 - 1)
    write = 2 + (max(ceil(8 / 2), 1) - 1)  # pipeline of 2, eight outputs in two lanes, one word
    jobs = [
        ("weights.fetch", begin, begin + fetch),
        ("buffer.load", begin, begin + load),
        ("engine.compute", compute_at, compute_at + compute),
        ("post.write_back", compute_at + compute, compute_at + compute + write),
    ]
    return jobs, compute_at + compute + write


def test_hybrid(tmp_path: Path) -> None:
    builders.write_hybrid(tmp_path / "w", side=3, channels=(2,), n_inputs=2)
    chip = chips.chip(tmp_path, "hybrid", admission={"max_inputs_in_flight": 2})
    timeline = run(chip, load_workload(tmp_path / "w"), 2)
    admit = ceil(9 * 8 / 64)  # nine pixels of 8 bits, 64 bits a cycle
    cnn, done = cnn_spans(admit, words=ceil(9 / 8))
    binarise = max(1, ceil((8 + 8) / 8))  # sixteen comparators are enough, but features and thresholds are two words
    link = 1 + ceil(0.4)  # one beat of 16 wires, 4 ns of wire
    crossed = edge(done + binarise + link, 2) + 2 * 2  # two stages of the receiving clock
    drive = 2 * ceil(12 / 20)
    search = 2 * ceil((5 + 15.15 + 10) / 20)  # wake, search, combine: one chain, rounded once
    decide = 2 * ceil((5 + 21) / 20)
    sense = 2 * ceil((5 + 8) / 20)
    t = crossed
    back = [
        ("binariser.binarise", done, done + binarise),
        ("link.transfer", done + binarise, done + binarise + link),
        ("sync.cross", edge(done + binarise + link, 2), crossed),
        ("driver.drive", t, t + drive),
        ("acam.search", t + drive, t + drive + search),
        ("wta.decide", t + drive + search, t + drive + search + decide),
        ("sense.sense", t + drive + search + decide, t + drive + search + decide + sense),
    ]
    assert spans(timeline, 0) == [("admission.admit", 0, admit), *cnn, *back]
    # The second input is admitted at once. Its weights wait for the store, its tile for the engine's interval of 18.
    second = {name: (start, end) for name, start, end in spans(timeline, 1)}
    first_compute = cnn[2][1]
    assert second["admission.admit"] == (admit, 2 * admit)
    assert second["weights.fetch"] == (max(2 * admit, admit + 5), max(2 * admit, admit + 5) + 5)
    assert second["buffer.load"] == (2 * admit, 2 * admit + 2)
    assert second["engine.compute"][0] == first_compute + 18
    # From there on nothing of the first is in its way: written back, binarised, sent, and caught by the next ACAM edge.
    written = first_compute + 18 + (3 + 17) + (2 + 3)
    assert second["post.write_back"] == (written - 5, written)
    caught = edge(written + binarise + link, 2)
    assert second["sync.cross"] == (caught, caught + 2 * 2)
    answered = caught + 2 * 2 + drive + search + decide + sense
    assert second["sense.sense"] == (answered - sense, answered)


@pytest.mark.parametrize("readout", ["ramp", "compare_tree"])
def test_hybrid_read_outs(tmp_path: Path, readout: str) -> None:
    built = builders.write_hybrid(tmp_path / "w", seed=3, side=3, channels=(2,), n_inputs=4)
    chip = chips.chip(tmp_path, "hybrid", wta={"readout": readout})
    timeline = run(chip, load_workload(tmp_path / "w"), 4)
    met = []
    for number in range(4):
        ends = {name: end for name, _, end in spans(timeline, number)}
        after = [span for span in spans(timeline, number) if span[1] >= ends["acam.search"]]
        steps = 8 - max(by_hand.matched(built, number).matches) + 1  # of two cycles each
        met.append(steps)
        t = ends["acam.search"]
        if readout == "ramp":
            # Both begin together; a strobe follows every step, so each further step lasts as long for both.
            ramp, strobes = 2 * (ceil(5 / 20) + 2 * steps), 2 * (ceil((5 + 8) / 20) + 2 * (steps - 1))
            assert after == [("sense.sense", t, t + strobes), ("wta.decide", t, t + ramp)]
        else:
            levels = 3  # of eight inputs; a chain, rounded once; latches of its own
            assert after == [("wta.decide", t, t + 2 * ceil((5 + levels * 21) / 20))]
    assert met == [1, 2, 3, 1]


def test_streamed_weights_take_a_cycle_a_word_of_the_buffer(tmp_path: Path) -> None:
    builders.write_hybrid(tmp_path / "w", side=3, channels=(2,), n_inputs=1)
    words, admit = ceil(CONV_BITS / 64), ceil(9 * 8 / 64)
    wide = {"kind": "dram", "word_bits": 512, "access_ns": 25}  # all weights are one word of the store
    for residency, extra in (("streamed", words - 1), ("resident", 0)):
        weights = wide | {"residency": residency} | ({"kind": "nvm"} if residency == "resident" else {})
        timeline = run(chips.chip(tmp_path, "hybrid", weights=weights), load_workload(tmp_path / "w"), 1)
        by_name = {name: (start, end) for name, start, end in spans(timeline, 0)}
        fetch = ceil(25 / 10) + extra
        assert by_name["weights.fetch"] == (admit, admit + fetch)
        assert by_name["engine.compute"][0] == admit + max(fetch, 2)


def lookup_spans(begin: int, n_keys: int) -> tuple[list[tuple[str, int, int]], int]:
    """One flat table of a glimpse whose route starts at `begin` on idle units: its jobs, and its end."""
    route = 2
    compare = ceil((5 + 1 + 3 + 26 + 1 + 1) / 10)  # wake and the five phases
    convert = ceil((5 + 6) / 10)
    jobs = [("controller.route", begin, begin + route)]
    for key in range(n_keys):
        t = begin + route + key * compare  # the sums are held in the second slot while the next key is compared
        jobs += [
            ("arrays.compare", t, t + compare),
            ("adc.convert", t + compare, t + compare + convert),
            ("scan.accumulate", t + compare + convert, t + compare + convert + 1),
        ]
    end = jobs[-1][2]
    jobs += [("values.read", end, end + 1), ("vote.accumulate", end + 1, end + 2)]
    return jobs, end + 2


LOOKUP_SIZES: dict[str, Any] = {
    "side": 4,
    "n_glimpses": 2,
    "n_patches": 1,
    "patch_size": 2,
    "hidden_bits": 2,
    "n_tables": 1,
    "branches": 2,
    "n_classes": 3,
}


def test_mbi(tmp_path: Path) -> None:
    builders.write_mbi(tmp_path / "w", **LOOKUP_SIZES, n_inputs=2)
    chip = chips.chip(tmp_path, "mbi")
    timeline = run(chip, load_workload(tmp_path / "w"), 2)
    admit = 4  # 16 pixels are received in two cycles, and written as four rows, a word each
    # Patch corners (2, 1) and (2, 0): two image rows each, a word a row and cycle, two cycles of pipeline.
    load, extract = 2, 2 + (2 - 1)
    first, first_end = lookup_spans(admit + extract, 2)
    # Locations are fixed: the second glimpse is extracted right after the first, and waits for the hidden code.
    second, second_end = lookup_spans(first_end, 2)
    decide = 1 + (3 - 1)  # serial argmax over three classes
    end = second_end + decide
    expected = [
        ("admission.admit", 0, admit),
        ("pixels.load", admit, admit + load),
        ("extractor.extract", admit, admit + extract),
        *first,
        ("pixels.load", admit + load, admit + 2 * load),
        ("extractor.extract", admit + 2, admit + 2 + extract),
        *second,
        ("vote.decide", second_end, end),
    ]
    assert spans(timeline, 0) == expected
    # One input at a time: the second is the first, shifted by a whole inference.
    assert spans(timeline, 1) == [(name, start + end, stop + end) for name, start, stop in expected]


def test_mbi_without_a_second_slot_compares_and_converts_in_turn(tmp_path: Path) -> None:
    builders.write_mbi(tmp_path / "w", **LOOKUP_SIZES, n_inputs=1)
    chip = chips.chip(tmp_path, "mbi", arrays={"slots": 1})
    timeline = run(chip, load_workload(tmp_path / "w"), 1)
    compares = [start for name, start, _ in spans(timeline, 0) if name == "arrays.compare"]
    assert compares[1] - compares[0] == 4 + 2  # the sum lines are busy until their conversion has ended


def test_mbi_reloads_nodes_when_tables_are_not_resident(tmp_path: Path) -> None:
    builders.write_mbi(tmp_path / "w", **LOOKUP_SIZES, n_inputs=1)
    chip = chips.chip(tmp_path, "mbi", controller={"residency": "reloaded"})
    timeline = run(chip, load_workload(tmp_path / "w"), 1)
    by_name: dict[str, tuple[int, int]] = {}
    for name, start, end in spans(timeline, 0):
        by_name.setdefault(name, (start, end))
    routed = by_name["controller.route"][1]
    fetch = 1 + (ceil(2 * 10 / 64) - 1)  # two keys of ten bits are one word
    assert by_name["tables.fetch"] == (routed, routed + fetch)
    assert by_name["arrays.write_row"] == (routed + fetch, routed + fetch + 2 * 1)  # two rows of 10 ns
    assert by_name["arrays.compare"][0] == routed + fetch + 2


def test_mbi_walks_a_tree_node_by_node(tmp_path: Path) -> None:
    """The route to a child waits for the last key of its parent: the winner is not known before."""
    parts = builders.mbi(**{**LOOKUP_SIZES, "n_glimpses": 1}, n_inputs=2, depth=2)
    patches = np.array([[0x00], [0xFF], [0x0F], [0xF0], [0x33], [0xCC]], dtype=np.uint8)
    parts.model |= {
        "keys": np.concatenate([patches, np.zeros_like(patches)], axis=1),
        "node_start": np.array([0, 2, 4, 6], dtype=np.int32),  # a root of two keys, and a child of two for each
        "key_next": np.array([1, 2, -1, -2, -3, -4], dtype=np.int32),
        "value_hidden": np.zeros((4, 1), dtype=np.uint8),
        "value_votes": np.eye(4, 3, dtype=np.int8),
    }
    builders.write_folder(tmp_path / "w", parts)
    timeline = run(chips.chip(tmp_path, "mbi"), load_workload(tmp_path / "w"), 1)
    admit, (load, extract) = 4, (2, 3)
    root, _ = lookup_spans(admit + extract, 2)
    child, end = lookup_spans(root[-3][2], 2)
    assert root[-3][0] == "scan.accumulate"
    assert spans(timeline, 0) == [
        ("admission.admit", 0, admit),
        ("pixels.load", admit, admit + load),
        ("extractor.extract", admit, admit + extract),
        *root[:-2],
        *child,
        ("vote.decide", end, end + 1 + (3 - 1)),
    ]


@pytest.mark.parametrize("abort", ["first_far", "after_all"])
def test_cascade_extracts_the_next_glimpse_when_it_is_wanted(tmp_path: Path, abort: Any) -> None:
    """With `first_far` a glimpse is not looked at before the one before it is known to be near; else it is at once."""
    built = builders.write_cascade(tmp_path / "w", **LOOKUP_SIZES, n_inputs=2, thresholds=[999, 999], abort=abort)
    assert not built.far.any()
    timeline = run(chips.chip(tmp_path, "cascade"), load_workload(tmp_path / "w"), 1)
    admit, load, extract = 4, 2, 3  # as in test_mbi
    first, first_end = lookup_spans(admit + extract, 2)
    wait = abort == "first_far"
    load_at, extract_at = (first_end, first_end) if wait else (admit + load, admit + 2)
    second, second_end = lookup_spans(first_end + (extract if wait else 0), 2)
    assert spans(timeline, 0) == [
        ("admission.admit", 0, admit),
        ("pixels.load", admit, admit + load),
        ("extractor.extract", admit, admit + extract),
        *first,
        ("pixels.load", load_at, load_at + load),
        ("extractor.extract", extract_at, extract_at + extract),
        *second,
        ("vote.decide", second_end, second_end + 1 + (3 - 1)),
    ]


def test_cascade(tmp_path: Path) -> None:
    """Everything is far at the first glimpse, so the lookups stop there and the CNN (conv and dense) answers."""
    built = builders.write_cascade(tmp_path / "w", **LOOKUP_SIZES, n_inputs=1, channels=(2,), thresholds=[0, 0])
    assert built.far.all()
    assert built.distances[0, 0] > 0
    chip = chips.chip(tmp_path, "cascade")
    timeline = run(chip, load_workload(tmp_path / "w"), 1)
    admit, load, extract = 4, 1, 2  # four image rows are four words; the patch lies outside, so nothing is read
    lookup, t = lookup_spans(admit + extract, 2)
    moved = t + 4  # four rows of image from pixel memory, a word a cycle
    conv, conv_end = cnn_spans(moved, words=2)
    dense_fetch_at = conv[0][2]  # in order, and there is a second slot
    dense_fetch = 1 + (ceil(3 * (8 * 8 + 32) / 64) - 1)
    load = 1  # eight features are one word
    compute_at = conv_end + load
    compute = 3 + (ceil(3 / 2) * ceil(1 / 2) * 8 - 1)  # two passes of eight inputs
    write = 2 + (ceil(3 * 4 / 8) - 1)  # three 32-bit accumulators are two words
    end = compute_at + compute + write
    assert spans(timeline, 0) == [
        ("admission.admit", 0, admit),
        ("pixels.load", admit, admit + load),
        ("extractor.extract", admit, admit + extract),
        *lookup,
        ("pixels.load", t, moved),
        *conv,
        ("weights.fetch", dense_fetch_at, dense_fetch_at + dense_fetch),
        ("buffer.load", conv_end, conv_end + load),
        ("engine.compute", compute_at, compute_at + compute),
        ("post.write_back", compute_at + compute, end),
        ("vote.decide", end, end + 1 + (3 - 1)),
    ]
