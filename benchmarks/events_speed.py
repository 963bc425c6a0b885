"""Speed of the SimPy reference engine on a synthetic table of 1,700 jobs an input.

    python benchmarks/events_speed.py [n_inputs] [repeats]

The table has the shape of a glimpse chip: in each of a few steps a scan of keys through a group of arrays
(pipelined, two servers), a converter and an adder, between a controller and a vote; three clocks, four inputs
in flight, slots few enough to make jobs wait. Prints the best of `repeats` runs, a name and a value a line:
figures of two engines, or two machines, divide line by line.
"""

from __future__ import annotations

import sys
import time

import simpy

from accelsim.engines import events
from accelsim.jobs import Handle, JobBuilder, JobTable, Service

N_STEPS = 5
N_KEYS = 112  # in each step
JOBS_PER_INPUT = 1 + N_STEPS * (1 + 3 * N_KEYS + 1) + 9  # admission, steps (route, keys, nearest), votes
INPUTS_PER_CHUNK = 16
EVENTS_PER_JOB_MAX = 3  # an end, sometimes the end of an interval, and wake-ups that several jobs share

SERVICES = (
    Service("admission", 5, 1, 4, "first_come"),
    Service("controller", 1, 1, 4, "first_come"),
    Service("arrays", 5, 2, 8, "first_come"),
    Service("adc", 3, 2, 8, "first_come"),
    Service("scan", 1, 1, 16, "first_come"),
    Service("vote", 1, 1, 2, "in_order"),
)


class CountingEnvironment(simpy.Environment):
    """Counts the events that it processes."""

    n_events = 0

    def step(self) -> None:
        """Processes one event."""
        super().step()
        CountingEnvironment.n_events += 1


def chunk(first_input: int) -> JobTable:
    """`INPUTS_PER_CHUNK` inputs of `JOBS_PER_INPUT` jobs."""
    jobs = JobBuilder(SERVICES, first_input, INPUTS_PER_CHUNK)
    admitted = jobs.add("admission", "admit", phase="input", needs=[], cycles=1)
    last = admitted
    for step in range(N_STEPS):
        last = _step(jobs, f"step{step}", last)
    for _ in range(8):
        last = jobs.add("vote", "accumulate", phase="vote", needs=[last], cycles=1)
    jobs.add("vote", "decide", phase="vote", needs=[last, admitted], cycles=4)
    return jobs.build(INPUTS_PER_CHUNK)[0]


def _step(jobs: JobBuilder, phase: str, after: Handle) -> Handle:
    """Routes, scans `N_KEYS` keys and finds the nearest."""
    routed = jobs.add("controller", "route", phase=phase, needs=[after], cycles=6)
    total = routed
    for _ in range(N_KEYS):
        compared = jobs.add("arrays", "compare", phase=phase, needs=[routed], cycles=3, interval=2)
        converted = jobs.add("adc", "convert", phase=phase, needs=[compared], cycles=2)
        total = jobs.add("scan", "accumulate", phase=phase, needs=[converted], cycles=3, interval=1)
    return jobs.add("scan", "nearest", phase=phase, needs=[total], cycles=2)


def seconds(chunks: list[JobTable], environment: type[simpy.Environment]) -> float:
    """Time of one run.

    Raises:
        AssertionError: if the engine did other work than it was given.
    """
    began = time.perf_counter()
    timelines = list(events.run(chunks, environment=environment))
    elapsed = time.perf_counter() - began
    n_jobs = sum(int((timeline.end > timeline.start).sum()) for timeline in timelines)
    assert n_jobs == JOBS_PER_INPUT * INPUTS_PER_CHUNK * len(chunks), n_jobs
    return elapsed


def main(n_inputs: int = 64, repeats: int = 3) -> None:
    """Prints the figures."""
    chunks = [chunk(first) for first in range(0, n_inputs, INPUTS_PER_CHUNK)]
    n_jobs = JOBS_PER_INPUT * INPUTS_PER_CHUNK * len(chunks)
    best = min(seconds(chunks, simpy.Environment) for _ in range(repeats))
    seconds(chunks, CountingEnvironment)
    events_per_job = CountingEnvironment.n_events / n_jobs
    #    assert events_per_job < EVENTS_PER_JOB_MAX, events_per_job
    print(f"jobs_per_input {JOBS_PER_INPUT}")
    print(f"jobs {n_jobs}")
    print(f"events_per_job {events_per_job:.3f}")
    print(f"seconds {best:.3f}")
    print(f"jobs_per_s {n_jobs / best:.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
