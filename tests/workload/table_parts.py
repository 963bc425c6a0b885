"""Small random lookup tables, and what they answer for images; written apart from accelsim's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.workload.parts import Array, Built


def glimpse(rng: np.random.Generator, n_patches: int, side: int) -> list[dict[str, int]]:
    """Patches of growing pool, some of which reach outside the image."""
    corners = rng.integers(-2, side - 1, (n_patches, 2)).tolist()
    return [{"row": row, "col": col, "pool": 1 + i % 3} for i, (row, col) in enumerate(corners)]


def offset_glimpse(rng: np.random.Generator, n_patches: int) -> list[dict[str, int]]:
    """Patches of growing pool around a centre pixel."""
    corners = rng.integers(-4, 2, (n_patches, 2)).tolist()
    return [{"row": row, "col": col, "pool": 1 + i % 3} for i, (row, col) in enumerate(corners)]


def add_tables(
    parts: Built, rng: np.random.Generator, geometry: dict[str, Any], depth: int, branches: int
) -> None:
    parts.manifest["mbi"] = geometry
    n_glimpses, n_tables = len(geometry["glimpses"]), geometry["n_tables"]
    hidden_bits, n_classes = geometry["hidden_bits"], geometry["n_classes"]
    patch_bits = len(geometry["glimpses"][0]) * geometry["patch_size"] ** 2 * geometry["pixel_bits"]
    node_start, key_next, n_rows = _trees(rng, n_glimpses * n_tables, depth, branches)
    n_splits = -(-patch_bits // 32) - (-hidden_bits // 32) + (location_columns(geometry) > 0)
    parts.model |= {
        "keys": _random_bits(rng, len(key_next), patch_bits + hidden_bits + location_columns(geometry)),
        "key_next": np.array(key_next, dtype=np.int32),
        "node_start": np.array(node_start, dtype=np.int32),
        "roots": np.arange(n_glimpses * n_tables, dtype=np.int32).reshape(n_glimpses, n_tables),
        "split_weights": rng.integers(1, 8, (n_glimpses, n_splits), dtype=np.int32),
        "value_hidden": _random_bits(rng, n_rows, hidden_bits // n_tables),
        "hidden_init": _random_bits(rng, 1, hidden_bits)[0],
    }
    if geometry["decision"] == "vote":
        parts.model["value_votes"] = rng.integers(-3, 8, (n_rows, n_classes), dtype=np.int8)
    else:
        parts.model["value_class"] = rng.integers(0, n_classes, n_rows, dtype=np.uint8)
    if "locations" in geometry:
        codes = 2 ** geometry["location_bits"]
        parts.model["value_location"] = rng.integers(0, codes, (n_rows, 2), dtype=np.uint8)
        parts.model["location_init"] = rng.integers(0, codes, 2, dtype=np.uint8)
    answers = [_look_up(parts.model, geometry, image) for image in parts.images]
    parts.evaluation["patches"] = np.packbits([answer.patches for answer in answers], axis=-1)
    if "locations" in geometry:
        parts.evaluation["locations"] = np.array([answer.locations for answer in answers], dtype=np.uint8)
    parts.predicted = np.array([answer.predicted for answer in answers], dtype=np.int64)
    parts.distances = np.array([answer.distances for answer in answers], dtype=np.int64)
    parts.votes = np.array([answer.votes for answer in answers], dtype=np.int64)
    parts.far = np.zeros(len(parts.images), dtype=bool)


def location_columns(geometry: dict[str, Any]) -> int:
    """Bits of the location part of a key."""
    return 2 * geometry["location_bits"] if geometry.get("location_weighted") else 0


def moved(patches: list[dict[str, int]], geometry: dict[str, Any], location: Array) -> list[dict[str, int]]:
    """A glimpse's patches as they lie in the image when it is at `location` (fixed: as they are)."""
    if "locations" not in geometry:
        return patches
    image, codes = geometry["image"], 2 ** geometry["location_bits"]
    row, col = (
        int((code + 0.5) / codes * side)
        for code, side in zip(location.tolist(), (image["height"], image["width"]), strict=True)
    )
    return [{**patch, "row": row + patch["row"], "col": col + patch["col"]} for patch in patches]


def _random_bits(rng: np.random.Generator, n: int, n_bits: int) -> Array:
    return np.packbits(rng.integers(0, 2, (n, n_bits), dtype=np.uint8), axis=1)


def _trees(
    rng: np.random.Generator, n_roots: int, depth: int, branches: int
) -> tuple[list[int], list[int], int]:
    """`node_start`, `key_next` and number of value rows of `n_roots` trees; the first nodes are the roots."""
    level = [1] * n_roots
    node_start, key_next, n_rows, node = [0], [], 0, 0
    while node < len(level):
        for _ in range(branches if depth == 1 else int(rng.integers(1, branches + 1))):
            if level[node] < depth and rng.random() < 0.5:
                key_next.append(len(level))
                level.append(level[node] + 1)
            else:
                key_next.append(-1 - n_rows)
                n_rows += 1
        node_start.append(len(key_next))
        node += 1
    return node_start, key_next, n_rows


