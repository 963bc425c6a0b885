"""Distance arrays: SRAM arrays that compare a query with one stored key a row, all columns at once.

Lines are reset, precharged to a level that follows the significance of the column's bit, discharged where
query and key differ, and shared onto a sum line (SLP for one direction of difference, SLN for the other). The
sum of an array is one split of the distance; the splits of a key lie in several arrays, compared in parallel.

- `circuit`: what the array computes, bit-weighted Hamming distance: a column of significance j adds 2^j. A bit of a
  location takes as many columns of weights 1 and 2 as add up to its significance (`accelsim/key_layout.py`).
- `manhattan`: |q - k| of a pixel or coordinate, from a thermometer code of `2^n - 1` columns of weight 1 for n bits.

A split of the workload has one weight, so the columns of different splits never share an array.

*Source:* arXiv 2307.07631 §III-D steps 1 to 3. Its equations are called Manhattan there; summing SLP and SLN
of 2-bit columns gives bit-weighted Hamming, which differs for the pair (1, 2). The paper gives no timing.
*Valid for:* one key at a time in each set of `n_splits` arrays; `n_cols` a divisor of 32, the columns of a
split in docs/workload-format.md. A key of more splits than `n_splits` is compared in several passes, a row in
each: its jobs take `passes` times the op's cycles. Unused arrays of the last pass stay off.
*Assumed:* the query register holds 0 when an input starts, keeps its bits between glimpses, and has columns
for every split of a key, whatever the passes; `query_toggle` counts the changes of this one register.
*Imperfections:* with a block `line` the arrays give voltages of sum lines, two a split, instead of distances: V_TH
mismatch of every cell, discharge that `evaluate_ns` cuts short, droop of held lines, loading and bow of the
sum line (`accelsim/sum_line.py`, `accelsim/array_cells.py`). Both metrics follow the same law; a thermometer
column has weight 1, as a hidden bit has. Without the block all that is ideal.
*Not modelled:* spread of precharge and sum switches, kT/C noise (0.2 mV), query bits that are wrong at the far
end of a line.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from accelsim.array_cells import LINES, ArrayCells, Node, group_by_node
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
    Rider,
    Static,
    per_input,
    wake_ns,
)
from accelsim.errors import RangeError
from accelsim.key_layout import (
    COORDINATES,
    MAX_WEIGHT,
    SPLIT_COLUMNS,
    Bits,
    Layout,
    distances,
    lay_out,
    require_bits,
)
from accelsim.rng import Draws
from accelsim.sum_line import SumLine
from accelsim.units import exact

MAX_PIXEL_BITS = 8
MAX_COORDINATE_BITS = 8


class DistanceArraySpec(OrderedSpec):
    """`count` arrays in sets of `n_splits`.

    Attributes:
        line: the arrays as a circuit; None: they are ideal, and give distances.
        n_rows, n_cols: of one array.
        n_splits: arrays that compare one key in parallel.
        metric: module docstring.
        reset_ns, precharge_ns, evaluate_ns, share_ns, sample_ns: the phases of a compare.
        row_write_ns: writing one row of a set.
        compare_pj: one array comparing one row; precharge_pj: precharging its lines for that.
        boost_pj: what the charge pumps of the boosted gates take beyond what these gates hold, each compare; null where
            no gate is boosted.
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
    boost_pj: NonNegative | None = None
    query_toggle_pj: NonNegative
    write_pj: NonNegative
    bias_uw: NonNegative
    bias_gated: bool
    wake_ns: NonNegative
    wake_pj: NonNegative
    line: SumLine | None = None

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


class Comparison(NamedTuple):
    """What is compared.

    Attributes:
        query: bits `[n_inputs, n_columns]`.
        keys: bits `[n_inputs, k, n_columns]`.
        valid: which keys exist `[n_inputs, k]`.
        node: `[n_inputs]` node the keys belong to (-1: none); inputs at the same node have the same keys.
        first_row: `[n_inputs]` row of its first key, counted through all sets. Both are read with `line` only.
    """

    query: Bits
    keys: Bits
    valid: npt.NDArray[np.bool_]
    node: IntArray
    first_row: IntArray


class Arrays(NamedTuple):
    """The arrays of a chip: how keys lie in them, and their cells as analog parts (None: ideal)."""

    layout: Layout
    cells: ArrayCells | None


