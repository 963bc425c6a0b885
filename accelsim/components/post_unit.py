"""What happens to a layer's accumulators on their way back to the buffer: requantise, ReLU, max-pool, write.

*Source*: the integer scheme of `docs/workload-format.md` (multiplier and right shift per output channel).
*Valid for*: int32 accumulators, multipliers 1 … 2^31 - 1, shifts 1 … 62 (int64 inside cannot overflow).
*Not modelled*: stalls for the buffer's port (its words bound the time instead).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import CLOCK, Component, Delay, IntArray, NonNegative, Op, OpResult, OrderedSpec, Static
from accelsim.errors import RangeError
from accelsim.rng import Draws

MAX_SHIFT = 62
INT8_MIN, INT8_MAX = -128, 127


class PostUnitSpec(OrderedSpec):
    """One unit.

    Attributes:
        lanes: accumulators taken in a cycle.
        pipeline_cycles: from the first accumulator to the first word written.
        requantise_pj: one accumulator scaled, shifted and clipped.
        pool_pj: one comparison of max-pooling.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["post_unit"]
    lanes: Annotated[int, Field(ge=1, le=65536)]
    pipeline_cycles: Annotated[int, Field(ge=1, le=1024)]
    requantise_pj: NonNegative
    pool_pj: NonNegative
    clock_pj: NonNegative


def _latency(spec: PostUnitSpec) -> Delay:
    return Delay(cycles=spec.pipeline_cycles)


def _interval(spec: PostUnitSpec) -> Delay:
    return Delay(cycles=1)


def write_back(
    spec: PostUnitSpec, state: None, x: tuple[IntArray | int, IntArray | int, IntArray | int], draws: Draws
) -> OpResult:
    """One tile: `x` = (outputs before pooling, pooling comparisons, words written to the buffer).

    Each is a number or `[n_inputs]`; plain numbers give `[1]`, which broadcasts. The lanes and the buffer's
    port work side by side, so the slower one sets the pace; the first cycle is part of the latency.
    """
    outputs, comparisons, words = (np.atleast_1d(np.asarray(part, dtype=np.int64)) for part in x)
    cycles = np.maximum(-(-outputs // spec.lanes), words)
    return OpResult(None, {"requantise": outputs, "pool": comparisons}, np.maximum(cycles - 1, 0))


def requantise(
    acc: npt.NDArray[np.int32], multiplier: npt.NDArray[np.int32], shift: npt.NDArray[np.uint8], relu: bool
) -> npt.NDArray[np.int8]:
    """Accumulators `[n_inputs, channels, …]` times multiplier / 2^shift (`[channels]` each), as int8.

    Rounded to nearest, halves up, and clipped to -128 … 127, or to 0 … 127 with `relu`.

    Raises:
        RangeError: if a multiplier is not in 1 … 2^31 - 1 or a shift not in 1 … 62.
    """
    if int(multiplier.min()) < 1:
        raise RangeError(f"multiplier: got {multiplier.min()}, need 1 … {2**31 - 1}")
    if int(shift.min()) < 1 or int(shift.max()) > MAX_SHIFT:
        raise RangeError(f"shift: got {shift.min()} … {shift.max()}, need 1 … {MAX_SHIFT}")
    per_channel = (-1, *[1] * (acc.ndim - 2))
    factor = multiplier.astype(np.int64).reshape(per_channel)
    places = shift.astype(np.int64).reshape(per_channel)
    scaled = (acc.astype(np.int64) * factor + (np.int64(1) << (places - 1))) >> places
    y: npt.NDArray[np.int8] = np.clip(scaled, 0 if relu else INT8_MIN, INT8_MAX).astype(np.int8)
    return y


def max_pool(x: npt.NDArray[np.int8], size: int) -> npt.NDArray[np.int8]:
    """Largest value of each non-overlapping size x size window of `[n_inputs, channels, height, width]`.

    Rows and columns that do not fill a window are dropped; size 1 returns `x`, of any shape.
    """
    if size == 1:
        return x
    n_inputs, n_channels, height, width = x.shape
    rows, cols = height // size, width // size
    windows = x[:, :, : rows * size, : cols * size].reshape(n_inputs, n_channels, rows, size, cols, size)
    pooled: npt.NDArray[np.int8] = windows.max(axis=(3, 5))
    return pooled


POST_UNIT = Component(
    name="post_unit",
    spec=PostUnitSpec,
    ops={"write_back": Op(_latency, _interval)},
    actions={"requantise": "requantise_pj", "pool": "pool_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
