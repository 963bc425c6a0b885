"""Lookup tables of memorization-based inference, as docs/workload-format.md stores them (numpy only).

The geometry, the quantised glimpses, the packed keys and a plain walk by the nearest-key rule. Trainers
record and check with it; the simulator's own search is written apart on purpose, so that the two can be
compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]

SPLIT_COLUMNS = 32


@dataclass(frozen=True)
class Patch:
    """A square of (patch_size * pool)^2 pixels from its top-left corner (row, col), perhaps outside."""

    row: int
    col: int
    pool: int


@dataclass(frozen=True)
class Geometry:
    """The manifest's `mbi` block. Columns are key bits: the patch part, then the hidden part, unpadded."""

    image: tuple[int, int]
    patch_size: int
    pixel_bits: int
    pixel_thresholds: tuple[int, ...]
    hidden_bits: int
    n_tables: int
    n_classes: int
    decision: str
    value_bits: int
    metric: str
    glimpses: tuple[tuple[Patch, ...], ...]

    @property
    def patch_columns(self) -> int:
        return len(self.glimpses[0]) * self.patch_size**2 * self.pixel_bits

    @property
    def n_columns(self) -> int:
        return self.patch_columns + self.hidden_bits

    @property
    def write_bits(self) -> int:
        """Hidden bits one table's winner writes."""
        return self.hidden_bits // self.n_tables

    def split_of_column(self) -> Ints:
        """[n_columns] the split each column lies in; the hidden part starts on a new one."""
        patch = np.arange(self.patch_columns) // SPLIT_COLUMNS
        return np.concatenate([patch, patch[-1] + 1 + np.arange(self.hidden_bits) // SPLIT_COLUMNS])

    def significance(self) -> Ints:
        """[n_columns] 2^j, j the significance of its bit: a pixel's most significant first; hidden 0."""
        pixel = 2 ** np.arange(self.pixel_bits)[::-1]
        patch = np.tile(pixel, self.patch_columns // self.pixel_bits)
        return np.concatenate([patch, np.ones(self.hidden_bits, np.int64)])

    def column_weights(self, split_weights: npt.NDArray[Any]) -> Ints:
        """[n_splits] weights of one glimpse -> [n_columns] what a differing column adds to the distance."""
        return split_weights.astype(np.int64)[self.split_of_column()] * self.significance()

    def manifest(self) -> dict[str, Any]:
        """The `mbi` block as plain values for YAML."""
        return {
            "image": {"height": self.image[0], "width": self.image[1]},
            "patch_size": self.patch_size,
            "pixel_bits": self.pixel_bits,
            "pixel_thresholds": list(self.pixel_thresholds),
            "hidden_bits": self.hidden_bits,
            "n_tables": self.n_tables,
            "n_classes": self.n_classes,
            "decision": self.decision,
            "value_bits": self.value_bits,
            "metric": self.metric,
            "glimpses": [[asdict(patch) for patch in glimpse] for glimpse in self.glimpses],
        }

    @classmethod
    def from_manifest(cls, block: Mapping[str, Any]) -> Geometry:
        """The inverse of `manifest`, for folders this package wrote."""
        converted = {
            "image": (block["image"]["height"], block["image"]["width"]),
            "pixel_thresholds": tuple(block["pixel_thresholds"]),
            "glimpses": tuple(tuple(Patch(**patch) for patch in glimpse) for glimpse in block["glimpses"]),
        }
        return cls(**{**block, **converted})


@dataclass(frozen=True)
class Search:
    """What one table answered: value row, the winning distance and the levels scanned, each [n]."""

    row: Ints
    distance: Ints
    levels: Ints


@dataclass(frozen=True)
class Walk:
    """All answers, row/distance/levels: [n, n_glimpses, n_tables]; predicted: [n] class."""

    row: Ints
    distance: Ints
    levels: Ints
    predicted: Ints


def pack(bits: Bits) -> Bits:
    """[..., n_bits] of 0 and 1 -> [..., ceil(n_bits/8)], first bit most significant."""
    return np.packbits(bits, axis=-1, bitorder="big")


def unpack(packed: Bits, n_bits: int) -> Bits:
    """[..., ceil(n_bits/8)] -> [..., n_bits]."""
    return np.unpackbits(packed, axis=-1, count=n_bits, bitorder="big")


def patch_levels(images: Bits, geometry: Geometry) -> Bits:
    """images [n, height, width] -> pixel levels [n, n_glimpses, n_patches * patch_size^2]."""
    glimpses = [[_pooled(images, patch, geometry) for patch in glimpse] for glimpse in geometry.glimpses]
    return np.stack([np.concatenate(patches, axis=1) for patches in glimpses], axis=1)


def _pooled(images: Bits, patch: Patch, geometry: Geometry) -> Bits:
    """[n, height, width] -> [n, patch_size^2] levels of one patch; sums are compared, nothing is divided."""
    height, width = geometry.image
    side = geometry.patch_size * patch.pool
    canvas = np.zeros((len(images), side, side), np.uint8)
    top, left = max(patch.row, 0), max(patch.col, 0)
    bottom, right = min(patch.row + side, height), min(patch.col + side, width)
    inside = images[:, top:bottom, left:right]
    canvas[:, top - patch.row : bottom - patch.row, left - patch.col : right - patch.col] = inside
    blocks = canvas.reshape(-1, geometry.patch_size, patch.pool, geometry.patch_size, patch.pool)
    sums = blocks.sum(axis=(2, 4), dtype=np.int64).reshape(len(images), -1, 1)
    levels: Bits = (sums >= np.array(geometry.pixel_thresholds) * patch.pool**2).sum(axis=-1).astype(np.uint8)
    return levels


def level_bits(levels: Bits, pixel_bits: int) -> Bits:
    """[..., n_pixels] levels -> [..., n_pixels * pixel_bits], most significant bit of each pixel first."""
    shifts = np.arange(pixel_bits, dtype=np.uint8)[::-1]
    return ((levels[..., None] >> shifts) & np.uint8(1)).reshape(*levels.shape[:-1], -1).astype(np.uint8)


def search(keys: Bits, model: Arrays, weights: Ints, root: int, query: Bits) -> Search:
    """Greedy descent from `root` by the nearest key, lowest index on a tie.

    keys: [n_keys, n_columns] unpacked `keys` of `model`; weights: [n_columns]; query: [n, n_columns] bits.
    """
    start, key_next = model["node_start"].astype(np.int64), model["key_next"].astype(np.int64)
    node = np.full(len(query), root, np.int64)
    distance, levels = np.zeros_like(node), np.zeros_like(node)
    while (active := np.flatnonzero(node >= 0)).size:
        here = node[active]
        nearest, distance[active] = _scan(keys, weights, start[here], start[here + 1], query[active])
        levels[active] += 1
        node[active] = key_next[nearest]
    return Search(-1 - node, distance, levels)


def _scan(keys: Bits, weights: Ints, start: Ints, stop: Ints, query: Bits) -> tuple[Ints, Ints]:
    """The nearest of keys start … stop-1 of each query: its index and its distance, each [n]."""
    offset = np.arange((stop - start).max())
    index = np.minimum(start[:, None] + offset, stop[:, None] - 1)
    distances = np.concatenate(
        [(keys[i] != q[:, None]) @ weights for i, q in zip(_chunks(index), _chunks(query), strict=True)]
    )
    # A repeated last key cannot win: argmin takes the first of equal distances.
    nearest = distances.argmin(axis=1)
    every = np.arange(len(query))
    return index[every, nearest], distances[every, nearest]


def _chunks(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    # 1,024 queries against 32 keys of 160 columns are 5 MB; 10,000 at once would need ten times that.
    return [array[i : i + 1024] for i in range(0, len(array), 1024)]


def walk(model: Arrays, geometry: Geometry, patches: Bits) -> Walk:
    """Follow all glimpses of packed queries `patches` [n, n_glimpses, bytes] through every table."""
    n, width = len(patches), geometry.write_bits
    keys = unpack(model["keys"], geometry.n_columns)
    written = unpack(model["value_hidden"], width)
    patch_bits = unpack(patches, geometry.patch_columns)
    hidden = np.tile(unpack(model["hidden_init"], geometry.hidden_bits), (n, 1))
    answers = []
    for g in range(len(geometry.glimpses)):
        query = np.concatenate([patch_bits[:, g], hidden], axis=1)
        weights = geometry.column_weights(model["split_weights"][g])
        answers.append([search(keys, model, weights, int(root), query) for root in model["roots"][g]])
        hidden = np.concatenate([written[answer.row] for answer in answers[-1]], axis=1)
    row, distance, levels = (
        np.array([[getattr(a, name) for a in tables] for tables in answers]).transpose(2, 0, 1)
        for name in ("row", "distance", "levels")
    )
    return Walk(row, distance, levels, _decide(model, geometry, row))


def _decide(model: Arrays, geometry: Geometry, row: Ints) -> Ints:
    """[n, n_glimpses, n_tables] value rows -> [n] class; the lowest class wins a tie of votes."""
    if geometry.decision == "last":
        classes: Ints = model["value_class"][row[:, -1, 0]].astype(np.int64)
        return classes
    votes: Ints = model["value_votes"].astype(np.int64)[row].sum(axis=(1, 2))
    best: Ints = votes.argmax(axis=1)
    return best
