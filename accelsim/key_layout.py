"""How a key lies in the distance arrays, and the distances that its columns give.

A key is cut into splits of `SPLIT_COLUMNS` columns (docs/workload-format.md), a split into arrays of `n_cols` columns.
A column is a bit (`circuit`), or one of the `2^n - 1` thermometer bits of an n-bit pixel or coordinate, or a hidden bit
(`manhattan`); here it is called a cell. Cells of a split fill its arrays one after the other.

An array has two precharge levels, for weights 1 and 2. So in `circuit` a bit of a location that weighs more is
stored in several columns of weight 2: five bits a coordinate take 16 columns, both coordinates one array of 32.

*Source:* arXiv 2307.07631 §III-D; the places are ours, and so are locations in arrays (the paper's code has them in the
distance, its five arrays have no room for them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.component import IntArray
from accelsim.errors import RangeError

Bits = npt.NDArray[np.uint8]

SPLIT_COLUMNS = 32
"""Columns of a split in docs/workload-format.md."""
COORDINATES = 2
"""Numbers in the location part of a key: row and column."""
MAX_WEIGHT = 2
"""Most that a column of an array may weigh: there are two precharge levels."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How a key lies in the arrays.

    Attributes:
        metric: as in the spec of the arrays.
        patch_bits, pixel_bits, hidden_bits: of the workload.
        location_bits: of the location part, both coordinates; 0 where the key has none.
        n_cols: columns of an array.
        cell_weights: `[n_cells]` int64, what a difference in a cell adds to the distance.
        cell_splits: `[n_cells]` int64, ascending, the split of the workload that a cell belongs to.
    """

    metric: Literal["circuit", "manhattan"]
    patch_bits: int
    pixel_bits: int
    hidden_bits: int
    location_bits: int
    n_cols: int
    cell_weights: IntArray
    cell_splits: IntArray

    @property
    def n_columns(self) -> int:
        """Bits of a key or query as the workload stores it."""
        return self.patch_bits + self.hidden_bits + self.location_bits

    @property
    def n_cells(self) -> int:
        """Cells a key fills, bits to write."""
        return len(self.cell_splits)

    @cached_property
    def parts(self) -> npt.NDArray[np.float32]:
        """What a difference (`circuit`: of a bit, `manhattan`: of a pixel or a hidden bit) adds to the distances.

        `[n_differences, n_format_splits]` float32.
        """
        runs = _runs(self)
        first = np.cumsum(runs.cells) - runs.cells
        parts = np.zeros((len(first), len(self.arrays_of_split)), dtype=np.float32)
        parts[np.arange(len(first)), self.cell_splits[first]] = self.cell_weights[first] * runs.units
        return parts

    @cached_property
    def cells_of_unit(self) -> IntArray:
        """Cells in which one unit of each difference shows, `[n_differences]`."""
        return _runs(self).units

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


class _Runs(NamedTuple):
    """Per difference, `[n_differences]`: its cells, which lie side by side, and in how many of them one unit shows."""

    cells: IntArray
    units: IntArray


def _runs(layout: Layout) -> _Runs:
    columns = _location_columns(layout.location_bits)
    if layout.metric == "circuit":
        cells = np.concatenate([np.ones(layout.patch_bits + layout.hidden_bits, dtype=np.int64), columns])
        return _Runs(cells, cells)
    # A pixel or coordinate is one difference.
    n_pixels, n_coordinates = layout.patch_bits // layout.pixel_bits, COORDINATES * (layout.location_bits > 0)
    cells = np.repeat(
        [2**layout.pixel_bits - 1, 1, 2 ** (layout.location_bits // COORDINATES) - 1],
        [n_pixels, layout.hidden_bits, n_coordinates],
    )
    return _Runs(cells, np.ones_like(cells))


def _location_columns(location_bits: int) -> IntArray:
    """Columns of each bit of the location part in metric `circuit`, `[location_bits]`."""
    significance = _significance(location_bits // COORDINATES)
    return np.tile(np.maximum(significance // MAX_WEIGHT, 1), COORDINATES)


def _significance(n_bits: int) -> IntArray:
    """What each bit counts, most significant first, `[n_bits]`."""
    significance: IntArray = 2 ** np.arange(n_bits, dtype=np.int64)[::-1]
    return significance


def lay_out(
    metric: Literal["circuit", "manhattan"],
    patch_bits: int,
    pixel_bits: int,
    hidden_bits: int,
    location_bits: int,
    n_cols: int,
) -> Layout:
    """The layout of keys in arrays of `n_cols` columns; bits as in `Layout`. Each part begins a split."""
    n_pixels, coordinate_bits = patch_bits // pixel_bits, location_bits // COORDINATES
    if metric == "circuit":
        patch_split = np.arange(patch_bits) // SPLIT_COLUMNS
        patch_weight = np.tile(_significance(pixel_bits), n_pixels)
        of_bits = np.minimum(np.tile(_significance(coordinate_bits), COORDINATES), MAX_WEIGHT)
        location_weight = np.repeat(of_bits, _location_columns(location_bits))
    else:
        patch_split = np.repeat(np.arange(n_pixels) * pixel_bits // SPLIT_COLUMNS, 2**pixel_bits - 1)
        patch_weight = np.ones(len(patch_split), dtype=np.int64)
        location_weight = np.ones(COORDINATES * (2**coordinate_bits - 1), dtype=np.int64)
    hidden_split = patch_split[-1] + 1 + np.arange(hidden_bits) // SPLIT_COLUMNS
    last = hidden_split[-1] if hidden_bits else patch_split[-1]
    weights = np.concatenate([patch_weight, np.ones(hidden_bits, dtype=np.int64), location_weight])
    splits = np.concatenate([patch_split, hidden_split, np.full(len(location_weight), last + 1)])
    return Layout(metric, patch_bits, pixel_bits, hidden_bits, location_bits, n_cols, weights, splits)


def cell_bits(layout: Layout, bits: Bits) -> Bits:
    """Bits `[..., n_columns]` as they stand in the cells, `[..., n_cells]`: thermometer code for `manhattan`."""
    if layout.metric == "circuit":
        return np.repeat(bits, _runs(layout).cells, axis=-1) if layout.location_bits else bits
    hidden, (pixels, coordinates) = _parts(layout, bits)[1], _numbers(layout, bits)
    return np.concatenate(
        [_ladder(pixels, layout.pixel_bits), hidden, _ladder(coordinates, layout.location_bits // COORDINATES)], axis=-1
    )


def _ladder(numbers: npt.NDArray[np.int16], n_bits: int) -> Bits:
    """Numbers of `n_bits` in thermometer code, `[..., n]` to `[..., n * (2^n_bits - 1)]`."""
    ladder: Bits = (numbers[..., None] >= np.arange(1, 2**n_bits)).astype(np.uint8)
    return ladder.reshape(*numbers.shape[:-1], numbers.shape[-1] * (2**n_bits - 1))


def _differences(layout: Layout, a: Bits, b: Bits) -> Bits:
    """By how much bits, or (manhattan) pixels, hidden bits and coordinates, differ: `[..., n_differences]` uint8."""
    if layout.metric == "circuit":
        return a ^ b
    pixels, coordinates = (
        np.abs(x - y).astype(np.uint8) for x, y in zip(_numbers(layout, a), _numbers(layout, b), strict=True)
    )
    return np.concatenate([pixels, _parts(layout, a)[1] ^ _parts(layout, b)[1], coordinates], axis=-1)


def _parts(layout: Layout, bits: Bits) -> list[Bits]:
    """The patch, hidden and location parts of `[..., n_columns]`."""
    return np.split(bits, [layout.patch_bits, layout.patch_bits + layout.hidden_bits], axis=-1)


def _numbers(layout: Layout, bits: Bits) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Pixels `[..., n_pixels]` and coordinates `[..., 2]` (or 0) of keys or queries `[..., n_columns]`."""
    patch, _, location = _parts(layout, bits)
    return _read(patch, layout.pixel_bits), _read(location, layout.location_bits // COORDINATES)


def _read(bits: Bits, n_bits: int) -> npt.NDArray[np.int16]:
    """Numbers of `n_bits` each, `[..., n * n_bits]` to `[..., n]`."""
    n = bits.shape[-1] // n_bits if n_bits else 0
    groups = bits.reshape(*bits.shape[:-1], n, n_bits)
    numbers: npt.NDArray[np.int16] = (groups * _significance(n_bits).astype(np.int16)).sum(axis=-1, dtype=np.int16)
    return numbers


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

    Thermometer columns for `manhattan`: a pixel that moves by d levels changes d of them. A bit of a location that is
    stored in several columns changes all of them.
    """
    before = np.zeros_like(query) if previous is None else previous
    toggles: IntArray = _differences(layout, query, before) @ layout.cells_of_unit
    return toggles
