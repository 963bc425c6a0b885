"""`accelsim train …`: the commands that train workloads. Torch is imported when one runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from accelsim import cli_train_options as opt
from accelsim.cli_options import SectionedCommand, SectionedGroup
from accelsim.process import at_once

with at_once():
    import typer

if TYPE_CHECKING:
    from accelsim.train.hybrid_options import HybridOptions

train_app = typer.Typer(
    help="Make workloads: trained ones (needs the train extra and the data sets) and the papers' generated geometry.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=SectionedGroup,
)

WORKLOADS = "Trained workloads"
DATA = Path("../shared/data")
DAY_S = 86_400.0


IDLE: tuple[tuple[tuple[str, ...], Callable[[HybridOptions], bool], str], ...] = (
    (("alpha", "temperature"), lambda options: options.teacher == "none", "a teacher"),
    (("teacher_epochs",), lambda options: options.teacher in ("none", "start"), "a teacher to be trained"),
    (("temperature",), lambda options: options.alpha == 0, "--alpha above 0"),
    (("array_epochs",), lambda options: options.recipe == "paper", "--recipe best"),
    (("pruning_epochs",), lambda options: options.chosen.sparsity == 0, "--sparsity above 0"),
    (("noise_age_s",), lambda options: options.noise is None, "--noise"),
)
"""Options that do nothing, when, and what they need."""


def _hybrid_options(ctx: typer.Context, run_dir: Path) -> HybridOptions:
    """What a command of the hybrid's family was asked for, in the pipeline's words."""
    from accelsim.train.hybrid_options import QUICK, Epochs, HybridOptions

    given = {name: value for name, value in ctx.params.items() if value is not None}
    sizes = {"epochs": Epochs(), **(QUICK if given.pop("quick") else {})}
    asked = {"student": given.pop("epochs", None)}
    asked |= {name.removesuffix("_epochs"): given.pop(name) for name in list(given) if name.endswith("_epochs")}
    sizes["epochs"] = replace(sizes["epochs"], **{name: n for name, n in asked.items() if n is not None})
    given |= {"colour": not given.pop("grey"), "run_dir": run_dir}
    options = HybridOptions(**{**sizes, **given}, command=opt.command_line(ctx))
    for names, idle, need in IDLE:
        for name in names if idle(options) else ():
            opt.refuse_typed(ctx, name, need)
    return options


@train_app.command("hybrid", cls=SectionedCommand, rich_help_panel=WORKLOADS)
def train_hybrid(
    ctx: typer.Context,
    out: opt.Out,
    dataset: opt.Dataset = "cifar10",
    grey: opt.Grey = True,
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    limit: opt.Limit = None,
    recipe: Annotated[
        Literal["best", "paper"],
        opt.option(opt.METHOD, "Templates learned with the network, or the paper's: class statistics of its features."),
    ] = "best",
    topology: opt.Topology = None,
    start: opt.Start = None,
    teacher: opt.Teacher = "fast",
    n_teachers: opt.Teachers = 1,
    alpha: opt.Alpha = 0.9,
    temperature: opt.Temperature = 1.0,
    curriculum: opt.Curriculum = None,
    sparsity: opt.Sparsity = None,
    templates_per_class: opt.PerClass = 1,
    feature_bits: opt.Bits = 1,
    dont_care: opt.DontCare = False,
    threshold: opt.Threshold = None,
    rule: opt.Rule = None,
    noise: opt.Noise = None,
    noise_age_s: opt.NoiseAge = DAY_S,
    seed: opt.TrainSeed = 0,
    epochs: opt.StudentEpochs = None,
    teacher_epochs: opt.TeacherEpochs = None,
    pruning_epochs: opt.PruningEpochs = None,
    array_epochs: opt.ArrayEpochs = None,
    int8_epochs: opt.Int8Epochs = None,
    n_views: opt.Views = None,
    mixed_views: opt.MixedViews = 0,
    device: opt.Device = "cpu",
    quick: opt.Quick = False,
    run_dir: opt.RunDir = None,
) -> None:
    """A CNN and its ACAM templates, by our recipe or the paper's."""
    at = opt.run_folder(run_dir, out.name)
    with opt.needs_extra():
        from accelsim.train import hybrid

        options = _hybrid_options(ctx, at)
        with opt.writing(out, at):
            hybrid.train_hybrid(options)


