"""The reference engine, in SimPy: the definition of when every job starts and ends, written to be read.

Each instance is a process that grants jobs at the edges of its clock. What ends (jobs, intervals) or arrives
is an ordinary timeout; grants have a later priority, so at each time all that ends is applied before anything
starts. Ends only count, and a grant touches nothing but its own instance, so the order of events of equal
time and priority cannot matter (the tests shuffle it). The service rules are `_FirstCome` and `_InOrder`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from heapq import heappop, heappush

import numpy as np
from simpy import Environment, Event
from simpy.core import EmptySchedule
from simpy.events import NORMAL, EventPriority

from accelsim.engines.deadlock import deadlock
from accelsim.errors import RangeError
from accelsim.jobs import ADMISSION, IntArray, JobTable, Service, Timeline, consecutive
from accelsim.units import MAX_TICKS

GRANT = EventPriority(NORMAL + 1)  # after everything that ends at the same time
NOT_STARTED = -1


def run(
    chunks: Iterable[JobTable],
    *,
    environment: Callable[[], Environment] = Environment,
    retired: Callable[[int], None] | None = None,
) -> Iterator[Timeline]:
    """Runs tables of consecutive inputs, one after the other, on one chip.

    A chunk is taken from `chunks` when admission has a free slot and all loaded admission jobs have started.
    It is let go when all its inputs and all earlier chunks have retired. How inputs are cut into chunks
    changes no time.

    Args:
        chunks: tables of consecutive inputs with the same services and non-decreasing arrivals.
        environment: makes the SimPy environment.
        retired: called with the number of inputs that have just retired (their last job ended).

    Yields:
        The timeline of each chunk, in order, as soon as the chunk is let go.

    Raises:
        DeadlockError: if jobs can never finish; it names the unfinished jobs of all admitted inputs, and says why.
        RangeError: if a time reaches `MAX_TICKS`.
    """
    simulation = _Simulation(consecutive(chunks), environment(), retired)
    while simulation.loaded or simulation.load():
        if simulation.loaded[0].inputs_left == 0:
            yield simulation.unload()
        elif simulation.wants_chunk():
            simulation.load()
        else:
            simulation.step()


class _Rows:
    """Ragged rows of job indices: row j is `flat[start[j]:start[j + 1]]`."""

    def __init__(self, start: IntArray, flat: IntArray) -> None:
        self._start: list[int] = start.tolist()
        self._flat: list[int] = flat.tolist()

    def __getitem__(self, row: int) -> list[int]:
        return self._flat[self._start[row] : self._start[row + 1]]


class _Chunk:
    """A loaded table as Python lists, and what is still to happen to its jobs and inputs.

    Attributes:
        table: the table; first_job: index of its first job among the jobs of all chunks.
        instance, input: of each job, the input counted from the table's first.
        latency, interval: of each job, in ticks.
        needs, users: of each job, the jobs it needs and the jobs that need it.
        needs_left, users_left: of each job, how many of those have not ended.
        rank: of each started job of an in_order instance, how many started there before it.
        start: of each job, in ticks, or `NOT_STARTED`.
        jobs_left: of each input, how many have not ended; inputs_left: how many have not retired.
    """

    def __init__(self, table: JobTable, first_job: int) -> None:
        n = table.n_jobs
        ticks = np.array([service.ticks_per_cycle for service in table.services])[table.instance]
        n_needs, n_users = np.diff(table.need_start), np.bincount(table.need, minlength=n)
        user = np.repeat(np.arange(n), n_needs)[np.argsort(table.need, kind="stable")]
        local_input = table.input - table.first_input
        self.table = table
        self.first_job = first_job
        self.instance: list[int] = table.instance.tolist()
        self.input: list[int] = local_input.tolist()
        self.latency: list[int] = (table.cycles * ticks).tolist()
        self.interval: list[int] = (table.interval * ticks).tolist()
        self.needs = _Rows(table.need_start, table.need)
        self.users = _Rows(np.concatenate(([0], np.cumsum(n_users))), user)
        self.needs_left: list[int] = n_needs.tolist()
        self.users_left: list[int] = n_users.tolist()
        self.rank = [0] * n
        self.start = [NOT_STARTED] * n
        self.jobs_left: list[int] = np.bincount(local_input).tolist()
        self.inputs_left = table.n_inputs


_Job = tuple[_Chunk, int]  # a chunk and the index of a job in its table


class _FirstCome:
    """Requests queue by (request edge, job index) and only the head may start; slots are a pool."""

    def __init__(self, slots: int) -> None:
        self._free_slots = slots
        self._queue: list[tuple[int, int, _Chunk]] = []

    def expect(self, jobs: Iterable[_Job]) -> None:
        """Jobs of a chunk that is being loaded; they join the queue only when they are visible."""

    def request(self, edge: int, chunk: _Chunk, job: int) -> None:
        """The job is visible and this is its request edge."""
        heappush(self._queue, (edge, chunk.first_job + job, chunk))

    def slot_is_free(self) -> bool:
        """Whether there is a slot for the next job to start."""
        return self._free_slots > 0

    def ready(self) -> bool:
        """Whether a job may start as soon as there is a server."""
        return bool(self._queue) and self._free_slots > 0

    def take(self) -> _Job:
        """The job that starts now, with its slot."""
        self._free_slots -= 1
        _, index, chunk = heappop(self._queue)
        return chunk, index - chunk.first_job

    def free_slot(self, chunk: _Chunk, job: int) -> None:
        """Every job that needs this one has ended."""
        self._free_slots += 1


class _InOrder:
    """Only the next job in table order may start, once visible; job k waits for the slot of job k - S."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._queue: deque[_Job] = deque()
        self._started = 0
        self._held: set[int] = set()  # ranks of the jobs whose slot is not free

    def expect(self, jobs: Iterable[_Job]) -> None:
        """Jobs of a chunk that is being loaded, in table order."""
        self._queue.extend(jobs)

    def request(self, edge: int, chunk: _Chunk, job: int) -> None:
        """The job is visible; its `needs_left` says so."""

    def slot_is_free(self) -> bool:
        """Whether there is a slot for the next job to start."""
        return self._started - self._slots not in self._held

    def ready(self) -> bool:
        """Whether a job may start as soon as there is a server."""
        if not self._queue or not self.slot_is_free():
            return False
        chunk, job = self._queue[0]
        return chunk.needs_left[job] == 0

    def take(self) -> _Job:
        """The job that starts now, with its slot."""
        chunk, job = self._queue.popleft()
        chunk.rank[job] = self._started
        self._held.add(self._started)
        self._started += 1
        return chunk, job

    def free_slot(self, chunk: _Chunk, job: int) -> None:
        """Every job that needs this one has ended."""
        self._held.remove(chunk.rank[job])


