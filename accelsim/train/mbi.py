"""Training MNIST tables for memorization-based inference as learned prototypes, and writing the workload.

*Source*: the hardware of arXiv 2307.07631 (5 glimpses, 160-column keys, 560 comparisons); the method is
vector quantisation trained from labels, not the paper's memorised episodes, and the glimpse locations are
fixed. Distances are the circuit's (bit-weighted Hamming), in training too. The glimpses, pixel thresholds
and hidden weight were chosen on the validation images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.datasets import ImageSet
from accelsim.train.mbi_fit import Recipe, Split, distorted, fit, load_split
from accelsim.train.mbi_model import PrototypeTables, glimpse_bits
from accelsim.train.mbi_tables import Bits, Geometry, Patch, level_bits, pack, patch_levels, walk
from accelsim.train.save import save_workload

Arrays = dict[str, npt.NDArray[Any]]

VOTE_BITS = 5
N_KEYS = 16
HIDDEN_WEIGHT = 1
RATE = 0.02
TEMPERATURE = 4.0
"""Of the softmax that carries the gradient, in steps of distance."""
CLIPPED_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Scales tried for the integer votes, by the share of votes too large for their bits."""

GEOMETRY = Geometry(
    image=(28, 28),
    patch_size=8,
    pixel_bits=2,
    pixel_thresholds=(16, 64, 128),
    hidden_bits=28,
    n_tables=7,
    n_classes=10,
    decision="vote",
    value_bits=10 * VOTE_BITS + 4,
    metric="circuit",
    # The whole digit at a third of the resolution, then the four quadrants of its centre at full resolution.
    glimpses=((Patch(2, 2, 3),), *(((Patch(row, col, 1),)) for row in (6, 14) for col in (6, 14))),
)

DESCRIPTION = (
    "MNIST by learned prototypes on the hardware of arXiv 2307.07631: vector quantisation trained from "
    "labels through the nearest-key choice, not the paper's memorised episodes. Five fixed glimpses of 8x8 "
    "pixels at 2 bits (one pooled, four at full resolution), 7 flat tables of 16 keys each, so 560 "
    "comparisons of 156-bit keys; each winner casts class votes and writes 4 bits of the next hidden code."
)


def train_mbi(
    *,
    data_root: Path,
    out: Path,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    limit: int | None = None,
) -> None:
    """Train the tables on MNIST below `data_root` and write the workload folder `out`.

    With `checkpoint`, a stopped run continues from that file; `limit` takes only the first images of each
    split.

    Raises:
        DataError: MNIST is not there, the checkpoint belongs to another run, or `out` cannot be written.
    """
    split = load_split(data_root, limit)
    model = fit_tables(split, Recipe("tables", epochs, seed, RATE), checkpoint)
    arrays, validation_accuracy = _choose_votes(model, split.validation)
    evaluation = {"patches": record(split.test.images, GEOMETRY), "labels": split.test.labels}
    manifest = {
        "schema_version": 1,
        "name": "mnist_mbi",
        "kind": "mbi",
        "method": "learned_prototypes",
        "description": DESCRIPTION,
        "dataset": {"name": "MNIST", "split": "test", "n_inputs": len(split.test.labels), "n_classes": 10},
        "training": {
            "command": f"accelsim train mbi --epochs {epochs} --seed {seed}",
            "epochs": epochs,
            "seed": seed,
            "fitted_images": len(split.fitted.labels),
            "validation_images": len(split.validation.labels),
            "validation_accuracy": validation_accuracy,
            "vote_bits": VOTE_BITS,
        },
        "accuracy": {
            "measured": table_accuracy(arrays, evaluation["patches"], split.test.labels),
            "note": "MNIST test images, read once; no fallback",
        },
        "mbi": GEOMETRY.manifest(),
    }
    save_workload(out, manifest, arrays, evaluation)


