"""Ablation "threshold-curve": what is answered by tables, what by a network, and by which sign of being unsure.

- Memorised rows (the paper's): a tree over episodes with unit weights, and the recurrent network itself behind it;
  unsure is an image of which any look-up is farther than a bound.
- Learned prototypes (ours): the pipeline's tables and its fallback network; unsure by distance is a bound for each
  glimpse at one quantile, unsure by votes a small lead of the class.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelsim.datasets import N_CLASSES
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.mbi_bench import CONFIG, MbiBench
from accelsim.train.ablations.prototype_bench import PrototypeBench
from accelsim.train.ablations.record import Row
from accelsim.train.cascade import Answers, fallback_recipe, margins, nearest
from accelsim.train.episodes import look_up
from accelsim.train.mbi import N_TABLES, PAPER_NJ, shape_within
from accelsim.train.mbi_paper_figures import mixed_curve, mixed_point
from accelsim.train.mbi_tables import walk_images
from accelsim.train.mbi_teacher import FALLBACK, Network, fit_network, logits_of
from accelsim.train.ram import integral_images, predict
from accelsim.train.stages import Result
from accelsim.train.tree import TreeSearch, build_tree
from accelsim.train.weights import Encoding, Weights

AIMED = (0.5, 0.6, 0.6965, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Least shares answered by the tables; 0.6965 is the published point."""
N_ROWS = 30_000


def measure(bench: Bench) -> Found:
    """Three curves."""
    episodes, prototypes = MbiBench(bench), PrototypeBench(bench)
    rows: list[Row] = []
    facts: dict[str, Any] = {}
    _ = episodes.trained, episodes.rows
    found = bench.stage("curve-rows", lambda _: _of_rows(episodes), rows=N_ROWS, aimed=AIMED)
    rows += _rows("memorised rows", "far keys", found.figures["far"], bench.seed)
    facts["validation_accuracy_recurrent_network"] = found.figures["network"]
    shape = shape_within(PAPER_NJ, prototypes.geometry(N_TABLES))
    found = _of_prototypes(prototypes, prototypes.tables(N_TABLES, shape))
    rows += _rows("learned prototypes", "far keys", found.figures["far"], bench.seed)
    rows += _rows("learned prototypes", "small margin of votes", found.figures["margin"], bench.seed)
    facts["validation_accuracy_fallback_network"] = found.figures["network"]
    return Found(prototypes.title, _sizes(episodes, prototypes), rows, facts)


def _sizes(episodes: MbiBench, prototypes: PrototypeBench) -> dict[str, Any]:
    parts = {"rows": asdict(episodes.sizes), "prototypes": asdict(prototypes.sizes)}
    parts["rows"]["rows"] = min(N_ROWS, episodes.sizes.rows)
    named = {f"{part}_{name}": size for part, sizes in parts.items() for name, size in sizes.items()}
    if len(episodes.unseen) != len(prototypes.split.validation):
        raise ValueError("both parts are measured on the same validation images")
    return {"validation_images": len(episodes.unseen), **named}


def _rows(tables: str, criterion: str, curve: list[dict[str, Any]], seed: int) -> list[Row]:
    """A row for each point of a curve."""
    kept = ("aimed", "coverage", "covered_accuracy")
    return [
        {
            "tables": tables,
            "criterion": criterion,
            **{name: point[name] for name in kept},
            "validation_accuracy": point["accuracy"],
            "seed": seed,
        }
        for point in curve
    ]


def _of_rows(episodes: MbiBench) -> Result:
    rows, encoding = episodes.rows.first(N_ROWS), Encoding(CONFIG)
    factors = encoding.weights(Weights())
    tree = build_tree(encoding.features(rows.query), factors, seed=episodes.seed)
    integral, labels = integral_images(episodes.unseen.grey), episodes.unseen.label_bytes
    looked = look_up(episodes.network, integral, rows, TreeSearch(tree, encoding, factors))
    by_network = predict(episodes.network, integral) == labels
    curve = mixed_curve(looked.distance, looked.predicted == labels, by_network, AIMED)
    return Result({}, {"far": curve, "network": float(by_network.mean())})


def _of_prototypes(prototypes: PrototypeBench, tables: Result) -> Result:
    """Stage "curve-prototypes": the fallback network of the tables is trained, and both are mixed."""
    split, unseen = prototypes.split, prototypes.split.validation
    recipe = fallback_recipe(prototypes.sizes.network_epochs, prototypes.seed)

    def compute(checkpoint: Path | None) -> Result:
        network = Network(split.fitted.pixels.shape[-1], FALLBACK, N_CLASSES, prototypes.seed)
        fit_network(network, split, prototypes.copies, recipe, checkpoint)
        walked = walk_images(tables.arrays, prototypes.geometry(N_TABLES), unseen.grey)
        by_tables = walked.predicted == unseen.label_bytes
        by_network = logits_of(network, unseen.pixels[:, 0]).argmax(1).numpy() == unseen.label_bytes
        answers = Answers(margins(tables.arrays, walked), walked.distance.sum(axis=2), by_tables, by_network)
        far = [{"aimed": aimed, **mixed_point(nearest(answers, aimed), by_tables, by_network)} for aimed in AIMED]
        # A lead is small where its negative is above a threshold.
        margin = mixed_curve(-answers.margin[:, None], by_tables, by_network, AIMED)
        return Result({}, {"far": far, "margin": margin, "network": float(by_network.mean())})

    settings = {"network": [asdict(spec) for spec in FALLBACK], "recipe": asdict(recipe), "aimed": AIMED}
    return prototypes.bench.stage("curve-prototypes", compute, **settings)