class _Edge(Event):
    """A clock edge at which an instance grants, after all that ends at that time."""

    def happen_in(self, delay: int) -> None:
        """Triggers the event, once, `delay` ticks from now."""
        self._ok, self._value = True, None
        self.env.schedule(self, GRANT, delay)


class _Instance:
    """Servers, slots and queue of an instance: `look` asks for grants, the process `serve` makes them."""

    def __init__(self, env: Environment, service: Service, start: Callable[[_Chunk, int], None]) -> None:
        self._env = env
        self._start = start
        self._ticks_per_cycle = service.ticks_per_cycle
        self._free_servers = service.servers
        self.queue = _InOrder(service.slots) if service.rule == "in_order" else _FirstCome(service.slots)
        self._edge = _Edge(env)
        env.process(self.serve())

    def serve(self) -> Generator[Event, None, None]:
        """Starts what may start, at each edge that `look` asked for."""
        while True:
            yield self._edge
            self._edge = _Edge(self._env)
            while self._free_servers and self.queue.ready():
                self._free_servers -= 1
                self._start(*self.queue.take())

    def look(self) -> None:
        """Asks for grants at the next clock edge, which may be now, if a job can start there."""
        if self._free_servers and self.queue.ready() and not self._edge.triggered:
            self._edge.happen_in(self._ticks_to_edge())

    def request(self, chunk: _Chunk, job: int) -> None:
        """The job is visible from now on."""
        self.queue.request(int(self._env.now) + self._ticks_to_edge(), chunk, job)
        self.look()

    def free_server(self) -> None:
        """The interval of a job is over."""
        self._free_servers += 1
        self.look()

    def free_slot(self, chunk: _Chunk, job: int) -> None:
        """Every job that needs this one has ended."""
        self.queue.free_slot(chunk, job)
        self.look()

    def _ticks_to_edge(self) -> int:
        return -int(self._env.now) % self._ticks_per_cycle


