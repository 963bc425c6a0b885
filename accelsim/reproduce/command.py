"""`accelsim reproduce`: simulate, compare, write, print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from accelsim.errors import OutputError
from accelsim.report.files import require_writable
from accelsim.reproduce.document import Document, document
from accelsim.reproduce.hybrid import SEED_HYBRID
from accelsim.reproduce.mbi import SEED_MBI
from accelsim.reproduce.pages import page
from accelsim.reproduce.simulations import Pair, Runs
from accelsim.reproduce.terminal import print_document

JSON_FILE, PAGE_FILE = "reproduction.json", "reproduction.md"
SEEDS = (SEED_HYBRID, SEED_MBI)

# Energy and time: activity hardly differs between inputs, so few are enough; 3.5 levels need an even number.
SIMULATED = (
    Pair("hybrid_paper", "paper_hybrid", 16),
    Pair("hybrid_physical", "paper_hybrid", 16),
    Pair("mbi_paper", "paper_mbi", 8),
    Pair("mbi_physical", "paper_mbi", 8),
    Pair("hybrid_physical", "cifar10_hybrid", 16),
    Pair("cnn_physical", "cifar10_cosine", 16),
    Pair("hybrid_digital_65nm", "paper_hybrid", 16),
    Pair("hybrid_digital_180nm", "paper_hybrid", 16),
    Pair("teacher_physical", "resnet50_cifar_stem", 1),
    Pair("teacher_physical", "resnet50_imagenet_stem", 1),
    Pair("cnn_physical", "mnist_cnn", 16),
    Pair("cim_mlp_28nm", "mlp_930k_shapes", 1),
    Pair("cim_resnet20_55nm", "resnet20_115m_shapes", 1),
    Pair("cim_lenet_65nm", "lenet_411k_shapes", 1),
)
PAPER_RECIPE = "`accelsim train hybrid --recipe paper`"
ANSWERED = (
    Pair("hybrid_paper", "cifar10_hybrid"),
    Pair("hybrid_physical", "cifar10_hybrid"),
    Pair("cnn_physical", "cifar10_softmax"),
    Pair("cnn_physical", "mnist_cnn"),
    Pair("mbi_paper", "mnist_mbi"),
    Pair("full_chip", "mnist_cascade"),
    Pair("hybrid_paper", "cifar10_hybrid_paper", comes_with=PAPER_RECIPE),
)


def reproduce(root: Path, done: Callable[[], None] = lambda: None) -> Document:
    """Simulates what the table needs and compares every claim.

    Args:
        root: folder with `arch_specs/` and `workloads/`.
        done: called after each simulation.

    Raises:
        UsageError: if the folders are not there.
        AccelsimError: if a shipped spec or workload is damaged.
    """
    runs = Runs(root)
    runs.make(SIMULATED, ANSWERED, done)
    return document(SEEDS, runs)


def run(out: Path) -> None:
    """The command: writes both files into `out`, then prints the tables."""
    require_writable(out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task("simulations", total=len(SIMULATED) + len(ANSWERED))
        made = reproduce(Path(), lambda: progress.advance(task))
    written = write(made, out)  # before anything is printed: a closed pipe must not lose it
    print_document(made, Console())
    print("wrote " + ", ".join(str(path) for path in written))


def write(made: Document, folder: Path) -> list[Path]:
    """Writes `reproduction.json` and `reproduction.md`, whole, under temporary names that are then changed.

    Raises:
        OutputError: if one cannot be written; earlier files are then as they were.
    """
    texts = {
        JSON_FILE: json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        PAGE_FILE: page(made),
    }
    temporaries = {name: folder / f".{name}.{os.getpid()}.tmp" for name in texts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            temporaries[name].write_text(text, encoding="utf-8")
        for name, temporary in temporaries.items():
            temporary.replace(folder / name)
    except OSError as error:
        raise OutputError(f"{folder}: got {error.strerror or error}, need room and permission to write") from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
    return [folder / name for name in texts]
