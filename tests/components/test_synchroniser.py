"""Synchroniser: a fixed number of cycles, energy a bit, a clock that runs only meanwhile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.synchroniser import SYNCHRONISER, SynchroniserSpec, cross
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "sync", 0)
FIELDS = {
    "component": "synchroniser",
    "die": "acam",
    "clock": "acam",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "stages": 2,
    "transfer_pj": 0.5,
    "clock_pj": 8190.0,
}


def make(**changes: object) -> SynchroniserSpec:
    return SynchroniserSpec(**{**FIELDS, **changes})


def test_energy_and_cycles_by_hand():
    spec = make(stages=3)
    result = cross(spec, None, np.array([784, 0]), DRAWS)
    assert result.activity["transfer"].tolist() == [784, 0]
    assert 784 * getattr(spec, SYNCHRONISER.actions["transfer"]) == 392.0
    latency = SYNCHRONISER.ops["cross"].latency(spec).in_cycles(66_000_000)
    assert (latency + result.extra_cycles).tolist() == [3, 3]


@given(st.integers(0, 10**9))
def test_time_does_not_depend_on_the_bits(bits):
    assert cross(make(), None, bits, DRAWS).extra_cycles.tolist() == [0]


def test_the_clock_runs_only_during_a_crossing():
    clock = SYNCHRONISER.statics["clock"]
    assert (clock.field, clock.when(make()), clock.units(make())) == ("clock_pj", "busy", 1)
    # 784 flip-flops at 66 MHz, 158.2 fJ each = 1 fJ at 16 nm and 0.8 V x 180/16 x (3/0.8)^2
    assert getattr(make(), clock.field) == pytest.approx(784 * 1e-3 * 180 / 16 * (3 / 0.8) ** 2 * 66, rel=1e-3)


@pytest.mark.parametrize("stages", [1, 17])
def test_too_few_or_many_stages_raise(stages):
    with pytest.raises(ValidationError, match="stages"):
        make(stages=stages)
