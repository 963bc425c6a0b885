"""What a timeline says: latency of each input, how busy each instance was, and a hash of every start and end.

Everything here is streamed: timelines of finished chunks go in, and no memory grows with the number of jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from accelsim.jobs import IntArray, JobTable, Service, Timeline

_NONE: IntArray = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class InputTimes:
    """Times of the inputs of one table, `[n_inputs]` int64 ticks each: arrival, start of service, end."""

    arrival: IntArray
    start: IntArray
    end: IntArray


def input_times(timeline: Timeline) -> InputTimes:
    """Arrival, start of the admission job, and end of the input's last job."""
    table, first = timeline.table, timeline.table.first_job()
    return InputTimes(table.release[first], timeline.start[first], np.maximum.reduceat(timeline.end, first))


def request_edges(timeline: Timeline) -> IntArray:
    """When each job asked for service: the first edge of its instance's clock at or after it was visible, in ticks."""
    table = timeline.table
    visible = table.release.copy()
    has_needs = np.diff(table.need_start) > 0
    if has_needs.any():
        visible[has_needs] = np.maximum.reduceat(timeline.end[table.need], table.need_start[:-1][has_needs])
    ticks = ticks_per_cycle(table)
    return -(-visible // ticks) * ticks


def ticks_per_cycle(table: JobTable) -> IntArray:
    """Ticks in one cycle of each job's clock, `[n_jobs]` int64."""
    per_instance = np.array([service.ticks_per_cycle for service in table.services], dtype=np.int64)
    return per_instance[table.instance]


@dataclass
class _Pending:
    """Jobs of one instance whose order of starting is not final yet, and what earlier ones left behind."""

    first_come: bool
    start: IntArray = field(default_factory=lambda: _NONE)
    request: IntArray = field(default_factory=lambda: _NONE)
    released: IntArray = field(default_factory=lambda: _NONE)
    busy_until: int = 0
    busy: int = 0
    blocked: int = 0

    def add(self, start: IntArray, request: IntArray, released: IntArray) -> None:
        """Appends jobs: start, request edge, and end of the interval during which they occupy a server."""
        self.start = np.concatenate((self.start, start))
        self.request = np.concatenate((self.request, request))
        self.released = np.concatenate((self.released, released))

    def settle(self, before: int | None) -> None:
        """Accounts for the jobs that start before a time (all when None), which nothing later can precede."""
        ready = np.ones(len(self.start), dtype=bool) if before is None else self.start < before
        if not ready.any():
            return
        # Jobs that start together were granted in the order of their requests, or of the table (the sort is stable).
        queued = self.request[ready] if self.first_come else np.zeros(int(ready.sum()), dtype=np.int64)
        order = np.lexsort((queued, self.start[ready]))
        start, request, released = (x[ready][order] for x in (self.start, self.request, self.released))
        busy_before = np.maximum.accumulate(np.concatenate(([self.busy_until], released)))
        self.busy += int((busy_before[1:] - np.maximum(start, busy_before[:-1])).clip(0).sum())
        # A job heads its queue from the start before it, when a server is busy: so it waits for a slot once none is.
        self.blocked += int((start - np.maximum(request, busy_before[:-1])).clip(0).sum())
        self.busy_until = int(busy_before[-1])
        self.start, self.request, self.released = (
            self.start[~ready],
            self.request[~ready],
            self.released[~ready],
        )


@dataclass(frozen=True)
class Share:
    """Ticks an instance spent busy (a server occupied), blocked (a visible job waits for a slot), and idle."""

    busy: int
    blocked: int
    idle: int


class Occupancy:
    """Busy, blocked and idle time of every instance.

    Jobs of an instance start in an order, so between two starts it is first busy, then idle, then blocked: the head of
    the queue has no server to wait for, hence waits for a slot. Jobs of later chunks start after the first admission of
    their chunk, so what starts before that is final.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = tuple(services)
        self._pending = [_Pending(service.rule == "first_come") for service in services]

    def add(self, timeline: Timeline) -> None:
        """Takes in the next chunk's timeline."""
        table = timeline.table
        frontier = int(timeline.start[0])
        request = request_edges(timeline)
        released = timeline.start + table.interval * ticks_per_cycle(table)
        for index, pending in enumerate(self._pending):
            pending.settle(frontier)
            mine = np.flatnonzero(table.instance == index)
            pending.add(timeline.start[mine], request[mine], released[mine])

    def shares(self, makespan: int) -> dict[str, Share]:
        """Instance name → its share of the makespan, in ticks."""
        shares = {}
        for service, pending in zip(self._services, self._pending, strict=True):
            pending.settle(None)
            idle = makespan - pending.busy - pending.blocked
            shares[service.name] = Share(pending.busy, pending.blocked, idle)
        return shares


class TimelineHash:
    """SHA-256 over (start, end) pairs, little-endian int64, in job order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, timeline: Timeline) -> None:
        """Takes in the next chunk's timeline."""
        self._hash.update(np.stack((timeline.start, timeline.end), axis=1).astype("<i8").tobytes())

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


def table_digest(table: JobTable) -> bytes:
    """Digest of all that an engine looks at in a table: equal digests of all tables mean equal times."""
    digest = hashlib.blake2b(repr((table.services, table.first_input, table.n_inputs)).encode(), digest_size=32)
    for name in ("input", "instance", "cycles", "interval", "release", "need_start", "need"):
        column = np.ascontiguousarray(getattr(table, name), dtype="<i8")
        digest.update(name.encode() + len(column).to_bytes(8, "little") + column.tobytes())
    return digest.digest()
