"""Parts that a spec may leave out: level shifters, pumps of boosted gates, the bus of shared converters."""

from __future__ import annotations

from math import ceil
from pathlib import Path

from tests.dataflows.hand_counts import CONV_BITS, admitted, conv, match
from tests.dataflows.test_hand_ledger import PULSE_NS, PULSES, Changes, check, check_programming, run
from tests.dataflows.test_hand_timelines import LOOKUP_SIZES
from tests.workload import builders


def test_a_memory_on_the_supply_of_the_logic_has_no_level_shifters(tmp_path: Path) -> None:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=1)
    changes: Changes = {"buffer": {"level_shift_pj": None}, "weights": {"level_shift_pj": None, "write_ns": None}}
    check(tmp_path, built, [admitted("buffer", 3, 2) + conv(built, 0, 3) + match(built, 0)], changes, {})
    words = ceil(CONV_BITS / 64)  # written in their access time of 10 ns
    counts = {"weights.write": words, "acam.pulse": PULSES}
    check_programming(run(tmp_path, built, 1, changes), counts, words * 10 + PULSES * PULSE_NS)


def test_arrays_without_boosted_gates_beside_converters_of_their_own(tmp_path: Path) -> None:
    built = builders.mbi(**LOOKUP_SIZES, n_inputs=1)
    changes: Changes = {"arrays": {"boost_pj": None}, "adc": {"bus_pj": None}, "controller": {"level_shift_pj": None}}
    (done,) = run(tmp_path, built, 1, changes).chips
    assert {(row.instance, row.action) for row in done.ledger} & {
        ("arrays", "boost"),
        ("adc", "bus"),
        ("controller", "level_shift"),
    } == set()
