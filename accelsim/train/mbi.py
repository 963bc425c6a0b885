"""Training lookup tables for memorization-based inference as learned prototypes, from images to a workload.

*Source*: the hardware of arXiv 2307.07631 (five glimpses, 160-column keys); the method is vector quantisation trained
from labels and a teacher's answers, not the paper's memorised episodes, and the glimpse locations are fixed. Distances
are the circuit's (bit-weighted Hamming), in training too. Glimpses, pixel thresholds, hidden weight, tables and keys a
node were chosen on MNIST's validation images; `reports/training.md` holds what was tried.

| stage | what is kept |
|---|---|
| `teacher` | a convolutional network's state |
| `answers` | its logits for the distorted copies of the fitted images |
| `tables` | the latents and votes of the tables |
| `test` | the recorded test images, read once |
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.errors import RangeError
from accelsim.train.images import Images, load_split, load_test
from accelsim.train.loop import Recipe
from accelsim.train.mbi_fit import Lesson, fit_tables, fresh_tables
from accelsim.train.mbi_material import Material, Plan
from accelsim.train.mbi_model import PrototypeTables, TableShape
from accelsim.train.mbi_tables import Geometry, Patch, walk_images
from accelsim.train.provenance import hours, made_by, timed
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Arrays, Result, Stages
from accelsim.train.state import kept, restored

PAPER_NJ = 13.16
"""Energy of an inference of arXiv 2307.07631: 5 glimpses x 3.5 levels x 32 keys x 5 splits x 4.7 pJ."""

COMPARE_PJ = 4.7
"""Published: one key split with a query split, conversion, weighing, adding and the scan for the minimum included."""

VALUE_READ_PJ, VOTE_PJ = 17.331, 0.0071
"""As `arch_specs/mbi_physical.yaml` charges: a word of the value memory, and adding or comparing one class's votes."""

VALUE_WORD_BITS = 80
"""A value row is one word there."""

VOTE_BITS = 7
"""Ten votes and the hidden bits of a table fit the word."""

PATCH_SIZE = 8
MNIST_THRESHOLDS: tuple[int, ...] = (16, 64, 128)
HIDDEN_BITS = 28
N_TABLES, FEW_TABLES = 7, 4
LEAST_NODE = 6
"""Keys in a root below which few tables are better than many (seen at half of the paper's energy)."""

HIDDEN_WEIGHT = 1
RATE = 0.02
CLIPPED_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)
"""Scales tried for the integer votes, by the share of votes too large for their bits."""

DESCRIPTION = (
    "{title} by learned prototypes on the hardware of arXiv 2307.07631: vector quantisation trained from labels and "
    "the answers of a convolutional teacher through the nearest-key choice, not the paper's memorised episodes. Five "
    "fixed glimpses of 8x8 pixels at 2 bits (one pooled, four finer), {tables} a glimpse, so {comparisons} comparisons "
    "of {columns}-bit keys; each winner casts class votes and writes {write} bits of the next hidden code."
)


FULL, QUICK = Plan(epochs=100), Plan(epochs=2, teacher_epochs=1, copies=2, limit=1000)


def train_mbi(
    *,
    data_root: Path,
    out: Path,
    dataset: str = "mnist",
    seed: int = 0,
    budget_nj: float = PAPER_NJ,
    download: bool = False,
    run_dir: Path | None = None,
    plan: Plan = FULL,
    lesson: Lesson | None = None,
    command: str | None = None,
) -> None:
    """Train tables for the data set by name and write the workload folder `out`.

    Args:
        budget_nj: most energy of an inference: key comparisons as the paper charges them, value reads and votes as
            `mbi_physical` does.
        run_dir: folder where finished stages are kept, so that a stopped run goes on; None keeps nothing.
        plan: sizes. lesson: how the tables are fitted.
        command: what the manifest says made it.

    Raises:
        DataError: the data set is absent, or a checkpoint belongs to another run.
        RangeError: the budget is no finite number above 0, or too small for these glimpses.
        OutputError: a folder cannot be written.
    """
    split = load_split(dataset, data_root, grey=True, download=download, limit=plan.limit)
    geometry, shape = design(dataset, split.fitted, budget_nj)
    material = Material.of(dataset, split, plan, seed)
    stages = material.stages(run_dir)
    model = _tables(stages, material, geometry, shape, lesson or Lesson())
    arrays, validation_accuracy = choose_votes(model, split.validation)
    tested = _test(stages, material, data_root, arrays, geometry)
    made = command or f"accelsim train mbi --dataset {dataset} --seed {seed} --budget-nj {budget_nj:g}"
    measured = {
        "validation_accuracy": validation_accuracy,
        "validation_accuracy_teacher": stages.done["teacher"].figures["validation_accuracy"],
        "charged_nj": round(charged_nj(geometry, shape), 3),
        "table_kb": round(table_bytes(geometry, shape) / 1000, 1),
        "hours": hours(stages),
        **made_by(stages),
    }
    training = {"command": made, "seed": seed, **asdict(plan), **asdict(lesson or Lesson()), **measured}
    title, n_inputs = DATASETS[dataset].recorded_name(grey=True), len(tested.arrays["labels"])
    entry = {
        "schema_version": 1,
        "name": name_of(out),
        "kind": "mbi",
        "method": "learned_prototypes",
        "description": _describe(title, geometry, shape),
        "dataset": {"name": title, "split": "test", "n_inputs": n_inputs, "n_classes": N_CLASSES},
        "training": {name: value for name, value in training.items() if value is not None},
        "accuracy": {"measured": tested.figures["accuracy"], "note": f"{title} test images, read once; no fallback"},
        "mbi": geometry.manifest(),
    }
    save_workload(out, entry, arrays, tested.arrays)


