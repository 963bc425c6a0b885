"""`accelsim train …`: studies of the trainings, and workloads that are made without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from accelsim import cli_train_options as opt
from accelsim.cli_options import SectionedCommand, Seed, folder
from accelsim.cli_train import DATA, train_app
from accelsim.process import at_once, cleaning_up

with at_once():
    import typer

__all__ = ["train_app"]

STUDIES, GENERATED = "Studies", "Made without training"
RECORDS = Path("reports/training")
RECORDS_TEXT = "[default: reports/training; with --quick the run folder]"


@train_app.command("mbi-sweep", cls=SectionedCommand, rich_help_panel=STUDIES)
def mbi_sweep(
    ctx: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(parser=folder, metavar="DIR", help=f"Folder for mbi-sweep.json and .md {RECORDS_TEXT}."),
    ] = None,
    dataset: opt.Dataset = "mnist",
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    seed: opt.TrainSeed = 0,
    epochs: opt.Epochs = None,
    quick: opt.Quick = False,
    run_dir: opt.SweepRunDir = None,
) -> None:
    """Size and quantise the recurrent network in many ways."""
    at = opt.run_folder(run_dir, "mbi-sweep")
    with opt.needs_extra():
        from accelsim.train.ram_sweep import run_sweep

        with opt.working(at):
            written = run_sweep(
                data_root=data_root, out=out or (at if quick else RECORDS), dataset=dataset, seed=seed,
                epochs=epochs, quick=quick, download=download, run=at, command=opt.command_line(ctx),
            )  # fmt: skip
    print("wrote " + ", ".join(str(path) for path in written))


@train_app.command("ablate", cls=SectionedCommand, rich_help_panel=STUDIES)
def ablate(
    name: Annotated[opt.AblationName, typer.Argument(help="Which one.")],
    out: Annotated[
        Path | None, typer.Option(parser=folder, metavar="DIR", help=f"Folder for NAME.json {RECORDS_TEXT}.")
    ] = None,
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    seed: opt.TrainSeed = 0,
    quick: opt.Quick = False,
    run_dir: opt.AblationRunDir = None,
) -> None:
    """Measure one ablation on a reduced setting."""
    at = opt.run_folder(run_dir, "ablations")
    with opt.needs_extra():
        from accelsim.train.ablations.command import AblateOptions
        from accelsim.train.ablations.command import ablate as measure

        with opt.working(at):
            where = out or (at if quick else RECORDS)
            print(f"wrote {measure(AblateOptions(name, data_root, download, quick, seed, where, at))}")


@train_app.command("report", rich_help_panel=STUDIES)
def report(
    out: Annotated[
        Path, typer.Option(parser=folder, metavar="DIR", help="Folder with training/*.json, and for training.md.")
    ] = Path("reports"),
    root: Annotated[Path, typer.Option(help="Folder that has workloads and reports.")] = Path("."),
) -> None:
    """Write the page of targets and ablations."""
    from accelsim.train.report import report as write

    with cleaning_up():
        print("wrote " + ", ".join(str(path) for path in write(out, root)))


@train_app.command("mnist-cnn", rich_help_panel=GENERATED)
def mnist_cnn(
    out: opt.Out, cascade: Annotated[Path, typer.Option(help="Workload folder of a trained cascade.")]
) -> None:
    """A cascade's fallback network as a workload of its own."""
    from accelsim.train.small_cnn import extract_cnn

    with opt.writing(out):
        extract_cnn(cascade, out)


@train_app.command("teacher", rich_help_panel=GENERATED)
def teacher(
    out: opt.Out, stem: Annotated[Literal["imagenet", "cifar"], typer.Option(help="First layer.")] = "cifar"
) -> None:
    """The layer table of ResNet-50, the paper's teacher."""
    from accelsim.train.teacher import generate_teacher

    with opt.writing(out):
        generate_teacher(out, stem)


@train_app.command("paper-hybrid", rich_help_panel=GENERATED)
def paper_hybrid(out: opt.Out, seed: Seed = 0) -> None:
    """A workload of the hybrid paper's geometry."""
    from accelsim.train.generated_hybrid import generate_paper_hybrid

    with opt.writing(out):
        generate_paper_hybrid(out, seed)


@train_app.command("paper-mbi", rich_help_panel=GENERATED)
def paper_mbi(out: opt.Out, seed: Seed = 0) -> None:
    """A workload of the MBI paper's geometry."""
    from accelsim.train.generated_mbi import generate_paper_mbi

    with opt.writing(out):
        generate_paper_mbi(out, seed)
