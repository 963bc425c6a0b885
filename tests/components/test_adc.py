"""ADCs: exact codes, rounds and conversions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.adc import ADC, AdcSpec, Sums, convert, rounds
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "adc", 0)
FIELDS = {
    "component": "adc",
    "die": "mbi",
    "clock": "logic",
    "count": 106,
    "area_um2": 12260.0,
    "leakage_uw": 9.5,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "n_bits": 5,
    "n_adcs": 4,
    "conversions_per_compare": 2,
    "convert_ns": 6.0,
    "convert_pj": 0.254,
    "bias_uw": 10.0,
    "bias_gated": True,
    "wake_ns": 0.5,
    "wake_pj": 0.2,
}


def make(**changes: object) -> AdcSpec:
    return AdcSpec(**{**FIELDS, **changes})


def sums(values: np.ndarray, valid: np.ndarray, access: str = "") -> Sums:
    """Five arrays a key, all in bank 0."""
    return Sums(values, valid, 5, np.zeros(len(values), np.int64), access)


def test_codes_are_exact_whatever_the_resolution():
    distances = np.random.default_rng(0).integers(0, 10**6, (3, 4, 5))
    result = convert(make(n_bits=1), None, sums(distances, np.ones((3, 4), bool)), DRAWS)
    np.testing.assert_array_equal(result.y.distances, distances)
    assert result.y.saturated.tolist() == [0, 0, 0]


def test_energy_and_cycles_by_hand():
    """Three keys of 5 splits, 2 conversions each, on 4 converters: 3 rounds a key."""
    spec = make()
    valid = np.array([[True, True, True, False], [False] * 4])
    result = convert(spec, None, sums(np.zeros((2, 4, 5), np.int64), valid), DRAWS)
    np.testing.assert_array_equal(result.activity["convert"], [3 * 5 * 2, 0])
    np.testing.assert_array_equal(result.activity["wake"], [3 * 3, 0])
    energy_pj = sum(result.activity[a][0] * getattr(spec, f) for a, f in ADC.actions.items() if a != "bus")
    assert energy_pj == pytest.approx(30 * 0.254 + 9 * 0.2)
    assert rounds(spec, 5) * ADC.ops["convert"].latency(spec).in_cycles(10**9) == 3 * 7  # 0.5 + 6 ns at 1 GHz
    assert list(result.extra_cycles) == [0, 0]


def test_bias_that_is_not_gated():
    spec = make(bias_gated=False)
    result = convert(spec, None, sums(np.zeros((1, 2, 5), np.int64), np.ones((1, 2), bool)), DRAWS)
    assert result.activity["wake"] == 0
    assert ADC.ops["convert"].latency(spec).in_cycles(10**9) == 6
    assert (ADC.statics["bias"].when(spec), ADC.statics["bias"].when(make())) == ("always", "busy")


@given(st.integers(1, 100), st.integers(1, 100), st.sampled_from([1, 2]))
def test_rounds_cover_the_conversions(n_splits, n_adcs, conversions):
    spec = make(n_adcs=n_adcs, conversions_per_compare=conversions)
    n = rounds(spec, n_splits)
    assert (n - 1) * n_adcs < n_splits * conversions <= n * n_adcs


@pytest.mark.parametrize(
    "changes", [{"conversions_per_compare": 3}, {"n_bits": 0}, {"n_bits": 17}, {"n_adcs": 0}]
)
def test_wrong_spec(changes):
    with pytest.raises(ValidationError):
        make(**changes)
