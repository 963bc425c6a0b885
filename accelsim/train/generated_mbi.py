"""A generated workload with the geometry of the MBI paper, for timing and energy alone.

*Source*: arXiv 2307.07631 (table reconstructed from its key length, tree and 6.21 MB). *Not modelled*: accuracy, which
has no meaning here. numpy only; the same seed gives the same bytes anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim.datasets import N_CLASSES
from accelsim.errors import InvariantError
from accelsim.train.mbi_tables import Bits, Geometry, Ints, Patch, pack, search, walk
from accelsim.train.raw_draws import RawDraws
from accelsim.train.save import save_workload
from accelsim.train.stages import Arrays

BRANCHES = 32
DEEP_NODES = 5405
"""Level-3 keys with a node below: 32768 - 5405 + 32 * 5405 = 200,323 rows of 31 B = 6.21 MB as published."""
CHILD_FLIPS = (0.15, 0.10, 0.07)
"""Share of bits in which a key differs from its parent, by level; small, so greedy descent finds its way."""
QUERY_FLIPS = 0.03
MBI_INPUTS = 1024
MBI_CANDIDATES = 768
"""Walks tried for each order of depths; MBI_INPUTS / 2 are kept, since a noisy query may miss its depth."""


def paper_geometry() -> Geometry:
    """Five glimpses of three concentric 4x4 patches (pools 1, 4, 16): 96 + 64 hidden columns = 5 splits."""
    centres = ((14, 14), (9, 9), (9, 19), (19, 9), (19, 19))
    return Geometry(
        image=(28, 28),
        patch_size=4,
        pixel_bits=2,
        pixel_thresholds=(64, 128, 192),
        hidden_bits=64,
        n_tables=1,
        n_classes=N_CLASSES,
        decision="last",
        value_bits=78,
        metric="circuit",
        glimpses=tuple(
            tuple(Patch(row - 2 * pool, col - 2 * pool, pool) for pool in (1, 4, 16)) for row, col in centres
        ),
    )


@dataclass(frozen=True)
class _Tree:
    """keys: [n_keys, n_columns] bits, by level; next: [n_keys]; leaf_key: [n_rows] the key above each row.

    Value rows 0 … n_shallow-1 hang on level 3, the others on level 4.
    """

    keys: Bits
    next: Ints
    leaf_key: Ints
    n_shallow: int


def _grow(draws: RawDraws, n_columns: int) -> _Tree:
    """One tree of 32 keys a node: levels 1 to 3 are full, DEEP_NODES level-3 keys have a level-4 node."""
    levels = [draws.flips(0.5, BRANCHES, n_columns)]
    for share in CHILD_FLIPS[:2]:
        levels.append(_children(draws, levels[-1], share))
    deep = draws.chosen(DEEP_NODES, len(levels[2]))
    levels.append(_children(draws, levels[2][deep], CHILD_FLIPS[2]))

    shallow = np.setdiff1d(np.arange(len(levels[2])), deep)
    first = np.cumsum([0] + [len(level) for level in levels])
    # Nodes are numbered breadth first: key k of the upper two levels owns node k + 1.
    key_next = np.arange(1, first[-1] + 1)
    key_next[first[2] + deep] = 1 + first[2] + np.arange(DEEP_NODES)
    leaf_key = np.concatenate([first[2] + shallow, np.arange(first[3], first[4])])
    key_next[leaf_key] = -1 - np.arange(len(leaf_key))
    return _Tree(np.concatenate(levels), key_next, leaf_key, len(shallow))


def _children(draws: RawDraws, parents: Bits, share: float) -> Bits:
    """[n, n_columns] -> [n * BRANCHES, n_columns]: noisy copies; what is near them is near the parent."""
    copies = np.repeat(parents, BRANCHES, axis=0)
    return copies ^ draws.flips(share, *copies.shape)


def _successors(draws: RawDraws, tree: _Tree) -> Ints:
    """[n_rows] the row each row's hidden code points at: one of the other depth, so that depths alternate."""
    n_rows = len(tree.leaf_key)
    n_deep = n_rows - tree.n_shallow
    after_shallow = tree.n_shallow + draws.below(n_deep, tree.n_shallow)
    return np.concatenate([after_shallow, draws.below(tree.n_shallow, n_deep)])


