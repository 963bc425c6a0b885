"""Job tables: what happens, on which instance, in what order and for how long; and the times an engine gives them.

A *job* is one transaction of one instance. A `JobTable` holds the jobs of consecutive inputs, input after input, each
in the order its dataflow wrote them. `JobBuilder` lets a dataflow read as straight-line code for one input while it
works on a block of inputs at once. The laws that every table obeys are checked when it is made; engines rely on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import InvariantError, RangeError
from accelsim.units import MAX_TICKS

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# What `JobBuilder.add` returns: per input the index of the call that made its job, -1 where it made none.
Handle = IntArray

ADMISSION = 0  # index of the admission instance in every table
MAX_JOBS_PER_INPUT = 100_000


@dataclass(frozen=True)
class Service:
    """How an instance serves jobs.

    Attributes:
        name: instance name.
        ticks_per_cycle: ticks in a cycle of its clock.
        servers: jobs in service at once.
        slots: results that can be held at once.
        rule: `in_order` (table order) or `first_come` (request edge, then table order).
    """

    name: str
    ticks_per_cycle: int
    servers: int
    slots: int
    rule: Literal["in_order", "first_come"]


@dataclass(frozen=True)
class JobTable:
    """Jobs of `n_inputs` consecutive inputs. All columns are `[n_jobs]`, in table order.

    Attributes:
        services: the chip's instances; index 0 is admission.
        ops, phases: names that the columns `op` and `phase` index.
        first_input: number of the first input; n_inputs: how many there are.
        input: int64, global input number, non-decreasing.
        instance, op, phase: int64 indices.
        cycles: int64, latency in cycles of the instance's clock; interval: start to next start, 1 … cycles.
        release: int64 ticks, the arrival for admission jobs, 0 for all others.
        need_start, need: the jobs that job j needs are `need[need_start[j]:need_start[j + 1]]` (table indices).

    Raises:
        InvariantError: if a law of the table is broken (a fault of the dataflow).
        RangeError: if the times could leave the range of int64.
    """

    services: tuple[Service, ...]
    ops: tuple[str, ...]
    phases: tuple[str, ...]
    first_input: int
    n_inputs: int
    input: IntArray
    instance: IntArray
    op: IntArray
    phase: IntArray
    cycles: IntArray
    interval: IntArray
    release: IntArray
    need_start: IntArray
    need: IntArray

    def __post_init__(self) -> None:
        _check_laws(self)

    @property
    def n_jobs(self) -> int:
        """Number of jobs."""
        return len(self.input)

    def first_job(self) -> IntArray:
        """Index of each input's admission job, `[n_inputs]` int64."""
        return np.flatnonzero(self.instance == ADMISSION)

    def describe(self, job: int) -> str:
        """A job in words, for messages."""
        name = self.services[self.instance[job]].name
        return f"{name}.{self.ops[self.op[job]]} (input {self.input[job]}, {self.phases[self.phase[job]]})"


def consecutive(chunks: Iterable[JobTable]) -> Iterator[JobTable]:
    """The chunks, checked one against the next: the same chip, no input left out, arrivals that do not decrease.

    Raises:
        InvariantError: at the first chunk that does not follow the one before it.
    """
    previous: JobTable | None = None
    for chunk in chunks:
        if previous is not None:
            _law(chunk.services == previous.services, "chunks of different chips")
            _law(chunk.first_input == previous.first_input + previous.n_inputs, "chunks are not consecutive")
            _law(chunk.release[0] >= previous.release[previous.first_job()[-1]], "arrivals decrease between chunks")
        previous = chunk
        yield chunk


@dataclass(frozen=True)
class Timeline:
    """When the jobs of one table start and end: `[n_jobs]` int64 ticks each, in table order."""

    table: JobTable
    start: IntArray
    end: IntArray


def _law(holds: object, message: str) -> None:
    if not np.all(holds):  # type: ignore[call-overload]
        raise InvariantError(f"job table: {message}")


