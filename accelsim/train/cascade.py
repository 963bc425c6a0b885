"""Training a cascade: lookup tables first, a small int8 network for the inputs that they are unsure of.

*Source*: the fallback of arXiv 2307.07631, which answers inputs whose nearest key is too far away. Here the criterion
is the margin: an input goes to the network when the votes for its class lead those for the next one by less than a
bound. The paper's criterion at the same share of inputs is measured beside it. The network is another one too: four 3x3
convolutions and a dense layer (`mbi_teacher.FALLBACK`), taught by the tables' own teacher, with more weight on images
that the tables are unsure of. Weights, bounds and all choices: fitted and validation images.

| stage | what is kept |
|---|---|
| `teacher`, `answers` | as in `mbi.py`; shared with the tables' run when folder, set, seed and sizes are the same |
| `fallback` | the float network's state |
| `test` | both parts' answers to the test images, read once |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.errors import DataError, UsageError
from accelsim.train.images import Images, load_split, load_test
from accelsim.train.integer_network import IntegerLayer, evaluate
from accelsim.train.loop import Recipe
from accelsim.train.mbi_material import Material, Plan
from accelsim.train.mbi_tables import Geometry, Ints, Walk, walk_images
from accelsim.train.mbi_teacher import (
    FALLBACK,
    INPUT_SCALE,
    INPUT_SHIFT,
    Network,
    accuracy,
    fit_network,
    to_integer_input,
)
from accelsim.train.provenance import hours, made_by, timed
from accelsim.train.quantise import quantise, to_arrays, to_manifest
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Arrays, Result, Stages
from accelsim.train.state import kept, restored
from accelsim.workload import Workload, load_workload

Flags = npt.NDArray[np.bool_]

RATE = 8e-3
DECAY = 0.01
CALIBRATION_IMAGES = 2000
"""Fitted images that the int8 scales are taken from; assumed: enough for the largest values."""

COVERAGE = 0.95
SPARE_COVERAGE = 0.005
"""More than the wanted share of validation inputs is answered by the tables, as it varies between sets of 10,000
(assumed: two standard deviations of a share of 95 % among so many)."""

HARD_SHARE, HARD_WEIGHT = 0.1, 4.0
"""Share of fitted images, those of least margin, and what they count for beside the others in the
labels' half of the loss; assumed, not tuned."""

FULL, QUICK = Plan(epochs=40), Plan(epochs=2, teacher_epochs=1, copies=2, limit=1000)

DESCRIPTION = (
    "{title} by lookup tables with a convolutional fallback. Tables: learned prototypes on the hardware of arXiv "
    "2307.07631, that is vector quantisation trained from labels, as in {tables}. An input whose class leads by fewer "
    "than {margin} votes is classified by an int8 network of {macs:,} multiply-accumulates instead."
)


@dataclass(frozen=True)
class Answers:
    """What both parts say of n images.

    margin: [n] votes by which the tables' class leads. distance: [n, n_glimpses] sums of the winning distances.
    by_tables, by_fallback: [n] whether right.
    """

    margin: Ints
    distance: Ints
    by_tables: Flags
    by_fallback: Flags

    def mixed(self, near: Flags) -> float:
        """Accuracy when all but the `near` inputs, [n], go to the fallback."""
        return float(np.where(near, self.by_tables, self.by_fallback).mean())