def _tables(draws: RawDraws, tree: _Tree, successor: Ints, geometry: Geometry) -> Arrays:
    """The arrays of `model.safetensors`."""
    n_glimpses = len(geometry.glimpses)
    hidden = tree.keys[:, geometry.patch_columns :]
    return {
        "keys": pack(tree.keys),
        "key_next": tree.next.astype(np.int32),
        "node_start": np.arange(0, len(tree.keys) + 1, BRANCHES, dtype=np.int32),
        "roots": np.zeros((n_glimpses, 1), np.int32),
        "split_weights": np.ones((n_glimpses, int(geometry.split_of_column().max()) + 1), np.int32),
        "value_hidden": pack(hidden[tree.leaf_key[successor]]),
        "value_class": draws.below(N_CLASSES, len(tree.leaf_key)).astype(np.uint8),
        "hidden_init": pack(draws.flips(0.5, geometry.hidden_bits)),
    }


def _queries(
    draws: RawDraws, tree: _Tree, model: Arrays, successor: Ints, geometry: Geometry, first: int
) -> Bits:
    """Up to MBI_INPUTS / 2 walks whose depths alternate from `first`, 3 or 4.

    Returns patch bits [n, n_glimpses, patch_columns]. Each glimpse aims at the row the last winner's
    hidden code points at: the patch part of that row's key with a few bits flipped.
    """
    shallow, deep = np.split(np.arange(len(tree.leaf_key)), [tree.n_shallow])
    start = shallow if first == 3 else deep
    target = start[draws.below(len(start), MBI_CANDIDATES)]
    hidden = np.tile(np.unpackbits(model["hidden_init"]), (MBI_CANDIDATES, 1))
    keep = np.ones(MBI_CANDIDATES, bool)
    recorded = []
    for g in range(len(geometry.glimpses)):
        aim = tree.keys[tree.leaf_key[target], : geometry.patch_columns]
        recorded.append(aim ^ draws.flips(QUERY_FLIPS, *aim.shape))
        query = np.concatenate([recorded[-1], hidden], axis=1)
        answer = search(tree.keys, model, geometry.column_weights(model["split_weights"][g]), 0, query)
        keep &= answer.levels == (first if g % 2 == 0 else 7 - first)
        target = successor[answer.row]
        hidden = np.unpackbits(model["value_hidden"][answer.row], axis=1)
    return np.stack(recorded, axis=1)[keep][: MBI_INPUTS // 2]


def mbi_arrays(seed: int) -> tuple[Geometry, Arrays, Arrays]:
    """Geometry, `model` and `eval` arrays of the paper's table; the level counts are proven by walking it.

    Inputs with an even index take 3, 4, 3, 4, 3 levels, odd ones 4, 3, 4, 3, 4: 3.5 a glimpse on average, so
    560 comparisons an inference.
    """
    draws, geometry = RawDraws(seed), paper_geometry()
    tree = _grow(draws, geometry.n_columns)
    successor = _successors(draws, tree)
    model = _tables(draws, tree, successor, geometry)
    orders = [_queries(draws, tree, model, successor, geometry, first) for first in (3, 4)]
    if min(len(order) for order in orders) < MBI_INPUTS // 2:
        raise InvariantError(f"seed {seed}: fewer than {MBI_INPUTS // 2} of {MBI_CANDIDATES} walks alternate")
    patches = pack(np.stack(orders, axis=1).reshape(MBI_INPUTS, len(geometry.glimpses), -1))
    walked = walk(model, geometry, patches)
    input_index, glimpse_index = np.ogrid[:MBI_INPUTS, : len(geometry.glimpses)]
    if not np.array_equal(walked.levels[:, :, 0], 3 + (input_index + glimpse_index) % 2):
        raise InvariantError(f"seed {seed}: the generated table does not alternate between 3 and 4 levels")
    return geometry, model, {"patches": patches, "labels": walked.predicted.astype(np.uint8)}


def generate_paper_mbi(out: Path, seed: int) -> None:
    """Write the MBI paper's geometry to the folder `out`."""
    geometry, model, evaluation = mbi_arrays(seed)
    manifest = {
        "schema_version": 1,
        "name": "paper_mbi",
        "kind": "mbi",
        "method": "paper_geometry",
        "description": (
            "Generated table with the geometry of arXiv 2307.07631: 5 glimpses of three 4x4 patches, keys of "
            "96 patch and 64 hidden bits, one 32-way tree of 3 or 4 levels for all glimpses, 200,323 value "
            "rows; with its 10 location bits a row is 31 B, 6.21 MB in all. Even inputs take 17 levels and "
            "odd ones 18, so 3.5 a glimpse. Keys and queries are random; labels are what the table answers, "
            "so accuracy carries no meaning."
        ),
        "dataset": {"name": "generated", "split": "none", "n_inputs": MBI_INPUTS, "n_classes": N_CLASSES},
        "training": {"command": f"accelsim train paper-mbi --seed {seed}", "seed": seed},
        "accuracy": {"measured": None, "note": "labels are the table's own answers"},
        "mbi": geometry.manifest(),
    }
    save_workload(out, manifest, model, evaluation)