def _check_laws(table: JobTable) -> None:
    n = table.n_jobs
    _law(n > 0 and table.n_inputs > 0, "is empty")
    steps = np.diff(table.input)
    _law((steps == 0) | (steps == 1), "inputs are not consecutive")
    _law(table.input[0] == table.first_input, "does not begin with its first input")
    _law(table.input[-1] == table.first_input + table.n_inputs - 1, "does not end with its last input")
    opens = np.concatenate(([True], steps == 1))
    closes = np.concatenate((steps == 1, [True]))
    _law((table.instance == ADMISSION) == opens, "admission jobs and first jobs of inputs differ")
    _law(table.release[~opens] == 0, "a job other than admission has a release")
    _law(np.diff(table.release[opens]) >= 0, "arrivals decrease")
    _law(table.release >= 0, "a release is negative")
    _law((table.interval >= 1) & (table.interval <= table.cycles), "an interval is not in 1 … cycles")
    _law(table.services[ADMISSION].rule == "first_come", "admission is not first_come")
    _law([min(s.ticks_per_cycle, s.servers, s.slots) >= 1 for s in table.services], "a service cannot serve")
    _check_needs(table, opens, closes)
    ticks = np.array([service.ticks_per_cycle for service in table.services], dtype=np.float64)
    # One cycle more each: a job may wait for an edge of its clock.
    longest = float(table.release.max()) + float(((table.cycles + 1) * ticks[table.instance]).sum())
    if longest >= MAX_TICKS:
        raise RangeError(f"run: got up to {longest:.3g} ticks, need less than {MAX_TICKS} (int64 time)")


def _check_needs(table: JobTable, opens: BoolArray, closes: BoolArray) -> None:
    degree = np.diff(table.need_start)
    _law(len(table.need_start) == table.n_jobs + 1 and table.need_start[-1] == len(table.need), "bad needs")
    _law((degree > 0) != opens, "a job has no needs, or admission has some")
    job = np.repeat(np.arange(table.n_jobs), degree)
    _law((table.need >= 0) & (table.need < job), "a job needs a later one")
    _law(table.input[table.need] == table.input[job], "a job needs one of another input")
    needs_admission = np.zeros(table.n_jobs, dtype=bool)
    needs_admission[job[table.instance[table.need] == ADMISSION]] = True
    _law(needs_admission[closes & ~opens], "the last job of an input does not need its admission")


class Site(NamedTuple):
    """Where activity is counted."""

    instance: str
    action: str
    phase: str


@dataclass(frozen=True)
class Activity:
    """Counts of actions: `counts[n_inputs, n_sites]` int64."""

    sites: tuple[Site, ...]
    counts: IntArray


