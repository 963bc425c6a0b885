"""`accelsim train …`: the commands that make workloads. Torch is imported when one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from accelsim.cli_options import Seed, folder
from accelsim.errors import OutputError, UsageError
from accelsim.process import at_once, cleaning_up

with at_once():
    import typer

train_app = typer.Typer(
    help="Make workloads: trained ones (needs torch and the data sets) and the papers' generated geometry.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DataRoot = Annotated[Path, typer.Option(help="Folder with MNIST/ and cifar-10-batches-py/, as torchvision has them.")]
Out = Annotated[Path, typer.Option(parser=folder, metavar="DIR", help="Workload folder to write.")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training images.")]
Checkpoint = Annotated[Path | None, typer.Option(help="File to resume from and to save to after each epoch.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first images of each split, for a quick try.")]

DEFAULT_DATA_ROOT = Path("../shared/data")


@contextmanager
def _needs_torch() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        if exc.name not in ("torch", "torchvision"):
            raise
        raise UsageError(f"train: got no {exc.name}, need pip install 'accelsim[train]'") from exc


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """A workload folder is made here; one that holds something else is left alone."""
    recognised = any((out / name).is_file() for name in ("eval.safetensors", "manifest.yaml"))
    if out.is_dir() and any(out.iterdir()) and not recognised:
        raise OutputError(f'--out: got "{out}", need a new folder, or a workload to replace')
    with cleaning_up():
        yield
    print(f"wrote {out}")


def _checkpoint(given: Path | None, out: Path) -> Path:
    """Where training resumes: beside the other runs, never inside the workload."""
    path = given or Path("runs") / f"train-{out.name}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@train_app.command("hybrid")
def train_hybrid(
    out: Out,
    data_root: DataRoot = DEFAULT_DATA_ROOT,
    epochs: Epochs = 60,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
) -> None:
    """Train a CNN on greyscale CIFAR-10 and make its ACAM templates."""
    with _needs_torch():
        from accelsim.train import hybrid

    at = _checkpoint(checkpoint, out)
    with _writing(out):
        hybrid.train_hybrid(data_root=data_root, out=out, epochs=epochs, seed=seed, checkpoint=at, limit=limit)


@train_app.command("mbi")
def train_mbi(
    out: Out,
    data_root: DataRoot = DEFAULT_DATA_ROOT,
    epochs: Epochs = 120,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
) -> None:
    """Train lookup tables on MNIST."""
    with _needs_torch():
        from accelsim.train import mbi

    at = _checkpoint(checkpoint, out)
    with _writing(out):
        mbi.train_mbi(data_root=data_root, out=out, epochs=epochs, seed=seed, checkpoint=at, limit=limit)


@train_app.command("cascade")
def train_cascade(
    out: Out,
    mbi: Annotated[Path, typer.Option(help="Workload folder with the trained tables.")],
    data_root: DataRoot = DEFAULT_DATA_ROOT,
    epochs: Epochs = 40,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
) -> None:
    """Train a small CNN for MNIST as the fallback of trained tables."""
    with _needs_torch():
        from accelsim.train import cascade

    at = _checkpoint(checkpoint, out)
    with _writing(out):
        cascade.train_cascade(
            data_root=data_root, mbi=mbi, out=out, epochs=epochs, seed=seed, checkpoint=at, limit=limit
        )


@train_app.command("softmax")
def train_softmax(
    out: Out,
    data_root: DataRoot = DEFAULT_DATA_ROOT,
    epochs: Epochs = 60,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
) -> None:
    """The hybrid's CNN with its softmax layer in place of the ACAM; --checkpoint takes over a hybrid's training."""
    with _needs_torch():
        from accelsim.train import baselines

    at = _checkpoint(checkpoint, out)
    with _writing(out):
        baselines.train_softmax(data_root=data_root, out=out, epochs=epochs, seed=seed, checkpoint=at, limit=limit)


@train_app.command("cosine")
def train_cosine(
    out: Out,
    data_root: DataRoot = DEFAULT_DATA_ROOT,
    epochs: Epochs = 60,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
) -> None:
    """The hybrid's CNN with cosine similarity to class means; --checkpoint takes over a hybrid's training."""
    with _needs_torch():
        from accelsim.train import baselines

    at = _checkpoint(checkpoint, out)
    with _writing(out):
        baselines.train_cosine(data_root=data_root, out=out, epochs=epochs, seed=seed, checkpoint=at, limit=limit)


@train_app.command("mnist-cnn")
def mnist_cnn(
    out: Out, cascade: Annotated[Path, typer.Option(help="Workload folder of a trained cascade.")]
) -> None:
    """Copy a cascade's fallback network into a workload of its own (no training)."""
    from accelsim.train.small_cnn import extract_cnn

    with _writing(out):
        extract_cnn(cascade, out)


@train_app.command("teacher")
def teacher(
    out: Out, stem: Annotated[Literal["imagenet", "cifar"], typer.Option(help="First layer.")] = "cifar"
) -> None:
    """Write the layer table of ResNet-50, the hybrid paper's teacher, as a shape-only workload (no training)."""
    from accelsim.train.teacher import generate_teacher

    with _writing(out):
        generate_teacher(out, stem)


@train_app.command("paper-hybrid")
def paper_hybrid(out: Out, seed: Seed = 0) -> None:
    """Generate the workload of the hybrid paper's geometry (no training)."""
    from accelsim.train.paper import generate_paper_hybrid

    with _writing(out):
        generate_paper_hybrid(out, seed)


@train_app.command("paper-mbi")
def paper_mbi(out: Out, seed: Seed = 0) -> None:
    """Generate the workload of the MBI paper's geometry (no training)."""
    from accelsim.train.paper import generate_paper_mbi

    with _writing(out):
        generate_paper_mbi(out, seed)
