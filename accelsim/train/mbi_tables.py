"""Lookup tables of memorization-based inference, as docs/workload-format.md stores them (numpy only).

The geometry, the quantised glimpses, the packed keys and a plain walk by the nearest-key rule. Trainers
record and check with it; the simulator's own search is written apart on purpose, so that the two can be
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InvariantError

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]

SPLIT_COLUMNS = 32


@dataclass(frozen=True)
class Patch:
    """A square of (patch_size * pool)^2 pixels from its top-left corner (row, col), perhaps outside.

    With learned locations the corner is counted from the glimpse's centre pixel.
    """

    row: int
    col: int
    pool: int


@dataclass(frozen=True)
class Geometry:
    """The manifest's `mbi` block. Columns are key bits: the patch, hidden and location parts, unpadded."""

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
    locations: str = "fixed"
    location_bits: int | None = None
    location_weighted: bool | None = None

    @property
    def learned(self) -> bool:
        """Whether value rows say where the next glimpse is."""
        return self.locations == "learned"

    @property
    def patch_columns(self) -> int:
        return len(self.glimpses[0]) * self.patch_size**2 * self.pixel_bits

    @property
    def location_columns(self) -> int:
        """Columns of the location part: 0 where locations are fixed, or not weighted."""
        return 2 * (self.location_bits or 0) if self.learned and self.location_weighted else 0

    @property
    def n_columns(self) -> int:
        return self.patch_columns + self.hidden_bits + self.location_columns

    @property
    def write_bits(self) -> int:
        """Hidden bits one table's winner writes."""
        return self.hidden_bits // self.n_tables

    def split_of_column(self) -> Ints:
        """[n_columns] the split each column lies in; each part starts on a new one."""
        splits: list[Ints] = []
        for n_bits in (self.patch_columns, self.hidden_bits, self.location_columns):
            first = splits[-1][-1] + 1 if splits else 0
            splits.append(first + np.arange(n_bits) // SPLIT_COLUMNS)
        return np.concatenate(splits)

    def significance(self) -> Ints:
        """[n_columns] 2^j, j the significance of its bit in a pixel or coordinate, most significant first; hidden 0."""
        pixel, coordinate = (2 ** np.arange(n_bits)[::-1] for n_bits in (self.pixel_bits, self.location_columns // 2))
        patch = np.tile(pixel, self.patch_columns // self.pixel_bits)
        return np.concatenate([patch, np.ones(self.hidden_bits, np.int64), np.tile(coordinate, 2)])

    def column_weights(self, split_weights: npt.NDArray[Any]) -> Ints:
        """[n_splits] weights of one glimpse -> [n_columns] what a differing column adds to the distance."""
        return split_weights.astype(np.int64)[self.split_of_column()] * self.significance()

    def manifest(self) -> dict[str, Any]:
        """The `mbi` block as plain values for YAML."""
        learned = ("locations", "location_bits", "location_weighted") if self.learned else ()
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
            **{name: getattr(self, name) for name in learned},
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
    """All answers, row/distance/levels: [n, n_glimpses, n_tables]; predicted: [n] class.

    patches: the packed queries [n, n_glimpses, ceil(patch_columns / 8)]; locations: the codes of where each glimpse
    was, row and column, [n, n_glimpses, 2], where locations are learned. Both are arrays of `eval.safetensors`.
    """

    row: Ints
    distance: Ints
    levels: Ints
    predicted: Ints
    patches: Bits
    locations: Bits | None


def pack(bits: Bits) -> Bits:
    """[..., n_bits] of 0 and 1 -> [..., ceil(n_bits/8)], first bit most significant."""
    return np.packbits(bits, axis=-1, bitorder="big")


def unpack(packed: Bits, n_bits: int) -> Bits:
    """[..., ceil(n_bits/8)] -> [..., n_bits]."""
    return np.unpackbits(packed, axis=-1, count=n_bits, bitorder="big")


def centres(codes: npt.NDArray[Any], geometry: Geometry) -> Ints:
    """Location codes [..., 2] -> the pixels (row, column) that they stand for: floor((2 v + 1) side / 2^(bits + 1))."""
    doubled = (2 * codes.astype(np.int64) + 1) * np.array(geometry.image)
    places: Ints = doubled >> ((geometry.location_bits or 0) + 1)
    return places


def patch_levels(images: Bits, geometry: Geometry) -> Bits:
    """images [n, height, width] -> pixel levels [n, n_glimpses, n_patches * patch_size^2] of fixed locations."""
    return np.stack([_glimpse(images, glimpse, geometry) for glimpse in geometry.glimpses], axis=1)


def levels_at(images: Bits, geometry: Geometry, glimpse: int, codes: Bits) -> Bits:
    """Pixel levels [n, n_patches * patch_size^2] of one glimpse of images [n, height, width].

    codes: [n, 2] where each image's glimpse is; not read where locations are fixed.
    """
    patches = geometry.glimpses[glimpse]
    if not geometry.learned:
        return _glimpse(images, patches, geometry)
    places, of_image = np.unique(codes, axis=0, return_inverse=True)
    levels = np.empty((len(images), len(patches) * geometry.patch_size**2), np.uint8)
    for place, (row, col) in enumerate(centres(places, geometry).tolist()):
        there = np.flatnonzero(of_image.reshape(-1) == place)
        moved = tuple(Patch(row + patch.row, col + patch.col, patch.pool) for patch in patches)
        levels[there] = _glimpse(images[there], moved, geometry)
    return levels


def _glimpse(images: Bits, patches: tuple[Patch, ...], geometry: Geometry) -> Bits:
    """[n, height, width] -> [n, n_patches * patch_size^2] levels, patch after patch."""
    return np.concatenate([_pooled(images, patch, geometry) for patch in patches], axis=1)


def _pooled(images: Bits, patch: Patch, geometry: Geometry) -> Bits:
    """[n, height, width] -> [n, patch_size^2] levels of one patch; sums are compared, nothing is divided."""
    height, width = geometry.image
    side = geometry.patch_size * patch.pool
    canvas = np.zeros((len(images), side, side), np.uint8)
    top, left = max(patch.row, 0), max(patch.col, 0)
    bottom, right = max(min(patch.row + side, height), top), max(min(patch.col + side, width), left)
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


def walk(model: Arrays, geometry: Geometry, patches: Bits, locations: Bits | None = None) -> Walk:
    """Follow all glimpses of packed queries `patches` [n, n_glimpses, bytes] through every table.

    locations: [n, n_glimpses, 2] where they were recorded; needed where locations are learned.

    Raises:
        InvariantError: the tables lead to another location than was recorded.
    """
    bits = unpack(patches, geometry.patch_columns)

    def recorded(glimpse: int, codes: Bits) -> Bits:
        if geometry.learned and (locations is None or not np.array_equal(codes, locations[:, glimpse])):
            raise InvariantError(f"walk: the tables leave the recorded locations before glimpse {glimpse + 1}")
        return bits[:, glimpse]

    return _walk(model, geometry, len(patches), recorded)


def walk_images(model: Arrays, geometry: Geometry, images: Bits) -> Walk:
    """Look at images [n, height, width] where the tables say, and follow the queries; both are in the result."""

    def seen(glimpse: int, codes: Bits) -> Bits:
        return level_bits(levels_at(images, geometry, glimpse, codes), geometry.pixel_bits)

    return _walk(model, geometry, len(images), seen)


def _walk(model: Arrays, geometry: Geometry, n: int, look: Callable[[int, Bits], Bits]) -> Walk:
    """The walk of n inputs; `look` gives the patch bits [n, patch_columns] of a glimpse at location codes [n, 2]."""
    keys = unpack(model["keys"], geometry.n_columns)
    written = unpack(model["value_hidden"], geometry.write_bits)
    hidden = np.tile(unpack(model["hidden_init"], geometry.hidden_bits), (n, 1))
    codes: Bits = np.tile(model["location_init"], (n, 1)) if geometry.learned else np.zeros((n, 2), np.uint8)
    answers, patches, locations = [], [], []
    for g in range(len(geometry.glimpses)):
        patches.append(look(g, codes))
        locations.append(codes)
        parts = [patches[-1], hidden]
        if geometry.location_columns:
            parts.append(level_bits(codes, geometry.location_columns // 2))
        query, weights = np.concatenate(parts, axis=1), geometry.column_weights(model["split_weights"][g])
        answers.append([search(keys, model, weights, int(root), query) for root in model["roots"][g]])
        hidden = np.concatenate([written[answer.row] for answer in answers[-1]], axis=1)
        if geometry.learned:
            codes = model["value_location"][answers[-1][0].row]
    row, distance, levels = (
        np.array([[getattr(a, name) for a in tables] for tables in answers]).transpose(2, 0, 1)
        for name in ("row", "distance", "levels")
    )
    seen, where = pack(np.stack(patches, axis=1)), np.stack(locations, axis=1) if geometry.learned else None
    return Walk(row, distance, levels, _decide(model, geometry, row), seen, where)


def _decide(model: Arrays, geometry: Geometry, row: Ints) -> Ints:
    """[n, n_glimpses, n_tables] value rows -> [n] class; the lowest class wins a tie of votes."""
    if geometry.decision == "last":
        classes: Ints = model["value_class"][row[:, -1, 0]].astype(np.int64)
        return classes
    votes: Ints = model["value_votes"].astype(np.int64)[row].sum(axis=(1, 2))
    best: Ints = votes.argmax(axis=1)
    return best
