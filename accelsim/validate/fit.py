"""Least squares for the laws of the circuit checks: linear, and Levenberg-Marquardt where a law is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

MAX_STEPS = 200
STEP_REL = 1e-6  # of a parameter, for slopes
DONE_REL = 1e-12  # improvement of the sum of squares below which a fit has ended


class Deviation(NamedTuple):
    """Root mean square and largest magnitude of residuals, in their unit."""

    rms: float
    largest: float


def deviation(residuals: Sequence[float] | Vector) -> Deviation:
    """Of residuals, without taking out their mean."""
    values = np.asarray(residuals, dtype=np.float64)
    return Deviation(float(np.sqrt(np.mean(values**2))), float(np.abs(values).max()))


def linear(features: Vector, values: Vector) -> Vector:
    """Coefficients `[k]` of features `[n, k]` that come nearest to values `[n]`.

    Raises:
        ValueError: if the features do not determine them.
    """
    found, _, rank, _ = np.linalg.lstsq(features, values, rcond=None)
    if rank < features.shape[1]:
        raise ValueError(f"fit: got features of rank {rank}, need {features.shape[1]}")
    return np.asarray(found, dtype=np.float64)


def positive(residuals: Callable[[Vector], Vector], start: Sequence[float]) -> Vector:
    """Positive parameters that make the sum of squared residuals least, from a start of the right magnitude.

    Works on their logarithms, so no parameter leaves its sign, and steps are relative.
    """
    at = np.log(np.asarray(start, dtype=np.float64))
    here, damping = residuals(np.exp(at)), 1e-2
    for _ in range(MAX_STEPS):
        slopes = np.stack([_slope(residuals, at, i, here) for i in range(len(at))], axis=1)
        normal, pull = slopes.T @ slopes, slopes.T @ here
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-30), -pull)
        there = residuals(np.exp(at + step))
        gain = float(here @ here - there @ there)
        if np.isfinite(gain) and gain > 0:
            at, here, damping = at + step, there, damping / 3
            if gain < DONE_REL * float(here @ here):
                break
        elif damping > 1e9:
            break
        else:
            damping *= 4
    return np.exp(at)


def _slope(residuals: Callable[[Vector], Vector], at: Vector, index: int, here: Vector) -> Vector:
    moved = at.copy()
    moved[index] += STEP_REL
    return (residuals(np.exp(moved)) - here) / STEP_REL
