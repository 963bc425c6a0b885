"""Chunks are taken when needed and let go when done; faults of their maker pass unchanged."""

import itertools
import signal
import weakref
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest

from accelsim.errors import DeadlockError, RangeError, WorkloadError
from accelsim.jobs import JobBuilder, JobTable, Service
from accelsim.units import MAX_TICKS
from tests.engines.conftest import Engine

IN_FLIGHT = 2
SERVICES = (
    Service("admission", 1, 1, IN_FLIGHT, "first_come"),
    Service("work", 1, IN_FLIGHT, IN_FLIGHT, "first_come"),
)


def chunk(first_input: int, cycles: list[int], services: tuple[Service, ...] = SERVICES) -> JobTable:
    """An admission and one job of `cycles` for each input."""
    jobs = JobBuilder(services, first_input, len(cycles))
    admitted = jobs.add("admission", "admit", phase="in", needs=[], cycles=1)
    jobs.add("work", "work", phase="work", needs=[admitted], cycles=np.array(cycles))
    return jobs.build(len(cycles))[0]


def chunks(n_inputs: int, per_chunk: int = 1) -> Iterator[JobTable]:
    for first in range(0, n_inputs, per_chunk):
        yield chunk(first, [10] * per_chunk)


def test_no_chunks_no_timelines(engine: Engine) -> None:
    assert list(engine(iter([]))) == []


def test_chunks_are_taken_only_when_admission_has_a_free_slot(engine: Engine) -> None:
    taken = []

    def source() -> Iterator[JobTable]:
        for table in chunks(20):
            taken.append(table.first_input)
            yield table

    run = engine(source())
    assert taken == []
    for n_done, timeline in enumerate(run, start=1):
        assert timeline.table.first_input == n_done - 1
        assert len(taken) < n_done + IN_FLIGHT
    assert len(taken) == 20


def test_a_chunk_waits_for_earlier_ones_and_retired_inputs_are_told(engine: Engine) -> None:
    retired: list[int] = []
    tables = [chunk(0, [100]), chunk(1, [3, 4]), chunk(3, [5])]
    seen = [(t.table.first_input, sum(retired)) for t in engine(iter(tables), retired=retired.append)]
    assert seen == [(0, 4), (1, 4), (3, 4)]  # input 0 holds one slot, the other serves 1, 2 and 3
    assert all(n > 0 for n in retired)


def test_retired_chunks_are_freed(engine: Engine) -> None:
    alive: list[weakref.ref[JobTable]] = []

    def source() -> Iterator[JobTable]:
        for first in range(50):
            table = chunk(first, [10])
            alive.append(weakref.ref(table))
            yield table
            del table

    for timeline in engine(source()):
        del timeline
        assert sum(ref() is not None for ref in alive) <= IN_FLIGHT + 1
    assert len(alive) == 50


def test_a_fault_in_making_a_chunk_passes_unchanged(engine: Engine) -> None:
    fault = WorkloadError([])

    def source() -> Iterator[JobTable]:
        yield from chunks(4)
        raise fault

    with pytest.raises(WorkloadError) as caught:
        list(engine(source()))
    assert caught.value is fault


def test_ctrl_c_stops_a_run(engine: Engine) -> None:
    """The signal strikes wherever the run happens to be."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        for n in range(1, 20):
            tables = (chunk(first, [10] * 7) for first in itertools.count(0, 7))
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (the timer must not go off outside)
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.01 + n * 0.00037)
                for _ in engine(tables):
                    pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_times_beyond_int64_are_refused(engine: Engine) -> None:
    services = (Service("admission", 1, 1, 1, "first_come"), *SERVICES[1:])
    half = MAX_TICKS // 2 + 1
    with pytest.raises(RangeError, match="int64 time"):
        list(engine(iter([chunk(0, [half], services), chunk(1, [half], services)])))


def joined(services: tuple[Service, ...], first_input: int, n_parts: int) -> JobTable:
    """An input whose last job needs all of its parts at once."""
    jobs = JobBuilder(services, first_input, 1)
    admitted = jobs.add("admission", "admit", phase="in", needs=[], cycles=1)
    parts = [
        jobs.add("work", "make", phase=f"part {part}", needs=[admitted], cycles=1) for part in range(1, n_parts + 1)
    ]
    jobs.add("work", "join", phase="end", needs=[*parts, admitted], cycles=1)
    return jobs.build(1)[0]


@pytest.mark.parametrize("n_before", [0, 1, 3])
def test_a_deadlock_names_the_jobs_that_cannot_finish(engine: Engine, n_before: int) -> None:
    """The two results that the last job needs do not fit the one slot that there is.

    Inputs that finish before, and chunks that are never loaded, are not named.
    """
    services = (SERVICES[0], Service("work", 1, 1, 1, "first_come"))
    good = [chunk(first, [2], services) for first in range(n_before)]
    bad = [joined(services, n_before, 2), *(chunk(n_before + 1 + i, [2], services) for i in range(5))]
    with pytest.raises(DeadlockError) as caught:
        list(engine(iter(good + bad)))
    assert caught.value.jobs == (
        f"work.make (input {n_before}, part 2)",
        f"work.join (input {n_before}, end)",
        f"work.work (input {n_before + 1}, work)",
    )


HELP = "more slots there may help (instances.work.slots)"


@pytest.mark.parametrize(
    ("rule", "slots", "n_parts", "message"),
    [
        (
            *("first_come", 2, 3),
            "2 of 2 slots held by make (input 7, part 1), make (input 7, part 2); make (input 7, part 3) waits",
        ),
        (
            *("first_come", 5, 8),
            "5 of 5 slots held by make (input 7, part 1), make (input 7, part 2), make (input 7, part 3) and 2 more; "
            "make (input 7, part 6), make (input 7, part 7), make (input 7, part 8) wait",
        ),
        (
            *("in_order", 2, 5),
            "2 of 2 slots held, the next in turn by make (input 7, part 1); make (input 7, part 3) waits",
        ),
    ],
)
def test_a_deadlock_says_who_waits_for_whose_slot(
    engine: Engine, rule: Literal["first_come", "in_order"], slots: int, n_parts: int, message: str
) -> None:
    services = (SERVICES[0], Service("work", 1, 1, slots, rule))
    with pytest.raises(DeadlockError) as caught:
        list(engine(iter([chunk(6, [1], services), joined(services, 7, n_parts)])))
    assert str(caught.value) == f"deadlock: work: {message}; {HELP}"