class JobBuilder:
    """Collects the jobs and the activity of a block of inputs.

    Args:
        services: the chip's instances, admission first.
        first_input: number of the block's first input.
        n_inputs: inputs in the block.
    """

    def __init__(self, services: Sequence[Service], first_input: int, n_inputs: int) -> None:
        self.services = tuple(services)
        self.first_input = first_input
        self.n_inputs = n_inputs
        self._index = {service.name: i for i, service in enumerate(self.services)}
        self._ops: dict[str, int] = {}
        self._phases: dict[str, int] = {}
        self._calls: list[tuple[int, int, int]] = []
        self._active: list[BoolArray] = []
        self._cycles: list[IntArray | int] = []
        self._interval: list[IntArray | int] = []
        self._release: list[IntArray | int] = []
        self._needs: list[tuple[Handle, ...]] = []
        self._activity: dict[Site, IntArray] = {}
        self._everyone = np.ones(n_inputs, dtype=bool)

    def add(
        self,
        instance: str,
        op: str,
        *,
        phase: str,
        needs: Sequence[Handle],
        cycles: IntArray | int,
        interval: IntArray | int | None = None,
        release: IntArray | int = 0,
        mask: BoolArray | None = None,
        activity: Mapping[str, IntArray | int] | None = None,
    ) -> Handle:
        """One job for each input of `mask` (all when None).

        Args:
            instance, op, phase: names.
            needs: handles of jobs that must end first; where a handle has no job for an input it is passed over.
            cycles: latency, a number or `[n_inputs]`; interval: start to next start, the latency when None.
            release: arrival in ticks (admission only).
            mask: `[n_inputs]` bool.
            activity: `action` (of this instance) or `instance.action` → count, a number or `[n_inputs]`.

        Returns:
            The handle to name in later `needs`.
        """
        if len(self._calls) >= MAX_JOBS_PER_INPUT:
            raise RangeError(f"workload: got more than {MAX_JOBS_PER_INPUT} jobs an input, need fewer")
        active = self._everyone if mask is None else mask
        call = len(self._calls)
        op_index = self._ops.setdefault(op, len(self._ops))
        phase_index = self._phases.setdefault(phase, len(self._phases))
        self._calls.append((self._index[instance], op_index, phase_index))
        self._active.append(active)
        self._cycles.append(cycles)
        self._interval.append(cycles if interval is None else interval)
        self._release.append(release)
        self._needs.append(tuple(needs))
        for name, count in (activity or {}).items():
            owner, _, action = name.rpartition(".")
            self.count(owner or instance, action, phase, count, active)
        return np.where(active, call, -1)

    def count(
        self, instance: str, action: str, phase: str, count: IntArray | int, mask: BoolArray | None = None
    ) -> None:
        """Adds activity that belongs to no single job."""
        amount = np.broadcast_to(np.asarray(count, dtype=np.int64), (self.n_inputs,))
        masked = amount if mask is None else np.where(mask, amount, 0)
        site = Site(instance, action, phase)
        before = self._activity.get(site)
        self._activity[site] = masked.copy() if before is None else before + masked

    def latest(self, handles: Sequence[Handle]) -> Handle:
        """Per input, the last-added of the jobs that exist among `handles`."""
        newest: Handle = np.maximum.reduce(list(handles))
        return newest

    def build(self, keep: int) -> tuple[JobTable, Activity]:
        """The table, input after input, and the activity, of the first `keep` inputs.

        A block is always evaluated whole, so that its random draws do not depend on how many inputs a run has; `keep`
        cuts the padding of the last block.
        """
        active = np.array(self._active)  # [n_calls, n_inputs]
        active[:, keep:] = False
        by_input = active.T
        per_input = active.sum(axis=0)
        first = np.cumsum(per_input) - per_input
        index = first[None, :] + np.cumsum(active, axis=0) - 1  # job index of (call, input)
        calls = np.array(self._calls, dtype=np.int64)
        call_of_job = np.nonzero(by_input)[1]
        need_start, need = self._edges(active, index)
        table = JobTable(
            services=self.services,
            ops=tuple(self._ops),
            phases=tuple(self._phases),
            first_input=self.first_input,
            n_inputs=keep,
            input=np.repeat(np.arange(self.n_inputs) + self.first_input, per_input),
            instance=calls[call_of_job, 0],
            op=calls[call_of_job, 1],
            phase=calls[call_of_job, 2],
            cycles=self._column(self._cycles)[by_input],
            interval=self._column(self._interval)[by_input],
            release=self._column(self._release)[by_input],
            need_start=need_start,
            need=need,
        )
        counts = np.array(list(self._activity.values()), dtype=np.int64).reshape(-1, self.n_inputs).T[:keep]
        return table, Activity(tuple(self._activity), counts)

    def _column(self, rows: Sequence[IntArray | int]) -> IntArray:
        column = np.empty((self.n_inputs, len(rows)), dtype=np.int64)
        for call, row in enumerate(rows):
            column[:, call] = row
        return column

    def _edges(self, active: BoolArray, index: IntArray) -> tuple[IntArray, IntArray]:
        jobs, needed = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for call, handles in enumerate(self._needs):
            for handle in handles:
                inputs = np.flatnonzero(active[call] & (handle >= 0))
                jobs.append(index[call, inputs])
                needed.append(index[handle[inputs], inputs])
        job, need = np.concatenate(jobs), np.concatenate(needed)
        order = np.lexsort((need, job))
        degree = np.bincount(job, minlength=int(active.sum()))
        return np.concatenate(([0], np.cumsum(degree))).astype(np.int64), need[order]
