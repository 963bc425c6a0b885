"""Minimum scan: weights the codes of a key's splits, adds them, and keeps the smallest sum of a node.

Keys come one after the other; the nearest is the first of those with the smallest total.

*Source:* arXiv 2307.07631 §III-D step 4 (multiply by learned weights, combine the arrays, scan serially).
*Valid for:* one key at a time; integer weights. A key costs one multiplication a split, one comparison, and
one addition less than it has codes: two codes of a split (SLP and SLN) are added before they are weighted.
`count` copies stand for one unit a bank of arrays, of which one works at a time.
*Not modelled:* the width of the registers (sums are exact).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import (
    CLOCK,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    OrderedSpec,
    Static,
    per_input,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

Valid = npt.NDArray[np.bool_]


class MinimumScanSpec(OrderedSpec):
    """One scan unit.

    Attributes:
        accumulate_cycles: from the codes of a key to the updated minimum.
        multiply_pj, add_pj, compare_pj: one operation.
        clock_pj: clock tree, a cycle.
    """

    component: Literal["minimum_scan"]
    accumulate_cycles: Annotated[int, Field(ge=1, le=1000)]
    multiply_pj: NonNegative
    add_pj: NonNegative
    compare_pj: NonNegative
    clock_pj: NonNegative


class Codes(NamedTuple):
    """What the converters deliver.

    Attributes:
        distances: `[n_inputs, k, n_format_splits]`, in codes of the converters; below 0 where noise or an offset
            lifts a sum above its level at no difference.
        valid: which keys exist, `[n_inputs, k]`.
        n_splits: arrays a key fills.
        conversions: codes a split, 1 or 2.
    """

    distances: IntArray
    valid: Valid
    n_splits: int
    conversions: int


class Nearest(NamedTuple):
    """Per input `[n_inputs]`: nearest key (index in its node), its distance, whether others' totals are equal."""

    key: IntArray
    distance: IntArray
    tied: npt.NDArray[np.bool_]


def totals(distances: IntArray, weights: npt.NDArray[np.integer[Any]]) -> IntArray:
    """Weighted sums over the splits, `[n_inputs, k]` int64.

    Args:
        distances: `[n_inputs, k, n_format_splits]` int64.
        weights: `[n_format_splits]` integers.

    Raises:
        RangeError: if there is not one weight a split.
    """
    if weights.shape != distances.shape[2:]:
        raise RangeError(
            f"minimum_scan: got weights {weights.shape}, need {distances.shape[2:]}, one a split"
        )
    sums: IntArray = distances @ weights.astype(np.int64)
    return sums


def nearest(totals: IntArray, valid: Valid) -> Nearest:
    """The first valid key of smallest total; an input without valid keys gives key 0, distance 0, no tie."""
    scanned = np.where(valid, totals, np.iinfo(np.int64).max)
    key = scanned.argmin(axis=1)
    smallest = scanned[np.arange(len(scanned)), key]
    tied = ((scanned == smallest[:, None]) & valid).sum(axis=1) > 1
    return Nearest(key, np.where(valid.any(axis=1), smallest, 0), tied)


def accumulate(
    spec: MinimumScanSpec, state: npt.NDArray[np.integer[Any]], x: Codes, draws: Draws
) -> OpResult:
    """Scan all keys of each input's node.

    Args:
        state: split weights of the glimpse `[n_format_splits]`.

    Returns:
        y: `Nearest`. The activity is that of all keys; a job is one key.

    Raises:
        RangeError: if there is not one weight a split.
    """
    n_keys = x.valid.sum(axis=1, dtype=np.int64)
    activity = {
        "multiply": n_keys * x.n_splits,
        "add": n_keys * (x.n_splits * x.conversions - 1),
        "compare": n_keys,
    }
    return OpResult(nearest(totals(x.distances, state), x.valid), activity, per_input(len(n_keys), 0))


MINIMUM_SCAN = Component(
    name="minimum_scan",
    spec=MinimumScanSpec,
    ops={"accumulate": Op(lambda spec: Delay(cycles=spec.accumulate_cycles))},
    actions={"multiply": "multiply_pj", "add": "add_pj", "compare": "compare_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