def design(dataset: str, images: Images, budget_nj: float) -> tuple[Geometry, TableShape]:
    """Glimpses and tables within the budget: many tables, or few where many would have small nodes.

    Raises:
        RangeError: if the budget is no finite number above 0, or not even few trees of two keys a node are within it.
    """
    if not 0 < budget_nj < math.inf:
        raise RangeError(f"--budget-nj: got {budget_nj:g}, need a finite number above 0")
    many = geometry_for(dataset, images)
    if charged_nj(many, _tree(2 * LEAST_NODE - 1)) <= budget_nj:
        return many, shape_within(budget_nj, many)
    few = geometry_for(dataset, images, FEW_TABLES)
    return few, shape_within(budget_nj, few)


def geometry_for(dataset: str, images: Images, n_tables: int = N_TABLES) -> Geometry:
    """The glimpses of a data set: first the whole image pooled, then four parts of it at a finer resolution.

    MNIST's strokes lie within the central 20 x 20 pixels, whose core is looked at pixel by pixel; of other sets the
    whole image is seen, and the thresholds are the quartiles of the fitted pixels.
    """
    height, width = images.pixels.shape[-2:]
    coarse = min(height, width) // PATCH_SIZE
    whole = Patch((height - coarse * PATCH_SIZE) // 2, (width - coarse * PATCH_SIZE) // 2, coarse)
    if dataset == "mnist":
        parts, thresholds = [Patch(row, col, 1) for row in (6, 14) for col in (6, 14)], MNIST_THRESHOLDS
    else:
        far = (height - 2 * PATCH_SIZE, width - 2 * PATCH_SIZE)
        parts = [Patch(row, col, 2) for row in (0, far[0]) for col in (0, far[1])]
        thresholds = _quartiles(images)
    return Geometry(
        image=(height, width),
        patch_size=PATCH_SIZE,
        pixel_bits=2,
        pixel_thresholds=thresholds,
        hidden_bits=HIDDEN_BITS,
        n_tables=n_tables,
        n_classes=N_CLASSES,
        decision="vote",
        value_bits=N_CLASSES * VOTE_BITS + HIDDEN_BITS // n_tables,
        metric="circuit",
        glimpses=((whole,), *((part,) for part in parts)),
    )


def _quartiles(images: Images) -> tuple[int, ...]:
    """Three ascending thresholds, 1 … 255, that part the pixels of the images as evenly as whole numbers can."""
    found: list[int] = []
    for place, quartile in enumerate(np.quantile(images.grey, (0.25, 0.5, 0.75))):
        least = found[-1] + 1 if found else 1
        found.append(min(max(int(np.ceil(quartile)), least), 253 + place))  # the thresholds after it have room
    return tuple(found)


def charged_nj(geometry: Geometry, shape: TableShape) -> float:
    """Energy of an inference in nJ: key comparisons, value reads, votes and the search for the class."""
    n_tables = len(geometry.glimpses) * geometry.n_tables
    n_splits = int(geometry.split_of_column().max()) + 1
    words = -(-geometry.value_bits // VALUE_WORD_BITS)
    of_table = shape.comparisons * n_splits * COMPARE_PJ + words * VALUE_READ_PJ + geometry.n_classes * VOTE_PJ
    return (n_tables * of_table + (geometry.n_classes - 1) * VOTE_PJ) / 1000


def shape_within(budget_nj: float, geometry: Geometry) -> TableShape:
    """The table of most comparisons whose energy is within the budget: about as many keys at the root as in a child.

    Raises:
        RangeError: if not even trees of two keys a node are.
    """
    n_keys = 4
    while n_keys < 64 and charged_nj(geometry, _tree(n_keys + 1)) <= budget_nj:
        n_keys += 1
    if charged_nj(geometry, _tree(n_keys)) > budget_nj:
        need = charged_nj(geometry, _tree(n_keys))
        raise RangeError(f"--budget-nj: got {budget_nj:g}, need at least {need:.3f} (nodes of two keys)")
    return _tree(n_keys)


def _tree(comparisons: int) -> TableShape:
    return TableShape(-(-comparisons // 2), comparisons // 2)


def table_bytes(geometry: Geometry, shape: TableShape) -> float:
    """Stored bytes of all keys and value rows."""
    n_tables = len(geometry.glimpses) * geometry.n_tables
    return n_tables * (shape.n_keys * geometry.n_columns + shape.n_rows * geometry.value_bits) / 8


def _describe(title: str, geometry: Geometry, shape: TableShape) -> str:
    n_tables = geometry.n_tables
    return DESCRIPTION.format(
        title=title,
        tables=f"{n_tables} trees of two levels ({shape.first} keys, then {shape.then} of {shape.first * shape.then})",
        comparisons=len(geometry.glimpses) * n_tables * shape.comparisons,
        columns=geometry.n_columns,
        write=geometry.write_bits,
    )


def _tables(
    stages: Stages, material: Material, geometry: Geometry, shape: TableShape, lesson: Lesson
) -> PrototypeTables:
    """Stage `tables`."""
    split, seed = material.split, material.seed
    recipe = Recipe("tables", material.plan.epochs, seed, RATE)
    answers = material.answers(stages)

    def compute(checkpoint: Path | None) -> Result:
        model = fresh_tables(split.fitted, geometry, shape, HIDDEN_WEIGHT, seed)
        fit_tables(split, material.copies, answers, model, recipe, lesson, checkpoint)
        return Result(kept(model))

    settings = {
        "geometry": geometry.manifest(),
        "shape": asdict(shape),
        "hidden_weight": HIDDEN_WEIGHT,
        "recipe": asdict(recipe),
        "lesson": asdict(lesson),
    }
    found = stages.run("tables", timed(compute), **settings)
    model: PrototypeTables = restored(fresh_tables(split.fitted, geometry, shape, HIDDEN_WEIGHT, seed), found.arrays)
    return model


def choose_votes(model: PrototypeTables, validation: Images) -> tuple[Arrays, float]:
    """The arrays of `model.safetensors` with the vote scale best on validation, and the accuracy there."""
    tables = model.tables()
    candidates = [{**tables, "value_votes": _votes(model, share)} for share in CLIPPED_SHARES]
    walked = walk_images(candidates[0], model.geometry, validation.grey).row
    sums = [arrays["value_votes"].astype(np.int64)[walked].sum(axis=(1, 2)) for arrays in candidates]
    scores = [float((votes.argmax(axis=1) == validation.label_bytes).mean()) for votes in sums]
    best = int(np.argmax(scores))
    return candidates[best], scores[best]


def _votes(model: PrototypeTables, clipped_share: float) -> npt.NDArray[np.int8]:
    """[n_rows, n_classes] of VOTE_BITS bits; the `clipped_share` of largest votes is clipped."""
    votes = model.votes_by_row()
    # Adding a constant to all votes of a row changes no decision; centring them spends the range evenly.
    votes = votes - (votes.max(axis=1, keepdims=True) + votes.min(axis=1, keepdims=True)) / 2
    largest = 2 ** (VOTE_BITS - 1) - 1
    scale = largest / np.quantile(np.abs(votes), 1 - clipped_share)
    integers: npt.NDArray[np.int8] = np.clip(np.rint(votes * scale), -largest - 1, largest).astype(np.int8)
    return integers


def _test(stages: Stages, material: Material, data_root: Path, arrays: Arrays, geometry: Geometry) -> Result:
    """Stage `test`: the test images through the finished tables."""

    def compute(checkpoint: Path | None) -> Result:
        images = load_test(material.dataset, data_root, grey=True, limit=material.plan.limit)
        walked = walk_images(arrays, geometry, images.grey)
        figures = {"accuracy": float((walked.predicted == images.label_bytes).mean())}
        return Result({"patches": walked.patches, "labels": images.label_bytes}, figures)

    return stages.run("test", timed(compute))
