"""The command line. Commands import what they need when they run, so that `accelsim --help` is quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from accelsim import __version__
from accelsim.errors import OutputError, Problem, SpecError, UsageError
from accelsim.process import at_once, cleaning_up, exit_code

with at_once():
    import typer

app = typer.Typer(
    help="Latency, energy and accuracy of content-addressable and compute-in-memory edge chips.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

train_app = typer.Typer(
    help="Make workloads: trained ones (needs torch and the data sets) and the papers' generated geometry.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(train_app, name="train")

Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value, as in instances.acam.match_pj=0.2."),
]


def _folder(name: str) -> Path:
    """An output folder as typed: an empty name would mean the working folder."""
    if not name:
        raise UsageError('--out: got "", need a folder')
    return Path(name)


def main() -> None:
    """Entry point."""
    sys.exit(exit_code(app))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"accelsim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def check(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Architecture specs (YAML).")],
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Validate specs; print their delays and what they do not charge."""
    from accelsim.chip import build_chip
    from accelsim.report.overview import overview
    from accelsim.spec import load_spec

    problems: list[Problem] = []
    for path in specs:
        try:
            print(overview(str(path), build_chip(load_spec(path, overrides))), end="\n\n")
        except SpecError as exc:
            problems += exc.problems
    if problems:
        raise SpecError(problems)


@app.command("list")
def list_files(
    root: Annotated[Path, typer.Option(help="Folder that has arch_specs and workloads.")] = Path("."),
) -> None:
    """Show the specs and workloads there are, and which fit which."""
    from accelsim.report.overview import listing

    if not root.is_dir():
        raise UsageError(f'--root: got "{root}", need a folder that has arch_specs and workloads')
    print(listing(root / "arch_specs", root / "workloads"))


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="File to write; standard output unless given.")] = None,
) -> None:
    """Print the JSON Schema of a spec."""
    import json

    from accelsim.spec import json_schema

    text = json.dumps(json_schema(), indent=2)
    if out is None:
        print(text)
    else:
        _write(out, text + "\n", "w")


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="hybrid, mbi or cascade.")],
    file: Annotated[Path, typer.Argument(help="Spec to write; must not exist.")],
) -> None:
    """Write a commented spec to start from."""
    from accelsim.template import spec_template

    _write(file, spec_template(kind, file), "x")
    print(f"{file}: edit it, then accelsim check {file}")


@app.command()
def run(
    spec: Annotated[Path, typer.Argument(help="Architecture spec (YAML).")],
    workload: Annotated[
        Path | None, typer.Argument(help="Workload folder; the shipped default of the chip's kind unless given.")
    ] = None,
    inputs: Annotated[int | None, typer.Option(help="Inputs to classify [default: 256, or all if fewer].")] = None,
    overrides: Overrides = [],  # noqa: B006
    chips: Annotated[int, typer.Option(min=1, max=10_000, help="Chips in the population.")] = 1,
    arrivals: Annotated[
        str, typer.Option(metavar="WHEN", help="back-to-back, interval:NS or poisson:PER_S.")
    ] = "back-to-back",
    engine: Annotated[str, typer.Option(help="events (SimPy, the reference).")] = "events",
    seed: Annotated[int, typer.Option(min=0, help="Key of every random draw.")] = 0,
    data_root: Annotated[
        Path | None, typer.Option(help="Run from the pixels of the data set in this folder (needs torchvision).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=_folder, metavar="DIR", help="Folder for results [default: runs/SPEC-WORKLOAD]."),
    ] = None,
) -> None:
    """Run a workload on a chip: accuracy, latency, throughput, and where the energy goes."""
    if engine != "events":
        raise UsageError(f"--engine: got {engine!r}, need events")
    from accelsim import command_run

    request = command_run.Request(spec, workload, inputs, overrides, chips, arrivals, seed, data_root, out)
    with cleaning_up():
        command_run.run(request)


DataRoot = Annotated[Path, typer.Option(help="Folder with MNIST/ and cifar-10-batches-py/, as torchvision has them.")]
Out = Annotated[Path, typer.Option(parser=_folder, metavar="DIR", help="Workload folder to write.")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the training images.")]
Seed = Annotated[int, typer.Option(min=0, help="Key of every random draw.")]
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
    if out.is_dir() and any(out.iterdir()) and not (out / "eval.safetensors").is_file():
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


def _write(path: Path, text: str, mode: Any) -> None:
    """Writes a file; mode "x" refuses one that exists."""
    try:
        with open(path, mode, encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise OutputError(f"{path}: exists, and is not overwritten") from exc
    except OSError as exc:
        raise OutputError(f"{path}: cannot be written ({exc.strerror})") from exc


if __name__ == "__main__":
    main()
