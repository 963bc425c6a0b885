"""`accelsim run`: load, simulate under a progress bar, write, print."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accelsim.arrivals import Arrivals
from accelsim.errors import UsageError
from accelsim.report.files import require_writable, write_run
from accelsim.report.population import Limits
from accelsim.report.summary import summary
from accelsim.report.table import print_run
from accelsim.run import RunOptions, simulate
from accelsim.spec import Spec, load_spec
from accelsim.workload import Workload, load_workload

# What is run when no workload is named: the generated workload of the paper's geometry, or the only one of its kind.
DEFAULT_WORKLOADS = {
    "hybrid": "paper_hybrid",
    "mbi": "paper_mbi",
    "cascade": "mnist_cascade",
    "cnn": "cifar10_softmax",
    "row_stationary": "alexnet_shapes",
    "cim": "mlp_930k_shapes",
}
DEFAULT_INPUTS = 256


@dataclass(frozen=True)
class Subject:
    """What is run, as typed."""

    spec: Path
    workload: Path | None
    overrides: list[str]


@dataclass(frozen=True)
class Conditions:
    """How it is run, as typed."""

    n_inputs: int | None
    n_chips: int
    age_s: float
    arrivals: str
    seed: int
    data_root: Path | None = None

    def options(self, workload: Workload) -> RunOptions:
        """The options of a run of this workload."""
        n_inputs = min(DEFAULT_INPUTS, workload.n_inputs) if self.n_inputs is None else self.n_inputs
        arrivals = Arrivals.parse(self.arrivals)
        return RunOptions(n_inputs, self.seed, self.n_chips, arrivals, self.data_root, self.age_s)


def run(what: Subject, how: Conditions, limits: Limits, out: Path | None) -> None:
    """Runs and reports.

    Raises:
        AccelsimError: whatever is wrong with the request, before anything is written.
    """
    spec, workload = load(what)
    options = how.options(workload)
    limits.require_usable(options.n_chips, workload.manifest.accuracy.measured is not None)
    folder = out or results_folder(spec, workload)
    require_writable(folder)
    with progress_bar("inputs", options.n_inputs * options.n_chips) as advance:
        finished = simulate(spec, workload, options, advance)
    figures = summary(finished, command=command(), spec_path=str(what.spec), overrides=what.overrides, limits=limits)
    written = write_run(finished, figures, folder)  # before anything is printed: a closed pipe must not lose it
    print_run(finished, figures, Console())
    print("wrote " + ", ".join(str(path) for path in written))


def command() -> str:
    """The command line that is running."""
    return shlex.join(["accelsim", *sys.argv[1:]])


def load(what: Subject) -> tuple[Spec, Workload]:
    """The spec and the workload, the default one where none is named."""
    spec = load_spec(what.spec, what.overrides)
    return spec, load_workload(what.workload or default_workload(what.spec, spec))


def results_folder(spec: Spec, workload: Workload) -> Path:
    """Where results go unless the user says."""
    return Path("runs") / f"{spec.name}-{workload.manifest.name}"


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


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's standard error; gives the function that moves it on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
