"""What the ACAM array stores, made from statistics of the features: levels, and one or more templates a class.

Thresholds (`threshold`), of each feature over all images:

- `mean` (the paper's), `median`, `percentile:p`: one threshold, binary features;
- `quantile`: 2^bits levels, cut at equally spaced percentiles, so equally frequent where few values are equal (of a
  feature that is mostly 0 several cuts fall on 0, and the levels between them stay empty); `uniform`: levels of equal
  width from the least to the largest value.

Template rules, from the images of a class, or of one of its k-means clusters (of the levels) with several templates a
class:

| rule | matching | a cell matches |
|---|---|---|
| `majority` | feature count | the level that most images have (the lowest of several) |
| `class_mean` | feature count | the level of the mean feature |
| `spread` | window | the levels of the middle `WINDOW_SHARE` of the images |
| `contrast` | window | the run of levels with the most above the mean template (the shortest, lowest of several) |

*Source*: arXiv 2502.10089: mean and median threshold, feature count and window similarity, k-means with 2 and 3
templates. Its formula of a binary template is not at hand, hence `majority` and `class_mean`; both window rules are
ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import RangeError

Features = npt.NDArray[np.int8]
Labels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.uint8]
Thresholds = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]

MAX_BITS = 4
WINDOW_SHARE = 0.7
"""Of 0.5, 0.6, 0.7, 0.8 and 0.9 none is the best for every number of bits; for 3 (quantile) this was, on validation
images of a trial student: 64.4 %. A window of all images would match nearly everything."""

MATCHING = {"majority": "feature_count", "class_mean": "feature_count", "spread": "window", "contrast": "window"}
"""How rows are compared under each rule."""


@dataclass(frozen=True)
class TemplateOptions:
    """How thresholds and templates are made; the words are those of the module's docstring.

    Attributes:
        bits: of a feature's level, 1 to 4; `mean`, `median` and `percentile:p` need 1.
    """

    threshold: str = "mean"
    rule: str = "majority"
    per_class: int = 1
    bits: int = 1

    def __post_init__(self) -> None:
        if self.rule not in MATCHING:
            raise RangeError(f'template rule: got "{self.rule}", need one of {", ".join(MATCHING)}')
        if not 1 <= self.bits <= MAX_BITS:
            raise RangeError(f"feature bits: got {self.bits}, need 1 to {MAX_BITS}")
        if self.per_class < 1:
            raise RangeError(f"templates a class: got {self.per_class}, need at least 1")
        _percentile(self.threshold, self.bits)


@dataclass(frozen=True)
class Templates:
    """The arrays of docs/workload-format.md, and what the array answers with them.

    Attributes:
        thresholds: [n_features, n_levels - 1], ascending.
        low, high: first and last matching level, [n_rows, n_features].
        row_class: [n_rows].
    """

    thresholds: Thresholds
    low: Levels
    high: Levels
    row_class: npt.NDArray[np.uint8]

    @property
    def n_levels(self) -> int:
        return int(self.thresholds.shape[1]) + 1

    def counts(self, features: Features) -> Ints:
        """Matching cells [n, n_rows]."""
        levels = to_levels(features, self.thresholds)
        rows = [((levels >= low) & (levels <= high)).sum(axis=1) for low, high in zip(self.low, self.high, strict=True)]
        return np.stack(rows, axis=1).astype(np.int64)

    def classes(self, features: Features) -> npt.NDArray[np.uint8]:
        """[n]: of the row with the most matching cells, the lowest row on a tie."""
        found: npt.NDArray[np.uint8] = self.row_class[self.counts(features).argmax(axis=1)]
        return found

    def accuracy(self, features: Features, labels: Labels) -> float:
        return float((self.classes(features) == labels).mean())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Their entries of model.safetensors."""
        return {
            "thresholds": self.thresholds,
            "template_low": self.low,
            "template_high": self.high,
            "row_class": self.row_class,
        }

    def manifest(self, n_classes: int) -> dict[str, int]:
        """`acam` of the manifest."""
        n_rows, n_features = self.low.shape
        return {"n_features": n_features, "n_rows": n_rows, "n_classes": n_classes, "feature_levels": self.n_levels}


def to_levels(features: npt.NDArray[Any], thresholds: Thresholds | Real) -> Levels:
    """[n, n_features] uint8: how many of its thresholds each feature exceeds."""
    levels = np.zeros(features.shape, dtype=np.uint8)
    for threshold in thresholds.T:
        levels += features > threshold
    return levels


def make_thresholds(features: Features, threshold: str, bits: int) -> Thresholds:
    """[n_features, 2^bits - 1] by the rule named `threshold`.

    Rounded down, which is exact: an integer exceeds a number when it exceeds that number's floor.

    Raises:
        RangeError: if there is no such rule, or it is one for binary features and `bits` is more.
    """
    return np.floor(_cuts(features, threshold, bits)).astype(np.int16)


def _cuts(features: Features, threshold: str, bits: int) -> Real:
    """As `make_thresholds`, not rounded."""
    at = _percentile(threshold, bits)
    if threshold in _CUTS:
        return _CUTS[threshold](features, bits)
    cuts: Real = _mean(features) if at is None else np.percentile(features, at, axis=0)
    return cuts[:, np.newaxis]


