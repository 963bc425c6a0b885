"""Ablation "threshold-curve": what is answered by tables, what by a network, and by which sign of being unsure.

- Memorised rows (the paper's): a tree over episodes with unit weights, and the recurrent network itself behind it;
  unsure is an image of which any look-up is farther than a bound.
- Learned prototypes (ours): the pipeline's tables and its fallback network; unsure by distance is a bound for each
  glimpse at one quantile, unsure by votes a small lead of the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.datasets import N_CLASSES
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.mbi_bench import CONFIG, MbiBench
from accelsim.train.ablations.prototype_bench import PrototypeBench
from accelsim.train.ablations.record import Row
from accelsim.train.cascade import DECAY, Answers, nearest
from accelsim.train.cascade import RATE as NETWORK_RATE
from accelsim.train.episodes import look_up
from accelsim.train.loop import Recipe
from accelsim.train.mbi import N_TABLES, PAPER_NJ, shape_within
from accelsim.train.mbi_tables import walk_images
from accelsim.train.mbi_teacher import FALLBACK, Network, fit_network, logits_of
from accelsim.train.ram import integral_images, predict
from accelsim.train.stages import Result
from accelsim.train.tree import TreeSearch, build_tree
from accelsim.train.weights import Encoding, Weights

AIMED = (0.5, 0.6, 0.6965, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Least shares answered by the tables; 0.6965 is the published point."""
N_ROWS = 30_000

Flags = npt.NDArray[np.bool_]
Near = Callable[[float], Flags]
"""Least share -> the images that the tables answer, [n]."""


def measure(bench: Bench) -> Found:
    """Three curves."""
    episodes, prototypes = MbiBench(bench), PrototypeBench(bench)
    rows: list[Row] = []
    facts: dict[str, Any] = {}
    _ = episodes.trained, episodes.rows
    found = bench.stage("curve-rows", lambda _: _of_rows(episodes))
    rows += _rows("memorised rows", "far keys", found.figures["far"], bench.seed)
    facts["validation_accuracy_recurrent_network"] = found.figures["network"]
    shape = shape_within(PAPER_NJ, prototypes.geometry(N_TABLES))
    tables = prototypes.tables(N_TABLES, shape)
    found = bench.stage("curve-prototypes", lambda at: _of_prototypes(prototypes, tables, at))
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


def _rows(tables: str, criterion: str, curve: list[dict[str, float]], seed: int) -> list[Row]:
    return [{"tables": tables, "criterion": criterion, **point, "seed": seed} for point in curve]


def _of_rows(episodes: MbiBench) -> Result:
    rows, encoding, weights = episodes.rows.first(N_ROWS), Encoding(CONFIG), Weights()
    factors = encoding.weights(weights)
    tree = build_tree(encoding.features(rows.query), factors, seed=episodes.seed)
    integral, labels = integral_images(episodes.unseen.grey), episodes.unseen.label_bytes
    looked = look_up(episodes.network, integral, rows, TreeSearch(tree, encoding, factors))
    by_network = predict(episodes.network, integral) == labels
    farthest = looked.distance.max(axis=1)

    def near(share: float) -> Flags:
        bound = np.sort(farthest)[max(int(np.ceil(share * len(farthest))) - 1, 0)]
        kept: Flags = farthest <= bound
        return kept

    curve = _curve(near, looked.predicted == labels, by_network)
    return Result({}, {"far": curve, "network": int(by_network.sum()) / len(labels)})


def _of_prototypes(prototypes: PrototypeBench, tables: Result, checkpoint: Path | None) -> Result:
    split, seed, epochs = prototypes.split, prototypes.seed, prototypes.sizes.network_epochs
    network = Network(split.fitted.pixels.shape[-1], FALLBACK, N_CLASSES, seed)
    recipe = Recipe("fallback", epochs, seed, NETWORK_RATE, weight_decay=DECAY, warmup=1 / (4 * epochs))
    fit_network(network, split, prototypes.copies, recipe, checkpoint)
    unseen = split.validation
    walked = walk_images(tables.arrays, prototypes.geometry(N_TABLES), unseen.grey)
    votes = np.sort(tables.arrays["value_votes"].astype(np.int64)[walked.row].sum(axis=(1, 2)), axis=1)
    by_network = logits_of(network, unseen.pixels[:, 0]).argmax(1).numpy() == unseen.label_bytes
    by_tables = walked.predicted == unseen.label_bytes
    answers = Answers(votes[:, -1] - votes[:, -2], walked.distance.sum(axis=2), by_tables, by_network)

    def near(share: float) -> Flags:
        bound = np.sort(answers.margin)[min(int((1 - share) * len(by_tables)), len(by_tables) - 1)]
        kept: Flags = answers.margin >= bound
        return kept

    curves = {"far": lambda share: nearest(answers, share), "margin": near}
    figures = {name: _curve(kept_by, by_tables, by_network) for name, kept_by in curves.items()}
    return Result({}, {**figures, "network": int(by_network.sum()) / len(unseen)})


def _curve(near: Near, by_tables: Flags, by_network: Flags) -> list[dict[str, float]]:
    """A point for each of `AIMED`."""
    points = []
    for aimed in AIMED:
        kept = near(aimed)
        right = np.where(kept, by_tables, by_network)
        points.append(
            {
                "aimed": aimed,
                "coverage": int(kept.sum()) / len(kept),
                "covered_accuracy": int(by_tables[kept].sum()) / int(kept.sum()),
                "validation_accuracy": int(right.sum()) / len(right),
            }
        )
    return points
