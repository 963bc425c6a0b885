"""The recipe of arXiv 2307.07631 from images to a workload: a recurrent attention model, its episodes as table rows,
weights by Bayesian optimisation, a tree of keys, and the mixed mode's curve.

*Source*: `ram.py`, `episodes.py`, `weights.py`, `tree.py` and `episode_tables.py` say what is the paper's and what is
not. The workload's distances are the circuit's (bit-weighted Hamming). The paper writes of Manhattan distance: a tree
for that, with the same weights, is built and measured beside it.
*Choices*, on validation images: the weights. The location is weighed, and left out of the shipped key: patch and hidden
code fill the five splits of the paper's arrays, a sixth would make every comparison two. What that costs is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.train.episode_tables import table_arrays, table_geometry
from accelsim.train.episodes import Looked, Rows, distinct, look_up, sample_rows
from accelsim.train.images import Images, Split, load_split, load_test
from accelsim.train.mbi_paper_figures import (
    PAPER_COVERAGE,
    curve_at,
    mixed_curve,
    network_figures,
    probed,
    tree_figures,
)
from accelsim.train.mbi_tables import Geometry, pack, unpack, walk_images
from accelsim.train.provenance import hours, made_by, timed
from accelsim.train.ram import BATCH, RATE, Ram, RamConfig, integral_images, predict, train_ram
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Result, Stages
from accelsim.train.state import kept, restored
from accelsim.train.tree import Tree, TreeSearch, build_tree
from accelsim.train.weights import Encoding, Exhaustive, Metric, Trial, Weights, best, optimise

CONFIG = RamConfig()
CHOSEN = "unlocated"
"""The tree that is shipped."""

DESCRIPTION = (
    "{title} by the recipe of arXiv 2307.07631: a recurrent attention model (five glimpses of three 4x4 patches, 2-bit "
    "pixels, a 64-bit hidden code, learned locations) was trained, the steps of its episodes were stored as rows of "
    "one table, the parts of a key were weighed by Bayesian optimisation, and the rows were clustered into a tree of "
    "at most 32 keys a node. Distances are the circuit's. The first glimpse is at the centre, where the authors begin "
    "at random."
)


@dataclass(frozen=True)
class Plan:
    """Sizes of a run.

    Attributes:
        n_rows: of the table. The paper's 6.21 MB are about 200,000, in full leaves; those of k-means are half empty,
            and so many rows fit the nodes and arrays of `mbi_paper`.
        passes: times each image is seen for episodes.
        trials: of the Bayesian optimisation, on the first `search_images` validation images.
        limit: images of each split, or None.
    """

    epochs: int = 50
    n_rows: int = 120_000
    passes: int = 1
    trials: int = 25
    search_images: int = 1000
    limit: int | None = None


FULL, QUICK = Plan(), Plan(epochs=30, n_rows=2000, trials=3, search_images=200, limit=1000)


@dataclass(frozen=True)
class Job:
    """What every stage of a run sees."""

    stages: Stages
    split: Split
    sizes: Plan
    seed: int

    def stage(self, name: str, compute: Callable[[Path | None], Result], **settings: Any) -> Result:
        """`Stages.run`, with the seconds it took among the figures."""
        return self.stages.run(name, timed(compute), **settings)


@dataclass(frozen=True)
class Planted:
    """A tree over `rows`."""

    name: str
    rows: Rows
    tree: Tree
    weights: Weights
    metric: Metric = "circuit"

    @property
    def search(self) -> TreeSearch:
        encoding = Encoding(CONFIG, self.metric, self.weights.location > 0)
        return TreeSearch(self.tree, encoding, encoding.weights(self.weights))


def train_mbi_paper(
    *,
    data_root: Path,
    out: Path,
    dataset: str = "mnist",
    seed: int = 0,
    quick: bool = False,
    download: bool = False,
    run: Path | None = None,
    plan: Plan | None = None,
    command: str | None = None,
) -> None:
    """Make the workload folder `out` of the data set by name.

    run: folder where finished stages are kept, so that a stopped run goes on; None keeps nothing. plan: sizes; QUICK
    (with `quick`) or FULL when None. command: what the manifest says made it.

    Raises:
        DataError: the data set is absent, or a checkpoint belongs to another run.
        OutputError: a folder cannot be written.
    """
    sizes = plan or (QUICK if quick else FULL)
    split = load_split(dataset, data_root, grey=True, download=download, limit=sizes.limit)
    stages = Stages(run, {"pipeline": "mbi_paper", "dataset": dataset, "seed": seed, "limit": sizes.limit})
    job = Job(stages, split, sizes, seed)
    model = _network(job)
    rows = _rows(job, model)
    weighed = _weigh(job, model, rows)
    for name, weights in (("equal", Weights()), ("weighed", weighed)):
        _plant(job, name, model, rows, weights)
    chosen = _plant(job, CHOSEN, model, rows, replace(weighed, location=0))
    manhattan = _plant(job, "manhattan", model, rows, weighed, "manhattan")
    curves = {planted.name: _curve(job, model, planted) for planted in (chosen, manhattan)}
    geometry = table_geometry(CONFIG, model.image, N_CLASSES, located=False)
    arrays = table_arrays(geometry, CONFIG, chosen.rows, chosen.tree, chosen.weights)

    def test(checkpoint: Path | None) -> Result:
        images = load_test(dataset, data_root, grey=True, download=download, limit=sizes.limit)
        walked = walk_images(arrays, geometry, images.grey)
        looked = look_up(model, integral_images(images.grey), manhattan.rows, manhattan.search)
        by_tables = Looked(walked.row[:, :, 0], walked.distance[:, :, 0], walked.predicted)
        figures = {
            **_tested(model, by_tables, curves[CHOSEN], images),
            "manhattan": _tested(model, looked, curves["manhattan"], images),
        }
        recorded = {"patches": walked.patches, "locations": walked.locations, "labels": images.label_bytes}
        return Result({name: array for name, array in recorded.items() if array is not None}, figures)

    tested = job.stage("test", test)
    typed = command or f"accelsim train mbi --recipe paper --dataset {dataset} --seed {seed}" + " --quick" * quick
    settings = {name: value for name, value in asdict(sizes).items() if value is not None}
    training = {"command": typed, "seed": seed, **settings, **_training(stages, chosen.weights), **made_by()}
    manifest = _manifest(name_of(out), dataset, geometry, training, tested)
    save_workload(out, manifest, arrays, tested.arrays)


def _network(job: Job) -> Ram:
    split, epochs, seed = job.split, job.sizes.epochs, job.seed

    def compute(checkpoint: Path | None) -> Result:
        model = train_ram(CONFIG, split, n_classes=N_CLASSES, epochs=epochs, seed=seed, checkpoint=checkpoint)
        with torch.no_grad():
            return Result(kept(model), network_figures(model, split.validation))

    settings = {"config": asdict(CONFIG), "epochs": epochs, "rate": RATE, "batch": BATCH}
    found = job.stage("network", compute, **settings)
    height, width = split.fitted.grey.shape[1:]
    model: Ram = restored(Ram(CONFIG, (height, width), N_CLASSES, seed), found.arrays)
    model.requires_grad_(False)
    return model


def _rows(job: Job, model: Ram) -> Rows:
    sizes = job.sizes

    def compute(checkpoint: Path | None) -> Result:
        integral = integral_images(job.split.fitted.grey)
        rows = sample_rows(model, integral, n_rows=sizes.n_rows, passes=sizes.passes, seed=job.seed)
        packed = {**rows.arrays(), "hidden": pack(rows.hidden), "next_hidden": pack(rows.next_hidden)}
        return Result(packed, {"rows": len(rows)})

    arrays = job.stage("episodes", compute, n_rows=sizes.n_rows, passes=sizes.passes).arrays
    codes = {name: unpack(arrays[name], CONFIG.hidden) for name in ("hidden", "next_hidden")}
    return Rows(**{**arrays, **codes})


def _weigh(job: Job, model: Ram, rows: Rows) -> Weights:
    """The best weights under exhaustive search."""
    images, n_trials = job.split.validation.first(job.sizes.search_images), job.sizes.trials
    integral = integral_images(images.grey)

    def accuracy(weights: Weights, metric: Metric = "circuit") -> float:
        search = Exhaustive.over(rows, Encoding(CONFIG, metric), weights)
        return float((look_up(model, integral, rows, search).predicted == images.label_bytes).mean())

    def compute(checkpoint: Path | None) -> Result:
        trials = optimise(accuracy, n_trials=n_trials, seed=job.seed)
        found = best(trials)
        manhattan = {"equal": accuracy(Weights(), "manhattan"), "best": accuracy(found.weights, "manhattan")}
        figures = {"trials": [asdict(trial) for trial in trials], "manhattan": manhattan}
        return Result({}, {**figures, "validation_images": len(images)})

    figures = job.stage("weights", compute, trials=n_trials, search_images=len(images)).figures
    return best([Trial(Weights(**trial["weights"]), trial["accuracy"]) for trial in figures["trials"]]).weights


def _plant(job: Job, name: str, model: Ram, rows: Rows, weights: Weights, metric: Metric = "circuit") -> Planted:
    """The tree, and in its stage what it measures on validation images."""
    located = weights.location > 0
    stored, encoding = rows if located else distinct(rows, located=False), Encoding(CONFIG, metric, located)
    features, factors = encoding.features(stored.query), encoding.weights(weights)

    def compute(checkpoint: Path | None) -> Result:
        images = job.split.validation
        tree = build_tree(features, factors, seed=job.seed)
        figures = tree_figures(model, stored, tree, encoding, weights, images, job.sizes.search_images)
        unrounded = build_tree(features, factors, seed=job.seed, rounded=False)
        figures["unrounded"] = probed(model, stored, unrounded, encoding, weights, images, 1)
        return Result({**asdict(tree), "keys": pack(tree.keys)}, figures)

    found = job.stage(f"tree-{name}", compute, weights=asdict(weights)).arrays
    keys = unpack(found["keys"], features.shape[1])
    return Planted(name, stored, Tree(keys, found["key_next"], found["node_start"]), weights, metric)


def _curve(job: Job, model: Ram, planted: Planted) -> list[dict[str, Any]]:
    """The mixed mode on validation images."""
    images = job.split.validation

    def compute(checkpoint: Path | None) -> Result:
        integral, labels = integral_images(images.grey), images.label_bytes
        looked = look_up(model, integral, planted.rows, planted.search)
        curve = mixed_curve(looked.distance, looked.predicted == labels, predict(model, integral) == labels)
        return Result({}, {"curve": curve})

    curve: list[dict[str, Any]] = job.stage(f"mixed-{planted.name}", compute).figures["curve"]
    return curve


def _tested(model: Ram, looked: Looked, curve: list[dict[str, Any]], images: Images) -> dict[str, Any]:
    """Figures on test images, the mixed mode's at the thresholds of `curve`."""
    by_tables = looked.predicted == images.label_bytes
    by_network = predict(model, integral_images(images.grey)) == images.label_bytes
    points = curve_at([point["threshold"] for point in curve], looked.distance, by_tables, by_network)
    figures = {"accuracy": float(by_tables.mean()), "network_accuracy": float(by_network.mean())}
    return {
        **figures,
        "curve": [{**point, "aimed": found["aimed"]} for point, found in zip(points, curve, strict=True)],
    }


