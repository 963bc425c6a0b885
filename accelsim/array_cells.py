"""The cells of the distance arrays with their mismatch, and the sum lines of comparing one node's keys.

A cell has two stacks of three transistors, one a line: BL is discharged where the query is 1 and the key 0 and is
summed on SLP, BLB where the query is 0 and the key 1, summed on SLN. Each device has a V_TH shift of its own, drawn for
the chip and for the physical place, whatever is stored there. What matters of the three shifts is the voltage that a
slow cell leaves on its line when evaluation ends; it is kept as an integer of 16 bits, so that sums of it are exact.

Columns of an array that a key does not fill are masked (both query lines low) and precharged to `v_low_v`; they share
their charge all the same, so one unit of distance is the same voltage in every array. Hidden bits have weight 1, and
so the low precharge: with the high one a hidden bit would move the sum line twice as far as a low bit of a pixel, and
codes of the splits could not be added as they are.

*Source:* `sum_line.py`. Places and the treatment of unused columns are ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim import sum_line
from accelsim.component import IntArray
from accelsim.key_layout import Bits, Layout, cell_bits
from accelsim.rng import Draws
from accelsim.sum_line import SumLine

Volts = npt.NDArray[np.float64]
Counts = npt.NDArray[np.floating[Any]]
Left = npt.NDArray[np.uint16]

LINES = 2
"""SLP and SLN, in this order."""
DEVICES = 3
ROWS_A_DRAW = 32
FULL_SCALE = 2**16 - 1
MAX_KEPT_BYTES = 2**28


class Node(NamedTuple):
    """Where the keys of a node lie: first row (counted through all sets) and number of keys."""

    first_row: int
    n_keys: int


class ArrayCells:
    """The arrays of one chip as analog parts.

    Of each visited node four bytes a cell are kept (20 KB for 32 keys of 160 columns); before they exceed 256 MiB they
    are dropped and, being keyed draws, come back the same.

    Attributes:
        n_splits: arrays of a set.
        passes: rows a key takes, when it fills more arrays than a set has.
    """

    def __init__(self, line: SumLine, layout: Layout, n_splits: int, evaluate_ns: float, draws: Draws) -> None:
        self.n_splits, self.passes = n_splits, -(-layout.n_splits // n_splits)
        self._line, self._layout, self._evaluate_ns, self._draws = line, layout, evaluate_ns, draws
        self._lsb_v = max(line.v_high_v, line.v_low_v) / FULL_SCALE
        self._heavy = self._grid(layout.cell_weights == 2)
        self._used = self._grid(np.ones(layout.n_cells, dtype=bool))
        self._kept: dict[Node, Left] = {}
        self._kept_bytes = 0

    @property
    def zero_v(self) -> Volts:
        """Nominal voltage in V of each array's sum lines at no difference, `[n_splits]` of the key.

        Droop is taken at half of its range, as if half the query bits of the array were 1.
        """
        none = np.zeros((self._layout.n_splits, 1))
        zero_v = self._volts(none, none, self._used.sum(axis=1, keepdims=True) / LINES, none)
        return zero_v[:, 0]

    def sum_lines(self, query: Bits, keys: Bits, node: Node) -> Volts:
        """Compares queries with the keys of one node.

        Args:
            query: `[n_inputs, n_columns]`.
            keys: `[n_keys, n_columns]`.

        Returns:
            `[n_inputs, n_keys, n_splits, 2]` float64 in V: SLP and SLN of each array that the key fills. Every sum
            inside is one of integers below 2^24 in float32, so its order does not matter.
        """
        asked = self._grid(cell_bits(self._layout, query))
        stored = self._grid(cell_bits(self._layout, keys))
        on = np.stack([asked, self._used & ~asked], axis=-3).astype(np.float32)  # [n, 2, arrays, cols]
        falls = np.stack([self._used & ~stored, stored], axis=1)  # [k, 2, arrays, cols]
        kinds = np.stack([falls & self._heavy, falls & ~self._heavy, falls * self._left(node)], axis=-1)
        # One product a line and array: queries [n, cols] by what a conducting column adds [cols, k x 3].
        weights = kinds.astype(np.float32).transpose(1, 2, 3, 0, 4).reshape(*on.shape[1:], -1)
        sums = np.matmul(on.transpose(1, 2, 0, 3), weights)
        heavy, light, left = np.moveaxis(sums.reshape(*sums.shape[:3], -1, 3), -1, 0)  # [2, arrays, n, k]
        held_on = on.sum(axis=-1).transpose(1, 2, 0)[..., None] - heavy - light
        return self._volts(*(part.transpose(2, 3, 1, 0) for part in (heavy, light, held_on, left)))

    def _volts(self, heavy: Counts, light: Counts, held_on: Counts, left: Counts) -> Volts:
        """Volts of sum lines `[..., n_splits, lines]` from counts of columns and what is left on them in 16 bits."""
        n_cols, n_heavy = self._layout.n_cols, self._heavy.sum(axis=1, keepdims=True).astype(np.float64)
        total_v = sum_line.precharged_v(self._line, n_heavy, n_cols)
        heavy, light, held_on, left = (part.astype(np.float64) for part in (heavy, light, held_on, left))
        return sum_line.sum_line_v(self._line, n_cols, total_v, heavy, light, held_on, left * self._lsb_v)

    def _grid(self, cells: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        """Cells `[..., n_cells]` at their places, `[..., arrays, n_cols]`; False where there is none."""
        layout = self._layout
        grid = np.zeros((*cells.shape[:-1], layout.n_splits * layout.n_cols), dtype=bool)
        grid[..., layout.cell_places] = cells
        return grid.reshape(*cells.shape[:-1], layout.n_splits, layout.n_cols)

    def _left(self, node: Node) -> Left:
        """What each cell leaves on its line, `[n_keys, 2, arrays, n_cols]`."""
        left = self._kept.get(node)
        if left is None:
            left = self._draw(node)
            if self._kept_bytes + left.nbytes > MAX_KEPT_BYTES:
                self._kept, self._kept_bytes = {}, 0
            self._kept[node] = left
            self._kept_bytes += left.nbytes
        return left

    def _draw(self, node: Node) -> Left:
        layout, n_rows = self._layout, node.n_keys * self.passes
        shifts = self._line.vth_sigma_v * self._normal(node.first_row, n_rows)
        # The key's arrays are those of its rows, one row after the other; the last row may leave some idle.
        of_keys = shifts.reshape(node.n_keys, self.passes * self.n_splits, *shifts.shape[2:])[:, : layout.n_splits]
        high, low = (
            sum_line.residual_v(self._line, v, of_keys, self._evaluate_ns)
            for v in (self._line.v_high_v, self._line.v_low_v)
        )
        volts = np.where(self._heavy[..., None], high, low)  # [k, arrays, cols, 2]
        return np.rint(volts / self._lsb_v).astype(np.uint16).transpose(0, 3, 1, 2)

    def _normal(self, first: int, n_rows: int) -> npt.NDArray[np.float32]:
        """Standard normal draws of rows, `[n_rows, arrays of a set, n_cols, 2, 3]`.

        Rows are drawn 32 at a time, one after the other, so a row's draws do not depend on how many are asked for.
        """
        shape = (self.n_splits, self._layout.n_cols, LINES, DEVICES)
        parts, row = [], first
        while row < first + n_rows:
            group = row // ROWS_A_DRAW
            stop = min(first + n_rows, (group + 1) * ROWS_A_DRAW) - group * ROWS_A_DRAW
            drawn = self._draws.generator("vth", f"rows{group}").standard_normal((stop, *shape), dtype=np.float32)
            parts.append(drawn[row - group * ROWS_A_DRAW :])
            row = group * ROWS_A_DRAW + stop
        return np.concatenate(parts)


def group_by_node(node: IntArray) -> list[tuple[int, IntArray]]:
    """Which inputs are at which node: (node, indices of inputs) for every node >= 0 in `[n_inputs]`."""
    order = np.argsort(node, kind="stable")
    found, start = np.unique(node[order], return_index=True)
    return [(int(n), part) for n, part in zip(found, np.split(order, start[1:]), strict=True) if n >= 0]
