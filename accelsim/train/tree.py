"""A tree of keys over stored rows by hierarchical k-means, and the greedy descent through it.

*Source*: arXiv 2307.07631 clusters the rows so that a query is compared with 32 keys a level and not with every row,
and reports that the row found is less than 10 % further than the nearest one "with very high probability".
*Ours* (unpublished there): centroids are rounded to bits, so that they fit the array; rows belong to the nearest
rounded centroid, so that a stored key leads to its own row; a node gets about one key for each half leaf, and small
neighbours share a leaf, so that fewer arrays stand half empty.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans, MiniBatchKMeans

from accelsim.train.episodes import Bytes, Ints, Query
from accelsim.train.weights import Encoding, Floats

NODE_KEYS = 32
"""Rows of an array: keys a node or a leaf may have."""
LEAF_TARGET = 16
"""Rows a leaf is planned for; clusters are uneven, and one with more than NODE_KEYS is split again."""
MINI_BATCH_ROWS = 10_000
"""Nodes with more rows are clustered on batches of MINI_BATCH of them."""
MINI_BATCH = 4096
ITERATIONS = 20

GAP_EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Of the histogram of distance gaps; what lies above the last is given apart."""


@dataclass(frozen=True)
class Tree:
    """Nodes of at most 32 keys; children come after their parents, node 0 is the root.

    keys: [n_keys, n_features] of 0 and 1 (uint8; float32 where centroids are not rounded); key_next: [n_keys] child
    node, or -1 - row; node_start: [n_nodes + 1].
    """

    keys: npt.NDArray[Any]
    key_next: npt.NDArray[np.int32]
    node_start: npt.NDArray[np.int32]


@dataclass(frozen=True)
class TreeSearch:
    """The search of `episodes.look_up` through a tree.

    Attributes:
        probes: nodes a level that are followed; 1 is the paper's greedy descent.
    """

    tree: Tree
    encoding: Encoding
    weights: Floats
    probes: int = 1

    def __call__(self, query: Query) -> tuple[Ints, Ints]:
        found = descend(self.tree, self.encoding.features(query), self.weights, self.probes)
        return found.row, found.distance


@dataclass(frozen=True)
class Descent:
    """[n] each: the row found, its distance, and the keys compared on the way."""

    row: Ints
    distance: Ints
    compared: Ints


def build_tree(features: Bytes, weights: Floats, *, seed: int, rounded: bool = True) -> Tree:
    """The tree over different rows `features` [n_rows, n_features] of 0 and 1.

    rounded: False keeps the centroids as they are, which no array can hold; it shows what rounding costs.
    """
    keys: list[npt.NDArray[Any]] = []
    key_next: list[Ints] = []
    node_start = [0]
    waiting = deque([np.arange(len(features))])
    n_nodes = 1
    while waiting:
        rows = waiting.popleft()
        if len(rows) <= NODE_KEYS:
            keys.append(features[rows])
            key_next.append(-1 - rows)
        else:
            centroids, owner = _clusters(features[rows], weights, seed, rounded)
            keys.append(centroids)
            key_next.append(n_nodes + np.arange(len(centroids)))
            waiting.extend(rows[owner == child] for child in range(len(centroids)))
            n_nodes += len(centroids)
        node_start.append(node_start[-1] + len(keys[-1]))
    return Tree(np.concatenate(keys), np.concatenate(key_next).astype(np.int32), np.array(node_start, np.int32))