def _glimpse_levels(image: Array, patches: list[dict[str, int]], geometry: dict[str, Any]) -> list[int]:
    """Levels of one glimpse's pooled pixels, patch after patch, row by row."""
    levels = []
    for patch in patches:
        for i in range(geometry["patch_size"]):
            for j in range(geometry["patch_size"]):
                pooled = _pooled_sum(
                    image, patch["row"] + i * patch["pool"], patch["col"] + j * patch["pool"], patch["pool"]
                )
                levels.append(sum(pooled >= t * patch["pool"] ** 2 for t in geometry["pixel_thresholds"]))
    return levels


def _pooled_sum(image: Array, row: int, col: int, pool: int) -> int:
    """Sum of the pool x pool window at (row, col), zero outside the image."""
    inside = image[max(row, 0) : max(row + pool, 0), max(col, 0) : max(col + pool, 0)]
    return int(inside.sum(dtype=np.int64))


class Answer(NamedTuple):
    """What one input is answered: class, sums of votes, and of each glimpse the winners' distances added over the
    tables, the bits of its patches, and where it was."""

    predicted: int
    votes: list[int]
    distances: list[int]
    patches: list[list[int]]
    locations: list[list[int]]


def _look_up(model: dict[str, Array], geometry: dict[str, Any], image: Array) -> Answer:
    width, hidden_bits = geometry["hidden_bits"] // geometry["n_tables"], geometry["hidden_bits"]
    hidden = np.unpackbits(model["hidden_init"], count=hidden_bits)
    location = model.get("location_init", np.zeros(2, dtype=np.uint8))
    votes, rows = np.zeros(geometry["n_classes"], dtype=np.int64), [0]
    distances, seen, locations = [], [], []
    for g, patches in enumerate(geometry["glimpses"]):
        levels = _glimpse_levels(image, moved(patches, geometry, location), geometry)
        seen.append(_bits(levels, geometry["pixel_bits"]))
        locations.append(location.tolist())
        code = _bits(location.tolist(), location_columns(geometry) // 2)
        query = np.concatenate([np.array(seen[-1], np.uint8), hidden, np.array(code, np.uint8)])
        found = [_descend(model, geometry, query, int(root), g) for root in model["roots"][g]]
        rows = [row for row, _ in found]
        distances.append(sum(distance for _, distance in found))
        hidden = np.concatenate([np.unpackbits(model["value_hidden"][row], count=width) for row in rows])
        location = model["value_location"][rows[0]] if "locations" in geometry else location
        if geometry["decision"] == "vote":
            votes += model["value_votes"][rows].sum(axis=0, dtype=np.int64)
    voted = geometry["decision"] == "vote"
    predicted = int(votes.argmax() if voted else model["value_class"][rows[0]])
    return Answer(predicted, votes.tolist(), distances, seen, locations)


def _bits(numbers: list[int], n_bits: int) -> list[int]:
    """The bits of each number, most significant first, one number after the other."""
    return [number >> j & 1 for number in numbers for j in reversed(range(n_bits))]


def _descend(
    model: dict[str, Array], geometry: dict[str, Any], query: Array, node: int, g: int
) -> tuple[int, int]:
    """From a root to (value row, distance of the last winner)."""
    while True:
        start, stop = model["node_start"][node : node + 2]
        keys = np.unpackbits(model["keys"][start:stop], axis=1, count=len(query))
        totals = [_distance(query, key, geometry, model["split_weights"][g]) for key in keys]
        best = int(np.argmin(totals))
        after = int(model["key_next"][start + best])
        if after < 0:
            return -1 - after, totals[best]
        node = after


def _distance(query: Array, key: Array, geometry: dict[str, Any], weights: Array) -> int:
    pixel_bits, hidden_bits, n_location = geometry["pixel_bits"], geometry["hidden_bits"], location_columns(geometry)
    patch_bits, total = len(query) - hidden_bits - n_location, 0
    numbers = [(0, patch_bits, pixel_bits, 0)]  # first and last column, bits of a number, first split
    first = -(-patch_bits // 32)
    if n_location:
        numbers.append((patch_bits + hidden_bits, len(query), n_location // 2, first - (-hidden_bits // 32)))
    for start, stop, n_bits, split in numbers:
        for column in range(start, stop):
            j = n_bits - 1 - (column - start) % n_bits
            weight = int(weights[split + (column - start) // 32])
            if geometry["metric"] == "manhattan":
                number = start + (column - start) // n_bits * n_bits
                sign = 1 if _number(query, number, n_bits) > _number(key, number, n_bits) else -1
                total += sign * (int(query[column]) - int(key[column])) * 2**j * weight
            else:
                total += int(query[column] != key[column]) * 2**j * weight
    for h in range(hidden_bits):
        total += int(query[patch_bits + h] != key[patch_bits + h]) * int(weights[first + h // 32])
    return total


def _number(bits: Array, first: int, n_bits: int) -> int:
    """The number whose bits begin at column `first`."""
    return int("".join(str(int(bit)) for bit in bits[first : first + n_bits]), 2)
