"""Winner-take-all: three read-outs, one answer, one tie rule."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.winner_take_all import (
    WINNER_TAKE_ALL,
    Lines,
    Rows,
    WinnerTakeAllSpec,
    decide,
    sense_decisions,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "wta", 0)
READOUTS = ["compare_tree", "ramp", "analog_wta"]
FIELDS = {
    "component": "winner_take_all",
    "die": "acam",
    "clock": "acam",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "readout": "compare_tree",
    "n_inputs_max": 10,
    "decide_pj": 0.085,
    "decide_ns": 4.2,
    "ramp_step_cycles": 2,
    "ramp_step_pj": 0.5,
    "bias_uw": 3.0,
    "bias_gated": True,
    "wake_ns": 100.0,
    "wake_pj": 9.0,
}


def make(**changes: object) -> WinnerTakeAllSpec:
    return WinnerTakeAllSpec(**{**FIELDS, **changes})


def rows(*classes: int, full_scale: int = 784) -> Rows:
    return Rows(np.array(classes, dtype=np.uint8), full_scale)


def energy_pj(spec: WinnerTakeAllSpec, activity: dict) -> float:
    return sum(
        activity[action][0] * getattr(spec, field) for action, field in WINNER_TAKE_ALL.actions.items()
    )


@pytest.mark.parametrize("readout", READOUTS)
def test_winner_and_tie_equal_brute_force(readout):
    rng = np.random.default_rng(0)
    state = rows(*rng.integers(0, 3, 8), full_scale=6)
    x = rng.integers(0, 7, (200, 8))
    winner, tied, *_ = decide(make(readout=readout), state, Lines(x), DRAWS).y
    for i, counts in enumerate(x.tolist()):
        best = [row for row in range(8) if counts[row] == max(counts)]
        assert winner[i] == best[0]
        assert tied[i] == (len({int(state.row_class[row]) for row in best}) > 1)


@pytest.mark.parametrize("readout", READOUTS)
def test_tie_rules_in_words(readout):
    def outcome(classes: list[int], counts: list[int]) -> tuple[int, bool]:
        winner, tied, *_ = decide(make(readout=readout), rows(*classes), Lines(np.array([counts])), DRAWS).y
        return int(winner[0]), bool(tied[0])

    # Two rows of different classes share the largest count: the lower row wins, and the input is tied.
    assert outcome([0, 1, 2], [5, 9, 9]) == (1, True)
    # The same with rows of one class: whichever row wins, the class is the same, so the input is not tied.
    assert outcome([0, 1, 1], [5, 9, 9]) == (1, False)
    # Equal counts below the largest are no tie.
    assert outcome([0, 1, 2], [9, 5, 5]) == (0, False)
    # Three share it, two of one class: one other class is enough.
    assert outcome([1, 1, 2], [9, 9, 9]) == (0, True)
    # All rows without a single match: the first row wins.
    assert outcome([3, 4], [0, 0]) == (0, True)
    # A single row wins whatever it counts.
    assert outcome([3], [0]) == (0, False)


@pytest.mark.parametrize(
    ("n_inputs_max", "levels"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4), (10, 4), (16, 4), (17, 5)]
)
def test_tree_has_log2_levels(n_inputs_max, levels):
    spec = make(n_inputs_max=n_inputs_max, bias_gated=False)
    assert WINNER_TAKE_ALL.ops["decide"].latency(spec).ns == levels * Fraction(42, 10)


def test_compare_tree_by_hand():
    """Ten inputs, four rows used: four levels of time, three latches of energy."""
    spec = make()
    result = decide(spec, rows(0, 1, 2, 3), Lines(np.array([[700, 20, 3, 1]])), DRAWS)
    assert energy_pj(spec, result.activity) == pytest.approx((4 - 1) * 0.085 + 9.0)
    # 100 + 4 * 4.2 = 116.8 ns at 66 MHz = 7.71 cycles.
    assert WINNER_TAKE_ALL.ops["decide"].latency(spec).in_cycles(66_000_000) == 8
    assert result.extra_cycles.tolist() == [0]
    assert sense_decisions(spec, 4, result).tolist() == [0]


def test_ramp_by_hand():
    """From 784 the reference meets 780 at the fifth step: 784, 783, 782, 781, 780."""
    spec, state, x = make(readout="ramp"), rows(0, 1, 2), np.array([[20, 780, 3], [784, 0, 0]])
    result = decide(spec, state, Lines(x), DRAWS)
    assert result.activity["ramp_step"].tolist() == [5, 1]
    assert result.activity["decide"].tolist() == [0, 0]
    assert energy_pj(spec, result.activity) == pytest.approx(5 * 0.5 + 9.0)
    # Wake-up 100 ns at 66 MHz = 6.6, so 7 cycles, and the first step of 2; four further steps of 2.
    assert WINNER_TAKE_ALL.ops["decide"].latency(spec).in_cycles(66_000_000) == 7 + 2
    assert result.extra_cycles.tolist() == [4 * 2, 0]
    # Every row is compared with the reference at every step.
    assert sense_decisions(spec, 3, result).tolist() == [3 * 5, 3 * 1]


def test_analog_wta_by_hand():
    spec, state, x = make(readout="analog_wta"), rows(0, 1, 2), np.array([[20, 780, 3]])
    result = decide(spec, state, Lines(x), DRAWS)
    assert energy_pj(spec, result.activity) == pytest.approx(0.085 + 9.0)
    # 100 + 4.2 ns at 66 MHz = 6.88 cycles.
    assert WINNER_TAKE_ALL.ops["decide"].latency(spec).in_cycles(66_000_000) == 7
    assert result.extra_cycles.tolist() == [0]
    assert sense_decisions(spec, 3, result).tolist() == [3]


def test_bias_and_wake_follow_gating():
    always = make(bias_gated=False)
    assert WINNER_TAKE_ALL.statics["bias"].when(make()) == "busy"
    assert WINNER_TAKE_ALL.statics["bias"].when(always) == "always"
    assert decide(always, rows(0), Lines(np.array([[1]])), DRAWS).activity["wake"].tolist() == [0]


@given(
    arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(1, 10)), elements=st.integers(0, 50)),
    st.sampled_from(READOUTS),
)
def test_bounds(x, readout):
    spec, state = make(readout=readout), rows(*range(x.shape[1]), full_scale=50)
    result = decide(spec, state, Lines(x), DRAWS)
    (winner, tied, *_), activity, extra_cycles = result
    assert ((winner >= 0) & (winner < x.shape[1])).all()
    assert (x[np.arange(len(x)), winner] == x.max(axis=1)).all()
    assert tied.dtype == bool
    assert all(count.dtype == np.int64 and (count >= 0).all() for count in activity.values())
    assert (activity["decide"] <= spec.n_inputs_max - 1).all()
    assert (activity["ramp_step"] <= 51).all()
    assert ((extra_cycles >= 0) & (extra_cycles <= 50 * spec.ramp_step_cycles)).all()
    assert (sense_decisions(spec, x.shape[1], result) <= x.shape[1] * 51).all()


@pytest.mark.parametrize(
    ("state", "x", "message"),
    [
        (rows(), np.zeros((2, 0), np.int64), r"got 0 rows, need 1 to 10 \(n_inputs_max\)"),
        (rows(*range(11)), np.zeros((2, 11), np.int64), r"got 11 rows, need 1 to 10 \(n_inputs_max\)"),
        (rows(0, 1), np.zeros((2, 3), np.int64), r"got counts of shape \(2, 3\), need \[n_inputs, 2\]"),
        (rows(0, 1), np.array([[0, 785]]), r"got counts from 0 to 785, need 0 to 784 \(full scale\)"),
        (rows(0, 1), np.array([[-1, 3]]), r"got counts from -1 to 3, need 0 to 784 \(full scale\)"),
    ],
)
def test_out_of_range_raises(state, x, message):
    with pytest.raises(RangeError, match=message):
        decide(make(), state, Lines(x), DRAWS)


@pytest.mark.parametrize(
    "change",
    [{"readout": "latch_per_row"}, {"n_inputs_max": 0}, {"ramp_step_cycles": 0}, {"decide_ns": -1.0}],
)
def test_impossible_specs_raise(change):
    with pytest.raises(ValidationError):
        make(**change)