def _baseline(
    ctx: typer.Context,
    out: opt.Out,
    dataset: opt.Dataset = "cifar10",
    grey: opt.Grey = True,
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    limit: opt.Limit = None,
    recipe: Annotated[
        Literal["best", "paper"], opt.option(opt.METHOD, "Whose network: ours, or the paper's.")
    ] = "best",
    topology: opt.Topology = None,
    start: opt.Start = None,
    teacher: opt.Teacher = "fast",
    n_teachers: opt.Teachers = 1,
    alpha: opt.Alpha = 0.9,
    temperature: opt.Temperature = 1.0,
    curriculum: opt.Curriculum = None,
    sparsity: opt.Sparsity = None,
    seed: opt.TrainSeed = 0,
    epochs: opt.StudentEpochs = None,
    teacher_epochs: opt.TeacherEpochs = None,
    pruning_epochs: opt.PruningEpochs = None,
    int8_epochs: opt.Int8Epochs = None,
    n_views: opt.Views = None,
    mixed_views: opt.MixedViews = 0,
    device: opt.Device = "cpu",
    quick: opt.Quick = False,
    run_dir: opt.RunDir = None,
) -> None:
    at = opt.run_folder(run_dir, out.name)
    with opt.needs_extra():
        from accelsim.train import baselines

        train = {"softmax": baselines.train_softmax, "cosine": baselines.train_cosine}[str(ctx.info_name)]
        options = _hybrid_options(ctx, at)
        with opt.writing(out, at):
            train(options)


for _name, _help in (
    ("softmax", "The hybrid's CNN with a softmax layer for the ACAM."),
    ("cosine", "The hybrid's CNN with cosine similarity to class means."),
):
    train_app.command(_name, cls=SectionedCommand, rich_help_panel=WORKLOADS, help=_help)(_baseline)


def _plan(pipeline: Any, quick: bool, **given: int | None) -> Any:
    """The sizes of a pipeline's full or quick run, but for those that were given."""
    plan = pipeline.QUICK if quick else pipeline.FULL
    return replace(plan, **{name: value for name, value in given.items() if value is not None})


@train_app.command("mbi", cls=SectionedCommand, rich_help_panel=WORKLOADS)
def train_mbi(
    ctx: typer.Context,
    out: opt.Out,
    dataset: opt.Dataset = "mnist",
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    limit: opt.Limit = None,
    recipe: Annotated[
        Literal["best", "paper"],
        opt.option(opt.METHOD, "Learned prototypes, or the paper's: rows of episodes, a tree and learned locations."),
    ] = "best",
    budget_nj: Annotated[
        float | None,
        opt.option(
            opt.METHOD, "Most energy of an inference (recipe best) [default: 13.16, the paper's].", metavar="NJ"
        ),
    ] = None,
    noise: Annotated[
        float | None,
        opt.option(
            opt.METHOD,
            "Train with so much noise on a distance, in its steps (recipe best) [default: 0].",
            least=0,
            metavar="S",
        ),
    ] = None,
    seed: opt.TrainSeed = 0,
    epochs: opt.Epochs = None,
    quick: opt.Quick = False,
    run_dir: opt.RunDir = None,
) -> None:
    """Lookup tables, by our recipe or the paper's."""
    at = opt.run_folder(run_dir, out.name)
    where: dict[str, Any] = {"data_root": data_root, "out": out, "dataset": dataset, "download": download}
    how: dict[str, Any] = {"seed": seed, "command": opt.command_line(ctx)}
    with opt.needs_extra():
        if recipe == "paper":
            opt.need_best({"--budget-nj": budget_nj, "--noise": noise})
            from accelsim.train import mbi_paper

            plan = _plan(mbi_paper, quick, epochs=epochs, limit=limit)
            with opt.writing(out, at):
                mbi_paper.train_mbi_paper(**where, **how, run=at, plan=plan)
        else:
            from accelsim.train import mbi, mbi_fit

            lesson = mbi_fit.Lesson(noise=noise or 0.0)
            budget = mbi.PAPER_NJ if budget_nj is None else budget_nj
            plan = _plan(mbi, quick, epochs=epochs, limit=limit)
            with opt.writing(out, at):
                mbi.train_mbi(**where, **how, run_dir=at, plan=plan, lesson=lesson, budget_nj=budget)


@train_app.command("cascade", cls=SectionedCommand, rich_help_panel=WORKLOADS)
def train_cascade(
    ctx: typer.Context,
    out: opt.Out,
    mbi: Annotated[Path, opt.option(opt.METHOD, "Workload folder with the trained tables.", metavar="DIR")],
    dataset: opt.Dataset = "mnist",
    data_root: opt.DataRoot = DATA,
    download: opt.Download = False,
    limit: opt.Limit = None,
    coverage: Annotated[
        float, opt.option(opt.METHOD, "Least share of images that the tables answer.", least=0, most=1, metavar="S")
    ] = 0.95,
    seed: opt.TrainSeed = 0,
    epochs: opt.Epochs = None,
    quick: opt.Quick = False,
    run_dir: opt.RunDir = None,
) -> None:
    """A small CNN as the fallback of trained tables."""
    at = opt.run_folder(run_dir, out.name)
    with opt.needs_extra():
        from accelsim.train import cascade

        plan = _plan(cascade, quick, epochs=epochs, limit=limit)
        with opt.writing(out, at):
            cascade.train_cascade(
                data_root=data_root, mbi=mbi, out=out, dataset=dataset, seed=seed, coverage=coverage,
                download=download, run_dir=at, plan=plan, command=opt.command_line(ctx),
            )  # fmt: skip
