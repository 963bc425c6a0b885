"""`simulate`: one spec, one workload, one run; everything a report says comes from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim import account
from accelsim.account import DynamicLedger, LedgerRow
from accelsim.arrivals import Arrivals
from accelsim.chip import Chip, build_chip
from accelsim.component import Programmed
from accelsim.dataflows.block import Block, Dataflow, Outcome
from accelsim.dataflows.cascade import Cascade
from accelsim.dataflows.hybrid import Hybrid
from accelsim.dataflows.mbi import Mbi
from accelsim.datasets import load_images
from accelsim.engines import events
from accelsim.errors import InvariantError, RangeError
from accelsim.jobs import IntArray, JobBuilder, JobTable, Timeline
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.spec import Spec
from accelsim.timing import Occupancy, Share, TimelineHash, input_times
from accelsim.workload import Workload, require_fit

DATAFLOWS: dict[str, Callable[[Chip, Workload, Sample], Dataflow]] = {
    "hybrid": Hybrid,
    "mbi": Mbi,
    "cascade": Cascade,
}


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    Attributes:
        n_inputs: inputs to classify.
        seed: key of every random draw.
        n_chips: chips in the population.
        arrivals: when inputs arrive.
        data_root: folder of the data set, to run from pixels; None uses the recorded activations.
        age_s: time in seconds since the chips' analog memories were written.
    """

    n_inputs: int
    seed: int = 0
    n_chips: int = 1
    arrivals: Arrivals = field(default_factory=lambda: Arrivals.parse("back-to-back"))
    data_root: Path | None = None
    age_s: float = 0.0


@dataclass
class ChipRun:
    """What one chip did: per-input columns `[n_inputs]`, the ledger, the times, and counters summed over inputs."""

    columns: dict[str, npt.NDArray[Any]]
    ledger: list[LedgerRow]
    shares: dict[str, Share]
    makespan: int
    n_jobs: int
    jobs_per_input_max: int
    programmed: dict[str, Programmed]
    counters: dict[str, int]


@dataclass(frozen=True)
class Run:
    """A finished run: the chip, the workload, the options, one `ChipRun` a chip, and the hash of all times."""

    chip: Chip
    workload: Workload
    options: RunOptions
    chips: list[ChipRun]
    timeline_sha256: str


def simulate(
    spec: Spec, workload: Workload, options: RunOptions, progress: Callable[[int], None] | None = None
) -> Run:
    """Runs a workload on a chip.

    Args:
        progress: called with the number of inputs that were just finished.

    Raises:
        WorkloadError: if the workload does not fit the chip.
        RangeError: if more inputs are asked for than the workload holds, or a time leaves int64.
        DeadlockError: if the chip can never finish.
        InvariantError: if the results contradict each other (a fault of accelsim).
    """
    chip = build_chip(spec)
    require_fit(workload, chip)
    if not 1 <= options.n_inputs <= workload.n_inputs:
        need = f"1 to {workload.n_inputs} (what {workload.folder} holds)"
        raise RangeError(f"--inputs: got {options.n_inputs}, need {need}")
    images = None if options.data_root is None else load_images(workload, options.data_root, options.n_inputs)
    times = TimelineHash()
    runs = [
        _ChipRunner(chip, workload, options, index, images, times).run(progress)
        for index in range(options.n_chips)
    ]
    return Run(chip, workload, options, runs, times.hexdigest())


