"""Binary features and one template a class: what the ACAM array stores.

Thresholds are the seed's mean threshold. A template bit is one rule of two, chosen on validation images:

- `majority`: the bit that most of the class's training images have (0 on a tie);
- `class_mean`: whether the class's mean feature lies above the threshold.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.int8]
Labels = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint8]
Thresholds = npt.NDArray[np.int16]


def mean_thresholds(features: Features) -> Thresholds:
    """Each feature's mean over the images [n, n_features]: [n_features] int16.

    Rounded down, which is exact: an integer exceeds a number when it exceeds that number's floor.
    """
    floors: Thresholds = (features.sum(axis=0, dtype=np.int64) // len(features)).astype(np.int16)
    return floors


def binarise(features: Features, thresholds: Thresholds) -> Bits:
    """[n, n_features] int8 -> bits [n, n_features] uint8."""
    return (features > thresholds).astype(np.uint8)


def majority_templates(features: Features, labels: Labels, thresholds: Thresholds, n_classes: int) -> Bits:
    """[n_classes, n_features] uint8, row = class."""
    bits = binarise(features, thresholds)
    shares = np.stack([bits[labels == c].mean(axis=0) for c in range(n_classes)])
    return (shares > 0.5).astype(np.uint8)


def class_mean_templates(features: Features, labels: Labels, thresholds: Thresholds, n_classes: int) -> Bits:
    """[n_classes, n_features] uint8, row = class."""
    sums = np.stack([features[labels == c].sum(axis=0, dtype=np.int64) for c in range(n_classes)])
    counts = np.array([np.sum(labels == c) for c in range(n_classes)])
    above: Bits = (sums > thresholds.astype(np.int64) * counts[:, None]).astype(np.uint8)
    return above


TEMPLATE_RULES: dict[str, Callable[[Features, Labels, Thresholds, int], Bits]] = {
    "majority": majority_templates,
    "class_mean": class_mean_templates,
}


def match(bits: Bits, templates: Bits) -> npt.NDArray[np.int64]:
    """Matching cells of each row: bits [n, n_features], templates [n_rows, n_features] -> [n, n_rows] int64.

    The row of an image is the argmax, lowest row on a tie (as numpy's argmax).
    """
    # Sums of at most n_features ones: exact in float32, which has a fast product.
    ones = bits.astype(np.float32)
    rows = templates.astype(np.float32)
    matching: npt.NDArray[np.int64] = (ones @ rows.T + (1 - ones) @ (1 - rows).T).astype(np.int64)
    return matching


def accuracy(features: Features, labels: Labels, thresholds: Thresholds, templates: Bits) -> float:
    """Fraction of images whose best row is their class (one row a class)."""
    return float((match(binarise(features, thresholds), templates).argmax(axis=1) == labels).mean())