def train_cascade(
    *,
    data_root: Path,
    mbi: Path,
    out: Path,
    dataset: str = "mnist",
    seed: int = 0,
    coverage: float = COVERAGE,
    download: bool = False,
    run_dir: Path | None = None,
    plan: Plan = FULL,
    command: str | None = None,
) -> None:
    """Train the fallback, choose the margin for the tables in the folder `mbi`, write the folder `out`.

    Args:
        coverage: least share of inputs that the tables answer.
        run_dir: folder where finished stages are kept, so that a stopped run goes on; None keeps nothing.
        plan: sizes of the trainings.
        command: what the manifest says made it.

    Raises:
        UsageError: `mbi` and `out` are the same folder.
        DataError: the images are absent, `mbi` holds no tables for them, or a checkpoint belongs to another run.
        WorkloadError: `mbi` is not a valid workload folder.
        OutputError: a folder cannot be written.
    """
    title = DATASETS[dataset].recorded_name(grey=True)
    if mbi.resolve() == out.resolve():
        raise UsageError(f"--out: got {out}, the folder of --mbi, need another one")
    tables = _tables(mbi, title)
    split = load_split(dataset, data_root, grey=True, download=download, limit=plan.limit)
    candidate_margins(_lead(tables, split.validation), coverage)  # refused before anything is trained
    material = Material.of(dataset, split, plan, seed)
    stages = material.stages(run_dir)
    layers = _fallback(stages, material, tables)
    validation, _ = answer(tables, layers, split.validation)
    margin = choose_margin(validation, coverage)
    tested = _test(stages, material, data_root, tables, layers, margin)
    near = validation.margin >= margin
    measured = {
        "tables_sha256": tables.manifest.hashes["model.safetensors"],
        "validation_accuracy_mbi_only": float(validation.by_tables.mean()),
        "validation_accuracy_cnn_only": float(validation.by_fallback.mean()),
        "validation_accuracy_teacher": stages.done["teacher"].figures["validation_accuracy"],
        "validation_accuracy_by_distance": validation.mixed(nearest(validation, float(near.mean()))),
        "validation_accuracy": validation.mixed(near),
        "validation_coverage": float(near.mean()),
        "test_coverage": tested.figures["coverage"],
        "test_accuracy_mbi_only": tested.figures["accuracy_mbi_only"],
        "test_accuracy_cnn_only": tested.figures["accuracy_cnn_only"],
        "hours": hours(stages),
    }
    made = command or f"accelsim train cascade --mbi {mbi} --dataset {dataset} --seed {seed}"
    training = {"command": made, "seed": seed, **asdict(plan), **measured, **made_by(stages)}
    figures, n_inputs = tested.figures, len(tested.arrays["labels"])
    note = (
        f"{title} test images, read once, both parts together: {figures['coverage']:.2%} of them answered by the tables"
    )
    entry = {
        "schema_version": 1,
        "name": name_of(out),
        "kind": "cascade",
        "method": "learned_prototypes",
        "description": DESCRIPTION.format(title=title, tables=tables.manifest.name, margin=margin, macs=_macs(layers)),
        "dataset": {"name": title, "split": "test", "n_inputs": n_inputs, "n_classes": N_CLASSES},
        "training": {name: value for name, value in training.items() if value is not None},
        "accuracy": {"measured": figures["accuracy"], "note": note},
        "cnn": {
            "input": dict(zip(("channels", "height", "width"), layers[0].shape.in_shape, strict=True))
            | {"offset": 0, "shift": INPUT_SHIFT},
            "grey": True,
            "head": "argmax",
            "layers": [to_manifest(layer.shape) for layer in layers],
        },
        "mbi": _geometry(tables).manifest(),
        "cascade": {"criterion": "margin", "margin": margin, "abort": "after_all"},
    }
    save_workload(out, entry, {**tables.model, **to_arrays(layers)}, tested.arrays)


def choose_margin(validation: Answers, coverage: float) -> int:
    """The margin of best mixed accuracy that leaves the tables `coverage` and some spare; the smallest on a tie.

    Raises:
        DataError: as `candidate_margins`.
    """
    candidates = candidate_margins(validation.margin, coverage)
    return max(candidates, key=lambda margin: (validation.mixed(validation.margin >= margin), -margin))


def candidate_margins(lead: Ints, coverage: float) -> list[int]:
    """The margins that leave the tables `coverage` of the inputs and some spare; lead: [n] votes.

    Raises:
        DataError: if even margin 1 leaves less.
    """
    bound = min(coverage + SPARE_COVERAGE, 1.0)
    found = [margin for margin in range(1, int(lead.max()) + 1) if (lead >= margin).mean() >= bound]
    if not found:
        most = max(float((lead >= 1).mean()) - SPARE_COVERAGE, 0)
        raise DataError(f"--coverage: got {coverage:.1%}, need at most {most:.1%} with these tables")
    return found


def nearest(answers: Answers, coverage: float) -> Flags:
    """[n] the inputs that the paper's criterion keeps, a bound on each glimpse's distance, at about this coverage.

    One quantile for all glimpses is searched.
    """
    bounds = (np.quantile(answers.distance, quantile, axis=0) for quantile in np.linspace(0.5, 1, 501))
    kept_by = (np.all(answers.distance <= bound, axis=1) for bound in bounds)
    found: Flags = next(near for near in kept_by if near.mean() >= coverage)
    return found


def answer(tables: Workload, layers: list[IntegerLayer], images: Images) -> tuple[Answers, Arrays]:
    """Both parts' answers to the images, and the arrays of `eval.safetensors` that record them."""
    walked = walk_images(tables.model, _geometry(tables), images.grey)
    logits, nonzero_macs = evaluate(layers, to_integer_input(images.pixels[:, 0]), description="integer network")
    labels = images.label_bytes
    recorded = {"patches": walked.patches, "features": logits, "nonzero_macs": nonzero_macs, "labels": labels}
    right = walked.predicted == labels, logits.argmax(axis=1) == labels
    return Answers(margins(tables.model, walked), walked.distance.sum(axis=2), *right), recorded


