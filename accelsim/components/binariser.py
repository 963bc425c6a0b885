"""Turns int8 features into the few levels that the ACAM is driven with, and latches them.

*Source*: per-feature mean thresholds, arXiv 2502.10089; level rule of `docs/workload-format.md`.
*Valid for*: int8 features, 1 … 255 ascending thresholds a feature.
*Not modelled*: reading the features from the buffer (that is the buffer's load), loading the thresholds.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import CLOCK, Component, Delay, NonNegative, Op, OpResult, ServedSpec, Static, per_input
from accelsim.errors import RangeError
from accelsim.rng import Draws


class BinariserSpec(ServedSpec):
    """One bank of comparators.

    Attributes:
        lanes: comparators that work side by side.
        compare_pj: one comparison of a feature with a threshold.
        latch_pj: one bit of a level latched.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["binariser"]
    lanes: Annotated[int, Field(ge=1, le=65536)]
    compare_pj: NonNegative
    latch_pj: NonNegative
    clock_pj: NonNegative


def _latency(spec: BinariserSpec) -> Delay:
    return Delay(cycles=1)


def binarise(
    spec: BinariserSpec, state: npt.NDArray[np.int16], x: npt.NDArray[np.int8], draws: Draws
) -> OpResult:
    """Level of each feature: how many of its thresholds it exceeds.

    Args:
        state: thresholds, `[n_features, n_levels - 1]`, ascending.
        x: `[n_inputs, n_features]`.

    Returns:
        levels `[n_inputs, n_features]` uint8. A feature takes n_levels - 1 comparisons, and as many latched
        bits as its level needs.

    Raises:
        RangeError: if shapes do not fit or thresholds do not ascend.
    """
    n_features, n_thresholds = state.shape
    if x.ndim != 2 or x.shape[1] != n_features:
        raise RangeError(f"features: got shape {x.shape}, need [n_inputs, {n_features}]")
    if not 1 <= n_thresholds <= 255:
        raise RangeError(f"thresholds: got {n_thresholds} a feature, need 1 … 255")
    if np.any(state[:, 1:] < state[:, :-1]):
        raise RangeError("thresholds: got a falling pair, need them ascending")
    levels = np.zeros(x.shape, dtype=np.uint8)
    for threshold in state.T:
        levels += x > threshold
    comparisons = n_features * n_thresholds
    activity = {
        "compare": per_input(len(x), comparisons),
        "latch": per_input(len(x), n_features * n_thresholds.bit_length()),
    }
    return OpResult(levels, activity, per_input(len(x), -(-comparisons // spec.lanes) - 1))


BINARISER = Component(
    name="binariser",
    spec=BinariserSpec,
    ops={"binarise": Op(_latency)},
    actions={"compare": "compare_pj", "latch": "latch_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
