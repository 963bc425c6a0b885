"""How a key lies in the distance arrays, and the distances that its columns give.

A key is cut into splits of `SPLIT_COLUMNS` columns (docs/workload-format.md), a split into arrays of `n_cols` columns.
A column is a bit (`circuit`), or one of the `2^pixel_bits - 1` thermometer bits of a pixel, or a hidden bit
(`manhattan`); here it is called a cell. Cells of a split fill its arrays one after the other.

*Source:* arXiv 2307.07631 §III-D; the places are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from accelsim.component import IntArray
from accelsim.errors import RangeError

Bits = npt.NDArray[np.uint8]

SPLIT_COLUMNS = 32
"""Columns of a split in docs/workload-format.md."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How a key lies in the arrays.

    Attributes:
        metric: as in the spec of the arrays.
        patch_bits, pixel_bits, hidden_bits: of the workload.
        n_cols: columns of an array.
        cell_weights: `[n_cells]` int64, what a difference in a cell adds to the distance.
        cell_splits: `[n_cells]` int64, ascending, the split of the workload that a cell belongs to.
    """

    metric: Literal["circuit", "manhattan"]
    patch_bits: int
    pixel_bits: int
    hidden_bits: int
    n_cols: int
    cell_weights: IntArray
    cell_splits: IntArray

    @property
    def n_columns(self) -> int:
        """Bits of a key or query as the workload stores it."""
        return self.patch_bits + self.hidden_bits

    @property
    def n_cells(self) -> int:
        """Cells a key fills, bits to write."""
        return len(self.cell_splits)

    @cached_property
    def parts(self) -> npt.NDArray[np.float32]:
        """What a difference (`circuit`: of a bit, `manhattan`: of a pixel or a hidden bit) adds to the distances.

        `[n_differences, n_format_splits]` float32.
        """
        thermometer = self.metric == "manhattan"
        # A pixel in thermometer code is one difference, but several cells of the same split and weight.
        width = 2**self.pixel_bits - 1 if thermometer else 1
        n_patch = self.patch_bits // self.pixel_bits if thermometer else self.patch_bits
        cells = np.concatenate([np.arange(n_patch) * width, n_patch * width + np.arange(self.hidden_bits)])
        parts = np.zeros((len(cells), len(self.arrays_of_split)), dtype=np.float32)
        parts[np.arange(len(cells)), self.cell_splits[cells]] = self.cell_weights[cells]
        return parts

    @cached_property
    def arrays_of_split(self) -> IntArray:
        """Arrays that each split of the workload takes, `[n_format_splits]`."""
        arrays: IntArray = -(-np.bincount(self.cell_splits) // self.n_cols)
        return arrays

    @property
    def n_splits(self) -> int:
        """Arrays a key fills."""
        return int(self.arrays_of_split.sum())

    @property
    def split_of_array(self) -> IntArray:
        """Split of the workload that each array belongs to, `[n_splits]`."""
        per_split = self.arrays_of_split
        return np.repeat(np.arange(len(per_split)), per_split)

    @cached_property
    def cell_places(self) -> IntArray:
        """Column of each cell, counted through the key's arrays, `[n_cells]`: `array * n_cols + column`."""
        per_split = self.arrays_of_split
        cells = np.bincount(self.cell_splits)
        first_cell, first_array = np.cumsum(cells) - cells, np.cumsum(per_split) - per_split
        within = np.arange(self.n_cells) - first_cell[self.cell_splits]
        places: IntArray = first_array[self.cell_splits] * self.n_cols + within
        return places


def cell_bits(layout: Layout, bits: Bits) -> Bits:
    """Bits `[..., n_columns]` as they stand in the cells, `[..., n_cells]`: thermometer code for `manhattan`."""
    if layout.metric == "circuit":
        return bits
    steps = np.arange(1, 2**layout.pixel_bits)
    ladder = (_levels(layout, bits)[..., None] >= steps).astype(np.uint8)
    return np.concatenate([ladder.reshape(*bits.shape[:-1], -1), bits[..., layout.patch_bits :]], axis=-1)


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


def require_bits(layout: Layout, query: Bits, keys: Bits) -> None:
    """Checks the bits of queries `[n_inputs, n_columns]` and keys `[n_inputs, k, n_columns]`.

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
    require_bits(layout, query, keys)
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
