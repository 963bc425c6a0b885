"""Thresholds and templates against their definitions in words, and the array's own counts."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import acam_rows
from accelsim.components import acam_array, binariser
from accelsim.errors import RangeError
from accelsim.rng import Draws
from accelsim.spec import load_spec
from accelsim.train.templates import (
    TemplateOptions,
    Templates,
    best_runs,
    make_templates,
    make_thresholds,
    to_levels,
)

ROOT = Path(__file__).resolve().parents[2]
DRAWS = Draws(0, 0, "acam", 0)


@pytest.fixture(scope="module")
def sample() -> tuple[Any, Any]:
    """Features [60, 7] of three classes, which differ in their means."""
    random = np.random.default_rng(5)
    labels = np.arange(60, dtype=np.uint8) % 3
    means = random.integers(-30, 60, (3, 7))
    return np.clip(means[labels] + random.integers(-40, 40, (60, 7)), -128, 127).astype(np.int8), labels


@pytest.mark.parametrize(
    ("threshold", "exact"),
    [
        ("mean", lambda f: f.mean(axis=0)),
        ("median", lambda f: np.median(f, axis=0)),
        ("percentile:80", lambda f: np.percentile(f, 80, axis=0)),
    ],
)
def test_a_rounded_threshold_cuts_as_the_exact_one(threshold: str, exact: Any, sample: tuple[Any, Any]) -> None:
    features, _ = sample
    bits = to_levels(features, make_thresholds(features, threshold, 1))
    np.testing.assert_array_equal(bits, features > exact(features.astype(float)))


@pytest.mark.parametrize("bits", [2, 4])
def test_quantiles_fill_levels_alike_and_uniform_cuts_are_apart_alike(bits: int) -> None:
    features = np.tile(np.arange(-128, 128, dtype=np.int8)[:, None], (1, 2))
    for threshold in ("quantile", "uniform"):
        levels = to_levels(features, make_thresholds(features, threshold, bits))
        counts = np.bincount(levels[:, 0], minlength=2**bits)
        assert counts.max() - counts.min() <= 2
        assert (np.diff(levels[:, 0].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    ("threshold", "bits", "message"),
    [
        ("mode", 1, r'^--threshold: got "mode", need one of mean, median, percentile:p, quantile, uniform$'),
        ("mean:3", 1, r'^--threshold: got "mean:3", need one of '),
        ("mean", 2, r'^--threshold: got "mean" for 2 bits, need quantile or uniform$'),
        ("percentile", 1, r'^--threshold: got "percentile", need one of '),
        ("percentile:", 1, r'^--threshold: got percentile "", need a number from 0 to 100$'),
        ("quantil:x", 1, r'^--threshold: got "quantil:x", need one of '),
        ("percentile:x", 1, r'^--threshold: got percentile "x", need a number from 0 to 100$'),
        ("percentile:101", 1, r'^--threshold: got percentile "101", need a number from 0 to 100$'),
    ],
)
def test_thresholds_that_cannot_be_are_refused(
    threshold: str, bits: int, message: str, sample: tuple[Any, Any]
) -> None:
    with pytest.raises(RangeError, match=message):
        make_thresholds(sample[0], threshold, bits)


@pytest.mark.parametrize("wrong", [{"rule": "mode"}, {"bits": 5}, {"per_class": 0}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RangeError, match=r"^(template rule|feature bits|templates a class): got "):
        TemplateOptions(**wrong)


def test_binary_templates_are_the_rules_in_words(sample: tuple[Any, Any]) -> None:
    features, labels = sample
    bits = features > features.mean(axis=0)
    majority = make_templates(features, labels, TemplateOptions(rule="majority"), 3)
    by_mean = make_templates(features, labels, TemplateOptions(rule="class_mean"), 3)
    for c, i in product(range(3), range(7)):
        assert majority.low[c, i] == majority.high[c, i] == (2 * bits[labels == c, i].sum() > (labels == c).sum())
        assert by_mean.low[c, i] == by_mean.high[c, i] == (features[labels == c, i].mean() > features[:, i].mean())
    assert majority.row_class.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(majority.counts(features), [[(b == t).sum() for t in majority.low] for b in bits])


def test_a_class_mean_is_compared_with_the_threshold_before_it_is_rounded() -> None:
    """Mean of all 0.5: a class mean of 0.25 is below it, though above its floor."""
    features = np.array([[0], [0], [0], [1], [0], [1], [1], [1]], dtype=np.int8)
    labels = np.repeat([0, 1], 4).astype(np.uint8)
    made = make_templates(features, labels, TemplateOptions(rule="class_mean"), 2)
    assert made.thresholds.tolist() == [[0]]
    assert made.low[:, 0].tolist() == [0, 1]


@pytest.mark.torch
@pytest.mark.parametrize("rule", ["majority", "class_mean", "spread", "contrast"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_array_counts_the_same_cells(rule: str, bits: int, sample: tuple[Any, Any]) -> None:
    """The simulated binariser and ACAM array, and the decision: the lowest row on a tie."""
    features, labels = sample
    options = TemplateOptions("mean" if bits == 1 else "quantile", rule, 2, bits)
    made = make_templates(features, labels, options, 3, seed=1)
    assert made.manifest(3) == {"n_features": 7, "n_rows": 6, "n_classes": 3, "feature_levels": 2**bits}
    levels = binariser.binarise(_binariser(), made.thresholds, features, DRAWS).y
    found = acam_array.search(_array(), acam_rows.Templates(made.low, made.high, made.n_levels), levels, DRAWS).y
    np.testing.assert_array_equal(found.counts, made.counts(features))
    first = [int(np.flatnonzero(row == row.max())[0]) for row in found.counts]
    np.testing.assert_array_equal(made.classes(features), made.row_class[first])
    assert made.accuracy(features, labels) == (made.row_class[first] == labels).mean() > 0.4


def test_windows_hold_what_their_rules_say() -> None:
    """Ten images of one class at levels 0 1 1 2 2 2 2 3 3 3 of 4 and ten of another at level 0."""
    levels = np.array([0, 1, 1, 2, 2, 2, 2, 3, 3, 3] + [0] * 10, dtype=np.int8)
    features, labels = levels[:, None], np.repeat([0, 1], 10).astype(np.uint8)
    cuts = {"spread": (1, 3), "contrast": (1, 3)}  # the middle 70 %; levels 1, 2 and 3 are above the mean share
    for rule, window in cuts.items():
        made = make_templates(features * 40, labels, TemplateOptions("uniform", rule, bits=2), 2)
        assert (made.low[0, 0], made.high[0, 0]) == window
        assert (made.low[1, 0], made.high[1, 0]) == (0, 0)


def test_best_runs_against_all_runs() -> None:
    random = np.random.default_rng(6)
    excess = random.integers(-3, 4, (5, 8, 4)).astype(float)
    low, high = best_runs(excess)
    for r, f in product(range(5), range(8)):
        runs = {(a, b): excess[r, f, a : b + 1].sum() for a in range(4) for b in range(a, 4)}
        found = int(low[r, f]), int(high[r, f])
        assert runs[found] == max(runs.values())
        shortest = min(b - a for (a, b), total in runs.items() if total == runs[found])
        assert found[1] - found[0] == shortest


@pytest.mark.torch
def test_clusters_find_what_a_class_is_made_of() -> None:
    """A class of two opposite kinds: one template is no better than chance, two are right."""
    random = np.random.default_rng(7)
    kinds = random.integers(0, 2, (4, 64))
    member = np.arange(200) % 4
    flips = random.random((200, 64)) < 0.1
    features = (100 * (kinds[member] ^ flips) - 50).astype(np.int8)
    labels = (member // 2).astype(np.uint8)
    half = np.arange(200) < 100
    fitted, unseen = ((features[part], labels[part]) for part in (half, ~half))
    candidates = [TemplateOptions(per_class=n) for n in (1, 2)]
    templates = make_templates(*fitted, candidates[1], 2)
    assert templates.accuracy(*unseen) == 1.0
    assert templates.row_class.tolist() == [0, 0, 1, 1]
    with_one = make_templates(*fitted, candidates[0], 2)
    assert isinstance(with_one, Templates)
    assert with_one.accuracy(*unseen) < 1


def _array() -> Any:
    return load_spec(ROOT / "arch_specs" / "hybrid_paper.yaml").instances["acam"]


def _binariser() -> Any:
    return load_spec(ROOT / "arch_specs" / "hybrid_physical.yaml").instances["binariser"]
