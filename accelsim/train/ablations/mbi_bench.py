"""The reduced setting of the ablations of memorised episodes: a recurrent attention model, trained briefly on MNIST.

Weights are searched on the first validation images; accuracies are of the others, which nothing was chosen on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.train.ablations.bench import Bench
from accelsim.train.episodes import Rows, sample_rows
from accelsim.train.images import Images, Split, load_split
from accelsim.train.ram import Ram, RamConfig, accuracy, integral_images, ram_recipe, train_ram
from accelsim.train.stages import Result
from accelsim.train.state import kept, restored

DATASET = "mnist"
CONFIG = RamConfig()


@dataclass(frozen=True)
class Sizes:
    """search_images: validation images that weights are searched on; validation_images: the others that are used."""

    fitted_images: int
    search_images: int
    validation_images: int
    network_epochs: int
    rows: int


FULL, QUICK = Sizes(50_000, 1000, 4000, 15, 100_000), Sizes(500, 100, 200, 1, 600)


class MbiBench:
    """Images, network and rows of one ablation; each is made when first asked for."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.seed = bench, bench.seed
        self.sizes = QUICK if bench.quick else FULL

    @property
    def title(self) -> str:
        return DATASETS[DATASET].title

    def described(self) -> dict[str, Any]:
        """For the record."""
        return {name: size for name, size in asdict(self.sizes).items() if name != "rows"}

    @cached_property
    def split(self) -> Split:
        whole = load_split(DATASET, self.bench.data_root, download=self.bench.download)
        n_used = self.sizes.search_images + self.sizes.validation_images
        return Split(whole.fitted.first(self.sizes.fitted_images), whole.validation.first(n_used))

    @property
    def searched(self) -> Images:
        """Validation images that weights are searched on."""
        return self.split.validation.first(self.sizes.search_images)

    @property
    def unseen(self) -> Images:
        """Validation images that accuracies are measured on."""
        whole, start = self.split.validation, self.sizes.search_images
        return Images(whole.pixels[start:], whole.labels[start:])

    @cached_property
    def trained(self) -> Result:
        """Stage "network": its state and its accuracy."""
        recipe = ram_recipe(self.sizes.network_epochs, self.seed)

        def compute(checkpoint: Path | None) -> Result:
            model = train_ram(CONFIG, self.split, recipe, n_classes=N_CLASSES, checkpoint=checkpoint)
            return Result(kept(model), {"accuracy": accuracy(model, self.unseen)})

        settings = {"config": asdict(CONFIG), "recipe": asdict(recipe), "search_images": self.sizes.search_images}
        return self.bench.stage("network", compute, images=self.split.digest, **settings)

    @cached_property
    def network(self) -> Ram:
        height, width = self.split.fitted.grey.shape[1:]
        model: Ram = restored(Ram(CONFIG, (height, width), N_CLASSES, self.seed), self.trained.arrays)
        return model

    @cached_property
    def rows(self) -> Rows:
        """Stage "episodes": different rows in random order, so that the first so many are a random share."""

        def compute(_: Path | None) -> Result:
            integral = integral_images(self.split.fitted.grey)
            rows = sample_rows(self.network, integral, n_rows=self.sizes.rows, passes=1, seed=self.seed)
            return Result(dict(rows.arrays()), {"rows": len(rows)})

        return Rows(**self.bench.stage("episodes", compute, rows=self.sizes.rows).arrays)