def _training(stages: Stages, weights: Weights) -> dict[str, Any]:
    """Plain values for the manifest: choices and figures of the stages, on validation images unless they say test."""
    done = {name: result.figures for name, result in stages.done.items()}
    tree, manhattan = done[f"tree-{CHOSEN}"], done["tree-manhattan"]
    mixed, mixed_manhattan = (_paper_point(done[f"mixed-{name}"]["curve"]) for name in (CHOSEN, "manhattan"))
    tested_manhattan = _paper_point(done["test"]["manhattan"]["curve"])
    found = {
        "validation_accuracy": tree["validation_accuracy"],
        "validation_accuracy_exhaustive": tree["validation_accuracy_exhaustive"],
        "validation_accuracy_located": done["tree-weighed"]["validation_accuracy"],
        "validation_accuracy_equal_weights": done["tree-equal"]["validation_accuracy"],
        "validation_accuracy_exhaustive_located": done["tree-weighed"]["validation_accuracy_exhaustive"],
        "validation_accuracy_exhaustive_equal_weights": done["tree-equal"]["validation_accuracy_exhaustive"],
        "validation_accuracy_network": done["network"]["validation_accuracy"],
        "validation_accuracy_mixed": mixed["accuracy"],
        "validation_coverage_mixed": mixed["coverage"],
        "mixed_threshold": mixed["threshold"],
        "manhattan_validation_accuracy": manhattan["validation_accuracy"],
        "manhattan_validation_accuracy_exhaustive": manhattan["validation_accuracy_exhaustive"],
        "manhattan_validation_accuracy_mixed": mixed_manhattan["accuracy"],
        "manhattan_test_accuracy": done["test"]["manhattan"]["accuracy"],
        "manhattan_test_accuracy_mixed": tested_manhattan["accuracy"],
        "manhattan_test_coverage_mixed": tested_manhattan["coverage"],
        "median_gap": tree["gap"]["median"],
        **{f"weight_{part}": weight for part, weight in asdict(weights).items()},
        **{name: tree[name] for name in ("rows", "keys", "comparisons")},
        "hours": hours(stages),
    }
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def _paper_point(curve: list[dict[str, Any]]) -> dict[str, Any]:
    """The point of the coverage that the paper publishes."""
    return next(point for point in curve if point["aimed"] == PAPER_COVERAGE)


def _manifest(
    name: str, dataset: str, geometry: Geometry, training: Mapping[str, Any], tested: Result
) -> dict[str, Any]:
    title = DATASETS[dataset].recorded_name(grey=True)
    figures, n_inputs = tested.figures, len(tested.arrays["labels"])
    point, alone = _paper_point(figures["curve"]), f"{figures['network_accuracy']:.2%}"
    note = (
        f"{title} test images, read once; no fallback. With the network (alone {alone}) for distances above "
        f"{point['threshold']}: {point['accuracy']:.2%} at {point['coverage']:.2%} coverage."
    )
    return {
        "schema_version": 1,
        "name": name,
        "kind": "mbi",
        "method": "paper_recipe",
        "description": DESCRIPTION.format(title=title),
        "dataset": {"name": title, "split": "test", "n_inputs": n_inputs, "n_classes": N_CLASSES},
        "training": dict(training),
        "accuracy": {"measured": figures["accuracy"], "note": note},
        "mbi": geometry.manifest(),
    }
