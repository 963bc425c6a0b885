"""Fig. 3 of arXiv 2307.07631: accuracy of the recurrent attention model against its parameters and its code's bits.

*Source*: test accuracies of the authors' `RAM_accuracy-linear_quant-….csv` (kevinzakka/recurrent-visual-attention, pull
request 46): one network a variant, trained for up to 200 epochs with an unquantised hidden code, which was quantised
afterwards to 1 and 2 bits. The columns here are made in the same way, but on validation images; *trained* is a second
network, whose code was of one bit while it learned. Departures of the network itself: `ram.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from accelsim.datasets import DATASETS, N_CLASSES
from accelsim.report.files import require_writable, write_files, write_json, write_text
from accelsim.report.markdown import table
from accelsim.train.images import Split, load_split
from accelsim.train.loop import Recipe
from accelsim.train.provenance import hours, made_by, timed
from accelsim.train.ram import RamConfig, accuracy, ram_recipe, train_ram
from accelsim.train.stages import Result, Stages

EPOCHS, QUICK_EPOCHS, QUICK_IMAGES = 20, 1, 500

AUTHORS = RamConfig(hidden_bits=None, location_bits=None)
"""The base row as the authors train it: only the pixels are quantised."""


@dataclass(frozen=True)
class Variant:
    """A row of Fig. 3: what differs from the base row, and the published test accuracies.

    full, one_bit, two_bits: with the trained code as it is, and quantised afterwards.
    """

    name: str
    full: float
    one_bit: float
    two_bits: float
    changes: dict[str, int] = field(default_factory=dict)

    @property
    def config(self) -> RamConfig:
        return replace(AUTHORS, **self.changes)


VARIANTS = (
    Variant("base", 0.9804, 0.9601, 0.9652),
    Variant("10 glimpses", 0.9873, 0.9092, 0.9115, {"n_glimpses": 10}),
    Variant("20 glimpses", 0.9235, 0.8056, 0.8831, {"n_glimpses": 20}),
    Variant("patch 2x2", 0.9463, 0.6960, 0.7178, {"patch_size": 2}),
    Variant("patch 6x6", 0.9859, 0.9693, 0.9737, {"patch_size": 6}),
    Variant("patch 8x8", 0.9875, 0.9701, 0.9775, {"patch_size": 8}),
    Variant("scale 2", 0.9847, 0.9727, 0.9764, {"scale": 2}),
    Variant("scale 3", 0.9808, 0.9369, 0.9456, {"scale": 3}),
    Variant("scale 5", 0.9779, 0.9291, 0.9382, {"scale": 5}),
    Variant("2 patches", 0.9801, 0.9260, 0.9342, {"n_patches": 2}),
    Variant("4 patches", 0.9823, 0.9495, 0.9634, {"n_patches": 4}),
    Variant("hidden 16", 0.9795, 0.6793, 0.7219, {"hidden": 16}),
    Variant("hidden 32", 0.9834, 0.7967, 0.8079, {"hidden": 32}),
    Variant("hidden 48", 0.9813, 0.9507, 0.9629, {"hidden": 48}),
    Variant("hidden 80", 0.9818, 0.9666, 0.9730, {"hidden": 80}),
    Variant("hidden 96", 0.9832, 0.9663, 0.9695, {"hidden": 96}),
    Variant("hidden 128", 0.9818, 0.9653, 0.9788, {"hidden": 128}),
    Variant("pixels 1 bit", 0.9506, 0.8206, 0.8317, {"pixel_bits": 1}),
    Variant("pixels 4 bits", 0.9857, 0.9447, 0.9600, {"pixel_bits": 4}),
    Variant("pixels 6 bits", 0.9827, 0.9385, 0.9691, {"pixel_bits": 6}),
    Variant("pixels 8 bits", 0.9856, 0.9435, 0.9733, {"pixel_bits": 8}),
)

HEADINGS = (
    "variant",
    "full, published",
    "full",
    "1 bit after, published",
    "1 bit after",
    "2 bits after, published",
    "2 bits after",
    "1 bit trained",
)


def run_sweep(
    *,
    data_root: Path,
    out: Path,
    dataset: str = "mnist",
    seed: int = 0,
    epochs: int | None = None,
    quick: bool = False,
    download: bool = False,
    run: Path | None = None,
    names: Sequence[str] | None = None,
    command: str | None = None,
) -> list[Path]:
    """Train every variant (or those of `names`) and write `mbi-sweep.json` and `mbi-sweep.md` into `out`; their paths.

    run: folder where finished variants are kept, so that a stopped sweep goes on. quick: 500 images, and one epoch of
    them unless `epochs` says otherwise. command: what the record says made it.

    Raises:
        DataError: the data set is absent, or a checkpoint belongs to another run.
        OutputError: a folder cannot be written.
    """
    require_writable(out)
    if epochs is None:
        epochs = QUICK_EPOCHS if quick else EPOCHS
    split = load_split(dataset, data_root, grey=True, download=download, limit=QUICK_IMAGES if quick else None)
    variants = [variant for variant in VARIANTS if names is None or variant.name in names]
    found = [measured(split, variant, run, epochs, seed) for variant in variants]
    rows = [{**asdict(variant), "measured": one.accuracies} for variant, one in zip(variants, found, strict=True)]
    made = {
        "command": command or f"run_sweep(dataset={dataset!r}, epochs={epochs}, seed={seed}, quick={quick})",
        "quick": quick,
        "hours": round(sum(hours(one.stages) for one in found), 3),
        **made_by(*(one.stages for one in found)),
    }
    sizes = {"dataset": dataset, "seed": seed, "epochs": epochs, "fitted_images": len(split.fitted)}
    record = {"schema_version": 1, **made, **sizes, "validation_images": len(split.validation), "variants": rows}
    page = sweep_page(record)
    return write_files(
        out,
        {
            "mbi-sweep.json": lambda path: write_json(record, path),
            "mbi-sweep.md": lambda path: write_text(page, path),
        },
    )


@dataclass(frozen=True)
class Measured:
    """Validation accuracies of a variant's two networks, and the stages that trained them."""

    accuracies: dict[str, float]
    stages: Stages


