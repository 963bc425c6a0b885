"""The tree of keys: its shape, what a descent finds, and how far that is from the nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("optuna", reason="optuna is not installed")

from accelsim.train import tree as trees  # noqa: E402
from accelsim.train.mbi_tables import search  # noqa: E402
from accelsim.train.tree import Tree, build_tree, descend, gap_histogram  # noqa: E402
from accelsim.train.weights import nearest  # noqa: E402

N_FEATURES = 40
WEIGHTS = np.random.default_rng(0).integers(1, 20, N_FEATURES).astype(np.float32)


def points(n: int, seed: int) -> np.ndarray:
    """Different rows around ten centres, in random order."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).integers(0, 2, (10, N_FEATURES))
    found = centres[rng.integers(10, size=2 * n)] ^ (rng.random((2 * n, N_FEATURES)) < 0.15)
    return rng.permutation(np.unique(found, axis=0))[:n].astype(np.uint8)


@pytest.fixture(scope="module")
def tree() -> Tree:
    return build_tree(points(3000, 1), WEIGHTS, seed=0)


def test_nodes_fit_the_array_and_every_row_is_a_leaf_once(tree: Tree) -> None:
    sizes = np.diff(tree.node_start)
    node = np.repeat(np.arange(len(sizes)), sizes)
    inner = tree.key_next >= 0
    assert 1 <= sizes.min() <= sizes.max() <= 32
    assert (tree.key_next[inner] > node[inner]).all()
    assert sorted(tree.key_next[inner]) == list(range(1, len(sizes)))
    assert sorted(-1 - tree.key_next[~inner]) == list(range(3000))
    assert np.array_equal(tree.keys[~inner], points(3000, 1)[-1 - tree.key_next[~inner]])


def test_a_stored_key_leads_to_its_own_row(tree: Tree) -> None:
    found = descend(tree, points(3000, 1), WEIGHTS)
    assert found.row.tolist() == list(range(3000))
    assert not found.distance.any()


def test_greedy_descent_is_that_of_the_recorded_tables(tree: Tree) -> None:
    asked = points(500, 2)
    found = descend(tree, asked, WEIGHTS)
    model = {"node_start": tree.node_start, "key_next": tree.key_next}
    expected = search(tree.keys, model, WEIGHTS.astype(np.int64), 0, asked)
    assert np.array_equal(found.row, expected.row)
    assert np.array_equal(found.distance, expected.distance)
    assert (found.compared <= 32 * expected.levels).all()


def test_probes_of_everything_are_exhaustive_and_more_probes_no_worse_on_average(tree: Tree) -> None:
    asked = points(25, 3)
    _, least = nearest(points(3000, 1), asked, WEIGHTS)
    one, three, every = (descend(tree, asked, WEIGHTS, probes) for probes in (1, 3, 3000))
    assert np.array_equal(every.distance, least)
    assert one.distance.mean() > three.distance.mean() >= least.mean()
    assert (every.compared == len(tree.keys)).all()


def test_centroids_may_stay_unrounded_as_a_yardstick() -> None:
    rows = points(3000, 1)
    unrounded = build_tree(rows, WEIGHTS, seed=0, rounded=False)
    assert set(np.unique(unrounded.keys)) > {0.0, 1.0}
    assert (descend(unrounded, rows, WEIGHTS).row == np.arange(3000)).mean() > 0.99


def test_few_rows_are_one_leaf() -> None:
    rows = points(32, 4)
    assert build_tree(rows, WEIGHTS, seed=0).node_start.tolist() == [0, 32]


def test_rows_that_round_to_one_centroid_part_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # The majority of one-hot rows has no bit at all, and is the nearest centroid of each of them.
    monkeypatch.setattr(trees, "LEAF_TARGET", 20)
    rows = np.eye(N_FEATURES, dtype=np.uint8)
    found = descend(build_tree(rows, np.ones(N_FEATURES, np.float32), seed=0), rows, np.ones(N_FEATURES, np.float32))
    assert found.row.tolist() == list(range(N_FEATURES))


def test_small_neighbours_share_a_leaf() -> None:
    # Clusters of 20, 10, 12 and 30 rows at 0, 1, 10 and 11 ones: only the first two are near and fit together.
    sizes, ones = (20, 10, 12, 30), (0, 1, 10, 11)
    label = np.repeat(range(4), sizes)
    points_ = (np.arange(N_FEATURES) < np.array(ones)[label][:, None]).astype(np.uint8)
    means = trees._merged(points_, label, np.ones(N_FEATURES, np.float32))
    assert means.sum(axis=1).tolist() == pytest.approx([10 / 30, 10, 11])


def test_large_nodes_are_clustered_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MINI_BATCH_ROWS", 100)
    rows = points(1000, 5)
    found = descend(build_tree(rows, WEIGHTS, seed=0), rows, WEIGHTS)
    assert found.row.tolist() == list(range(1000))


def test_gaps_by_hand() -> None:
    found, least = np.array([10, 101, 108, 109, 13, 25, 3]), np.array([10, 100, 100, 100, 10, 10, 0])
    # Gaps 0, 1 %, 8 %, 9 %, 30 %, 150 %, and something above an exact match.
    shares = dict(zip(trees.GAP_EDGES, np.array(gap_histogram(found, least)["shares"]) * 7, strict=False))
    assert shares == pytest.approx({0.0: 2, 0.02: 0, 0.05: 2, 0.1: 0, 0.2: 1, 0.5: 0})


def test_percentiles_of_gaps() -> None:
    # Gaps of 0, 1, ... 100 %, in any order.
    found = np.random.default_rng(0).permutation(np.arange(100, 201))
    gap = gap_histogram(found, np.full(101, 100))
    assert (gap["median"], gap["p95"]) == pytest.approx((0.5, 0.95))
