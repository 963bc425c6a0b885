"""Training the MNIST cascade: lookup tables first, a small network for inputs they answer from too far away.

*Source*: the fallback of arXiv 2307.07631, whose criterion is a distance threshold. The network is another
one: two 3x3 convolutions of stride 2 and a dense layer, 25,088 multiply-accumulates and 4,266 parameters,
int8. Thresholds are chosen on the validation images, which neither part was fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress
from torch import Tensor, nn

from accelsim.datasets import ImageSet
from accelsim.errors import DataError
from accelsim.train.mbi import record
from accelsim.train.mbi_fit import Recipe, Split, distorted, fit, load_split
from accelsim.train.mbi_tables import Bits, Geometry, Ints, walk
from accelsim.train.quantise import (
    FloatLayer,
    IntegerLayer,
    evaluate,
    fold_batch_norm,
    quantise,
    to_arrays,
    to_manifest,
)
from accelsim.train.save import save_workload
from accelsim.workload import Workload, load_workload

Arrays = dict[str, npt.NDArray[Any]]
Flags = npt.NDArray[np.bool_]

RATE = 0.01
INPUT_SHIFT = 1
INPUT_SCALE = 1 / 64
"""What one step of the integer input (pixel >> 1) is to the float network: 0 … 2."""

MIN_COVERAGE, MAX_COVERAGE = 0.80, 0.90

DESCRIPTION = (
    "MNIST by lookup tables with a convolutional fallback. Tables: learned prototypes on the hardware of "
    "arXiv 2307.07631, that is vector quantisation trained from labels, as in mnist_mbi. An input with a "
    "glimpse whose winning distances sum above the glimpse's threshold is classified by an int8 network of "
    "25,088 multiply-accumulates instead."
)


@dataclass(frozen=True)
class Answers:
    """What both parts say of n images.

    distance: [n, n_glimpses] sums of the winning distances; by_tables, by_fallback: [n] whether right.
    """

    distance: Ints
    by_tables: Flags
    by_fallback: Flags

    def near(self, thresholds: Ints) -> Flags:
        """[n] whether no glimpse is far; thresholds: [n_glimpses]."""
        near: Flags = np.all(self.distance <= thresholds, axis=1)
        return near

    def mixed(self, thresholds: Ints) -> float:
        """Accuracy when far inputs go to the fallback."""
        return float(np.where(self.near(thresholds), self.by_tables, self.by_fallback).mean())


def train_cascade(
    *,
    data_root: Path,
    mbi: Path,
    out: Path,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    limit: int | None = None,
) -> None:
    """Train the fallback, choose thresholds for the tables in the folder `mbi`, write the folder `out`.

    With `checkpoint`, a stopped run continues from that file; `limit` takes only the first images of each
    split.

    Raises:
        DataError: MNIST is not there, `mbi` holds no tables for it, the checkpoint belongs to another run, or
            `out` cannot be written.
        WorkloadError: `mbi` is not a valid workload folder.
    """
    tables = _tables(mbi)
    split = load_split(data_root, limit)
    layers = _fit_network(split, Recipe("fallback", epochs, seed, RATE), checkpoint)
    validation, _ = _answer(tables, layers, split.validation)
    thresholds = choose_thresholds(validation)
    test, evaluation = _answer(tables, layers, split.test)
    manifest = {
        "schema_version": 1,
        "name": "mnist_cascade",
        "kind": "cascade",
        "method": "learned_prototypes",
        "description": DESCRIPTION,
        "dataset": {"name": "MNIST", "split": "test", "n_inputs": len(split.test.labels), "n_classes": 10},
        "training": {
            "command": f"accelsim train cascade --epochs {epochs} --seed {seed}",
            "epochs": epochs,
            "seed": seed,
            "tables_sha256": tables.manifest.hashes["model.safetensors"],
            "fitted_images": len(split.fitted.labels),
            "validation_images": len(split.validation.labels),
            "validation_accuracy_mbi_only": float(validation.by_tables.mean()),
            "validation_accuracy_cnn_only": float(validation.by_fallback.mean()),
            "validation_accuracy": validation.mixed(thresholds),
            "validation_coverage": float(validation.near(thresholds).mean()),
        },
        "accuracy": {
            "measured": test.mixed(thresholds),
            "note": (
                "MNIST test images, read once, both parts together: "
                f"{test.near(thresholds).mean():.2%} of them answered by the tables"
            ),
        },
        "cnn": {
            "input": {"channels": 1, "height": 28, "width": 28, "offset": 0, "shift": INPUT_SHIFT},
            "grey": True,
            "head": "argmax",
            "layers": [to_manifest(layer.shape) for layer in layers],
        },
        "mbi": _geometry(tables).manifest(),
        "cascade": {"thresholds": thresholds.tolist(), "abort": "first_far"},
    }
    save_workload(out, manifest, {**tables.model, **to_arrays(layers)}, evaluation)


def choose_thresholds(validation: Answers) -> Ints:
    """[n_glimpses] of best mixed accuracy that cover MIN_COVERAGE … MAX_COVERAGE; the widest on a tie.

    One quantile for all glimpses is searched.
    """
    quantiles = np.linspace(MIN_COVERAGE, 1.0, 201)
    candidates = np.floor(np.quantile(validation.distance, quantiles, axis=0)).astype(np.int64)
    allowed = [t for t in candidates if MIN_COVERAGE <= validation.near(t).mean() <= MAX_COVERAGE]
    if not allowed:
        need = f"{MIN_COVERAGE:.0%} to {MAX_COVERAGE:.0%}"
        raise DataError(f"no thresholds cover {need} of the validation images: need more images")
    best: Ints = max(reversed(allowed), key=validation.mixed)
    return best


def _answer(tables: Workload, layers: list[IntegerLayer], images: ImageSet) -> tuple[Answers, Arrays]:
    """Both parts' answers to the images, and the arrays of `eval.safetensors` that record them."""
    geometry = _geometry(tables)
    patches = record(images.images, geometry)
    walked = walk(tables.model, geometry, patches)
    logits, nonzero_macs = evaluate(layers, _to_input(images.images), description="integer network")
    recorded = {"patches": patches, "features": logits, "nonzero_macs": nonzero_macs, "labels": images.labels}
    by_tables, by_fallback = walked.predicted == images.labels, logits.argmax(axis=1) == images.labels
    return Answers(walked.distance.sum(axis=2), by_tables, by_fallback), recorded


