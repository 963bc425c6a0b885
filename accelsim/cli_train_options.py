"""What the commands of `accelsim train` share: options, the command line of a manifest, how a run writes and stops."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from accelsim.cli_options import SEED_MAX, folder, ranged
from accelsim.errors import OutputError, UsageError
from accelsim.process import at_once, cleaning_up

with at_once():
    import typer

IMAGES, METHOD, TRAINING = "Images", "Method", "Training"

LOCAL = frozenset({"out", "data_root", "download", "run_dir", "device"})
"""Options that say where things lie on one machine, and change nothing of what is made."""

ALWAYS = frozenset({"dataset", "recipe", "seed"})
"""Options that a manifest's command names even when they were left out."""


def option(
    section: str, text: str, *names: str, least: float | None = None, most: float = inf, **how: Any
) -> Any:
    """An option in a section of the help; a number, with its range."""
    if least is not None:
        how |= ranged(least, most)
        text += "" if most in (inf, SEED_MAX) else f" ({least} to {most})"
    return typer.Option(*names, help=text, rich_help_panel=section, **how)


def command_line(ctx: typer.Context) -> str:
    """The command as typed, less what differs from machine to machine."""
    words = ["accelsim", "train", str(ctx.info_name)]
    for param in ctx.command.params:
        name = str(param.name)
        source = ctx.get_parameter_source(name)
        typed = source is not None and source.name == "COMMANDLINE"
        if name not in LOCAL and (typed or name in ALWAYS):
            words += _spelled(param, ctx.params[name])
    return shlex.join(words)


def refuse_typed(ctx: typer.Context, name: str, need: str) -> None:
    """That an option was not typed which would do nothing.

    Raises:
        UsageError: if it was.
    """
    source = ctx.get_parameter_source(name)
    if source is not None and source.name == "COMMANDLINE":
        param = next(param for param in ctx.command.params if param.name == name)
        raise UsageError(f"{param.opts[0]}: got {ctx.params[name]}, need {need}")


def _spelled(param: Any, value: Any) -> list[str]:
    if param.param_type_name == "argument":
        return [str(value)]
    if isinstance(value, bool):
        return [(param.opts if value else param.secondary_opts)[0]]
    return [param.opts[0], str(value)]


SetName = Literal["mnist", "fashion_mnist", "kmnist", "cifar10"]
AblationName = Literal[
    "distillation", "pruning", "thresholds", "templates", "bits", "table-rows", "prototypes", "threshold-curve"
]

DataRoot = Annotated[Path, option(IMAGES, "Folder of the data sets, as torchvision has them.", metavar="DIR")]
Dataset = Annotated[SetName, option(IMAGES, "Data set.")]
Download = Annotated[bool, option(IMAGES, "Fetch the data set into --data-root if it is not there.", "--download")]
Grey = Annotated[bool, option(IMAGES, "What the network sees of colour images: grey, or RGB.", "--grey/--colour")]
Limit = Annotated[int | None, option(IMAGES, "Only the first images of each split.", least=100, metavar="N")]

Topology = Annotated[
    Literal["paper", "residual"] | None,
    option(METHOD, "Network: the paper's as reconstructed, or ours of the same size [default: the recipe's]."),
]
Start = Annotated[
    Path | None,
    option(METHOD, "Begin as the network of this workload [default: random weights].", "--start", metavar="WORKLOAD"),
]
Teacher = Annotated[
    Literal["fast", "resnet50", "start", "none"],
    option(
        METHOD,
        "Taught by a small network (CPU), by ResNet-50 (GPU; the paper's), by the network of --start, or by labels.",
    ),
]
Teachers = Annotated[
    int,
    option(
        METHOD, "So many teachers, of different seeds; their answers are averaged.", "--teachers", least=1, metavar="N"
    ),
]
Alpha = Annotated[
    float, option(METHOD, "Weight of the teacher; the labels have the rest.", least=0, most=1, metavar="A")
]
Temperature = Annotated[float, option(METHOD, "Of the distillation.", least=0.1, most=100, metavar="T")]
Curriculum = Annotated[
    bool | None,
    option(METHOD, "Images that the teacher finds easy first [default: the recipe's].", "--curriculum/--no-curriculum"),
]
Sparsity = Annotated[
    float | None,
    option(
        METHOD,
        "Share of weights that are pruned, first and softmax layer apart [default: the recipe's].",
        least=0,
        most=0.99,
        metavar="S",
    ),
]
Threshold = Annotated[
    str | None,
    option(
        METHOD,
        "Where templates of class statistics cut features: mean, median, percentile:P, quantile or uniform [default: "
        "mean; with several bits quantile].",
        metavar="RULE",
    ),
]
Rule = Annotated[
    Literal["majority", "class_mean", "spread", "contrast"] | None,
    option(METHOD, "Templates of class statistics [default: what validation likes best].", "--template-rule"),
]
PerClass = Annotated[int, option(METHOD, "Templates a class.", "--templates", least=1, most=16, metavar="N")]
Bits = Annotated[int, option(METHOD, "Bits of a feature.", "--bits", least=1, most=4, metavar="N")]
DontCare = Annotated[bool, option(METHOD, "Learned binary cells may match both levels.", "--dont-care")]
Noise = Annotated[
    Path | None, option(METHOD, "Train with the noise of the ACAM in this spec (recipe best).", metavar="SPEC")
]
NoiseAge = Annotated[
    float, option(METHOD, "Seconds after its templates were written.", "--noise-age-s", least=0, metavar="T")
]
Views = Annotated[
    int | None,
    option(TRAINING, "Random views of each image that are used [default: 16].", "--views", least=1, metavar="N"),
]
MixedViews = Annotated[
    int,
    option(
        TRAINING,
        "And so many in which each image is mixed with another one, for students [default: 0].",
        "--mixed-views",
        least=0,
        metavar="N",
    ),
]