class _ChipRunner:
    """Feeds one chip's blocks to the engine and collects what comes back; one pass, block by block."""

    def __init__(
        self,
        chip: Chip,
        workload: Workload,
        options: RunOptions,
        index: int,
        images: npt.NDArray[np.uint8] | None,
        times: TimelineHash,
    ) -> None:
        self._chip, self._workload, self._options, self._index = chip, workload, options, index
        self._images, self._times = images, times
        self._dataflow = DATAFLOWS[chip.spec.kind](chip, workload, Sample(options.seed, index, options.age_s))
        self._ledger = DynamicLedger(chip)
        self._occupancy = Occupancy(chip.services)
        self._columns: dict[str, list[npt.NDArray[Any]]] = {}
        self._counters: dict[str, int] = {}
        self._makespan = self._n_jobs = self._jobs_per_input_max = 0

    def run(self, progress: Callable[[int], None] | None) -> ChipRun:
        """Runs every input."""
        for timeline in events.run(self._tables(), retired=progress):
            self._collect(timeline)
        shares = self._occupancy.shares(self._makespan)
        makespan_s = Fraction(self._makespan, self._chip.clocks.tick_hz)
        static = account.static_rows(self._chip, makespan_s, account.busy_fractions(shares, self._makespan))
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        columns["energy_static_pj"] = np.full(
            self._options.n_inputs, account.total_pj(static) / self._options.n_inputs
        )
        run = ChipRun(
            columns=columns,
            ledger=self._ledger.rows() + static,
            shares=shares,
            makespan=self._makespan,
            n_jobs=self._n_jobs,
            jobs_per_input_max=self._jobs_per_input_max,
            programmed=dict(self._dataflow.programmed),
            counters=self._counters,
        )
        check(run)
        return run

    def _tables(self) -> Iterator[JobTable]:
        n_inputs = self._options.n_inputs
        releases = self._options.arrivals.blocks(self._chip.clocks.tick_hz, self._options.seed)
        for block_index, first in enumerate(range(0, n_inputs, BLOCK_INPUTS)):
            keep = min(BLOCK_INPUTS, n_inputs - first)
            inputs = np.minimum(np.arange(first, first + BLOCK_INPUTS), self._workload.n_inputs - 1)
            images = None if self._images is None else self._images[np.minimum(inputs, n_inputs - 1)]
            block = Block(block_index, inputs, next(releases), self._options.seed, self._index, images)
            jobs = JobBuilder(self._chip.services, first, BLOCK_INPUTS)
            outcome = self._dataflow.lay(jobs, block)
            table, activity = jobs.build(keep)
            self._answer(outcome, inputs[:keep], first, keep)
            self._column("energy_dynamic_pj", self._ledger.add(activity))
            self._count(table)
            yield table

    def _answer(self, outcome: Outcome, inputs: IntArray, first: int, keep: int) -> None:
        labels = self._workload.labels[inputs].astype(np.int64)
        predicted = outcome.predicted[:keep]
        self._column("input", np.arange(first, first + keep))
        self._column("label", labels)
        self._column("predicted", predicted)
        self._column("correct", predicted == labels)
        self._column("covered", outcome.covered[:keep])
        self._column("tied", outcome.tied[:keep])
        for name, counts in outcome.counters.items():
            self._counters[name] = self._counters.get(name, 0) + int(counts[:keep].sum())

    def _count(self, table: JobTable) -> None:
        self._n_jobs += table.n_jobs
        most = int(np.bincount(table.input - table.first_input).max())
        self._jobs_per_input_max = max(self._jobs_per_input_max, most)

    def _collect(self, timeline: Timeline) -> None:
        times = input_times(timeline)
        self._column("arrival_ticks", times.arrival)
        self._column("start_ticks", times.start)
        self._column("end_ticks", times.end)
        self._occupancy.add(timeline)
        self._times.add(timeline)
        self._makespan = max(self._makespan, int(times.end.max()))

    def _column(self, name: str, values: npt.NDArray[Any]) -> None:
        self._columns.setdefault(name, []).append(values)


def check(run: ChipRun) -> None:
    """Invariants of every run: parts sum to totals, nothing is negative, not a number, or takes no time.

    Raises:
        InvariantError: naming what is wrong.
    """
    ledger = account.total_pj(row for row in run.ledger if row.phase != account.STATIC)
    per_input = float(run.columns["energy_dynamic_pj"].sum())
    latency = run.columns["end_ticks"] - run.columns["start_ticks"]
    faults = [
        (abs(ledger - per_input) <= 1e-9 * max(ledger, 1.0), "energy of inputs and energy of actions differ"),
        (
            all(np.isfinite(row.energy_pj) and row.energy_pj >= 0 for row in run.ledger),
            "an energy is negative or NaN",
        ),
        (bool((latency > 0).all()), "an input took no time"),
        (
            bool((run.columns["start_ticks"] >= run.columns["arrival_ticks"]).all()),
            "an input started before it came",
        ),
        (
            all(min(share.busy, share.blocked, share.idle) >= 0 for share in run.shares.values()),
            "busy, blocked and idle time do not fit the makespan",
        ),
    ]
    for holds, message in faults:
        if not holds:
            raise InvariantError(f"run: {message}")
