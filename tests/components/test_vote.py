"""Vote: sums over winners and the class of the largest, or the last class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.vote import VOTE, Ballot, VoteSpec, accumulate, decide, decide_by_margin
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "vote", 0)
FIELDS = {
    "component": "vote",
    "die": "mbi",
    "clock": "logic",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.2,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 8,
    "n_classes_max": 10,
    "add_pj": 0.0071,
    "compare_pj": 0.005,
    "clock_pj": 32.0,
}


def make(**changes: object) -> VoteSpec:
    return VoteSpec(**{**FIELDS, **changes})


@given(arrays(np.int8, (2, 3, 4, 5), elements=st.integers(-128, 127)))
def test_sums_and_the_lowest_of_the_largest(votes):
    """[glimpse, input, winner, class]."""
    running = None
    for glimpse in votes:
        running = accumulate(make(), "vote", Ballot(running, glimpse), DRAWS).y
    verdict = decide(make(), "vote", running, DRAWS).y
    for i in range(3):
        sums = [sum(int(v) for v in votes[:, i, :, c].ravel()) for c in range(5)]
        np.testing.assert_array_equal(running[i], sums)
        assert verdict.winner[i] == sums.index(max(sums))
        assert verdict.tied[i] == (sums.count(max(sums)) > 1)


def test_energy_and_cycles_by_hand():
    """Seven winners with ten votes each, then nine comparisons."""
    spec = make()
    taken = accumulate(spec, "vote", Ballot(None, np.ones((2, 7, 10), np.int8)), DRAWS)
    decided = decide(spec, "vote", taken.y, DRAWS)
    energy_pj = taken.activity["add"][0] * spec.add_pj + decided.activity["compare"][0] * spec.compare_pj
    assert energy_pj == pytest.approx(7 * 10 * 0.0071 + 9 * 0.005)
    assert VOTE.ops["accumulate"].latency(spec).in_cycles(10**9) + taken.extra_cycles[0] == 7
    assert VOTE.ops["decide"].latency(spec).in_cycles(10**9) + decided.extra_cycles[0] == 10


def test_two_slots_are_enough():
    """One for the sums so far, one for those that the next accumulate or decide makes of them."""
    assert make(slots=2).slots == 2


def test_last_takes_the_first_table_and_costs_nothing():
    taken = accumulate(make(), "last", Ballot(None, np.array([[3, 1], [9, 0]], np.uint8)), DRAWS)
    decided = decide(make(), "last", taken.y, DRAWS)
    np.testing.assert_array_equal(decided.y.winner, [3, 9])
    assert not decided.y.tied.any()
    for result in (taken, decided):
        assert not result.extra_cycles.any()
        assert not np.concatenate(list(result.activity.values())).any()


@given(arrays(np.int64, (4, 5), elements=st.integers(-9, 9)), st.integers(1, 9))
def test_the_lead_is_that_of_the_largest_over_the_second_largest(sums, margin):
    lead = decide_by_margin(make(), margin, sums, DRAWS).y
    plain = decide(make(), "vote", sums, DRAWS).y
    for i, row in enumerate(sums.tolist()):
        *_, second, largest = sorted(row)
        assert lead.trusted[i] == (largest - second >= margin)
        assert not (lead.trusted[i] and lead.verdict.tied[i])
    np.testing.assert_array_equal(lead.verdict.winner, plain.winner)
    np.testing.assert_array_equal(lead.verdict.tied, plain.tied)


def test_energy_and_cycles_of_the_margin_by_hand():
    """Of ten sums nine comparisons find the largest, eight the second; the margin is added to it, and one compares."""
    spec = make()
    decided = decide_by_margin(spec, 3, np.arange(20, dtype=np.int64).reshape(2, 10), DRAWS)
    assert decided.activity["compare"].tolist() == [9 + 8 + 1] * 2
    assert decided.activity["add"].tolist() == [1, 1]
    assert VOTE.ops["decide"].latency(spec).in_cycles(10**9) + decided.extra_cycles[0] == 1 + 9 + 8 + 1 + 1
    pair = decide_by_margin(spec, 3, np.array([[4, 1], [3, 1]]), DRAWS)
    assert pair.y.trusted.tolist() == [True, False]
    assert pair.activity["compare"].tolist() == [2, 2]


def test_a_margin_needs_two_classes():
    with pytest.raises(RangeError, match="got 1 class, need at least 2 for a margin"):
        decide_by_margin(make(), 3, np.ones((2, 1), dtype=np.int64), DRAWS)


def test_too_many_classes():
    votes = np.ones((1, 1, 11), np.int8)
    with pytest.raises(RangeError, match="got 11 classes, need 1 to 10"):
        accumulate(make(), "vote", Ballot(None, votes), DRAWS)
    with pytest.raises(RangeError, match="got 11 classes, need 1 to 10"):
        decide(make(), "vote", votes[:, 0].astype(np.int64), DRAWS)


@pytest.mark.parametrize("changes", [{"n_classes_max": 0}, {"add_pj": -1.0}, {"slots": 1}, {"slots": 10**6 + 1}])
def test_wrong_spec(changes):
    with pytest.raises(ValidationError):
        make(**changes)
