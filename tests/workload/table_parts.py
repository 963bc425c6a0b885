"""Small random lookup tables, and what they answer for images; written apart from accelsim's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.workload.parts import Array, Built


def glimpse(rng: np.random.Generator, n_patches: int, side: int) -> list[dict[str, int]]:
    """Patches of growing pool, some of which reach outside the image."""
    corners = rng.integers(-2, side - 1, (n_patches, 2)).tolist()
    return [{"row": row, "col": col, "pool": 1 + i % 3} for i, (row, col) in enumerate(corners)]


def add_tables(
    parts: Built, rng: np.random.Generator, geometry: dict[str, Any], depth: int, branches: int
) -> None:
    parts.manifest["mbi"] = geometry
    n_glimpses, n_tables = len(geometry["glimpses"]), geometry["n_tables"]
    hidden_bits, n_classes = geometry["hidden_bits"], geometry["n_classes"]
    patch_bits = len(geometry["glimpses"][0]) * geometry["patch_size"] ** 2 * geometry["pixel_bits"]
    node_start, key_next, n_rows = _trees(rng, n_glimpses * n_tables, depth, branches)
    n_splits = -(-patch_bits // 32) - (-hidden_bits // 32)
    parts.model |= {
        "keys": _random_bits(rng, len(key_next), patch_bits + hidden_bits),
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
    levels = np.array(
        [
            [_glimpse_levels(image, patches, geometry) for patches in geometry["glimpses"]]
            for image in parts.images
        ]
    )
    shifts = np.arange(geometry["pixel_bits"])[::-1]
    bits = (levels[..., None] >> shifts & 1).reshape(*levels.shape[:2], -1).astype(np.uint8)
    parts.evaluation["patches"] = np.packbits(bits, axis=-1)
    answers = [_look_up(parts.model, geometry, patches) for patches in bits]
    parts.predicted = np.array([predicted for predicted, _ in answers], dtype=np.int64)
    parts.distances = np.array([distances for _, distances in answers], dtype=np.int64)
    parts.far = np.zeros(len(parts.images), dtype=bool)


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


def _look_up(model: dict[str, Array], geometry: dict[str, Any], patches: Array) -> tuple[int, list[int]]:
    """Class of one input, and its winning distances summed over the tables of each glimpse."""
    width, hidden_bits = geometry["hidden_bits"] // geometry["n_tables"], geometry["hidden_bits"]
    hidden = np.unpackbits(model["hidden_init"], count=hidden_bits)
    votes, rows, distances = np.zeros(geometry["n_classes"], dtype=np.int64), [0], []
    for g, patch_part in enumerate(patches):
        query = np.concatenate([patch_part, hidden])
        found = [_descend(model, geometry, query, int(root), g) for root in model["roots"][g]]
        rows = [row for row, _ in found]
        distances.append(sum(distance for _, distance in found))
        hidden = np.concatenate([np.unpackbits(model["value_hidden"][row], count=width) for row in rows])
        if geometry["decision"] == "vote":
            votes += model["value_votes"][rows].sum(axis=0, dtype=np.int64)
    if geometry["decision"] == "vote":
        return int(votes.argmax()), distances
    return int(model["value_class"][rows[0]]), distances


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
    pixel_bits, hidden_bits = geometry["pixel_bits"], geometry["hidden_bits"]
    patch_bits, total = len(query) - hidden_bits, 0
    for column in range(patch_bits):
        j = pixel_bits - 1 - column % pixel_bits
        if geometry["metric"] == "manhattan":
            sign = 1 if _level(query, column, pixel_bits) > _level(key, column, pixel_bits) else -1
            total += sign * (int(query[column]) - int(key[column])) * 2**j * int(weights[column // 32])
        else:
            total += int(query[column] != key[column]) * 2**j * int(weights[column // 32])
    first = -(-patch_bits // 32)
    for h in range(hidden_bits):
        total += int(query[patch_bits + h] != key[patch_bits + h]) * int(weights[first + h // 32])
    return total


def _level(bits: Array, column: int, pixel_bits: int) -> int:
    """Level of the pixel that a column belongs to."""
    first = column - column % pixel_bits
    return int("".join(str(int(bit)) for bit in bits[first : first + pixel_bits]), 2)
