"""Sense amplifiers: as many decisions as asked for, and a wake-up where there is one."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.sense_amps import SENSE_AMPS, SenseAmpsSpec, sense
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "sense", 0)
FIELDS = {
    "component": "sense_amps",
    "die": "acam",
    "clock": "acam",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.14,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "sense_pj": 0.0852,
    "sense_ns": 0.49,
    "bias_uw": 3.0,
    "bias_gated": True,
    "wake_ns": 100.0,
    "wake_pj": 9.0,
}


def make(**changes: object) -> SenseAmpsSpec:
    return SenseAmpsSpec(**{**FIELDS, **changes})


def test_activity_equals_brute_force():
    x = np.array([10, 0, 7850, 1])
    y, activity, extra_cycles = sense(make(), None, x, DRAWS)
    assert y.tolist() == activity["sense"].tolist() == [10, 0, 7850, 1]
    assert activity["wake"].tolist() == [1 if decisions else 0 for decisions in x]
    assert extra_cycles.tolist() == [0] * 4


def test_energy_and_cycles_by_hand():
    spec = make()
    activity = sense(spec, None, np.array([10]), DRAWS).activity
    energy_pj = sum(
        activity[action][0] * getattr(spec, field) for action, field in SENSE_AMPS.actions.items()
    )
    assert energy_pj == pytest.approx(10 * 0.0852 + 1 * 9.0)
    # 100 + 0.49 ns at 66 MHz = 6.63 cycles; without the wake-up 0.03 cycles, and no job is shorter than one.
    latency = SENSE_AMPS.ops["sense"].latency
    assert latency(spec).ns == Fraction(10049, 100)
    assert latency(spec).in_cycles(66_000_000) == 7
    assert latency(make(bias_gated=False)).in_cycles(66_000_000) == 1


def test_bias_and_wake_follow_gating():
    assert SENSE_AMPS.statics["bias"].when(make()) == "busy"
    assert SENSE_AMPS.statics["bias"].when(make(bias_gated=False)) == "always"
    assert sense(make(bias_gated=False), None, np.array([5]), DRAWS).activity["wake"].tolist() == [0]


@given(arrays(np.int64, st.integers(0, 9), elements=st.integers(0, 10**12)), st.booleans())
def test_bounds(x, gated):
    activity = sense(make(bias_gated=gated), None, x, DRAWS).activity
    assert np.array_equal(activity["sense"], x)
    assert activity["wake"].dtype == np.int64
    assert ((activity["wake"] >= 0) & (activity["wake"] <= min(1, int(gated)))).all()


def test_negative_decisions_raise():
    with pytest.raises(RangeError, match="got -1 decisions, need at least 0"):
        sense(make(), None, np.array([3, -1]), DRAWS)


@pytest.mark.parametrize(
    "change", [{"sense_pj": -1.0}, {"sense_ns": -1.0}, {"bias_gated": 1}, {"offset_v": 0.003}]
)
def test_impossible_specs_raise(change):
    with pytest.raises(ValidationError):
        make(**change)