class _Simulation:
    """The instances of a chip, the loaded chunks, and what happens when a job starts and ends."""

    def __init__(
        self,
        chunks: Iterator[JobTable],
        env: Environment,
        retired: Callable[[int], None] | None,
    ) -> None:
        self.loaded: deque[_Chunk] = deque()
        self._chunks = chunks
        self._more = True  # whether `chunks` may have another one
        self._env = env
        self._retired = retired
        self._instances: list[_Instance] = []
        self._n_jobs = 0
        self._unadmitted = 0  # loaded inputs whose admission job has not started

    def wants_chunk(self) -> bool:
        """Whether the next chunk is to be loaded now."""
        return self._more and not self._unadmitted and self._instances[ADMISSION].queue.slot_is_free()

    def load(self) -> bool:
        """Takes the next chunk; False when there is none."""
        table = next(self._chunks, None)
        if table is None:
            self._more = False
            return False
        if not self._instances:
            self._instances = [_Instance(self._env, service, self._start) for service in table.services]
        chunk = _Chunk(table, self._n_jobs)
        self.loaded.append(chunk)
        self._n_jobs += table.n_jobs
        self._unadmitted += table.n_inputs
        for index, instance in enumerate(self._instances):
            instance.queue.expect((chunk, job) for job in np.flatnonzero(table.instance == index).tolist())
        for job in table.first_job().tolist():
            self._await(chunk, job, int(table.release[job]))
        return True

    def unload(self) -> Timeline:
        """Lets go of the first chunk."""
        if self._env.now >= MAX_TICKS:
            raise RangeError(f"run: got {self._env.now} ticks, need less than {MAX_TICKS} (int64 time)")
        chunk = self.loaded.popleft()
        start = np.array(chunk.start, dtype=np.int64)
        return Timeline(chunk.table, start, start + np.array(chunk.latency, dtype=np.int64))

    def step(self) -> None:
        """Lets SimPy process one event."""
        try:
            self._env.step()
        except EmptySchedule:
            raise deadlock([(chunk.table, np.array(chunk.start) != NOT_STARTED) for chunk in self.loaded]) from None

    def _await(self, chunk: _Chunk, job: int, arrival: int) -> None:
        """An admission job is visible when its input arrives, or now if its chunk was loaded after that."""
        arrives = self._env.timeout(max(0, arrival - int(self._env.now)))
        arrives.callbacks.append(lambda _: self._instances[ADMISSION].request(chunk, job))

    def _start(self, chunk: _Chunk, job: int) -> None:
        """A job was granted: it takes a server for its interval and ends after its latency."""
        chunk.start[job] = int(self._env.now)
        index, latency, interval = chunk.instance[job], chunk.latency[job], chunk.interval[job]
        self._env.timeout(latency).callbacks.append(lambda _: self._end(chunk, job))
        if interval < latency:
            self._env.timeout(interval).callbacks.append(lambda _: self._instances[index].free_server())
        if index == ADMISSION:
            self._unadmitted -= 1

    def _end(self, chunk: _Chunk, job: int) -> None:
        """A job has ended: jobs that need it may become visible, and slots held for it free."""
        if chunk.interval[job] == chunk.latency[job]:
            self._instances[chunk.instance[job]].free_server()
        if not chunk.users_left[job]:
            self._instances[chunk.instance[job]].free_slot(chunk, job)
        for user in chunk.users[job]:
            chunk.needs_left[user] -= 1
            if not chunk.needs_left[user]:
                self._instances[chunk.instance[user]].request(chunk, user)
        for need in chunk.needs[job]:
            chunk.users_left[need] -= 1
            if not chunk.users_left[need]:
                self._instances[chunk.instance[need]].free_slot(chunk, need)
        self._count_down(chunk, chunk.input[job])

    def _count_down(self, chunk: _Chunk, local_input: int) -> None:
        """One job fewer of this input, which retires without jobs."""
        chunk.jobs_left[local_input] -= 1
        if chunk.jobs_left[local_input] == 0:
            chunk.inputs_left -= 1
            if self._retired is not None:
                self._retired(1)
