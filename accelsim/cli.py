"""The command line. Commands import what they need when they run, so that `accelsim --help` is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from accelsim import __version__
from accelsim.cli_options import (
    Age,
    ArrivalsText,
    Chips,
    Inputs,
    Overrides,
    ResultFolder,
    Seed,
    SpecFile,
    WorkloadFolder,
    folder,
)
from accelsim.cli_train_studies import train_app
from accelsim.errors import OutputError, Problem, SpecError, UsageError
from accelsim.process import at_once, cleaning_up, exit_code

with at_once():
    import typer

DataRoot = Annotated[
    Path | None, typer.Option(help="Run from the pixels of the data set in this folder (needs torchvision).")
]

app = typer.Typer(
    help="Latency, energy and accuracy of content-addressable and compute-in-memory edge chips.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(train_app, name="train")


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
    kind: Annotated[str, typer.Argument(help="hybrid, mbi, cascade or cnn.")],
    file: Annotated[Path, typer.Argument(help="Spec to write; must not exist.")],
) -> None:
    """Write a commented spec to start from."""
    from accelsim.template import spec_template

    _write(file, spec_template(kind, file), "x")
    print(f"{file}: edit it, then accelsim check {file}")


@app.command()
def run(
    spec: SpecFile,
    workload: WorkloadFolder = None,
    inputs: Inputs = None,
    overrides: Overrides = [],  # noqa: B006
    chips: Chips = 1,
    age_s: Age = 0.0,
    arrivals: ArrivalsText = "back-to-back",
    engine: Annotated[str, typer.Option(help="events (SimPy, the reference).")] = "events",
    seed: Seed = 0,
    data_root: DataRoot = None,
    min_accuracy: Annotated[float | None, typer.Option(help="Yield: least accuracy of a good chip.")] = None,
    max_energy_pj: Annotated[float | None, typer.Option(help="Yield: most energy per input of a good chip.")] = None,
    max_latency_s: Annotated[float | None, typer.Option(help="Yield: most mean latency of a good chip.")] = None,
    out: ResultFolder = None,
) -> None:
    """Run a workload on a chip: accuracy, latency, throughput, and where the energy goes."""
    if engine != "events":
        raise UsageError(f"--engine: got {engine!r}, need events")
    from accelsim import command_run
    from accelsim.report.population import Limits

    what = command_run.Subject(spec, workload, overrides)
    how = command_run.Conditions(inputs, chips, age_s, arrivals, seed, data_root)
    limits = Limits(min_accuracy, max_energy_pj, max_latency_s)
    with cleaning_up():
        command_run.run(what, how, limits, out)


@app.command()
def sensitivity(
    spec: SpecFile,
    workload: WorkloadFolder = None,
    inputs: Inputs = None,
    overrides: Overrides = [],  # noqa: B006
    metric: Annotated[str, typer.Option(help="energy, latency or accuracy.")] = "energy",
    chips: Chips = 1,
    age_s: Age = 0.0,
    arrivals: ArrivalsText = "back-to-back",
    seed: Seed = 0,
    data_root: DataRoot = None,
    out: ResultFolder = None,
) -> None:
    """Rank the constants of a spec by how far their stated ranges move the answer."""
    from accelsim import command_sensitivity
    from accelsim.command_run import Conditions, Subject

    how = Conditions(inputs, chips, age_s, arrivals, seed, data_root)
    with cleaning_up():
        command_sensitivity.run(Subject(spec, workload, overrides), how, metric, out)


@app.command()
def reproduce(
    out: Annotated[
        Path, typer.Option(parser=folder, metavar="DIR", help="Folder for reproduction.md and reproduction.json.")
    ] = Path("runs/reproduction"),
) -> None:
    """Recompute and simulate every number that the two papers claim (in a folder that has arch_specs and workloads)."""
    from accelsim.reproduce import command

    with cleaning_up():
        command.run(out)


@app.command()
def validate(
    spice: Annotated[bool, typer.Option("--spice", help="Also against circuit simulation (ngspice).")] = False,
    full: Annotated[bool, typer.Option("--full", help="The long circuit checks as well.")] = False,
    ngspice: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The program; the first on the PATH unless given.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A BSIM4 NMOS and PMOS model in place of our own.")
    ] = None,
    require_spice: Annotated[
        bool, typer.Option("--require-spice", help="Fail where ngspice is not found.")
    ] = False,
    keep_decks: Annotated[
        Path | None, typer.Option(parser=folder, metavar="DIR", help="Folder to leave the circuits in.")
    ] = None,
    save_calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the fitted parameters as YAML.")
    ] = None,
    root: Annotated[Path, typer.Option(help="Folder that has arch_specs and workloads.")] = Path("."),
    out: Annotated[Path, typer.Option(parser=folder, metavar="DIR", help="Folder for the results.")] = Path(
        "runs/validation"
    ),
) -> None:
    """Check the models against measured and published figures; exit 1 if a check fails."""
    from accelsim.validate.command import Request, run
    from accelsim.validate.suite import Circuits

    circuits = Circuits(full, ngspice, card, keep_decks)
    with cleaning_up():
        code = run(Request(root, spice, require_spice, circuits, save_calibration, out))
    raise typer.Exit(code)


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