Out = Annotated[Path, typer.Option(parser=folder, metavar="DIR", help="Workload folder to write.")]
Epochs = Annotated[
    int | None, option(TRAINING, "Passes over the images [default: the recipe's].", least=1, metavar="N")
]
Quick = Annotated[bool, option(TRAINING, "Every stage on a few images, to see that it works.", "--quick")]


def kept_in(default: str) -> Any:
    """Type of the option for the run folder."""
    text = f"Where finished stages and checkpoints are kept, and taken up again [default: runs/train-{default}]."
    return Annotated[Path | None, option(TRAINING, text, "--run-dir", "--checkpoint", metavar="DIR")]


RunDir, SweepRunDir, AblationRunDir = kept_in("OUT"), kept_in("mbi-sweep"), kept_in("ablations")
TrainSeed = Annotated[int, option(TRAINING, "Key of every random draw.", "--seed", least=0, most=SEED_MAX, metavar="N")]


def stage_epochs(stage: str, default: int, least: int = 1) -> Any:
    """Type of an option for the epochs of one stage of the hybrid's pipeline (`train.hybrid_options.Epochs`)."""
    text = f"Passes of the stage {stage} [default: {default}]."
    return Annotated[int | None, option(TRAINING, text, f"--{stage}-epochs", least=least, metavar="N")]


Device = Annotated[
    Literal["cpu", "cuda"],
    option(TRAINING, "Where networks are trained; the same seed gives other figures on another one."),
]
StudentEpochs = Annotated[
    int | None,
    option(
        TRAINING,
        "Passes of the stage student [default: 120]; 0, with --start, takes its network as it is.",
        "--epochs",
        least=0,
        metavar="N",
    ),
]
TeacherEpochs, PruningEpochs = stage_epochs("teacher", 16), stage_epochs("pruning", 30)
ArrayEpochs, Int8Epochs = stage_epochs("array", 30), stage_epochs("int8", 3, least=0)


EXTRA = {"torch": "torch", "torchvision": "torchvision", "sklearn": "scikit-learn", "optuna": "optuna"}
"""Modules of the train extra, and what they are called where they are installed from."""


@contextmanager
def needs_extra() -> Iterator[None]:
    """What the train extra lacks is one line."""
    try:
        yield
    except ModuleNotFoundError as exc:
        name = EXTRA.get(exc.name or "", exc.name)
        if name not in EXTRA.values():
            raise
        raise UsageError(f"train: got no {name}, need pip install 'accelsim[train]'") from exc


@contextmanager
def working(run_dir: Path | None) -> Iterator[None]:
    """An interrupt says that the same command goes on.

    Raises:
        OutputError: if the run folder cannot be used.
    """
    if run_dir is not None:
        from accelsim.report.files import require_writable

        require_writable(run_dir, "--run-dir")
    with cleaning_up():
        try:
            yield
        except KeyboardInterrupt:
            if run_dir is not None:
                print(f"finished stages and checkpoints are in {run_dir}: the same command goes on", file=sys.stderr)
            raise


@contextmanager
def writing(out: Path, run_dir: Path | None = None) -> Iterator[None]:
    """A workload folder is made here; one that holds something else is left alone."""
    if out.exists() and not out.is_dir():
        raise OutputError(f'--out: got the file "{out}", need a folder')
    from accelsim.report.files import require_writable

    require_writable(out)
    if run_dir is not None and run_dir.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"--run-dir: got {run_dir}, which lies in --out, need another folder")
    recognised = any((out / name).is_file() for name in ("eval.safetensors", "manifest.yaml"))
    if out.is_dir() and any(out.iterdir()) and not recognised:
        raise OutputError(f'--out: got "{out}", need a new folder, or a workload to replace')
    with working(run_dir):
        yield
    print(f"wrote {out}")


def need_best(options: dict[str, float | None]) -> None:
    """That none of the options of recipe `best` was given to the paper's.

    Raises:
        UsageError: if one was.
    """
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name}: got {value:g} with --recipe paper, need --recipe best")


def run_folder(given: Path | None, name: str) -> Path:
    """Where a run is kept: beside the other runs, never inside the workload."""
    path = given or Path("runs") / f"train-{name}"
    if path.exists() and not path.is_dir():
        raise OutputError(f'--run-dir: got the file "{path}", need a folder')
    return path
