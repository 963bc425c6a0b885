"""`accelsim run`: load, simulate under a progress bar, write, print."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accelsim.arrivals import Arrivals
from accelsim.errors import UsageError
from accelsim.report.files import require_writable, write_run
from accelsim.report.summary import summary
from accelsim.report.table import print_run
from accelsim.run import Run, RunOptions, simulate
from accelsim.spec import Spec, load_spec
from accelsim.workload import Workload, load_workload

# What is run when no workload is named: the generated workload of the paper's geometry, or the only one of its kind.
DEFAULT_WORKLOADS = {"hybrid": "paper_hybrid", "mbi": "paper_mbi", "cascade": "mnist_cascade"}
DEFAULT_INPUTS = 256


@dataclass(frozen=True)
class Request:
    """What the user asked for, as typed."""

    spec: Path
    workload: Path | None
    n_inputs: int | None
    overrides: list[str]
    n_chips: int
    arrivals: str
    seed: int
    data_root: Path | None
    out: Path | None


def run(request: Request) -> None:
    """Runs and reports.

    Raises:
        AccelsimError: whatever is wrong with the request, before anything is written.
    """
    arrivals = Arrivals.parse(request.arrivals)
    spec = load_spec(request.spec, request.overrides)
    workload = load_workload(request.workload or default_workload(request.spec, spec))
    out = request.out or Path("runs") / f"{spec.name}-{workload.manifest.name}"
    require_writable(out)
    n_inputs = min(DEFAULT_INPUTS, workload.n_inputs) if request.n_inputs is None else request.n_inputs
    options = RunOptions(n_inputs, request.seed, request.n_chips, arrivals, request.data_root)
    finished = _simulate(spec, workload, options)
    command = shlex.join(["accelsim", *sys.argv[1:]])
    figures = summary(finished, command=command, spec_path=str(request.spec), overrides=request.overrides)
    written = write_run(finished, figures, out)  # before anything is printed: a closed pipe must not lose it
    print_run(finished, figures, Console())
    print("wrote " + ", ".join(str(path) for path in written))


def default_workload(spec_path: Path, spec: Spec) -> Path:
    """The workload a spec is run on when none is named: in `workloads/` here, or beside the folder of specs.

    Raises:
        UsageError: if it is in neither.
    """
    name = DEFAULT_WORKLOADS[spec.kind]
    folders = [Path("workloads"), spec_path.resolve().parent.parent / "workloads"]
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    places = " or ".join(f"{folder}{os.sep}" for folder in folders)
    raise UsageError(f"WORKLOAD: got none, need a workload folder (the default, {name}, is not in {places})")


def _simulate(spec: Spec, workload: Workload, options: RunOptions) -> Run:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task("inputs", total=options.n_inputs * options.n_chips)
        return simulate(spec, workload, options, lambda done: progress.advance(task, done))
