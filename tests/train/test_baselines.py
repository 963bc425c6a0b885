"""Cosine heads against cosine similarity in floats (`test_hybrid_training.py` trains both baselines end to end)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.workload import load_workload

pytestmark = pytest.mark.torch
N_CLASSES, N_FEATURES = 10, 784


@pytest.fixture(scope="module")
def sample() -> tuple[Any, Any]:
    """Features of three hundred images around one mean a class, non-negative as after a ReLU."""
    rng = np.random.default_rng(11)
    labels = np.arange(300, dtype=np.uint8) % N_CLASSES
    means = rng.integers(0, 60, (N_CLASSES, N_FEATURES))
    noise = rng.integers(-40, 41, (300, N_FEATURES))
    return np.clip(means[labels] + noise, 0, 127).astype(np.int8), labels


def cosines(features: Any, templates: Any) -> Any:
    """[n, n_classes], by the definition."""
    x, t = features.astype(float), templates.astype(float)
    return (x @ t.T) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(t, axis=1)


def class_means(features: Any, labels: Any) -> Any:
    return np.stack([features[labels == c].astype(float).mean(axis=0) for c in range(N_CLASSES)])


@pytest.mark.parametrize("rule", ["class_mean", "centred"])
def test_a_cosine_head_ranks_as_cosine_similarity(rule: str, sample: tuple[Any, Any]) -> None:
    """Rounding a weight moves it by at most half a step of the common scale, and so a logit by |x| / 2 summed."""
    from accelsim.train.baselines import COSINE_RULES

    features, labels = sample
    head = COSINE_RULES[rule](features, labels)
    assert head.multiplier is None
    assert int(np.abs(head.weight).max()) == 127
    centre = class_means(features, labels).mean(axis=0) if rule == "centred" else np.zeros(N_FEATURES)
    templates = class_means(features, labels) - centre
    logits = features.astype(np.int64) @ head.weight.T.astype(np.int64) + head.bias
    exact = cosines(features - centre, templates)
    rows = templates / np.linalg.norm(templates, axis=1)[:, None]
    scale = 127 / np.abs(rows).max()
    shifted = features - centre
    wanted = exact * np.linalg.norm(shifted, axis=1)[:, None] * scale  # the same order for each image
    assert np.abs(logits - wanted).max() <= np.abs(shifted).sum(axis=1).max() / 2 + 0.5  # and half of a rounded bias
    margin = np.sort(wanted, axis=1)[:, -1] - np.sort(wanted, axis=1)[:, -2]
    clear = margin > np.abs(shifted).sum(axis=1) + 1
    assert clear.any()
    assert (logits.argmax(axis=1) == exact.argmax(axis=1))[clear].all()


def test_templates_have_one_length(sample: tuple[Any, Any]) -> None:
    """The factor 1 / |t| is in the stored weights: their rows are equally long, but for rounding."""
    from accelsim.train.baselines import class_mean_head

    head = class_mean_head(*sample)
    lengths = np.linalg.norm(head.weight.astype(float), axis=1)
    assert lengths.max() - lengths.min() <= 2 * 0.5 * N_FEATURES**0.5
    assert not head.bias.any()


def test_the_shipped_baselines_share_the_students_layers() -> None:
    """The softmax student's fifteen convolutions, to the bit; only the last layer differs."""
    root = Path(__file__).resolve().parents[2] / "workloads"
    softmax, cosine = (load_workload(root / f"cifar10_{name}") for name in ("softmax", "cosine"))
    shared = [name for name in softmax.model if not name.startswith("softmax.")]
    assert {name.partition(".")[0] for name in shared} == {layer.name for layer in softmax.cnn.layers[:-1]}
    assert len(softmax.cnn.layers) == 16
    assert all(np.array_equal(softmax.model[name], cosine.model[name]) for name in shared)
    assert set(cosine.model) - set(shared) == {"cosine.weight", "cosine.bias"}
