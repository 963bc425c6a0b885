"""Weighted distances against their definition, and the optimisation of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("optuna", reason="optuna is not installed")

from accelsim.train.episode_tables import split_weights, table_geometry  # noqa: E402
from accelsim.train.episodes import Query  # noqa: E402
from accelsim.train.ram import RamConfig  # noqa: E402
from accelsim.train.weights import Encoding, Metric, Weights, best, nearest, optimise  # noqa: E402

CONFIG = RamConfig()


def queries(n: int, seed: int) -> Query:
    rng = np.random.default_rng(seed)
    sizes = ((4, 48), (2, 64), (32, 2))
    return Query(*(rng.integers(0, top, (n, width), dtype=np.uint8) for top, width in sizes))


def distance(a: Query, b: Query, weights: Weights, metric: Metric) -> np.ndarray:
    """[n_a, n_b], by the definition: XOR is the bit-weighted Hamming distance of whole numbers."""
    total = 0
    for part in ("levels", "hidden", "location"):
        weight = getattr(weights, {"levels": "patch"}.get(part, part))
        x, y = getattr(a, part)[:, None].astype(int), getattr(b, part)[None].astype(int)
        total = total + weight * (x ^ y if metric == "circuit" else np.abs(x - y)).sum(axis=2)
    return np.asarray(total)


@pytest.mark.parametrize("metric", ["circuit", "manhattan"])
@pytest.mark.parametrize("weights", [Weights(), Weights(7, 127, 3), Weights(2, 5, 0)])
def test_nearest_is_by_the_definition(metric: Metric, weights: Weights) -> None:
    keys, asked = queries(300, 1), queries(40, 2)
    encoding = Encoding(CONFIG, metric, located=weights.location > 0)
    expected = distance(asked, keys, weights, metric)
    index, found = nearest(encoding.features(keys), encoding.features(asked), encoding.weights(weights))
    assert np.array_equal(index, expected.argmin(axis=1))
    assert np.array_equal(found, expected.min(axis=1))


def test_the_lowest_of_equal_keys_wins_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.train.weights.ROW_CHUNK", 3)
    keys = np.array([[1, 1], [0, 1], [1, 1], [1, 0], [0, 0], [0, 1]], np.uint8)
    asked = np.array([[0, 1], [1, 0], [0, 0]], np.uint8)
    index, found = nearest(keys, asked, np.ones(2, np.float32))
    assert index.tolist() == [1, 3, 4]
    assert found.tolist() == [0, 0, 0]
    index, found = nearest(keys[[0, 2, 0, 0, 2]], asked, np.ones(2, np.float32))
    assert (index.tolist(), found.tolist()) == ([0, 0, 0], [1, 1, 2])


@pytest.mark.parametrize("located", [True, False])
def test_features_and_weights_are_the_columns_of_the_format(located: bool) -> None:
    weights = Weights(3, 5, 9 * located)
    geometry = table_geometry(CONFIG, (28, 28), 10, located=located)
    encoding = Encoding(CONFIG, located=located)
    assert encoding.features(queries(2, 0)).shape[1] == geometry.n_columns == 160 + 10 * located
    columns = geometry.column_weights(split_weights(geometry, weights))
    assert np.array_equal(columns, encoding.weights(weights))


def test_optimisation_begins_with_equal_weights_and_is_repeatable() -> None:
    def accuracy(weights: Weights) -> float:
        return -abs(float(np.log(weights.patch / weights.hidden / 100)))

    trials = optimise(accuracy, n_trials=9, seed=3)
    assert trials[0].weights == Weights(1, 1, 1)
    assert trials == optimise(accuracy, n_trials=9, seed=3)
    assert best(trials).accuracy > trials[0].accuracy
    assert all(1 <= part <= 127 for trial in trials for part in vars(trial.weights).values())


def test_the_first_of_equal_trials_is_the_best() -> None:
    trials = optimise(lambda weights: float(weights.hidden == 1), n_trials=3, seed=0)
    assert best(trials) is trials[0]
