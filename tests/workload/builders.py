"""Tiny valid workload folders with random contents, for tests: `write_hybrid`, `write_mbi`, `write_cascade`, ….

What is recorded follows from random images (a CNN and a lookup written apart from accelsim's, for small
sizes), so a run from the images must give what a run from the recordings gives. `Built` also says what the
workload answers.
`write_folder(folder, parts)` writes parts that a test has changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from safetensors.numpy import save

from tests.workload.cnn_parts import Head, add_acam, add_cnn
from tests.workload.parts import Built, start
from tests.workload.table_parts import add_tables, glimpse, offset_glimpse

Decision = Literal["vote", "last"]


def write_folder(folder: Path, parts: Built) -> Path:
    """Writes the three files, with hashes that agree (of a shape-only workload the manifest); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if parts.manifest.get("content") == "shapes":
        (folder / "manifest.yaml").write_text(yaml.safe_dump(parts.manifest, sort_keys=False), encoding="utf-8")
        return folder
    hashes = {}
    for name, arrays in (("model.safetensors", parts.model), ("eval.safetensors", parts.evaluation)):
        content = save({key: np.ascontiguousarray(array) for key, array in arrays.items()})
        hashes[name] = hashlib.sha256(content).hexdigest()
        (folder / name).write_bytes(content)
    manifest = {**parts.manifest, "files": {**hashes, **parts.manifest.get("files", {})}}
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    return folder


def write_hybrid(folder: Path, seed: int = 0, **sizes: Any) -> Built:
    """Writes a hybrid workload; sizes as `hybrid` takes them."""
    return _written(folder, hybrid(seed, **sizes))


def write_mbi(folder: Path, seed: int = 0, **sizes: Any) -> Built:
    """Writes an MBI workload; sizes as `mbi` takes them."""
    return _written(folder, mbi(seed, **sizes))


def write_cascade(folder: Path, seed: int = 0, **sizes: Any) -> Built:
    """Writes a cascade workload; sizes as `cascade` takes them."""
    return _written(folder, cascade(seed, **sizes))


def write_cnn(folder: Path, seed: int = 0, **sizes: Any) -> Built:
    """Writes a CNN workload; sizes as `cnn` takes them."""
    return _written(folder, cnn(seed, **sizes))


def _written(folder: Path, parts: Built) -> Built:
    write_folder(folder, parts)
    return parts


def hybrid(
    seed: int = 0,
    *,
    n_inputs: int = 8,
    side: int = 8,
    channels: tuple[int, ...] = (4, 2),
    dense_features: int | None = None,
    max_pool: int = 1,
    n_rows: int = 5,
    n_classes: int = 3,
    feature_levels: int = 2,
) -> Built:
    """A CNN of 3 x 3 convolutions (and a dense layer when `dense_features` is given) with an ACAM head.

    Args:
        side: of the square image.
        channels: output channels of the convolutions; the first has stride 2.
        max_pool: of the first convolution.
        n_rows: templates.
    """
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n_inputs, side, side), dtype=np.uint8)
    parts = start("hybrid", rng, images, n_classes)
    features = add_cnn(parts, rng, channels, max_pool, "acam", dense_features)
    parts.predicted = add_acam(parts, rng, features, n_rows, n_classes, feature_levels)
    return parts


