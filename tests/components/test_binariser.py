"""Binariser: a level counts the thresholds that a feature exceeds; ties stay below."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.binariser import BINARISER, BinariserSpec, binarise
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "binariser", 0)
FIELDS = {
    "component": "binariser",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "lanes": 8,
    "compare_pj": 0.25,
    "latch_pj": 0.125,
    "clock_pj": 0.0,
}


def make(**changes: object) -> BinariserSpec:
    return BinariserSpec(**{**FIELDS, **changes})


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(arrays(np.int16, (n, 3)), arrays(np.int8, (4, n)))))
def test_levels_equal_brute_force(case):
    thresholds, x = np.sort(case[0], axis=1), case[1]
    levels = binarise(make(), thresholds, x, DRAWS).y
    assert levels.dtype == np.uint8
    expected = [[sum(value > t for t in thresholds[f]) for f, value in enumerate(row)] for row in x.tolist()]
    assert levels.tolist() == expected


def test_a_feature_at_its_threshold_is_zero():
    thresholds = np.array([[-1], [0], [127], [-129]], dtype=np.int16)
    assert binarise(make(), thresholds, np.zeros((1, 4), dtype=np.int8), DRAWS).y.tolist() == [[1, 0, 0, 1]]


def test_energy_and_cycles_by_hand():
    spec = make()
    result = binarise(spec, np.zeros((784, 1), dtype=np.int16), np.zeros((2, 784), dtype=np.int8), DRAWS)
    energy_pj = sum(
        count * getattr(spec, BINARISER.actions[action]) for action, count in result.activity.items()
    )
    assert energy_pj.tolist() == [784 * 0.25 + 784 * 0.125] * 2
    latency = BINARISER.ops["binarise"].latency(spec).in_cycles(200_000_000)
    assert (latency + result.extra_cycles).tolist() == [784 // 8] * 2


@pytest.mark.parametrize(("n_thresholds", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (255, 8)])
def test_latched_bits_hold_the_levels(n_thresholds, bits):
    thresholds = np.zeros((1, n_thresholds), dtype=np.int16)
    activity = binarise(make(), thresholds, np.zeros((1, 1), dtype=np.int8), DRAWS).activity
    assert activity["latch"].tolist() == [bits]
    assert activity["compare"].tolist() == [n_thresholds]


@pytest.mark.parametrize(
    ("thresholds", "x", "message"),
    [
        ([[0], [0]], [[0]], r"features: got shape \(1, 1\), need \[n_inputs, 2\]"),
        ([[1, 0]], [[0]], "thresholds: got a falling pair"),
        ([[0] * 256], [[0]], "thresholds: got 256 a feature"),
    ],
)
def test_bad_state_or_input_raises(thresholds, x, message):
    with pytest.raises(RangeError, match=message):
        binarise(make(), np.array(thresholds, dtype=np.int16), np.array(x, dtype=np.int8), DRAWS)


def test_impossible_unit_raises():
    with pytest.raises(ValidationError, match="lanes"):
        make(lanes=0)
