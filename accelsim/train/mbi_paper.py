"""The recipe of arXiv 2307.07631 from images to a workload: a recurrent attention model, its episodes as table rows,
weights by Bayesian optimisation, a tree of keys, and the mixed mode's curve.

*Source*: `ram.py`, `episodes.py`, `weights.py`, `tree.py` and `episode_tables.py` say what is the paper's and what is
not. The workload's distances are the circuit's (bit-weighted Hamming). The paper writes of Manhattan distance: a tree
for that, with the same weights, is built and measured beside it.
*Choices*, on validation images: the weights, and where the mixed mode begins (`mbi_paper_stages.py` says on which). The
search is with the location as a part of the key, and weighs it. The shipped key goes without it: patch and hidden code
fill the five splits of the paper's arrays, a sixth would make every comparison two. What that costs is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.train.episode_tables import table_arrays, table_geometry
from accelsim.train.episodes import Looked, look_up
from accelsim.train.images import Images, load_split, load_test
from accelsim.train.mbi_paper_figures import PAPER_COVERAGE, curve_at, share_within
from accelsim.train.mbi_paper_stages import CONFIG, Job, Plan, curve_of, network_of, plant, rows_of, weights_of
from accelsim.train.mbi_tables import Geometry, walk_images
from accelsim.train.provenance import hours, made_by
from accelsim.train.ram import Ram, integral_images, predict
from accelsim.train.save import name_of, save_workload
from accelsim.train.stages import Result
from accelsim.train.weights import Weights

CHOSEN = "unlocated"
"""The tree that is shipped."""

FULL, QUICK = Plan(), Plan(epochs=30, n_rows=2000, trials=3, search_images=200, limit=1000)

DESCRIPTION = (
    "{title} by the recipe of arXiv 2307.07631: a recurrent attention model (five glimpses of three 4x4 patches, 2-bit "
    "pixels, a 64-bit hidden code, learned locations) was trained, the steps of its episodes were stored as rows of "
    "one table, the parts of a key were weighed by Bayesian optimisation, and the rows were clustered into a tree of "
    "at most 32 keys a node. Distances are the circuit's. The first glimpse is at the centre, where the authors begin "
    "at random."
)


def train_mbi_paper(
    *,
    data_root: Path,
    out: Path,
    dataset: str = "mnist",
    seed: int = 0,
    download: bool = False,
    run: Path | None = None,
    plan: Plan = FULL,
    command: str | None = None,
) -> None:
    """Make the workload folder `out` of the data set by name.

    run: folder where finished stages are kept, so that a stopped run goes on; None keeps nothing. plan: sizes.
    command: what the manifest says made it.

    Raises:
        DataError: the data set is absent, or a checkpoint belongs to another run.
        OutputError: a folder cannot be written.
    """
    split = load_split(dataset, data_root, grey=True, download=download, limit=plan.limit)
    job = Job.of(split, plan, seed, run)
    model = network_of(job)
    rows = rows_of(job, model)
    weighed = weights_of(job, model, rows)
    for name, weights in (("equal", Weights()), ("weighed", weighed)):
        plant(job, name, model, rows, weights)
    chosen = plant(job, CHOSEN, model, rows, replace(weighed, location=0))
    manhattan = plant(job, "manhattan", model, rows, weighed, "manhattan")
    curves = {planted.name: curve_of(job, model, planted) for planted in (chosen, manhattan)}
    geometry = table_geometry(CONFIG, model.image, N_CLASSES, located=False)
    arrays = table_arrays(geometry, CONFIG, chosen.rows, chosen.search.tree, chosen.weights)

    def test(checkpoint: Path | None) -> Result:
        images = load_test(dataset, data_root, grey=True, download=download, limit=plan.limit)
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
    typed = command or f"accelsim train mbi --recipe paper --dataset {dataset} --seed {seed}"
    settings = {name: value for name, value in asdict(job.sizes).items() if value is not None}
    training = {"command": typed, "seed": seed, **settings, **_training(job, weighed, chosen.weights)}
    manifest = _manifest(name_of(out), dataset, geometry, training, tested)
    save_workload(out, manifest, arrays, tested.arrays)


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


def _training(job: Job, weighed: Weights, chosen: Weights) -> dict[str, Any]:
    """Plain values for the manifest: choices and figures of the stages, on validation images unless they say test.

    weighed, chosen: weights that the search found, and those of the shipped key.
    """
    done = {name: result.figures for name, result in job.stages.done.items()}
    tree, manhattan = done[f"tree-{CHOSEN}"], done["tree-manhattan"]
    mixed, mixed_manhattan = (_paper_point(done[f"mixed-{name}"]["curve"]) for name in (CHOSEN, "manhattan"))
    tested_manhattan = _paper_point(done["test"]["manhattan"]["curve"])
    found = {
        "validation_images": len(job.unseen),
        "validation_accuracy": tree["validation_accuracy"],
        "validation_accuracy_exhaustive": tree["validation_accuracy_exhaustive"],
        "validation_accuracy_located": done["tree-weighed"]["validation_accuracy"],
        "validation_accuracy_equal_weights": done["tree-equal"]["validation_accuracy"],
        "validation_accuracy_exhaustive_located": done["tree-weighed"]["validation_accuracy_exhaustive"],
        "validation_accuracy_exhaustive_equal_weights": done["tree-equal"]["validation_accuracy_exhaustive"],
        **{
            f"validation_{what}_{nodes}_nodes": figure
            for nodes, figures in tree["probes"].items()
            for what, figure in (("accuracy", figures["validation_accuracy"]), ("comparisons", figures["comparisons"]))
            if nodes != "1"
        },
        "validation_accuracy_unrounded": tree["unrounded"]["validation_accuracy"],
        "validation_accuracy_network": done["network"]["validation_accuracy"],
        "validation_accuracy_network_after_glimpse": _listed(done["network"]["accuracy_after_glimpse"]),
        "places_of_glimpse": _listed(done["network"]["places_of_glimpse"]),
        "validation_accuracy_mixed": mixed["accuracy"],
        "validation_coverage_mixed": mixed["coverage"],
        "mixed_threshold": mixed["threshold"],
        "manhattan_validation_accuracy": manhattan["validation_accuracy"],
        "manhattan_validation_accuracy_exhaustive": manhattan["validation_accuracy_exhaustive"],
        "manhattan_validation_accuracy_mixed": mixed_manhattan["accuracy"],
        "manhattan_test_accuracy": done["test"]["manhattan"]["accuracy"],
        "manhattan_test_accuracy_mixed": tested_manhattan["accuracy"],
        "manhattan_test_coverage_mixed": tested_manhattan["coverage"],
        "gap_median": tree["gap"]["median"],
        "gap_p95": tree["gap"]["p95"],
        "share_within_10_percent": share_within(tree["gap"], 0.1),
        "searched_weight_location": weighed.location,
        **{f"weight_{part}": weight for part, weight in asdict(chosen).items()},
        **{name: tree[name] for name in ("rows", "keys", "nodes", "comparisons")},
        "hours": hours(job.stages),
        **made_by(job.stages),
    }
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}


def _listed(values: Sequence[float]) -> str:
    """A manifest's `training` holds single values."""
    return ", ".join(f"{value:.6g}" for value in values)


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
