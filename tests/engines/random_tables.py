"""Random job tables that obey every law of `accelsim.jobs`, and ways to cut them into chunks.

Some of the tables deadlock: slots are few and needs are random. Tests assert that most are live.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from accelsim.jobs import ADMISSION, JobTable, Service

INPUTS_MAX = 8
JOBS_PER_INPUT_MAX = 60
INSTANCES_MAX = 8
SERVERS_MAX = 3
SLOTS_MAX = 8
CLOCKS_MAX = 3
TICKS_PER_CYCLE = (1, 2, 3, 4, 5, 7)
CYCLES_MAX = 6
NEEDS_MAX = 3
GAP_TICKS_MAX = 60
FORWARD_SHARE = 0.7


class _Style(NamedTuple):
    """What the inputs of a table have in common.

    Attributes:
        n_instances: instances of the chip.
        size_max: most jobs an input has.
        recent: the nearer to 1, the more recent are the jobs that a job needs, and the fewer slots are held.
        forward: a job needs only jobs of lower instances, as in a pipeline: few slots rarely deadlock it.
    """

    n_instances: int
    size_max: int
    recent: float
    forward: bool


class _Job(NamedTuple):
    """A row of the table; needs are counted from the first job of the input."""

    input: int
    instance: int
    cycles: int
    interval: int
    release: int
    needs: list[int]


def random_table(rng: np.random.Generator) -> JobTable:
    """A table of 1-8 inputs with 1-60 jobs each on 1-8 instances (admission among them) of 1-3 clocks."""
    services = _services(rng)
    n_inputs = int(rng.integers(1, INPUTS_MAX + 1))
    gap_ticks = int(rng.choice([0, 5, GAP_TICKS_MAX]))
    arrivals = np.cumsum(rng.integers(0, gap_ticks + 1, size=n_inputs)).tolist()
    size_max = _skewed(rng, JOBS_PER_INPUT_MAX)  # most tables are small, so that a slow oracle can walk them
    style = _Style(len(services), size_max, rng.uniform(0.3, 1), bool(rng.random() < FORWARD_SHARE))
    jobs = [job for i, arrival in enumerate(arrivals) for job in _input(rng, style, i, arrival)]
    first = np.flatnonzero([job.instance == ADMISSION for job in jobs])
    needs = [int(first[job.input]) + need for job in jobs for need in job.needs]
    first_input = int(rng.integers(0, 100))
    n = len(jobs)
    return JobTable(
        services=services,
        ops=("work",),
        phases=tuple(f"job {k}" for k in range(JOBS_PER_INPUT_MAX)),
        first_input=first_input,
        n_inputs=n_inputs,
        input=_column(job.input + first_input for job in jobs),
        instance=_column(job.instance for job in jobs),
        op=np.zeros(n, dtype=np.int64),
        phase=np.arange(n) - first[[job.input for job in jobs]],
        cycles=_column(job.cycles for job in jobs),
        interval=_column(job.interval for job in jobs),
        release=_column(job.release for job in jobs),
        need_start=np.concatenate(([0], np.cumsum([len(job.needs) for job in jobs]))).astype(np.int64),
        need=np.array(needs, dtype=np.int64),
    )


def cut(table: JobTable, sizes: Sequence[int]) -> list[JobTable]:
    """The table in chunks of `sizes` inputs each."""
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    assert bounds[-1] == table.n_inputs
    first_job = np.append(table.first_job(), table.n_jobs)
    return [_slice(table, a, b, first_job[a], first_job[b]) for a, b in pairwise(bounds)]


def random_sizes(rng: np.random.Generator, n_inputs: int) -> list[int]:
    """Chunk sizes that sum to `n_inputs`, any composition."""
    cuts = np.flatnonzero(rng.integers(0, 2, size=n_inputs - 1)) + 1
    sizes: list[int] = np.diff(np.concatenate(([0], cuts, [n_inputs]))).tolist()
    return sizes


def _slice(table: JobTable, a: int, b: int, first: int, end: int) -> JobTable:
    columns = ("input", "instance", "op", "phase", "cycles", "interval", "release")
    start = table.need_start[first : end + 1]
    return replace(
        table,
        first_input=table.first_input + int(a),
        n_inputs=int(b - a),
        need_start=start - start[0],
        need=table.need[start[0] : start[-1]] - first,
        **{name: getattr(table, name)[first:end] for name in columns},
    )


def _services(rng: np.random.Generator) -> tuple[Service, ...]:
    clocks = rng.choice(TICKS_PER_CYCLE, size=rng.integers(1, CLOCKS_MAX + 1), replace=False)
    n_instances = int(rng.integers(1, INSTANCES_MAX + 1))
    return tuple(
        Service(
            name="admission" if index == ADMISSION else f"instance {index}",
            ticks_per_cycle=int(rng.choice(clocks)),
            servers=int(rng.integers(1, SERVERS_MAX + 1)),
            slots=int(rng.integers(1, SLOTS_MAX + 1)),
            rule="first_come" if index == ADMISSION or rng.random() < 0.5 else "in_order",
        )
        for index in range(n_instances)
    )


def _input(rng: np.random.Generator, style: _Style, number: int, arrival: int) -> Iterator[_Job]:
    size = 1 if style.n_instances == 1 else int(rng.integers(1, style.size_max + 1))
    instances = [ADMISSION, *rng.integers(1, max(style.n_instances, 2), size=size - 1).tolist()]
    for k, instance in enumerate(instances):
        cycles = int(rng.integers(1, CYCLES_MAX + 1))
        interval = cycles if rng.random() < 0.5 else int(rng.integers(1, cycles + 1))
        earlier = [j for j in range(k) if instances[j] < instance or not style.forward]
        needs = _needs(rng, earlier, style.recent) if k else set()
        closing = {0} if k and k == size - 1 else set()
        yield _Job(number, instance, cycles, interval, 0 if k else arrival, sorted(needs | closing))


def _needs(rng: np.random.Generator, earlier: list[int], recent: float) -> set[int]:
    back = rng.geometric(recent, size=rng.integers(1, NEEDS_MAX + 1)).clip(1, len(earlier))
    return {earlier[-b] for b in back.tolist()}


def _skewed(rng: np.random.Generator, maximum: int) -> int:
    """1 … maximum, small ones more often."""
    return 1 + int(maximum * rng.random() ** 2)


def _column(values: Iterator[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.fromiter(values, dtype=np.int64)