def mbi(
    seed: int = 0,
    *,
    n_inputs: int = 8,
    side: int = 8,
    n_glimpses: int = 3,
    n_patches: int = 2,
    patch_size: int = 2,
    pixel_bits: int = 2,
    hidden_bits: int = 12,
    n_tables: int = 3,
    depth: int = 1,
    branches: int = 4,
    n_classes: int = 3,
    decision: Decision = "vote",
    metric: Literal["circuit", "manhattan"] = "circuit",
    location_bits: int | None = None,
    location_weighted: bool = True,
) -> Built:
    """Lookup tables, one for each glimpse and table.

    Args:
        side: of the square image.
        depth: most levels of a tree; 1 gives flat tables. Deeper trees are ragged.
        branches: most keys a node; tables of depth 1 have exactly so many.
        location_bits: of a learned location's row or column; None is fixed locations.
    """
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n_inputs, side, side), dtype=np.uint8)
    parts = start("mbi", rng, images, n_classes)
    geometry = {
        "image": {"height": side, "width": side},
        "patch_size": patch_size,
        "pixel_bits": pixel_bits,
        "pixel_thresholds": [(i + 1) * 256 // 2**pixel_bits for i in range(2**pixel_bits - 1)],
        "hidden_bits": hidden_bits,
        "n_tables": n_tables,
        "n_classes": n_classes,
        "decision": decision,
        "value_bits": hidden_bits // n_tables + 8 * n_classes,
        "metric": metric,
        "glimpses": [glimpse(rng, n_patches, side) for _ in range(n_glimpses)],
    }
    if location_bits is not None:
        geometry["value_bits"] += 2 * location_bits
        geometry["glimpses"] = [offset_glimpse(rng, n_patches) for _ in range(n_glimpses)]
        geometry |= {"locations": "learned", "location_bits": location_bits, "location_weighted": location_weighted}
    add_tables(parts, rng, geometry, depth, branches)
    return parts


def cascade(
    seed: int = 0,
    *,
    head: Head = "argmax",
    abort: Literal["first_far", "after_all"] = "first_far",
    thresholds: list[int] | None = None,
    margin: int | None = None,
    channels: tuple[int, ...] = (4, 2),
    n_rows: int = 5,
    feature_levels: int = 2,
    **lookup: Any,
) -> Built:
    """A lookup with a CNN to fall back to.

    Args:
        thresholds: one a glimpse; by default such that about half of the inputs fall back.
        margin: the least lead of the votes that is trusted, in place of thresholds.
        lookup: as `mbi` takes it.
    """
    parts = mbi(seed, **lookup)
    rng = np.random.default_rng([seed, 1])
    n_classes = parts.manifest["mbi"]["n_classes"]
    parts.manifest |= {"kind": "cascade", "name": "tiny_cascade"}
    limits = _halving(parts) if thresholds is None else thresholds
    parts.manifest["cascade"] = {"thresholds": limits, "abort": abort}
    if margin is not None:
        parts.manifest["cascade"] = {"criterion": "margin", "margin": margin, "abort": "after_all"}
    outputs = add_cnn(parts, rng, channels, 1, head, n_classes if head == "argmax" else None)
    if head == "acam":
        fallback = add_acam(parts, rng, outputs, n_rows, n_classes, feature_levels)
    else:
        fallback = outputs.argmax(axis=1)
    parts.far = np.array((parts.distances > limits).any(axis=1))
    if margin is not None:
        ranked = np.sort(parts.votes, axis=1)
        parts.far = ranked[:, -1] - ranked[:, -2] < margin
    parts.predicted = np.where(parts.far, fallback, parts.predicted)
    return parts


def cnn(
    seed: int = 0,
    *,
    n_inputs: int = 8,
    side: int = 8,
    channels: tuple[int, ...] = (4, 2),
    max_pool: int = 1,
    n_classes: int = 3,
) -> Built:
    """A CNN of 3 x 3 convolutions, as in `hybrid`, whose dense last layer gives logits."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n_inputs, side, side), dtype=np.uint8)
    parts = start("cnn", rng, images, n_classes)
    logits = add_cnn(parts, rng, channels, max_pool, "argmax", n_classes)
    parts.predicted = logits.argmax(axis=1)
    return parts


# Two convolutions that do not chain, one of them grouped, and a dense layer.
SHAPES = (
    {
        **{"name": "conv1", "op": "conv", "in_channels": 3, "out_channels": 8, "in_height": 6, "in_width": 6},
        **{"kernel": 3, "stride": 2, "padding": 1, "relu": True, "max_pool": 1},
        **{"activation_zeros": 0.25, "weight_zeros": 0.5},
    },
    {
        **{"name": "conv2", "op": "conv", "in_channels": 4, "out_channels": 6, "in_height": 4, "in_width": 4},
        **{"kernel": 1, "stride": 1, "padding": 0, "groups": 2, "relu": False, "max_pool": 2},
        **{"activation_zeros": 0.0, "weight_zeros": 0.9},
    },
    {
        **{"name": "fc", "op": "dense", "in_features": 20, "out_features": 3, "relu": False},
        **{"activation_zeros": 0.125, "weight_zeros": 0.0},
    },
)


def shapes(n_inputs: int = 8, head: Literal["argmax", "none"] = "argmax", batch: int = 1) -> Built:
    """A shape-only workload of the layers `SHAPES`."""
    parts = start("cnn", np.random.default_rng(0), np.zeros((n_inputs, 6, 6), dtype=np.uint8), 3)
    shape = {"channels": 3, "height": 6, "width": 6, "offset": 128, "shift": 0}
    layers = [dict(layer) for layer in SHAPES]
    parts.manifest |= {"name": "tiny_shapes", "content": "shapes"}
    parts.manifest["cnn"] = {"input": shape, "grey": False, "head": head, "batch": batch, "layers": layers}
    return parts


def _halving(parts: Built) -> list[int]:
    """One threshold for all glimpses that half of the inputs exceed in some glimpse."""
    return [int(np.median(parts.distances.max(axis=1)))] * parts.distances.shape[1]