def margins(tables: Mapping[str, npt.NDArray[Any]], walked: Walk) -> Ints:
    """[n] votes by which the class leads the next one; `tables` are the arrays that were walked."""
    votes = np.sort(tables["value_votes"].astype(np.int64)[walked.row].sum(axis=(1, 2)), axis=1)
    lead: Ints = votes[:, -1] - votes[:, -2]
    return lead


def _lead(tables: Workload, images: Images) -> Ints:
    """[n] as `margins`, of images."""
    return margins(tables.model, walk_images(tables.model, _geometry(tables), images.grey))


def fallback_recipe(epochs: int, seed: int) -> Recipe:
    """How the fallback network is trained."""
    return Recipe("fallback", epochs, seed, RATE, weight_decay=DECAY, warmup=1 / (4 * epochs))


def _fallback(stages: Stages, material: Material, tables: Workload) -> list[IntegerLayer]:
    """Stage `fallback`: the network, which is then quantised on fitted images."""
    split, seed, recipe = material.split, material.seed, fallback_recipe(material.plan.epochs, material.seed)
    side = split.fitted.pixels.shape[-1]
    answers = material.answers(stages)

    def compute(checkpoint: Path | None) -> Result:
        network = Network(side, FALLBACK, N_CLASSES, seed)
        weights = _weights(tables, split.fitted)
        fit_network(network, split, material.copies, recipe, checkpoint, answers=answers, weights=weights)
        return Result(kept(network), {"validation_accuracy_float": accuracy(network, split.validation)})

    settings = {"network": [asdict(spec) for spec in FALLBACK], "recipe": asdict(recipe)}
    tables_hash = tables.manifest.hashes["model.safetensors"]
    found = stages.run("fallback", timed(compute), tables=tables_hash, hard=(HARD_SHARE, HARD_WEIGHT), **settings)
    network: Any = restored(Network(side, FALLBACK, N_CLASSES, seed), found.arrays)
    calibration = to_integer_input(split.fitted.pixels[:CALIBRATION_IMAGES, 0])
    return quantise(network.float_layers(), calibration, INPUT_SCALE)


def _weights(tables: Workload, images: Images) -> Tensor:
    """[n] of each image in the fallback's loss: more for those that the tables are unsure of; 1 on average."""
    lead = _lead(tables, images)
    weights = np.where(lead <= np.quantile(lead, HARD_SHARE), HARD_WEIGHT, 1.0)
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


def _test(
    stages: Stages, material: Material, data_root: Path, tables: Workload, layers: list[IntegerLayer], margin: int
) -> Result:
    """Stage `test`: both parts on the test images."""

    def compute(checkpoint: Path | None) -> Result:
        images = load_test(material.dataset, data_root, grey=True, limit=material.plan.limit)
        answers, recorded = answer(tables, layers, images)
        near = answers.margin >= margin
        figures = {
            "accuracy": answers.mixed(near),
            "coverage": float(near.mean()),
            "accuracy_mbi_only": float(answers.by_tables.mean()),
            "accuracy_cnn_only": float(answers.by_fallback.mean()),
        }
        return Result(recorded, figures)

    return stages.run("test", timed(compute), margin=margin)


def _macs(layers: list[IntegerLayer]) -> int:
    """Multiply-accumulates of an inference, padding included."""
    total = 0
    for layer in layers:
        shape = layer.shape
        sides = (side + 2 * shape.padding - shape.weight.shape[-1] + 1 for side in shape.in_shape[1:])
        total += layer.weight.size * (math.prod(sides) if shape.is_conv else 1)
    return total


def _geometry(tables: Workload) -> Geometry:
    return Geometry.from_manifest(tables.mbi.model_dump())


def _tables(folder: Path, title: str) -> Workload:
    """The workload whose tables are used.

    Raises:
        DataError: if it is of another kind or data set, or its tables are not such as `mbi.py` trains.
        WorkloadError: if it is not a valid workload folder.
    """
    workload = load_workload(folder)
    manifest = workload.manifest
    need = {"kind": "mbi", "data set": title, "decision": "vote", "metric": "circuit", "locations": "fixed"}
    got = {"kind": manifest.kind, "data set": manifest.dataset.name}
    if manifest.mbi is not None:
        got |= {name: getattr(manifest.mbi, name) for name in ("decision", "metric", "locations")}
    if got != need:
        found, wanted = (", ".join(f"{name} {value}" for name, value in facts.items()) for facts in (got, need))
        raise DataError(f"{folder}: got {found}, need {wanted}")
    return workload
