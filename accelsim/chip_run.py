"""One chip's run: its blocks go to the engine, and what comes back is collected and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim import account
from accelsim.account import DynamicLedger, LedgerRow
from accelsim.arrivals import Arrivals
from accelsim.chip import Chip
from accelsim.component import Programmed
from accelsim.dataflows.block import Block, Dataflow, Outcome
from accelsim.engines import events
from accelsim.errors import InvariantError
from accelsim.jobs import IntArray, JobBuilder, JobTable
from accelsim.rng import BLOCK_INPUTS
from accelsim.timing import Occupancy, Share, TimelineHash, input_times, table_digest
from accelsim.workload import Workload


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
    """What one chip did: per-input columns `[n_inputs]`, the ledger, the times, and counters summed over inputs.

    Attributes:
        table_digests: digest of each job table; chips whose lists are equal have the same times.
        timeline_sha256: hash of every start and end.
        programmed: what was written, without the state that it left: a population would fill the memory with it.
    """

    columns: dict[str, npt.NDArray[Any]]
    ledger: list[LedgerRow]
    shares: dict[str, Share]
    makespan: int
    n_jobs: int
    jobs_per_input_max: int
    programmed: dict[str, Programmed]
    counters: dict[str, int]
    table_digests: list[bytes]
    timeline_sha256: str


class Job(NamedTuple):
    """What all chips of a population are given: the chip's spec, the workload, how to run, and pixels or None."""

    chip: Chip
    workload: Workload
    options: RunOptions
    images: npt.NDArray[np.uint8] | None


_TIMES = ("arrival_ticks", "start_ticks", "end_ticks")


class ChipRunner:
    """Feeds one chip's blocks to the engine and collects what comes back; one pass, block by block."""

    def __init__(self, dataflow: Dataflow, job: Job, index: int) -> None:
        self._dataflow, self._index = dataflow, index
        self._chip, self._workload, self._options, self._images = job
        self._ledger = DynamicLedger(self._chip)
        self._columns: dict[str, list[npt.NDArray[Any]]] = {}
        self._counters: dict[str, int] = {}
        self._digests: list[bytes] = []
        self._n_jobs = self._jobs_per_input_max = 0

    def run(self, progress: Callable[[int], None] | None, like: ChipRun | None = None) -> ChipRun | None:
        """Runs every input; with the times of the chip `like` where the job tables are the same as its.

        Returns:
            None where tables differ, but not from the first on: then this runner is spent, and a new one must run
            without `like`. (To keep all tables until they differ would fill the memory.)
        """
        tables = self._tables()
        first = next(tables)
        if like and self._digests == like.table_digests[:1]:
            return self._with_times_of(like, tables, progress)
        return self._timed(chain([first], tables), progress)

    def _timed(self, tables: Iterator[JobTable], progress: Callable[[int], None] | None) -> ChipRun:
        occupancy, times = Occupancy(self._chip.services), TimelineHash()
        for timeline in events.run(tables, retired=progress):
            found = input_times(timeline)
            for name, values in zip(_TIMES, (found.arrival, found.start, found.end), strict=True):
                self._column(name, values)
            occupancy.add(timeline)
            times.add(timeline)
        makespan = max(int(part.max()) for part in self._columns["end_ticks"])
        return self._finished(occupancy.shares(makespan), makespan, times.hexdigest())

    def _with_times_of(
        self, known: ChipRun, tables: Iterator[JobTable], progress: Callable[[int], None] | None
    ) -> ChipRun | None:
        for _ in tables:
            if self._digests != known.table_digests[: len(self._digests)]:
                return None
        if len(self._digests) != len(known.table_digests):
            return None
        for name in _TIMES:
            self._column(name, known.columns[name])
        if progress:
            progress(self._options.n_inputs)
        return self._finished(known.shares, known.makespan, known.timeline_sha256)

    def correct(self) -> int:
        """Inputs answered correctly: values alone, no times."""
        for _ in self._tables():
            pass
        return int(sum(part.sum() for part in self._columns["correct"]))

    def _finished(self, shares: dict[str, Share], makespan: int, timeline_sha256: str) -> ChipRun:
        makespan_s = Fraction(makespan, self._chip.clocks.tick_hz)
        static = account.static_rows(self._chip, makespan_s, account.busy_fractions(shares, makespan))
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        columns["energy_static_pj"] = np.full(
            self._options.n_inputs, account.total_pj(static) / self._options.n_inputs
        )
        run = ChipRun(
            columns=columns,
            ledger=self._ledger.rows() + static,
            shares=shares,
            makespan=makespan,
            n_jobs=self._n_jobs,
            jobs_per_input_max=self._jobs_per_input_max,
            programmed={name: done._replace(state=None) for name, done in self._dataflow.programmed.items()},
            counters=self._counters,
            table_digests=self._digests,
            timeline_sha256=timeline_sha256,
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
            block = Block(block_index, inputs, next(releases), self._options.seed, self._index, images, keep)
            jobs = JobBuilder(self._chip.services, first, BLOCK_INPUTS)
            outcome = self._dataflow.lay(jobs, block)
            table, activity = jobs.build(keep)
            self._answer(outcome, inputs[:keep], first, keep)
            self._column("energy_dynamic_pj", self._ledger.add(activity))
            self._count(table)
            self._digests.append(table_digest(table))
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
