"""What happens to a layer's accumulators on their way back to the buffer: requantise, add, ReLU, max-pool, write.

What is added (a residual connection) is another layer's int8 output, brought to the scale of the accumulators by a
multiplier of its own in each lane, in the same cycle, so that both are rounded once.

*Source*: the integer scheme of `docs/workload-format.md` (multipliers and right shift per output channel).
*Valid for*: int32 accumulators, multipliers 1 … 2^31 - 1, shifts 1 … 62 (int64 inside cannot overflow).
*Not modelled*: stalls for the buffer's ports (the words of each bound the time instead); that reading what is added and
loading the next tile share a read port.
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

MAX_SHIFT = 62
INT8_MIN, INT8_MAX = -128, 127

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]


class Written(NamedTuple):
    """What becomes of a tile.

    Attributes:
        outputs: accumulators that are requantised, before pooling; comparisons: of pooling.
        words: written to the buffer.
        operand_words: of what is added to the outputs, read from the buffer; 0 where nothing is.
    """

    outputs: int
    comparisons: int
    words: int
    operand_words: int = 0


class PostUnitSpec(OrderedSpec):
    """One unit.

    Attributes:
        lanes: accumulators taken in a cycle.
        pipeline_cycles: from the first accumulator to the first word written.
        requantise_pj: one accumulator scaled, shifted and clipped.
        pool_pj: one comparison of max-pooling.
        add_pj: one int8 operand scaled and added to an accumulator; null where the unit cannot add.
        clock_pj: clock tree of one copy, a cycle.
    """

    component: Literal["post_unit"]
    lanes: Annotated[int, Field(ge=1, le=65536)]
    pipeline_cycles: Annotated[int, Field(ge=1, le=1024)]
    requantise_pj: NonNegative
    pool_pj: NonNegative
    add_pj: NonNegative | None = None
    clock_pj: NonNegative


def _latency(spec: PostUnitSpec) -> Delay:
    return Delay(cycles=spec.pipeline_cycles)


def _interval(spec: PostUnitSpec) -> Delay:
    return Delay(cycles=1)


def write_back(spec: PostUnitSpec, state: None, x: Written, draws: Draws) -> OpResult:
    """One tile, the same for every input (`[1]`, which broadcasts).

    The lanes and the buffer's two ports work side by side, so the slowest of them sets the pace; the first cycle is
    part of the latency.

    Raises:
        RangeError: if something is to be added and the unit cannot.
    """
    cycles = max(-(-x.outputs // spec.lanes), x.words, x.operand_words)
    activity = {"requantise": per_input(1, x.outputs), "pool": per_input(1, x.comparisons)}
    if x.operand_words:
        if spec.add_pj is None:
            raise RangeError("post_unit: got outputs to be added, need add_pj (null: the unit cannot add)")
        activity["add"] = per_input(1, x.outputs)
    return OpResult(None, activity, per_input(1, max(cycles - 1, 0)))


def requantise(
    acc: Int32Array,
    multiplier: Int32Array,
    shift: npt.NDArray[np.uint8],
    relu: bool,
    skip: Int8Array | None = None,
    skip_multiplier: Int32Array | None = None,
) -> Int8Array:
    """Accumulators `[n_inputs, channels, …]` times multiplier / 2^shift (`[channels]` each), as int8.

    With `skip` (as `acc`) its product with skip_multiplier / 2^shift (`[channels]`) is added before the one rounding.
    Rounded to nearest, halves up, and clipped to -128 … 127, or to 0 … 127 with `relu`.

    Raises:
        RangeError: if a multiplier is not in 1 … 2^31 - 1 or a shift not in 1 … 62.
    """
    if int(shift.min()) < 1 or int(shift.max()) > MAX_SHIFT:
        raise RangeError(f"shift: got {shift.min()} … {shift.max()}, need 1 … {MAX_SHIFT}")
    places = _per_channel(shift, acc.ndim)
    scaled = acc * _factor("multiplier", multiplier, acc.ndim)
    if skip is not None and skip_multiplier is not None:
        scaled += skip * _factor("skip_multiplier", skip_multiplier, acc.ndim)
    scaled += np.int64(1) << (places - 1)
    scaled >>= places
    y: Int8Array = np.clip(scaled, 0 if relu else INT8_MIN, INT8_MAX).astype(np.int8)
    return y


def _factor(name: str, multiplier: Int32Array, n_axes: int) -> IntArray:
    if int(multiplier.min()) < 1:
        raise RangeError(f"{name}: got {multiplier.min()}, need 1 … {2**31 - 1}")
    return _per_channel(multiplier, n_axes)


def _per_channel(values: npt.NDArray[np.integer[Any]], n_axes: int) -> IntArray:
    """`[channels]` as int64 `[channels, 1, …]` that broadcasts against `n_axes` axes, inputs and channels first."""
    return values.astype(np.int64).reshape(-1, *[1] * (n_axes - 2))


def max_pool(x: Int8Array, size: int) -> Int8Array:
    """Largest value of each non-overlapping size x size window of `[n_inputs, channels, height, width]`.

    Rows and columns that do not fill a window are dropped; size 1 returns `x`, of any shape.
    """
    if size == 1:
        return x
    n_inputs, n_channels, height, width = x.shape
    rows, cols = height // size, width // size
    windows = x[:, :, : rows * size, : cols * size].reshape(n_inputs, n_channels, rows, size, cols, size)
    pooled: Int8Array = windows.max(axis=(3, 5))
    return pooled


POST_UNIT = Component(
    name="post_unit",
    spec=PostUnitSpec,
    ops={"write_back": Op(_latency, _interval)},
    actions={"requantise": "requantise_pj", "pool": "pool_pj", "add": "add_pj"},
    statics={"leakage": Static("leakage_uw"), "clock": CLOCK},
)