def measured(split: Split, variant: Variant, run: Path | None, epochs: int, seed: int) -> Measured:
    """Both networks of a variant, which are stages of their own."""
    # Stages of one object depend on those before; variants do not depend on each other.
    settings = {"pipeline": "mbi_sweep", "variant": variant.name, "images": split.digest, "seed": seed}
    stages = Stages(run, settings)
    figures: dict[str, float] = {}
    for trained_bits in (None, 1):
        config = replace(variant.config, hidden_bits=trained_bits)
        recipe = ram_recipe(epochs, seed, f"{_slug(variant)}-{trained_bits or 'full'}")
        figures |= _trained(split, config, stages, recipe)
    return Measured(figures, stages)


def _slug(variant: Variant) -> str:
    return variant.name.replace(" ", "-")


def _trained(split: Split, config: RamConfig, stages: Stages, recipe: Recipe) -> dict[str, float]:
    """Validation accuracies of one network: with its code as it was trained and, when that had no bits, quantised."""

    def compute(checkpoint: Path | None) -> Result:
        model = train_ram(config, split, recipe, n_classes=N_CLASSES, checkpoint=checkpoint)
        quantised = {"full": None, "one_bit": 1, "two_bits": 2} if config.hidden_bits is None else {"trained": 1}
        found = {key: accuracy(model.with_hidden_bits(bits), split.validation) for key, bits in quantised.items()}
        return Result({}, {"accuracies": found})

    kept = stages.run(recipe.name, timed(compute), config=asdict(config), recipe=asdict(recipe))
    accuracies: dict[str, float] = kept.figures["accuracies"]
    return accuracies


def sweep_page(record: dict[str, Any]) -> str:
    """The sweep as a page with one table."""
    rows = [_row(row) for row in record["variants"]]
    title = DATASETS[record["dataset"]].title
    about = (
        f"{record['validation_images']:,} validation images of {title}, {record['epochs']} epoch(s), "
        f"seed {record['seed']}; published: the authors' test images of MNIST, up to 200 epochs. *after*: the hidden "
        "code was quantised when the network was trained; *trained*: it was while it learned."
    )
    made = f"`{record['command']}`: {record['hours']:.1f} hours on {record['device']} ({record['versions']})."
    quick = " **Made with --quick: its figures say nothing.**" if record["quick"] else ""
    title_line = "# The recurrent attention model against its parameters"
    return f"{title_line}\n\n{about} {made}{quick}\n\n{table(HEADINGS, rows)}\n"


def _row(row: dict[str, Any]) -> list[str]:
    measured = row["measured"]
    pairs = [f"{value:.2%}" for key in ("full", "one_bit", "two_bits") for value in (row[key], measured[key])]
    return [row["name"], *pairs, f"{measured['trained']:.2%}"]
