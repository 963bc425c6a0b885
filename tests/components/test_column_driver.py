"""Column drivers: a column costs energy when its level is not zero."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.column_driver import COLUMN_DRIVER, ColumnDriverSpec, drive
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "driver", 0)
FIELDS = {
    "component": "column_driver",
    "die": "acam",
    "clock": "acam",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "n_columns": 784,
    "settle_ns": 3.0,
    "drive_pj": 0.5,
}


def make(**changes: object) -> ColumnDriverSpec:
    return ColumnDriverSpec(**{**FIELDS, **changes})


def test_activity_equals_brute_force():
    x = np.random.default_rng(0).integers(0, 3, (20, 30), dtype=np.uint8)
    y, activity, extra_cycles = drive(make(), None, x, DRAWS)
    assert y is x
    assert activity["drive"].tolist() == [sum(1 for level in row if level > 0) for row in x]
    assert extra_cycles.tolist() == [0] * 20


def test_energy_and_cycles_by_hand():
    spec = make(settle_ns=16.0)
    x = np.array([[0, 1, 2, 1]], dtype=np.uint8)
    energy_pj = drive(spec, None, x, DRAWS).activity["drive"][0] * getattr(
        spec, COLUMN_DRIVER.actions["drive"]
    )
    assert energy_pj == 3 * 0.5
    # 16 ns at 66 MHz (15.15… ns a cycle) need two cycles.
    latency = COLUMN_DRIVER.ops["drive"].latency(spec)
    assert latency.ns == Fraction(16)
    assert latency.in_cycles(66_000_000) == 2


@given(arrays(np.uint8, st.tuples(st.integers(0, 5), st.integers(1, 40))))
def test_never_drives_more_columns_than_there_are(x):
    driven = drive(make(n_columns=40), None, x, DRAWS).activity["drive"]
    assert driven.dtype == np.int64
    assert ((driven >= 0) & (driven <= x.shape[1])).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((2, 5), np.uint8),
            r"got levels of shape \(2, 5\), need \[n_inputs, at most 4 \(n_columns\)\]",
        ),
        (np.zeros(4, np.uint8), r"got levels of shape \(4,\)"),
        (np.array([[0, -1]]), "got a level of -1, need levels of at least 0"),
    ],
)
def test_out_of_range_raises(x, message):
    with pytest.raises(RangeError, match=message):
        drive(make(n_columns=4), None, x, DRAWS)


@pytest.mark.parametrize(
    "change", [{"n_columns": 0}, {"settle_ns": -1.0}, {"drive_pj": -0.1}, {"volts": 3.0}]
)
def test_impossible_specs_raise(change):
    with pytest.raises(ValidationError):
        make(**change)