def record(images: Bits, geometry: Geometry) -> Bits:
    """[n, height, width] -> packed queries [n, n_glimpses, ceil(patch_columns / 8)]."""
    return pack(level_bits(patch_levels(images, geometry), geometry.pixel_bits))


def table_accuracy(arrays: Arrays, patches: Bits, labels: Bits) -> float:
    """Fraction of packed queries [n, n_glimpses, bytes] that the tables classify right."""
    return float((walk(arrays, GEOMETRY, patches).predicted == labels).mean())


def fit_tables(split: Split, recipe: Recipe, checkpoint: Path | None) -> PrototypeTables:
    """Train on distorted copies of the fitted images; cross-entropy of the summed votes."""
    images = torch.from_numpy(split.fitted.images)
    labels = torch.from_numpy(split.fitted.labels).long()
    held_out = glimpse_bits(torch.from_numpy(split.validation.images).float(), GEOMETRY)
    held_out_labels = torch.from_numpy(split.validation.labels).long()
    examples = glimpse_bits(images[:10_000].float(), GEOMETRY)
    model = PrototypeTables(GEOMETRY, N_KEYS, HIDDEN_WEIGHT, examples, recipe.seed)

    def batch_loss(batch: Tensor, generator: torch.Generator) -> Tensor:
        patches = glimpse_bits(distorted(images[batch].float(), generator), GEOMETRY)
        loss: Tensor = nn.functional.cross_entropy(model(patches, TEMPERATURE), labels[batch])
        return loss

    def validate() -> float:
        with torch.no_grad():
            return float((model(held_out, TEMPERATURE).argmax(1) == held_out_labels).float().mean())

    with Progress() as progress:
        fit(
            model, len(images), recipe, batch_loss,
            validate=validate, progress=progress, after_step=model.clamp, checkpoint=checkpoint,
        )  # fmt: skip
    return model


def _choose_votes(model: PrototypeTables, validation: ImageSet) -> tuple[Arrays, float]:
    """The arrays of `model.safetensors` with the vote scale best on validation, and the accuracy there."""
    patches = record(validation.images, GEOMETRY)
    candidates = [tables_to_arrays(model, clipped_share) for clipped_share in CLIPPED_SHARES]
    scores = [table_accuracy(arrays, patches, validation.labels) for arrays in candidates]
    best = int(np.argmax(scores))
    return candidates[best], scores[best]


def tables_to_arrays(model: PrototypeTables, clipped_share: float) -> Arrays:
    """The arrays of `model.safetensors`; the `clipped_share` of largest votes is clipped to VOTE_BITS."""
    geometry = model.geometry
    n_glimpses, n_nodes = len(geometry.glimpses), len(geometry.glimpses) * geometry.n_tables
    n_rows = n_nodes * model.n_keys
    votes = model.votes.detach().flatten(0, 2).double().numpy()
    # Adding a constant to all votes of a row changes no decision; centring them spends the range evenly.
    votes = votes - (votes.max(axis=1, keepdims=True) + votes.min(axis=1, keepdims=True)) / 2
    largest = 2 ** (VOTE_BITS - 1) - 1
    scale = largest / np.quantile(np.abs(votes), 1 - clipped_share)
    split_weights = np.ones((n_glimpses, int(geometry.split_of_column().max()) + 1), np.int32)
    split_weights[:, geometry.split_of_column()[geometry.patch_columns] :] = model.hidden_weight
    return {
        "keys": pack(model.keys().numpy()),
        "key_next": -1 - np.arange(n_rows, dtype=np.int32),
        "node_start": np.arange(0, n_rows + 1, model.n_keys, dtype=np.int32),
        "roots": np.arange(n_nodes, dtype=np.int32).reshape(n_glimpses, geometry.n_tables),
        "split_weights": split_weights,
        "value_hidden": pack(model.written().numpy()),
        "value_votes": np.clip(np.rint(votes * scale), -largest - 1, largest).astype(np.int8),
        "hidden_init": np.zeros(-(-geometry.hidden_bits // 8), np.uint8),
    }
