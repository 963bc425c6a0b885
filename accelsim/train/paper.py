"""Generated workloads with the geometry of the two papers, for timing and energy alone.

*Source*: arXiv 2307.07631 (table reconstructed from its key length, tree and 6.21 MB) and arXiv 2502.10089
(CNN reconstructed from its parameter count and feature shape). *Not modelled*: accuracy, which has no meaning
here. numpy only; the same seed gives the same bytes anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InvariantError
from accelsim.train.mbi_tables import Bits, Geometry, Ints, Patch, pack, search, walk
from accelsim.train.save import save_workload

Arrays = dict[str, npt.NDArray[Any]]

N_CLASSES = 10


class RawDraws:
    """Draws made from PCG64's raw words alone, which numpy promises to keep; its distributions may change."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.PCG64(seed)

    def words(self, n: int) -> npt.NDArray[np.uint64]:
        """[n] uniform 64-bit words."""
        return self._source.random_raw(n)

    def below(self, high: int, n: int) -> Ints:
        """[n] uniform integers 0 … high-1 (the bias of the remainder, below high / 2^64, is left in)."""
        return (self.words(n) % np.uint64(high)).astype(np.int64)

    def fractions(self, *shape: int) -> npt.NDArray[np.float64]:
        """[*shape] uniform in [0, 1)."""
        words = self.words(int(np.prod(shape)))
        return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def flips(self, share: float, *shape: int) -> Bits:
        """[*shape] ones with probability `share`, else zeros."""
        return (self.fractions(*shape) < share).astype(np.uint8)

    def chosen(self, n_chosen: int, n: int) -> Ints:
        """`n_chosen` different integers of 0 … n-1, ascending."""
        return np.sort(np.argsort(self.words(n), kind="stable")[:n_chosen])


# --- memorization-based inference, arXiv 2307.07631 ---------------------------------------------------------

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


# --- hybrid CNN and ACAM, arXiv 2502.10089 ------------------------------------------------------------------

HYBRID_INPUTS = 256
N_FEATURES = 784
PRUNED_SHARE = 0.8
FEATURE_FLIPS = 0.25
"""Share of an input's binary features that differ from its class's template."""
MULTIPLIER_SHIFT = 24

HYBRID_LAYERS: tuple[dict[str, Any], ...] = tuple(
    {
        "name": name,
        "op": "conv",
        "in_channels": channels[0],
        "out_channels": channels[1],
        "in_height": side,
        "in_width": side,
        "kernel": 3,
        "stride": stride,
        "padding": padding,
        "relu": True,
        "max_pool": 1,
    }
    for name, channels, side, stride, padding in (
        ("conv1", (1, 32), 32, 2, 0),
        ("conv2", (32, 128), 15, 2, 0),
        ("conv3", (128, 256), 7, 1, 1),
        ("head", (256, 16), 7, 1, 1),
    )
)


def dense_macs(layer: dict[str, Any]) -> int:
    """Multiply-accumulates of one conv layer, padding included."""
    side = (layer["in_height"] + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1
    return int(side**2 * layer["out_channels"] * layer["in_channels"] * layer["kernel"] ** 2)


def _layer_arrays(draws: RawDraws, layer: dict[str, Any]) -> Arrays:
    """Bell-shaped int8 weights, the PRUNED_SHARE nearest zero made zero; multipliers that keep the spread."""
    shape = (layer["out_channels"], layer["in_channels"], layer["kernel"], layer["kernel"])
    n_weights = int(np.prod(shape))
    weights = draws.below(256, 4 * n_weights).reshape(4, -1).sum(axis=0) // 4 - 127
    weights[np.argsort(np.abs(weights), kind="stable")[: round(PRUNED_SHARE * n_weights)]] = 0
    # Uncorrelated inputs of one spread give the accumulator that spread times the root of the summed squares.
    gain = 1 / np.sqrt(np.maximum((weights.reshape(shape[0], -1) ** 2).sum(axis=1), 1))
    return {
        "weight": weights.reshape(shape).astype(np.int8),
        "bias": (draws.below(2001, shape[0]) - 1000).astype(np.int32),
        "multiplier": np.round(gain * 2**MULTIPLIER_SHIFT).astype(np.int32),
        "shift": np.full(shape[0], MULTIPLIER_SHIFT, np.uint8),
    }


def _recorded(draws: RawDraws, thresholds: Ints, templates: Bits) -> Arrays:
    """The arrays of `eval.safetensors`: each input's binary features are near one class's template."""
    n = HYBRID_INPUTS
    bits = templates[draws.below(N_CLASSES, n)] ^ draws.flips(FEATURE_FLIPS, n, N_FEATURES)
    above, below = (draws.below(127, n * N_FEATURES).reshape(n, -1) for _ in range(2))
    matches = (bits[:, None] == templates).sum(axis=2)
    dense = np.array([dense_macs(layer) for layer in HYBRID_LAYERS])
    nonzero_share = (1 - PRUNED_SHARE) * (0.4 + 0.2 * draws.fractions(n, len(dense)))
    # Any value 0 … 127 on the right side of the threshold.
    features = np.where(bits == 1, thresholds + 1 + above % (127 - thresholds), below % (thresholds + 1))
    return {
        "features": features.astype(np.int8),
        "nonzero_macs": (dense * nonzero_share).astype(np.int64),
        "labels": matches.argmax(axis=1).astype(np.uint8),
    }


def generate_paper_hybrid(out: Path, seed: int) -> None:
    """Write the hybrid paper's geometry, with random weights and templates, to the folder `out`."""
    draws = RawDraws(seed)
    model = {
        f"{layer['name']}.{part}": array
        for layer in HYBRID_LAYERS
        for part, array in _layer_arrays(draws, layer).items()
    }
    templates = draws.flips(0.5, N_CLASSES, N_FEATURES)
    thresholds = 20 + draws.below(41, N_FEATURES)
    model |= {
        "thresholds": thresholds.reshape(-1, 1).astype(np.int16),
        "template_low": templates,
        "template_high": templates,
        "row_class": np.arange(N_CLASSES, dtype=np.uint8),
    }
    manifest = {
        "schema_version": 1,
        "name": "paper_hybrid",
        "kind": "hybrid",
        "method": "paper_geometry",
        "description": (
            "Generated network with the geometry of arXiv 2502.10089, reconstructed: four 3x3 convolutions, "
            "369,360 parameters and 18,128,160 multiply-accumulates, 80 % of the weights zero, then 784 "
            "binary features against 10 templates. Weights, features and templates are random; labels are "
            "what the templates answer, so accuracy carries no meaning."
        ),
        "dataset": {"name": "generated", "split": "none", "n_inputs": HYBRID_INPUTS, "n_classes": N_CLASSES},
        "training": {"command": f"accelsim train paper-hybrid --seed {seed}", "seed": seed},
        "accuracy": {"measured": None, "note": "labels are the templates' own answers"},
        "cnn": {
            "input": {"channels": 1, "height": 32, "width": 32, "offset": 128, "shift": 0},
            "grey": True,
            "head": "acam",
            "layers": list(HYBRID_LAYERS),
        },
        "acam": {"n_features": N_FEATURES, "n_rows": N_CLASSES, "n_classes": N_CLASSES, "feature_levels": 2},
    }
    save_workload(out, manifest, model, _recorded(draws, thresholds, templates))
