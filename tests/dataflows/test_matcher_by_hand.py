"""The digital matcher on the tiny chips, by hand: ledger, timeline, programming and static power.

The CNN and what precedes the matcher are those of `test_hand_timelines.py` and `hand_counts.py`. What the matcher does
is worked out here from the stored templates: five rows of eight features, words of 16 bits in groups of four.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from accelsim import account
from accelsim.run import Run, RunOptions, simulate
from accelsim.workload import load_workload
from tests.dataflows import by_hand, chips
from tests.dataflows.hand_counts import CONV_BITS, Hand, admitted, cascade, conv, match, with_riders
from tests.dataflows.test_hand_timelines import LOOKUP_SIZES, cnn_spans, edge, spans
from tests.dataflows.test_hand_timelines import run as run_timeline
from tests.workload import builders
from tests.workload.parts import Built

ROWS, FEATURES, GROUP, WORD = 5, 8, 4, 16
ADDRESS = 5  # 64 bytes are 32 words
Changes = dict[str, dict[str, Any]]


class Stored(NamedTuple):
    """Bits of a cell, words of all templates, and pairs of a word and a row that has cells in it."""

    bits: int
    words: int
    pieces: int


def stored(built: Built) -> Stored:
    levels = built.manifest["acam"]["feature_levels"]
    binary = levels == 2
    free = binary and (built.model["template_low"] != built.model["template_high"]).any()
    bits = 2 if free else 1 if binary else 2 * (levels - 1).bit_length()
    groups = ceil(FEATURES / (GROUP // bits))  # of a row, four in a word
    places = []  # row of each group in the order of the words: first all rows' first four groups, and so on
    for first in range(0, groups, 4):
        for row in range(ROWS):
            places += [row] * min(4, groups - first)
    return Stored(bits, ceil(len(places) / 4), len({(place // 4, row) for place, row in enumerate(places)}))


def matched(built: Built, number: int) -> Hand:
    """As the analog way up to the synchroniser, then the matcher."""
    found, levels = stored(built), built.manifest["acam"]["feature_levels"]
    hand = match(built, number, thresholds=levels - 1)
    hand = Hand({site: count for site, count in hand.items() if site.partition(".")[0] in chips.DIGITAL | chips.CNN})
    return hand + Hand(
        {
            "matcher.read@match": found.words,
            "matcher.level_shift@match": found.words * ADDRESS,
            "matcher.load@match": FEATURES * (levels - 1).bit_length(),
            "matcher.compare@match": ROWS * FEATURES * found.bits,
            "matcher.count@match": ROWS * FEATURES,
            "matcher.accumulate@match": found.pieces,
            "matcher.maximum@match": ROWS,
        }
    )


def run(folder: Path, kind: str, built: Built, n_inputs: int, **changes: dict[str, Any]) -> Run:
    builders.write_folder(folder / "w", built)
    return simulate(chips.spec(folder, kind, **changes), load_workload(folder / "w"), RunOptions(n_inputs))


def check(finished: Run, kind: str, hand: list[Hand]) -> None:
    (done,) = finished.chips
    dynamic = [row for row in done.ledger if row.phase != "static"]
    assert {f"{r.instance}.{r.action}@{r.phase}": r.count for r in dynamic if r.count} == +sum(hand, Counter())
    unit = {f"{r.instance}.{r.action}@{r.phase}": chips.INSTANCES[kind][r.instance][f"{r.action}_pj"] for r in dynamic}
    energies = [sum(count * unit[site] for site, count in (+one).items()) for one in hand]
    assert done.columns["energy_dynamic_pj"].tolist() == pytest.approx(energies, rel=1e-12)


@pytest.mark.parametrize(("levels", "bits", "words"), [(2, 1, 3), (2, 2, 5), (3, 4, 10)])
def test_hybrid_ledger(tmp_path: Path, levels: int, bits: int, words: int) -> None:
    built = builders.hybrid(seed=3, side=3, channels=(2,), n_inputs=4, feature_levels=levels)
    if bits == 1:
        built.model["template_high"] = built.model["template_low"]
    assert stored(built)[:2] == (bits, words)
    hand = [admitted("buffer", 3, ceil(9 * 8 / 64)) + conv(built, i, 3) for i in range(4)]
    hand = [with_riders(one + matched(built, i)) for i, one in enumerate(hand)]
    finished = run(tmp_path, "hybrid_digital", built, 4)
    check(finished, "hybrid_digital", hand)
    (done,) = finished.chips
    answers = [by_hand.matched(built, i).answer for i in range(4)]
    assert done.columns["predicted"].tolist() == [answer.predicted for answer in answers]
    assert done.columns["tied"].tolist() == [answer.tied for answer in answers]


@pytest.mark.parametrize("abort", ["first_far", "after_all"])
def test_cascade_ledger(tmp_path: Path, abort: Any) -> None:
    sizes: dict[str, Any] = {**LOOKUP_SIZES, "thresholds": [9, 36], "channels": (2,)}
    built = builders.cascade(**sizes, n_inputs=12, head="acam", abort=abort)
    far = [by_hand.entered(built, i)[1] for i in range(12)]
    assert any(far)
    assert not all(far)
    hand = []
    for number, fell_back in enumerate(far):
        one = cascade(built, number)
        hand.append(with_riders(one - match(built, number) + matched(built, number) if fell_back else one))
    check(run(tmp_path, "cascade_digital", built, 12), "cascade_digital", hand)


def test_timeline_programming_and_static_power(tmp_path: Path) -> None:
    """The second die runs at 50 MHz, 2 ticks a cycle; one input, binary templates with "don't care" in five words."""
    built = builders.hybrid(side=3, channels=(2,), n_inputs=1)
    builders.write_folder(tmp_path / "w", built)
    timeline = run_timeline(chips.chip(tmp_path, "hybrid_digital"), load_workload(tmp_path / "w"), 1)
    admit = ceil(9 * 8 / 64)
    cnn, done = cnn_spans(admit, words=ceil(9 / 8))
    binarise, link = 2, 2
    caught = edge(done + binarise + link, 2)
    crossed = caught + 2 * 2
    found = stored(built)
    assert found.words == 5
    # A cycle for the first word (12 ns of 20), three of pipeline, four more words, four more rows.
    cycles = 1 + 3 + (5 - 1) + (ROWS - 1)
    end = crossed + 2 * cycles
    assert spans(timeline, 0) == [
        ("admission.admit", 0, admit),
        *cnn,
        ("binariser.binarise", done, done + binarise),
        ("link.transfer", done + binarise, done + binarise + link),
        ("sync.cross", caught, crossed),
        ("matcher.match", crossed, end),
    ]
    finished = run(tmp_path, "hybrid_digital", built, 1)
    (ran,) = finished.chips
    assert ran.makespan == end
    static = {(row.instance, row.action): row.energy_pj for row in ran.ledger if row.phase == "static"}
    makespan_ns = 10 * end
    assert static["matcher", "leakage"] == pytest.approx(1.0 * makespan_ns / 1000)
    assert static["matcher", "memory_leakage"] == pytest.approx(0.25 * makespan_ns / 1000)
    assert static["matcher", "clock"] == pytest.approx(0.7 * cycles)  # only while it matches
    ungated = run(tmp_path, "hybrid_digital", built, 1, matcher={"clock_gated": False}).chips[0]
    (clock,) = [row for row in ungated.ledger if (row.instance, row.action) == ("matcher", "clock")]
    assert clock.energy_pj == pytest.approx(0.7 * end / 2)
    written = account.programming(finished.chip, ran.programmed)
    assert written["by_action"]["matcher.write"] == {"count": 5, "unit_pj": 0.41, "energy_pj": 5 * 0.41}
    weights_ns = ceil(CONV_BITS / 64) * 30  # 25 ns a word are three cycles of 10 ns
    assert written["time_s"] == pytest.approx((weights_ns + 5 * 20) * 1e-9)


def test_several_inputs_under_way(tmp_path: Path) -> None:
    """A slow matcher makes the others wait; each input's answer is its own."""
    built = builders.hybrid(seed=1, side=3, channels=(2,), n_inputs=8)
    changes = {"admission": {"max_inputs_in_flight": 4}, "matcher": {"access_ns": 400}}
    (done,) = run(tmp_path, "hybrid_digital", built, 8, **changes).chips
    assert done.columns["predicted"].tolist() == [by_hand.matched(built, i).answer.predicted for i in range(8)]
    (busy,) = [share for name, share in done.shares.items() if name == "matcher"]
    per_input = 20 + 3 + (5 - 1) + (ROWS - 1)  # 400 ns are twenty cycles
    assert busy.busy == 8 * per_input * 2
