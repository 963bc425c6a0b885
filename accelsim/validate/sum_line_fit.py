"""Fits the laws of `accelsim/sum_line.py` to what circuits gave; the laws themselves are only called.

The voltage is linear in gain, offset, bows and droop, so each column of the fit is the law with one of them at 1
and the others at 0. The discharge time is not linear, so its fit is iterative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.spice.array_deck import SIDES, Column, counts
from accelsim.sum_line import SumLine, discharge_rel, precharged_v, sum_line_v
from accelsim.validate.fit import linear, positive

Floats = npt.NDArray[np.float64]

COARSE = ("gain_rel", "offset_v")
FULL = (*COARSE, "bow_mm_v", "bow_ml_v", "bow_ll_v", "droop_v")


class Points(NamedTuple):
    """Sum lines that were simulated: differing lines of weight 2 and 1, held ones whose query device is on, volts."""

    n_heavy: Floats
    heavy: Floats
    light: Floats
    held_on: Floats
    volts: Floats


def points(patterns: Sequence[Sequence[Column]], volts: Sequence[tuple[float, float]]) -> Points:
    """One row a sum line, two a pattern."""
    rows = [
        (sum(column.weight == 2 for column in columns), *counts(columns, side), value)
        for columns, both in zip(patterns, volts, strict=True)
        for side, value in zip(SIDES, both, strict=True)
    ]
    return Points(*(np.array(values, dtype=np.float64) for values in zip(*rows, strict=True)))


def predicted_v(line: SumLine, n_columns: int, at: Points) -> Floats:
    """The law, for lines that have settled."""
    total = precharged_v(line, at.n_heavy, n_columns)
    volts = sum_line_v(line, n_columns, total, at.heavy, at.light, at.held_on, np.zeros(len(at.volts)))
    return np.asarray(volts, dtype=np.float64)


def fit_voltage(line: SumLine, n_columns: int, at: Points, names: Sequence[str]) -> SumLine:
    """The line with these coefficients fitted and the others 0."""
    none = dict.fromkeys(FULL, 0.0)
    features = [predicted_v(line.model_copy(update={**none, name: 1.0}), n_columns, at) for name in names]
    found = linear(np.stack(features, axis=1), at.volts)
    values = {name: float(value) for name, value in zip(names, found, strict=True)}
    return line.model_copy(update={**none, **values})


def fit_discharge(line: SumLine, shifts_v: Floats, t50_ns: Floats) -> SumLine:
    """The line with t50, overdrive, exponent and weights fitted to the logarithm of simulated times."""

    def with_values(values: Floats) -> SumLine:
        t50, overdrive, exponent, row, query = (float(value) for value in values)
        every = row + query + 1  # weights relative to that of the stored-bit device
        weights = {"row_weight_rel": row / every, "query_weight_rel": query / every}
        law = {"t50_ns": t50, "v_overdrive_v": overdrive, "exponent_rel": exponent}
        return line.model_copy(update={**law, **weights})

    def residuals(values: Floats) -> Floats:
        return log_time_errors(with_values(values), shifts_v, t50_ns)

    start = (float(np.median(t50_ns)), 2 * float(np.abs(shifts_v).max()), 2.0, 1.0, 1.0)
    return with_values(positive(residuals, start))


def log_time_errors(line: SumLine, shifts_v: Floats, t50_ns: Floats) -> Floats:
    """Logarithm of the law's discharge time over the simulated one, a number a cell."""
    return np.asarray(np.log(line.t50_ns * discharge_rel(line, shifts_v) / t50_ns), dtype=np.float64)