def make_templates(
    features: Features, labels: Labels, options: TemplateOptions, n_classes: int, seed: int = 0
) -> Templates:
    """Thresholds and templates from the features [n, n_features] of fitted images; rows class by class."""
    thresholds = make_thresholds(features, options.threshold, options.bits)
    levels = to_levels(features, thresholds)
    rows = cluster(levels, labels, n_classes, options.per_class, seed)
    groups = [rows == row for row in range(n_classes * options.per_class)]
    if options.rule == "class_mean":
        means = np.stack([_mean(features[group]) for group in groups])
        low = high = to_levels(means, _cuts(features, options.threshold, options.bits)).astype(np.int64)
    else:
        shares = np.stack([_shares(levels[group], 2**options.bits) for group in groups])
        low, high = _RULES[options.rule](shares)
    row_class = np.repeat(np.arange(n_classes), options.per_class).astype(np.uint8)
    return Templates(thresholds, low.astype(np.uint8), high.astype(np.uint8), row_class)


def cluster(levels: npt.NDArray[Any], labels: npt.NDArray[Any], n_classes: int, per_class: int, seed: int) -> Ints:
    """Row [n] of each image: class x per_class + its k-means cluster (of `per_class`) among the images of its class."""
    rows = labels.astype(np.int64) * per_class
    if per_class == 1:
        return rows
    from sklearn.cluster import KMeans

    for c in range(n_classes):
        members = np.flatnonzero(labels == c)
        kmeans = KMeans(per_class, n_init=4, random_state=seed)
        rows[members] += kmeans.fit_predict(levels[members].astype(np.float32))
    return rows


def best_runs(excess: Real) -> tuple[Ints, Ints]:
    """First and last level of the run with the largest sum, the shortest and lowest of several.

    excess: [n_rows, n_features, n_levels] -> [n_rows, n_features] each.
    """
    n_levels = excess.shape[2]
    runs = sorted((length, first) for first in range(n_levels) for length in range(1, n_levels - first + 1))
    sums = np.pad(excess.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
    best = np.stack([sums[..., first + length] - sums[..., first] for length, first in runs]).argmax(axis=0)
    low = np.array([first for _, first in runs])[best]
    high = np.array([first + length - 1 for length, first in runs])[best]
    return low, high


def _percentile(threshold: str, bits: int) -> float | None:
    """Where a rule for binary features cuts; None for the mean and for rules of several levels.

    Raises:
        RangeError: as `make_thresholds`.
    """
    if threshold in _CUTS:
        return None
    name, colon, share = threshold.partition(":")
    if not (threshold in ("mean", "median") or (name == "percentile" and colon)):
        need = f"mean, median, percentile:p, {', '.join(_CUTS)}"
        raise RangeError(f'--threshold: got "{threshold}", need one of {need}')
    if bits > 1:
        raise RangeError(f'--threshold: got "{threshold}" for {bits} bits, need {" or ".join(_CUTS)}')
    if name == "percentile":
        return _percentage(share)
    return 50.0 if name == "median" else None


def _percentage(share: str) -> float:
    try:
        at = float(share)
    except ValueError:
        at = np.nan
    if not 0 <= at <= 100:
        raise RangeError(f'--threshold: got percentile "{share}", need a number from 0 to 100')
    return at


def _quantiles(features: Features, bits: int) -> Real:
    return np.asarray(np.percentile(features, 100 * np.arange(1, 2**bits) / 2**bits, axis=0)).T


def _uniform(features: Features, bits: int) -> Real:
    least, largest = (end(axis=0).astype(np.float64)[:, np.newaxis] for end in (features.min, features.max))
    cuts: Real = least + (largest - least) * np.arange(1, 2**bits) / 2**bits
    return cuts


_CUTS: dict[str, Callable[[Features, int], Real]] = {"quantile": _quantiles, "uniform": _uniform}


def _mean(features: Features) -> npt.NDArray[np.float64]:
    mean: Real = features.sum(axis=0, dtype=np.int64) / max(1, len(features))
    return mean


def _shares(levels: Levels, n_levels: int) -> Real:
    """[n_features, n_levels]: share of the images that have each level."""
    counts = np.stack([(levels == level).sum(axis=0) for level in range(n_levels)], axis=1)
    return counts / max(1, len(levels))


def _majority(shares: Real) -> tuple[Ints, Ints]:
    level = shares.argmax(axis=2)
    return level, level


def _spread(shares: Real) -> tuple[Ints, Ints]:
    below = shares.cumsum(axis=2)
    outside = (1 - WINDOW_SHARE) / 2
    low = (below <= outside).sum(axis=2)
    high = (below < 1 - outside - 1e-9).sum(axis=2)
    last = shares.shape[2] - 1
    return np.minimum(low, last), np.clip(high, low, last)


def _contrast(shares: Real) -> tuple[Ints, Ints]:
    return best_runs(shares - shares.mean(axis=0))


_RULES: dict[str, Callable[[Real], tuple[Ints, Ints]]] = {
    "majority": _majority,
    "spread": _spread,
    "contrast": _contrast,
}
