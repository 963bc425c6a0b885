"""Minimum scan: weighted totals and the first nearest key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.minimum_scan import MINIMUM_SCAN, Codes, MinimumScanSpec, accumulate, nearest, totals
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "scan", 0)
FIELDS = {
    "component": "minimum_scan",
    "die": "mbi",
    "clock": "logic",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.5,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "accumulate_cycles": 3,
    "multiply_pj": 0.0285,
    "add_pj": 0.0071,
    "compare_pj": 0.005,
    "clock_pj": 16.0,
}


def make(**changes: object) -> MinimumScanSpec:
    return MinimumScanSpec(**{**FIELDS, **changes})


@given(
    arrays(np.int64, (3, 4, 2), elements=st.integers(0, 5)),
    arrays(np.int32, 2, elements=st.integers(1, 127)),
    arrays(np.bool_, (3, 4)),
)
def test_nearest_is_the_first_of_the_smallest_weighted_sums(distances, weights, valid):
    y = accumulate(make(), weights, Codes(distances, valid, 2, 1), DRAWS).y
    for i in range(3):
        sums = [sum(int(d) * int(w) for d, w in zip(key, weights, strict=True)) for key in distances[i]]
        scanned = [(total, k) for k, total in enumerate(sums) if valid[i, k]]
        smallest, first = min(scanned, default=(0, 0))
        assert (y.distance[i], y.key[i]) == (smallest, first)
        assert y.tied[i] == (sum(total == smallest for total, _ in scanned) > 1)


def test_energy_and_cycles_by_hand():
    """Three keys of 5 splits, two codes a split: 5 products, 9 additions and a comparison a key."""
    spec = make()
    valid = np.array([[True, True, True, False], [False] * 4])
    distances = np.ones((2, 4, 5), np.int64)
    result = accumulate(spec, np.ones(5, np.int32), Codes(distances, valid, 5, 2), DRAWS)
    assert {a: list(c) for a, c in result.activity.items()} == {
        "multiply": [3 * 5, 0],
        "add": [3 * (5 * 2 - 1), 0],
        "compare": [3, 0],
    }
    energy_pj = sum(result.activity[a][0] * getattr(spec, f) for a, f in MINIMUM_SCAN.actions.items())
    assert energy_pj == pytest.approx(3 * (5 * 0.0285 + 9 * 0.0071 + 0.005))
    assert MINIMUM_SCAN.ops["accumulate"].latency(spec).in_cycles(10**9) + result.extra_cycles[0] == 3
    np.testing.assert_array_equal(result.y.tied, [True, False])


def test_one_code_a_split_needs_an_addition_less_than_splits():
    result = accumulate(
        make(), np.ones(5, np.int32), Codes(np.ones((1, 1, 5), np.int64), np.ones((1, 1), bool), 5, 1), DRAWS
    )
    assert result.activity["add"] == 5 - 1


def test_large_totals_stay_exact():
    distances = np.full((1, 1, 2), 2**50)
    assert totals(distances, np.array([127, 1]))[0, 0] == 2**50 * 128


def test_a_key_that_does_not_exist_never_wins():
    y = nearest(np.array([[0, 5, 5]]), np.array([[False, True, True]]))
    assert (y.key[0], y.distance[0], y.tied[0]) == (1, 5, True)


def test_one_weight_a_split():
    with pytest.raises(RangeError, match=r"got weights \(4,\), need \(5,\)"):
        totals(np.zeros((1, 1, 5), np.int64), np.ones(4, np.int32))


@pytest.mark.parametrize("changes", [{"accumulate_cycles": 0}, {"multiply_pj": -1.0}])
def test_wrong_spec(changes):
    with pytest.raises(ValidationError):
        make(**changes)


def test_codes_below_zero_are_nearer_still():
    """Noise may lift a sum above its level at no difference; the smallest total wins, and equal totals tie."""
    codes = Codes(np.array([[[0, 1], [-2, 1], [1, -2]]]), np.ones((1, 3), bool), 2, 2)
    y = accumulate(make(), np.array([1, 1], np.int32), codes, DRAWS).y
    assert (y.key[0], y.distance[0], y.tied[0]) == (1, -1, True)
