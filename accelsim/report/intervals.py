"""Intervals, quantiles and means of what was counted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson_interval(p: float, trials: int) -> list[float]:
    """95 % Wilson score interval of a proportion `p` seen in so many trials."""
    z2 = Z95**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    return [max(0.0, centre - half), min(1.0, centre + half)]


def quantiles(values: npt.NDArray[Any]) -> dict[str, float]:
    """Mean, p50, p99 and maximum over the inputs of a chip."""
    # "higher": a quantile is a value that occurred, so integer ticks stay exact.
    p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
    return {"mean": float(values.mean()), "p50": float(p50), "p99": float(p99), "max": float(values.max())}


def mean_of_dicts(parts: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each key."""
    return {key: math.fsum(part[key] for part in parts) / len(parts) for key in parts[0]}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, deviation and percentiles of a figure over two or more chips.

    The deviation is that of a sample (n - 1). A percentile is a value that occurred: the least one that at least so
    many per cent of the chips do not exceed (p5 of 20 chips is the lowest, of 21 the second lowest).
    """
    ordered = sorted(values)
    ranks = {f"p{percent}": -(-len(ordered) * percent // 100) for percent in (5, 50, 95)}
    return {
        "mean": statistics.mean(values),
        "std": statistics.stdev(values),
        **{name: ordered[rank - 1] for name, rank in ranks.items()},
        "min": ordered[0],
        "max": ordered[-1],
    }
