"""The parts of a workload that `builders.py` puts together."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass
class Built:
    """A workload's parts, and what it was made from.

    Attributes:
        manifest: plain data; `files` is filled in by `write_folder`.
        model, evaluation: name → array.
        images: `[n_inputs, side, side]` uint8.
        predicted: `[n_inputs]` class that the workload answers with ideal parts.
        far: `[n_inputs]` whether the lookup gives up (cascade; all false otherwise).
        distances: `[n_inputs, n_glimpses]` sum of the tables' winning distances (mbi, cascade).
        votes: `[n_inputs, n_classes]` sums of votes (mbi, cascade).
    """

    manifest: dict[str, Any]
    model: dict[str, Array]
    evaluation: dict[str, Array]
    images: Array
    predicted: Array
    far: Array = field(default_factory=lambda: np.zeros(0, dtype=bool))
    distances: Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    votes: Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))

    def copy(self) -> Built:
        """Its own copy, to be changed by a test."""
        return deepcopy(self)


def start(kind: str, rng: np.random.Generator, images: Array, n_classes: int) -> Built:
    manifest = {
        "schema_version": 1,
        "name": f"tiny_{kind}",
        "kind": kind,
        "method": "random",
        "description": "Random contents, for tests.",
        "dataset": {"name": "generated", "split": "none", "n_inputs": len(images), "n_classes": n_classes},
        "training": {"command": "none", "seed": 0},
        "accuracy": {"measured": None, "note": "labels are random"},
    }
    labels = rng.integers(0, n_classes, len(images), dtype=np.uint8)
    return Built(manifest, {}, {"labels": labels}, images, np.zeros(0))