def _geometry(tables: Workload) -> Geometry:
    return Geometry.from_manifest(tables.mbi.model_dump())


def _tables(folder: Path) -> Workload:
    """The workload whose tables are used."""
    workload = load_workload(folder)
    if workload.manifest.kind != "mbi" or workload.manifest.dataset.name != "MNIST":
        raise DataError(f"{folder}: need a workload of kind mbi on MNIST")
    return workload


def _to_input(images: Bits) -> Tensor:
    """[n, height, width] uint8 -> the integer input [n, 1, height, width] int8."""
    return torch.from_numpy(images >> INPUT_SHIFT).to(torch.int8).unsqueeze(1)


def build_network(seed: int) -> Any:
    """1 -> 4 -> 8 channels at half and quarter size, then 392 -> 10."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Flatten(), nn.Linear(392, 10),
    )  # fmt: skip


def _fit_network(split: Split, recipe: Recipe, checkpoint: Path | None) -> list[IntegerLayer]:
    """Train on distorted copies of the fitted images, then quantise on undistorted ones."""
    images = torch.from_numpy(split.fitted.images)
    labels = torch.from_numpy(split.fitted.labels).long()
    held_out = _to_input(split.validation.images).float() * INPUT_SCALE
    held_out_labels = torch.from_numpy(split.validation.labels).long()
    model = build_network(recipe.seed)

    def batch_loss(batch: Tensor, generator: torch.Generator) -> Tensor:
        x = distorted(images[batch].float(), generator).unsqueeze(1) / 2**INPUT_SHIFT * INPUT_SCALE
        loss: Tensor = nn.functional.cross_entropy(model(x), labels[batch])
        return loss

    def validate() -> float:
        with torch.no_grad():
            return float((model(held_out).argmax(1) == held_out_labels).float().mean())

    with Progress() as progress:
        fit(
            model, len(images), recipe, batch_loss,
            validate=validate, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
    return quantise(_layers(model), _to_input(split.fitted.images[:2000]), INPUT_SCALE)


def _layers(model: Any) -> list[FloatLayer]:
    """The trained network's layers with batch norm folded."""
    first, first_norm, _, second, second_norm, _, _, dense = model
    return [
        FloatLayer("conv1", *fold_batch_norm(first, first_norm), (1, 28, 28), stride=2, padding=1),
        FloatLayer("conv2", *fold_batch_norm(second, second_norm), (4, 14, 14), stride=2, padding=1),
        FloatLayer("fc", dense.weight.detach(), dense.bias.detach(), (392,), relu=False, final=True),
    ]
