"""The stages of the paper's recipe for tables: network, rows, weights, trees, mixed mode; all see validation images.

Weights are searched on the first validation images. Accuracies are of the others, which only the thresholds of the
mixed mode are chosen on. Distance gaps are of the first of those, as many as are searched: they choose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from accelsim.datasets import N_CLASSES
from accelsim.train.episodes import Rows, distinct, look_up, sample_rows
from accelsim.train.images import Images, Split
from accelsim.train.mbi_paper_figures import mixed_curve, network_figures, probed, tree_figures
from accelsim.train.mbi_tables import pack, unpack
from accelsim.train.provenance import timed
from accelsim.train.ram import Ram, RamConfig, integral_images, predict, ram_recipe, train_ram
from accelsim.train.stages import Result, Stages
from accelsim.train.state import kept, restored
from accelsim.train.tree import Tree, TreeSearch, build_tree
from accelsim.train.weights import Encoding, Exhaustive, Metric, Trial, Weights, best, optimise

CONFIG = RamConfig()


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


@dataclass(frozen=True)
class Job:
    """What every stage of a run sees."""

    stages: Stages
    split: Split
    sizes: Plan
    seed: int

    @classmethod
    def of(cls, split: Split, plan: Plan, seed: int, run: Path | None) -> Job:
        """A job whose finished stages are kept in `run`; weights are searched on half the validation images at most."""
        sizes = replace(plan, search_images=min(plan.search_images, len(split.validation) // 2))
        return cls(Stages(run, {"pipeline": "mbi_paper", "images": split.digest, "seed": seed}), split, sizes, seed)

    @property
    def searched(self) -> Images:
        """Validation images that weights are searched on."""
        return self.split.validation.first(self.sizes.search_images)

    @property
    def unseen(self) -> Images:
        """Validation images that accuracies are measured on."""
        whole, start = self.split.validation, self.sizes.search_images
        return Images(whole.pixels[start:], whole.labels[start:])

    def stage(self, name: str, compute: Callable[[Path | None], Result], **settings: Any) -> Result:
        """`Stages.run`, with the seconds it took among the figures."""
        return self.stages.run(name, timed(compute), **settings)


@dataclass(frozen=True)
class Planted:
    """A tree over `rows`, and the search through it."""

    name: str
    rows: Rows
    weights: Weights
    search: TreeSearch


def network_of(job: Job) -> Ram:
    """Stage `network`: the recurrent attention model."""
    split, recipe = job.split, ram_recipe(job.sizes.epochs, job.seed)

    def compute(checkpoint: Path | None) -> Result:
        model = train_ram(CONFIG, split, recipe, n_classes=N_CLASSES, checkpoint=checkpoint)
        with torch.no_grad():
            return Result(kept(model), network_figures(model, job.unseen))

    settings = {"config": asdict(CONFIG), "recipe": asdict(recipe), "search_images": job.sizes.search_images}
    found = job.stage("network", compute, **settings)
    height, width = split.fitted.grey.shape[1:]
    model: Ram = restored(Ram(CONFIG, (height, width), N_CLASSES, job.seed), found.arrays)
    model.requires_grad_(False)
    return model


def rows_of(job: Job, model: Ram) -> Rows:
    """Stage `episodes`: the steps that are memorised."""
    sizes = job.sizes

    def compute(checkpoint: Path | None) -> Result:
        integral = integral_images(job.split.fitted.grey)
        rows = sample_rows(model, integral, n_rows=sizes.n_rows, passes=sizes.passes, seed=job.seed)
        packed = {**rows.arrays(), "hidden": pack(rows.hidden), "next_hidden": pack(rows.next_hidden)}
        return Result(packed, {"rows": len(rows)})

    arrays = job.stage("episodes", compute, n_rows=sizes.n_rows, passes=sizes.passes).arrays
    codes = {name: unpack(arrays[name], CONFIG.hidden) for name in ("hidden", "next_hidden")}
    return Rows(**{**arrays, **codes})


def weights_of(job: Job, model: Ram, rows: Rows) -> Weights:
    """Stage `weights`: the best under exhaustive search with the location, on the searched images."""
    images, n_trials = job.searched, job.sizes.trials
    integral = integral_images(images.grey)

    def accuracy(weights: Weights) -> float:
        search = Exhaustive.over(rows, Encoding(CONFIG), weights)
        return float((look_up(model, integral, rows, search).predicted == images.label_bytes).mean())

    def compute(checkpoint: Path | None) -> Result:
        trials = optimise(accuracy, n_trials=n_trials, seed=job.seed)
        return Result({}, {"trials": [asdict(trial) for trial in trials]})

    figures = job.stage("weights", compute, trials=n_trials).figures
    return best([Trial(Weights(**trial["weights"]), trial["accuracy"]) for trial in figures["trials"]]).weights


def plant(job: Job, name: str, model: Ram, rows: Rows, weights: Weights, metric: Metric = "circuit") -> Planted:
    """Stage `tree-…`: the tree over the rows, and its figures. Weight 0 leaves the location out of the key."""
    located = weights.location > 0
    stored, encoding = rows if located else distinct(rows, located=False), Encoding(CONFIG, metric, located)
    features, factors = encoding.features(stored.query), encoding.weights(weights)

    def compute(checkpoint: Path | None) -> Result:
        tree = build_tree(features, factors, seed=job.seed)
        compared = job.unseen.first(job.sizes.search_images)
        figures = tree_figures(model, stored, TreeSearch(tree, encoding, factors), job.unseen, compared)
        unrounded = build_tree(features, factors, seed=job.seed, rounded=False)
        figures["unrounded"] = probed(model, stored, TreeSearch(unrounded, encoding, factors), job.unseen)
        return Result({**asdict(tree), "keys": pack(tree.keys)}, figures)

    settings = {"weights": asdict(weights), "metric": metric, "located": located, "gaps": "of unseen images"}
    found = job.stage(f"tree-{name}", compute, **settings).arrays
    tree = Tree(unpack(found["keys"], features.shape[1]), found["key_next"], found["node_start"])
    return Planted(name, stored, weights, TreeSearch(tree, encoding, factors))


def curve_of(job: Job, model: Ram, planted: Planted) -> list[dict[str, Any]]:
    """Stage `mixed-…`: the points of `mixed_curve`."""
    images = job.unseen

    def compute(checkpoint: Path | None) -> Result:
        integral, labels = integral_images(images.grey), images.label_bytes
        looked = look_up(model, integral, planted.rows, planted.search)
        curve = mixed_curve(looked.distance, looked.predicted == labels, predict(model, integral) == labels)
        return Result({}, {"curve": curve})

    curve: list[dict[str, Any]] = job.stage(f"mixed-{planted.name}", compute).figures["curve"]
    return curve
