"""Distance arrays: SRAM arrays that compare a query with one stored key a row, all columns at once.

Lines are reset, precharged to a level that follows the significance of the column's bit, discharged where
query and key differ, and shared onto a sum line (SLP for one direction of difference, SLN for the other). The
sum of an array is one split of the distance; the splits of a key lie in several arrays, compared in parallel.

- `circuit`: what the array computes, bit-weighted Hamming distance: a column of significance j adds 2^j.
- `manhattan`: |q - k| of a pixel, from a thermometer code of `2^pixel_bits - 1` columns a pixel of weight 1.

A split of the workload has one weight, so the columns of different splits never share an array.

*Source:* arXiv 2307.07631 §III-D steps 1 to 3. Its equations are called Manhattan there; summing SLP and SLN
of 2-bit columns gives bit-weighted Hamming, which differs for the pair (1, 2). The paper gives no timing.
*Valid for:* one key at a time in each set of `n_splits` arrays; `n_cols` a divisor of 32, the columns of a
split in docs/workload-format.md. A key of more splits than `n_splits` is compared in several passes, a row in
each: its jobs take `passes` times the op's cycles. Unused arrays of the last pass stay off.
*Assumed:* the query register holds 0 when an input starts, keeps its bits between glimpses, and has columns
for every split of a key, whatever the passes; `query_toggle` counts the changes of this one register.
*Not modelled:* mismatch, incomplete discharge, droop of held lines, loading of the sum line, query bits that
are wrong at the far end of a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.component import (
    BIAS,
    Component,
    Delay,
    IntArray,
    NonNegative,
    Op,
    OpResult,
    OrderedSpec,
    Positive,
    Programmed,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.units import exact

Bits = npt.NDArray[np.uint8]

SPLIT_COLUMNS = 32
"""Columns of a split in docs/workload-format.md."""
MAX_PIXEL_BITS = 8


class DistanceArraySpec(OrderedSpec):
    """`count` arrays in sets of `n_splits`.

    Attributes:
        n_rows, n_cols: of one array.
        n_splits: arrays that compare one key in parallel.
        metric: module docstring.
        reset_ns, precharge_ns, evaluate_ns, share_ns, sample_ns: the phases of a compare.
        row_write_ns: writing one row of a set.
        compare_pj: one array comparing one row; precharge_pj: precharging its lines for that.
        query_toggle_pj: one column of the query register that changes.
        write_pj: one bit written.
        bias_uw: bias of one array; bias_gated: off between compares.
        wake_ns, wake_pj: what switching on takes, each compare, when it is gated.
    """

    component: Literal["distance_array"]
    n_rows: Annotated[int, Field(ge=1, le=10**5)]
    n_cols: Annotated[int, Field(ge=1, le=SPLIT_COLUMNS)]
    n_splits: Annotated[int, Field(ge=1, le=1024)]
    metric: Literal["circuit", "manhattan"]
    reset_ns: NonNegative
    precharge_ns: Positive
    evaluate_ns: Positive
    share_ns: NonNegative
    sample_ns: NonNegative
    row_write_ns: Positive
    compare_pj: NonNegative
    precharge_pj: NonNegative
    query_toggle_pj: NonNegative
    write_pj: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative

    @property
    def n_sets(self) -> int:
        """Sets of arrays that hold different keys."""
        return self.count // self.n_splits

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.count % self.n_splits:
            raise ValueError(f"count: got {self.count}, need a multiple of n_splits {self.n_splits}")
        if SPLIT_COLUMNS % self.n_cols:
            raise ValueError(f"n_cols: got {self.n_cols}, need a divisor of {SPLIT_COLUMNS} (a split)")
        return self


@dataclass(frozen=True, eq=False)
class Layout:
    """How a key lies in the arrays.

    Attributes:
        metric: as in the spec.
        patch_bits, pixel_bits, hidden_bits: of the workload.
        n_splits: arrays a key fills.
        n_cells: cells a key fills, bits to write.
        parts: `[n_differences, n_format_splits]` float32, what a difference (`circuit`: of a bit,
            `manhattan`: of a pixel or a hidden bit) adds to the distance of each split of the workload.
    """

    metric: Literal["circuit", "manhattan"]
    patch_bits: int
    pixel_bits: int
    hidden_bits: int
    n_splits: int
    n_cells: int
    parts: npt.NDArray[np.float32]

    @property
    def n_columns(self) -> int:
        """Bits of a key or query as the workload stores it."""
        return self.patch_bits + self.hidden_bits


class Comparison(NamedTuple):
    """Bits of queries `[n_inputs, n_columns]` and keys `[n_inputs, k, n_columns]`; which keys exist."""

    query: Bits
    keys: Bits
    valid: npt.NDArray[np.bool_]


def split_layout(spec: DistanceArraySpec, patch_bits: int, pixel_bits: int, hidden_bits: int) -> Layout:
    """Lay keys of `patch_bits` (pixels of `pixel_bits`) and `hidden_bits` out in the arrays.

    Raises:
        RangeError: if the patch is no whole number of pixels, or a pixel would lie in two splits.
    """
    if not 1 <= pixel_bits <= MAX_PIXEL_BITS or patch_bits < 1 or patch_bits % pixel_bits or hidden_bits < 0:
        raise RangeError(
            f"distance_array: got {patch_bits} patch bits, {pixel_bits} a pixel, {hidden_bits} hidden bits; "
            f"need whole pixels of 1 to {MAX_PIXEL_BITS} bits"
        )
    if SPLIT_COLUMNS % pixel_bits and spec.metric == "manhattan":
        raise RangeError(f"distance_array: got {pixel_bits} bits a pixel, need 1, 2, 4 or 8 for manhattan")
    n_pixels = patch_bits // pixel_bits
    if spec.metric == "circuit":
        patch_split = np.arange(patch_bits) // SPLIT_COLUMNS
        patch_weight, patch_cells = np.tile(2 ** np.arange(pixel_bits)[::-1], n_pixels), 1
    else:
        patch_split = np.arange(n_pixels) * pixel_bits // SPLIT_COLUMNS
        patch_weight, patch_cells = np.ones(n_pixels, dtype=np.int64), 2**pixel_bits - 1
    split = np.concatenate([patch_split, patch_split[-1] + 1 + np.arange(hidden_bits) // SPLIT_COLUMNS])
    parts = np.zeros((len(split), split[-1] + 1), dtype=np.float32)
    parts[np.arange(len(split)), split] = np.concatenate([patch_weight, np.ones(hidden_bits, dtype=np.int64)])
    split_cells = np.bincount(split) * np.where(np.arange(parts.shape[1]) <= patch_split[-1], patch_cells, 1)
    n_splits = int((-(-split_cells // spec.n_cols)).sum())
    return Layout(spec.metric, patch_bits, pixel_bits, hidden_bits, n_splits, int(split_cells.sum()), parts)


def passes(spec: DistanceArraySpec, layout: Layout) -> int:
    """Passes, and rows, that one key takes."""
    return -(-layout.n_splits // spec.n_splits)


def _differences(layout: Layout, a: Bits, b: Bits) -> Bits:
    """By how much bits, or (manhattan) pixels and then hidden bits, differ: `[..., n_differences]` uint8."""
    if layout.metric == "circuit":
        return a ^ b
    pixels = np.abs(_levels(layout, a) - _levels(layout, b)).astype(np.uint8)
    return np.concatenate([pixels, a[..., layout.patch_bits :] ^ b[..., layout.patch_bits :]], axis=-1)


def _levels(layout: Layout, bits: Bits) -> npt.NDArray[np.int16]:
    """Pixels of the patch part, `[..., n_pixels]`."""
    pixels = bits[..., : layout.patch_bits].reshape(*bits.shape[:-1], -1, layout.pixel_bits)
    significance = (2 ** np.arange(layout.pixel_bits)[::-1]).astype(np.int16)
    levels: npt.NDArray[np.int16] = (pixels * significance).sum(axis=-1, dtype=np.int16)
    return levels


def distances(layout: Layout, query: Bits, keys: Bits) -> IntArray:
    """Distance of every key in each split of the workload.

    Args:
        query: bits `[n_inputs, n_columns]`.
        keys: bits `[n_inputs, k, n_columns]`.

    Returns:
        `[n_inputs, k, n_format_splits]` int64 (float32 inside is exact: integers far below 2^24).

    Raises:
        RangeError: if the shapes do not fit, or a bit is neither 0 nor 1.
    """
    n, columns = query.shape
    if columns != layout.n_columns or keys.shape[::2] != (n, columns):
        raise RangeError(
            f"distance_array: got query {query.shape} and keys {keys.shape}, "
            f"need {layout.n_columns} columns in both"
        )
    if query.max(initial=0) > 1 or keys.max(initial=0) > 1:
        raise RangeError("distance_array: got a bit that is neither 0 nor 1, need unpacked bits")
    every = _differences(layout, query[:, None], keys)
    sums: npt.NDArray[np.float32] = every.reshape(-1, every.shape[-1]).astype(np.float32) @ layout.parts
    return sums.astype(np.int64).reshape(*keys.shape[:2], -1)


def query_toggles(layout: Layout, query: Bits, previous: Bits | None) -> IntArray:
    """Columns of the query register that change, `[n_inputs]` int64; `previous` None: the register holds 0.

    Thermometer columns for `manhattan`: a pixel that moves by d levels changes d of them.
    """
    before = np.zeros_like(query) if previous is None else previous
    toggles: IntArray = _differences(layout, query, before).sum(axis=1, dtype=np.int64)
    return toggles


def compare(spec: DistanceArraySpec, state: Layout, x: Comparison, draws: Draws) -> OpResult:
    """Compare each input's query with its keys, one key after the other.

    Returns:
        y: distances `[n_inputs, k, n_format_splits]` int64 (arbitrary where a key does not exist).
        The activity is that of all keys; a job is one key and takes `passes` times the op's cycles.

    Raises:
        RangeError: if the shapes do not fit, or a bit is neither 0 nor 1.
    """
    y = distances(state, x.query, x.keys)
    n_keys = x.valid.sum(axis=1, dtype=np.int64)
    activity = {
        "compare": n_keys * state.n_splits,
        "precharge": n_keys * state.n_splits,
        "wake": n_keys * (passes(spec, state) * int(spec.bias_gated)),
    }
    return OpResult(y, activity, per_input(len(y), 0))


def write_row(spec: DistanceArraySpec, state: Layout, x: IntArray, draws: Draws) -> OpResult:
    """Write keys that were fetched from the table store into rows; the op's latency is that of one row.

    Args:
        x: keys `[n_inputs]` int64.

    Returns:
        y: rows to write, one after the other, `[n_inputs]` int64.
    """
    return OpResult(x * passes(spec, state), {"write": x * state.n_cells}, per_input(len(x), 0))


def program(spec: DistanceArraySpec, stored: tuple[Layout, int], draws: Draws) -> Programmed:
    """Write all keys of resident tables once, a row of a set at a time.

    Args:
        stored: layout and number of keys.

    Returns:
        Programmed with the layout as the state.

    Raises:
        RangeError: if there are more keys than rows.
    """
    layout, n_keys = stored
    rows, room = n_keys * passes(spec, layout), spec.n_sets * spec.n_rows
    if rows > room:
        raise RangeError(f"distance_array: got keys of {rows} rows, need at most {room} (sets x n_rows)")
    return Programmed(layout, {"write": n_keys * layout.n_cells}, rows * exact(spec.row_write_ns))


def _compare_latency(spec: DistanceArraySpec) -> Delay:
    phases = (spec.reset_ns, spec.precharge_ns, spec.evaluate_ns, spec.share_ns, spec.sample_ns)
    return Delay(ns=sum((exact(phase) for phase in phases), start=wake_ns(spec)))


DISTANCE_ARRAY = Component(
    name="distance_array",
    spec=DistanceArraySpec,
    ops={"compare": Op(_compare_latency), "write_row": Op(lambda spec: Delay(ns=exact(spec.row_write_ns)))},
    actions={
        "compare": "compare_pj",
        "precharge": "precharge_pj",
        "query_toggle": "query_toggle_pj",
        "write": "write_pj",
        "wake": "wake_pj",
    },
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
    programming={"write": "write_pj"},
)