def _clusters(points: Bytes, weights: Floats, seed: int, rounded: bool) -> tuple[npt.NDArray[Any], Ints]:
    """At least two different centroids [k, n_features], each with rows, and the owner [n] of each row."""
    n_clusters = min(NODE_KEYS, -(-len(points) // LEAF_TARGET))
    if len(points) > MINI_BATCH_ROWS:
        means = MiniBatchKMeans(n_clusters, batch_size=MINI_BATCH, n_init=1, random_state=seed)
    else:
        means = KMeans(n_clusters, n_init=1, max_iter=ITERATIONS, random_state=seed)
    # The squared distance of scaled bits is their weighted Hamming distance.
    label = means.fit(points * np.sqrt(weights)).labels_
    centroids: npt.NDArray[Any] = _merged(points, label, weights)
    if rounded:
        centroids = (centroids >= 0.5).astype(np.uint8)
    owner = _owners(points, centroids, weights)
    if owner.min() == owner.max():
        # All rows agree with one rounded centroid: rows themselves differ, so they part each other.
        centroids = points[np.random.default_rng(seed).choice(len(points), n_clusters, replace=False)]
        owner = _owners(points, centroids, weights)
    used, owner = np.unique(owner, return_inverse=True)
    return centroids[used], owner.reshape(-1)


def _merged(points: Bytes, label: npt.NDArray[np.integer], weights: Floats) -> Floats:
    """Means [k, n_features] of the clusters, of which those that fit into a leaf together are joined.

    Of all such pairs the one whose joining adds least to the squared distances goes first (Ward's criterion).
    """
    found, label = np.unique(label, return_inverse=True)
    member = np.zeros((len(found), len(points)), np.float32)
    member[label.reshape(-1), np.arange(len(points))] = 1.0
    size = member.sum(axis=1)
    means: Floats = member @ points.astype(np.float32) / size[:, None]
    while True:
        squares = np.square(means) @ weights
        apart = squares[:, None] + squares - 2 * (means * weights) @ means.T
        added = apart * size[:, None] * size / (size[:, None] + size)
        added[(size[:, None] + size > NODE_KEYS) | np.eye(len(size), dtype=bool)] = np.inf
        kept, joined = sorted(np.unravel_index(int(added.argmin()), added.shape))
        if len(size) <= 2 or not np.isfinite(added[kept, joined]):
            return means
        both = size[kept] + size[joined]
        means[kept] = (size[kept] * means[kept] + size[joined] * means[joined]) / both
        size[kept] = both
        means, size = np.delete(means, joined, axis=0), np.delete(size, joined)


def _owners(points: Bytes, centroids: npt.NDArray[Any], weights: Floats) -> Ints:
    """[n] the nearest centroid of each row, the lowest on a tie."""
    # The distance of bits is (q - k)^2 = q - 2 q k + k^2, whose first term is the same for all centroids.
    factors = centroids.astype(np.float32) * weights
    owner: Ints = (np.square(centroids, dtype=np.float32) @ weights - 2 * points @ factors.T).argmin(axis=1)
    return owner


def descend(tree: Tree, queries: Bytes, weights: Floats, probes: int = 1) -> Descent:
    """Follow the `probes` nearest keys of each level to the leaves; the nearest row met is the answer.

    With one probe: the nearest key of each node, the lowest index on a tie, as the hardware does.
    """
    squares = np.square(tree.keys, dtype=np.float32) @ weights
    chunks = [_descend(tree, squares, queries[i : i + 1024], weights, probes) for i in range(0, len(queries), 1024)]
    names = ("row", "distance", "compared")
    return Descent(*(np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names))


def _descend(tree: Tree, squares: Floats, queries: Bytes, weights: Floats, probes: int) -> Descent:
    # squares: [n_keys] weighted sums of k^2, of the distance q - 2 q k + k^2.
    n = len(queries)
    start = tree.node_start.astype(np.int64)
    factors, constant = -2 * weights * queries, queries @ weights
    nodes = np.zeros((n, 1), np.int64)  # -1: nothing to follow
    row, distance = np.full(n, -1, np.int64), np.full(n, np.inf)
    compared = np.zeros(n, np.int64)
    while (nodes >= 0).any():
        key, valid = _keys_of(nodes, start)
        compared += valid.sum(axis=1)
        products = np.einsum("qkf,qf->qk", tree.keys[key], factors)
        far = np.where(valid, products + squares[key] + constant[:, None], np.inf)
        following = tree.key_next[key].astype(np.int64)
        leaf = np.where(following < 0, far, np.inf)
        here = leaf.argmin(axis=1)
        every = np.arange(n)
        closer = leaf[every, here] < distance
        row[closer] = -1 - following[every, here][closer]
        distance[closer] = leaf[every, here][closer]
        inner = np.where(following < 0, np.inf, far)
        order = inner.argsort(axis=1, kind="stable")[:, :probes]
        nodes = np.where(np.isfinite(np.take_along_axis(inner, order, 1)), np.take_along_axis(following, order, 1), -1)
    return Descent(row, distance.astype(np.int64), compared)


def _keys_of(nodes: Ints, start: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Nodes [n, p] -> the keys of each query's nodes [n, p * most keys], and which of them are there."""
    first, stop = start[nodes], start[nodes + 1]
    offset = np.arange(int(np.where(nodes >= 0, stop - first, 0).max()))
    key = first[..., None] + offset
    valid = (key < stop[..., None]) & (nodes >= 0)[..., None]
    return np.where(valid, key, 0).reshape(len(nodes), -1), valid.reshape(len(nodes), -1)


def gap_histogram(found: Ints, least: Ints) -> dict[str, Any]:
    """How much further rows at the distances `found` are than the nearest ones at `least`, both [n].

    Shares of the queries whose gap (found - least) / least lies within each pair of `GAP_EDGES` (the first also holds
    no gap at all); a gap above an exact match counts as above the last edge, so the shares may sum to less than 1. With
    them come the median gap and the 95th percentile.
    """
    gap = np.where(found == least, 0.0, (found - least) / np.maximum(least, 1e-9))
    counts, _ = np.histogram(gap, GAP_EDGES)
    median, p95 = np.quantile(gap, (0.5, 0.95)).tolist()
    return {"edges": list(GAP_EDGES), "shares": (counts / len(gap)).tolist(), "median": median, "p95": p95}