def split_layout(
    spec: DistanceArraySpec, patch_bits: int, pixel_bits: int, hidden_bits: int, location_bits: int = 0
) -> Layout:
    """Lay keys of `patch_bits` (pixels of `pixel_bits`), `hidden_bits` and `location_bits` out in the arrays.

    Raises:
        RangeError: if the patch is no whole number of pixels, a pixel would lie in two splits, or the location is not
            two coordinates of at most 8 bits.
    """
    if not 1 <= pixel_bits <= MAX_PIXEL_BITS or patch_bits < 1 or patch_bits % pixel_bits or hidden_bits < 0:
        raise RangeError(
            f"distance_array: got {patch_bits} patch bits, {pixel_bits} a pixel, {hidden_bits} hidden bits; "
            f"need whole pixels of 1 to {MAX_PIXEL_BITS} bits"
        )
    if SPLIT_COLUMNS % pixel_bits and spec.metric == "manhattan":
        raise RangeError(f"distance_array: got {pixel_bits} bits a pixel, need 1, 2, 4 or 8 for manhattan")
    if not 0 <= location_bits <= COORDINATES * MAX_COORDINATE_BITS or location_bits % COORDINATES:
        raise RangeError(
            f"distance_array: got {location_bits} location bits, need two coordinates of 0 to {MAX_COORDINATE_BITS}"
        )
    return lay_out(spec.metric, patch_bits, pixel_bits, hidden_bits, location_bits, spec.n_cols)


def build(spec: DistanceArraySpec, layout: Layout, draws: Draws) -> Arrays:
    """The arrays of one chip.

    Raises:
        RangeError: if there is a `line` and columns of more weight than it has precharge levels for.
    """
    if spec.line is None:
        return Arrays(layout, None)
    if layout.cell_weights.max() > MAX_WEIGHT:
        raise RangeError(
            f"distance_array: got pixels of {layout.pixel_bits} bits in metric circuit, need at most 2 with a line "
            "(two precharge levels)"
        )
    return Arrays(layout, ArrayCells(spec.line, layout, spec.n_splits, spec.evaluate_ns, draws))


def passes(spec: DistanceArraySpec, layout: Layout) -> int:
    """Passes, and rows, that one key takes."""
    return -(-layout.n_splits // spec.n_splits)


def compare(spec: DistanceArraySpec, state: Arrays, x: Comparison, draws: Draws) -> OpResult:
    """Compare each input's query with its keys, one key after the other.

    Returns:
        y: distances `[n_inputs, k, n_format_splits]` int64; with a `line` voltages of SLP and SLN of each array
        that a key fills, `[n_inputs, k, n_splits, 2]` float64. Arbitrary where a key does not exist.
        The activity is that of all keys; a job is one key and takes `passes` times the op's cycles.

    Raises:
        RangeError: if the shapes do not fit, or a bit is neither 0 nor 1.
    """
    layout = state.layout
    y = distances(layout, x.query, x.keys) if state.cells is None else _sum_lines(layout, state.cells, x)
    n_keys = x.valid.sum(axis=1, dtype=np.int64)
    activity = {
        "compare": n_keys * layout.n_splits,
        "precharge": n_keys * layout.n_splits,
        "wake": n_keys * (passes(spec, layout) * int(spec.bias_gated)),
    }
    return OpResult(y, activity, per_input(len(y), 0))


def _sum_lines(layout: Layout, cells: ArrayCells, x: Comparison) -> npt.NDArray[np.float64]:
    """Node by node, because inputs at the same node meet the same cells."""
    require_bits(layout, x.query, x.keys)
    volts = np.zeros((*x.valid.shape, layout.n_splits, LINES))
    for _, inputs in group_by_node(x.node):
        first = inputs[0]
        n_keys = int(x.valid[first].sum())
        node = Node(int(x.first_row[first]), n_keys)
        volts[inputs, :n_keys] = cells.sum_lines(x.query[inputs], x.keys[first, :n_keys], node)
    return volts


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
    return Programmed(layout, {"write": n_keys * layout.n_cells}, ((rows, exact(spec.row_write_ns)),))


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
        "boost": "boost_pj",
        "query_toggle": "query_toggle_pj",
        "write": "write_pj",
        "wake": "wake_pj",
    },
    riders={"compare": Rider("boost", lambda spec: 1, lambda spec: spec.boost_pj is not None)},
    statics={"leakage": Static("leakage_uw"), "bias": BIAS},
    programming={"write": "write_pj"},
)
