"""The reduced setting of the ablations of learned prototypes: some images of MNIST, labels alone, few epochs.

The scale of the integer votes is chosen on the first validation images; accuracies are of the others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.train.ablations.bench import Bench
from accelsim.train.images import Images, Split, load_split
from accelsim.train.loop import Recipe
from accelsim.train.mbi import HIDDEN_WEIGHT, RATE, choose_votes, geometry_for
from accelsim.train.mbi_fit import Copies, Lesson, fit_tables, fresh_tables
from accelsim.train.mbi_model import TableShape
from accelsim.train.mbi_tables import Geometry, walk_images
from accelsim.train.stages import Arrays, Result

DATASET = "mnist"


@dataclass(frozen=True)
class Sizes:
    """vote_images: validation images that the votes are scaled on; validation_images: the others that are used."""

    fitted_images: int
    vote_images: int
    validation_images: int
    table_epochs: int
    network_epochs: int
    copies: int


FULL, QUICK = Sizes(20_000, 1000, 4000, 15, 8, 4), Sizes(300, 100, 200, 1, 1, 2)


class PrototypeBench:
    """Images and tables of one ablation."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.seed = bench, bench.seed
        self.sizes = QUICK if bench.quick else FULL

    @property
    def title(self) -> str:
        return DATASETS[DATASET].title

    @cached_property
    def used(self) -> Split:
        """All images of the ablation."""
        whole = load_split(DATASET, self.bench.data_root, download=self.bench.download)
        n_used = self.sizes.vote_images + self.sizes.validation_images
        return Split(whole.fitted.first(self.sizes.fitted_images), whole.validation.first(n_used))

    @cached_property
    def split(self) -> Split:
        """Fitted images, and the validation images that accuracies are measured on."""
        whole, start = self.used.validation, self.sizes.vote_images
        return Split(self.used.fitted, Images(whole.pixels[start:], whole.labels[start:]))

    @cached_property
    def scaled_on(self) -> Images:
        """Validation images that the votes are scaled on."""
        return self.used.validation.first(self.sizes.vote_images)

    @cached_property
    def copies(self) -> Copies:
        return Copies(self.split.fitted.pixels[:, 0], self.sizes.copies, self.seed, False)

    def geometry(self, n_tables: int) -> Geometry:
        """The pipeline's glimpses for so many tables, whose winners share the bits of the hidden code."""
        return replace(geometry_for(DATASET, self.split.fitted), n_tables=n_tables)

    def tables(self, n_tables: int, shape: TableShape) -> Result:
        """Stage "tables-…": the arrays of trained tables, and their accuracy."""
        geometry, lesson = self.geometry(n_tables), Lesson(teacher_weight=0.0)
        recipe = Recipe(f"{n_tables} tables of {words(shape)}", self.sizes.table_epochs, self.seed, RATE)

        def compute(checkpoint: Path | None) -> Result:
            model = fresh_tables(self.split.fitted, geometry, shape, HIDDEN_WEIGHT, self.seed)
            untaught = np.zeros((self.sizes.copies, len(self.split.fitted), N_CLASSES), np.float16)
            fit_tables(self.split, self.copies, untaught, model, recipe, lesson, checkpoint)
            arrays, _ = choose_votes(model, self.scaled_on)
            return Result(arrays, {"accuracy": self._accuracy(arrays, geometry)})

        settings: dict[str, Any] = {
            "images": self.used.digest,
            "sizes": asdict(self.sizes),
            "geometry": geometry.manifest(),
            "shape": asdict(shape),
            "hidden_weight": HIDDEN_WEIGHT,
            "recipe": asdict(recipe),
            "lesson": asdict(lesson),
        }
        return self.bench.stage(f"tables-{n_tables}-{shape.first}-{shape.then}", compute, **settings)

    def _accuracy(self, arrays: Arrays, geometry: Geometry) -> float:
        unseen = self.split.validation
        right = walk_images(arrays, geometry, unseen.grey).predicted == unseen.label_bytes
        return int(right.sum()) / len(unseen)


def words(shape: TableShape) -> str:
    """Keys of a table, as read."""
    return f"{shape.first}, then {shape.then}" if shape.then else str(shape.first)
