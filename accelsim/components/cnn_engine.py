"""A grid of int8 multiply-accumulate units (PEs) with buffers for a tile of weights, inputs and partial sums.

Output channels lie across the columns, output pixels across the rows; input channels x kernel run in time
(output-stationary). How a layer is cut into tiles is `accelsim/mapping/tiling.py`. The numbers are
integer-exact as `docs/workload-format.md` defines them: products are summed in float64, where every partial
sum is a whole number below 2^53.

*Source*: zero gating as in Eyeriss (Chen et al., JSSC 2017): it saves power on a zero operand, and no time.
*Valid for*: int8 weights and activations, int32 accumulators that do not overflow.
Operands are read from the tile buffers within `mac_pj`; filling them has prices of its own.
*Not modelled*: skipping of zeros in time; stalls of the tile buffers; input rows that two tiles share and that are
kept (they are loaded and written again).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.component import Component, Delay, IntArray, NonNegative, Op, OpResult, OrderedSpec, Static
from accelsim.errors import RangeError
from accelsim.rng import Draws

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Float64Array = npt.NDArray[np.float64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

TileBytes = Annotated[int, Field(ge=1, le=2**40)]
Side = Annotated[int, Field(ge=1, le=65536)]


class CnnEngineSpec(OrderedSpec):
    """One engine.

    Attributes:
        n_pe_rows, n_pe_cols: the grid.
        weight_tile_bytes, input_tile_bytes, psum_tile_bytes: one tile's room; a partial sum takes 4 bytes.
            Double buffering needs two of each: the slots of the instances that fill and empty them say so.
        pipeline_cycles: from the first operands to the first result.
        zero_gating: whether a PE is gated while an operand is zero.
        mac_pj: one multiply-accumulate with its share of tile buffer reads and partial-sum register accesses.
        mac_gated_pj: the same when gated.
        weight_fill_pj, input_fill_pj: one weight or one input written into its tile buffer.
        psum_move_pj: one partial sum set to its bias at the start of a tile, and read for the post unit at its end.
        clock_pj_per_pe: clock tree and idle power of one PE, a cycle.
        clock_gated: whether that power is drawn only while the engine is busy.
    """

    component: Literal["cnn_engine"]
    n_pe_rows: Side
    n_pe_cols: Side
    weight_tile_bytes: TileBytes
    input_tile_bytes: TileBytes
    psum_tile_bytes: TileBytes
    pipeline_cycles: Annotated[int, Field(ge=1, le=1024)]
    zero_gating: bool
    mac_pj: NonNegative
    mac_gated_pj: NonNegative
    weight_fill_pj: NonNegative
    input_fill_pj: NonNegative
    psum_move_pj: NonNegative
    clock_pj_per_pe: NonNegative
    clock_gated: bool


def _latency(spec: CnnEngineSpec) -> Delay:
    return Delay(cycles=spec.pipeline_cycles)


def _interval(spec: CnnEngineSpec) -> Delay:
    return Delay(cycles=1)


def _n_pes(spec: CnnEngineSpec) -> int:
    return spec.n_pe_rows * spec.n_pe_cols


def _clock_when(spec: CnnEngineSpec) -> Literal["always", "busy"]:
    return "busy" if spec.clock_gated else "always"


def compute(spec: CnnEngineSpec, state: None, x: tuple[int, int, IntArray], draws: Draws) -> OpResult:
    """One tile: `x` = (compute cycles, dense multiply-accumulates, those with no zero operand `[n_inputs]`).

    The first cycle is part of the latency: a tile of c cycles takes pipeline_cycles + c - 1, and the next one
    may start after c.

    Raises:
        RangeError: if there are fewer than 0 or more non-zero multiply-accumulates than dense ones.
    """
    cycles, macs, nonzero = x
    if nonzero.size and (int(nonzero.min()) < 0 or int(nonzero.max()) > macs):
        raise RangeError(f"nonzero_macs: got {nonzero.min()} … {nonzero.max()}, need 0 … {macs}")
    full = nonzero.astype(np.int64) if spec.zero_gating else np.full(len(nonzero), macs, dtype=np.int64)
    extra = np.full(len(nonzero), cycles - 1, dtype=np.int64)
    return OpResult(None, {"mac": full, "mac_gated": macs - full}, extra)


def convolve(x: Int8Array, weight: Int8Array, bias: Int32Array, stride: int, padding: int) -> Int32Array:
    """Accumulators of a convolution with zero padding, exact.

    Args:
        x: `[n_inputs, in_channels, in_height, in_width]`.
        weight: `[out_channels, in_channels, kernel, kernel]`.
        bias: `[out_channels]`.

    Returns:
        `[n_inputs, out_channels, out_height, out_width]`.

    Raises:
        RangeError: if an accumulator leaves int32.
    """
    sums = _correlate(x, weight, stride, padding) + bias.reshape(-1, 1, 1)
    return _to_int32(sums)


def dense(x: Int8Array, weight: Int8Array, bias: Int32Array) -> Int32Array:
    """Accumulators of a dense layer, exact.

    Args:
        x: `[n_inputs, …]`, flattened channel-first.
        weight: `[out_features, in_features]`.
        bias: `[out_features]`.

    Returns:
        `[n_inputs, out_features]`.

    Raises:
        RangeError: if an accumulator leaves int32.
    """
    return convolve(_as_pixels(x), weight[:, :, None, None], bias, 1, 0).reshape(len(x), -1)


def nonzero_macs(x: Int8Array, weight: Int8Array, stride: int = 1, padding: int = 0) -> IntArray:
    """Multiply-accumulates whose activation and weight are both non-zero, `[n_inputs]` int64.

    `x` and `weight` as in `convolve`, or as in `dense` when `weight` has two axes; padding counts as zero. An
    activation meets the same kernel positions in every output channel, so one channel with the number of
    non-zero weights at each position is enough.
    """
    kernel = weight if weight.ndim == 4 else weight[:, :, None, None]
    pixels = x if weight.ndim == 4 else _as_pixels(x)
    positions = (kernel != 0).sum(axis=0, keepdims=True)
    sums = _correlate(pixels != 0, positions, stride, padding)
    counts: IntArray = sums.sum(axis=(1, 2, 3)).astype(np.int64)
    return counts


def _as_pixels(x: Int8Array) -> Int8Array:
    return x.reshape(len(x), -1, 1, 1)


def _correlate(x: npt.NDArray[Any], weight: npt.NDArray[Any], stride: int, padding: int) -> Float64Array:
    """The sums of `convolve` without bias, for any whole numbers; one matrix product a kernel position."""
    n_inputs, n_channels, height, width = x.shape
    n_out, kernel = weight.shape[0], weight.shape[2]
    out_height = (height + 2 * padding - kernel) // stride + 1
    out_width = (width + 2 * padding - kernel) // stride + 1
    border = (padding, padding)
    padded = np.pad(x.transpose(1, 0, 2, 3).astype(np.float64), ((0, 0), (0, 0), border, border))
    factors = np.ascontiguousarray(weight.transpose(2, 3, 0, 1), dtype=np.float64)
    sums = np.zeros((n_out, n_inputs * out_height * out_width))
    for row in range(kernel):
        for col in range(kernel):
            rows = slice(row, row + (out_height - 1) * stride + 1, stride)
            cols = slice(col, col + (out_width - 1) * stride + 1, stride)
            sums += factors[row, col] @ padded[:, :, rows, cols].reshape(n_channels, -1)
    return sums.reshape(n_out, n_inputs, out_height, out_width).transpose(1, 0, 2, 3)


def _to_int32(sums: Float64Array) -> Int32Array:
    if sums.size and (sums.min() < INT32_MIN or sums.max() > INT32_MAX):
        found = f"{sums.min():.0f} … {sums.max():.0f}"
        raise RangeError(f"accumulator: got {found}, need {INT32_MIN} … {INT32_MAX} (int32)")
    return sums.astype(np.int32)


CNN_ENGINE = Component(
    name="cnn_engine",
    spec=CnnEngineSpec,
    ops={"compute": Op(_latency, _interval)},
    actions={
        "mac": "mac_pj",
        "mac_gated": "mac_gated_pj",
        "weight_fill": "weight_fill_pj",
        "input_fill": "input_fill_pj",
        "psum_move": "psum_move_pj",
    },
    statics={
        "leakage": Static("leakage_uw"),
        "clock": Static("clock_pj_per_pe", units=_n_pes, when=_clock_when, per_cycle=True),
    },
)
