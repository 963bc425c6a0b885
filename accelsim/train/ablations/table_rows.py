"""Ablation "table-rows": more rows, the tree against an exhaustive search, searched weights against unit weights.

Weights are searched for each number of rows, under exhaustive search; the tree is then built with the same weights.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.mbi_bench import CONFIG, MbiBench
from accelsim.train.ablations.record import Histogram, Row
from accelsim.train.episodes import look_up
from accelsim.train.mbi_paper_figures import tree_figures
from accelsim.train.ram import integral_images
from accelsim.train.stages import Result
from accelsim.train.tree import TreeSearch, build_tree
from accelsim.train.weights import Encoding, Exhaustive, Weights, best, optimise

ROWS = (1_000, 3_000, 10_000, 30_000, 100_000)
TRIALS, QUICK_TRIALS = 20, 7
UNIT, SEARCHED = "unit weights", "Bayesian optimisation"


def measure(bench: Bench) -> Found:
    """Both searches with both weights at each number of rows; the histogram is of the most rows, weights searched."""
    mbi = MbiBench(bench)
    trials = QUICK_TRIALS if bench.quick else TRIALS
    facts = {"validation_accuracy_network": mbi.trained.figures["accuracy"]}
    rows: list[Row] = []
    histogram = None
    numbers = [number for number in ROWS if number <= len(mbi.rows)] or [len(mbi.rows)]
    for number in numbers:
        weights = _search(mbi, number, trials)
        rows += _measured(mbi, number, UNIT, Weights())[0]
        searched, gap = _measured(mbi, number, SEARCHED, weights)
        rows += searched
        histogram = Histogram(gap["edges"], gap["shares"])
        facts[f"weights_found_for_{number}_rows"] = ", ".join(f"{part} {w}" for part, w in asdict(weights).items())
    return Found(mbi.title, {**mbi.described(), "trials": trials}, rows, facts, histogram)


def _search(mbi: MbiBench, number: int, trials: int) -> Weights:
    """The best weights of `trials` under exhaustive search."""
    integral, labels = integral_images(mbi.searched.grey), mbi.searched.label_bytes
    rows, encoding = mbi.rows.first(number), Encoding(CONFIG)

    def accuracy(weights: Weights) -> float:
        predicted = look_up(mbi.network, integral, rows, Exhaustive.over(rows, encoding, weights)).predicted
        return float((predicted == labels).mean())

    def compute(_: Path | None) -> Result:
        found = best(optimise(accuracy, n_trials=trials, seed=mbi.seed))
        return Result({}, {"weights": asdict(found.weights)})

    return Weights(**mbi.bench.stage(f"weights-{number}", compute, trials=trials).figures["weights"])


def _measured(mbi: MbiBench, number: int, name: str, weights: Weights) -> tuple[list[Row], dict[str, Any]]:
    """A row for each search, and the histogram of distance gaps."""
    rows, encoding = mbi.rows.first(number), Encoding(CONFIG)
    factors = encoding.weights(weights)

    def compute(_: Path | None) -> Result:
        tree = build_tree(encoding.features(rows.query), factors, seed=mbi.seed)
        compared = mbi.unseen.first(mbi.sizes.search_images)
        return Result({}, tree_figures(mbi.network, rows, TreeSearch(tree, encoding, factors), mbi.unseen, compared))

    settings = {"weights": asdict(weights), "metric": encoding.metric, "located": encoding.located}
    figures = mbi.bench.stage(f"tree-{number}-{name.replace(' ', '-')}", compute, **settings).figures
    common = {"rows": number, "weights": name, "seed": mbi.seed}
    exhaustive = {
        "search": "exhaustive",
        "validation_accuracy": figures["validation_accuracy_exhaustive"],
        "comparisons": number * CONFIG.n_glimpses,
    }
    tree = {
        "search": "tree",
        "validation_accuracy": figures["validation_accuracy"],
        "comparisons": figures["comparisons"],
    }
    return [{**common, **exhaustive}, {**common, **tree}], figures["gap"]
