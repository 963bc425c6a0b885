"""Queues whose times have a closed form, and small cases by hand; each expectation is computed here."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from accelsim.jobs import Handle, JobBuilder, Service, Timeline
from tests.engines.conftest import Engine

MANY = 10_000
Rule = Literal["first_come", "in_order"]


def service(
    name: str,
    *,
    ticks: int = 1,
    servers: int = 1,
    slots: int = MANY,
    rule: Rule = "first_come",
) -> Service:
    """A queue; what is not given does not limit it."""
    return Service(name, ticks, servers, slots, rule)


def run(engine: Engine, jobs: JobBuilder) -> Timeline:
    (timeline,) = engine(iter([jobs.build(jobs.n_inputs)[0]]))
    return timeline


def starts(timeline: Timeline, instance: str) -> list[int]:
    """Starts of the jobs of an instance, in table order."""
    index = [s.name for s in timeline.table.services].index(instance)
    times: list[int] = timeline.start[timeline.table.instance == index].tolist()
    return times


def ends(timeline: Timeline, instance: str) -> list[int]:
    """Ends of the jobs of an instance, in table order."""
    index = [s.name for s in timeline.table.services].index(instance)
    times: list[int] = timeline.end[timeline.table.instance == index].tolist()
    return times


def admit(jobs: JobBuilder, release: Sequence[int] = (0,), cycles: int = 1) -> Handle:
    return jobs.add("admission", "admit", phase="", needs=[], cycles=cycles, release=np.array(release))


@pytest.mark.parametrize("rule", ["first_come", "in_order"])
def test_tandem_line(engine: Engine, rule: Rule) -> None:
    """Deterministic servers in a row: input k leaves after all services and k turns of the slowest."""
    cycles, n = [1, 3, 7, 2, 7, 5], 12
    names = [f"stage{i}" for i in range(1, len(cycles))]
    jobs = JobBuilder([service("admission"), *(service(name, rule=rule) for name in names)], 0, n)
    admitted = last = admit(jobs)
    for name, c in zip(names, cycles[1:], strict=True):
        last = jobs.add(name, "work", phase="", needs=[last, admitted], cycles=c)
    assert ends(run(engine, jobs), names[-1]) == [sum(cycles) + k * max(cycles) for k in range(n)]


@pytest.mark.parametrize("rule", ["first_come", "in_order"])
@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize(("latency", "interval"), [(6, 2), (6, 1), (4, 4)])
def test_pipeline(engine: Engine, rule: Rule, servers: int, latency: int, interval: int) -> None:
    """n jobs at once through a pipeline: fill + (n - 1) intervals; each server has its own jobs."""
    n = 10
    jobs = JobBuilder([service("admission"), service("unit", servers=servers, rule=rule)], 0, 1)
    admitted = admit(jobs)
    for _ in range(n):
        jobs.add("unit", "work", phase="", needs=[admitted], cycles=latency, interval=interval)
    assert ends(run(engine, jobs), "unit") == [1 + latency + (k // servers) * interval for k in range(n)]


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_mean_wait_of_m_d_1(engine: Engine, load: float) -> None:
    """Poisson arrivals at a server of fixed time D wait load·D / (2·(1 - load)) in the mean (Pollaczek).

    Bound: 4 standard errors of the mean over independent runs, which must be below 5 % of the theory. In each
    run every single wait is also that of Lindley's recursion.
    """
    n_runs, n, warm_up, service_ticks = 16, 3000, 500, 1000
    means = []
    for seed in range(n_runs):
        gaps = np.random.default_rng([7, seed]).exponential(service_ticks / load, size=n)
        arrivals = np.cumsum(gaps).astype(np.int64)
        jobs = JobBuilder([service("admission", servers=MANY), service("server")], 0, n)
        admitted = admit(jobs, arrivals.tolist())
        jobs.add("server", "work", phase="", needs=[admitted], cycles=service_ticks)
        waits = np.array(starts(run(engine, jobs), "server")) - (arrivals + 1)
        lindley = [0]
        for gap in np.diff(arrivals).tolist():
            lindley.append(max(0, lindley[-1] + service_ticks - gap))
        assert waits.tolist() == lindley
        means.append(waits[warm_up:].mean())
    theory = load * service_ticks / (2 * (1 - load))
    standard_error = np.std(means, ddof=1) / math.sqrt(n_runs)
    assert standard_error < 0.05 * theory
    assert abs(np.mean(means) - theory) < 4 * standard_error


@pytest.mark.parametrize("in_flight", [1, 2, 3, 7])
def test_admission_limits_the_inputs_in_flight(engine: Engine, in_flight: int) -> None:
    """Inputs that take T each, with nothing else to wait for, start in groups of `in_flight`, T apart."""
    n, cycles = 10, 9
    services = [service("admission", servers=MANY, slots=in_flight), service("unit", servers=MANY)]
    jobs = JobBuilder(services, 0, n)
    jobs.add("unit", "work", phase="", needs=[admit(jobs)], cycles=cycles)
    assert starts(run(engine, jobs), "admission") == [(k // in_flight) * (1 + cycles) for k in range(n)]


@pytest.mark.parametrize("rule", ["first_come", "in_order"])
@pytest.mark.parametrize(("load", "compute"), [(3, 8), (8, 3), (5, 5)])
@pytest.mark.parametrize("slots", [1, 2])
def test_double_buffering(engine: Engine, rule: Rule, load: int, compute: int, slots: int) -> None:
    """With two slots the next tile is loaded while this one is computed; with one they take turns."""
    n = 6
    services = [service("admission"), service("buffer", slots=slots, rule=rule), service("engine")]
    jobs = JobBuilder(services, 0, 1)
    admitted = admit(jobs)
    for _ in range(n):
        loaded = jobs.add("buffer", "load", phase="", needs=[admitted], cycles=load)
        jobs.add("engine", "compute", phase="", needs=[loaded, admitted], cycles=compute)
    total = {1: n * (load + compute), 2: load + (n - 1) * max(load, compute) + compute}[slots]
    assert ends(run(engine, jobs), "engine")[-1] == 1 + total


@pytest.mark.parametrize(("rule", "third_start"), [("first_come", 7), ("in_order", 23)])
def test_slots_are_a_pool_or_a_ring(engine: Engine, rule: Rule, third_start: int) -> None:
    """Two results are held until their readers end, at 23 and at 7.

    In a pool a third job takes the first slot that is free, in a ring the slot of the job two before it.
    """
    memory = service("memory", servers=2, slots=2, rule=rule)
    jobs = JobBuilder([service("admission"), memory, service("reader", servers=2)], 0, 1)
    admitted = admit(jobs)
    for read_cycles in (20, 4):
        written = jobs.add("memory", "write", phase="", needs=[admitted], cycles=2)
        jobs.add("reader", "read", phase="", needs=[written], cycles=read_cycles)
    jobs.add("memory", "write", phase="", needs=[admitted], cycles=2)
    timeline = run(engine, jobs)
    assert starts(timeline, "memory") == [1, 1, third_start]
    assert ends(timeline, "reader") == [1 + 2 + 20, 1 + 2 + 4]


def test_a_slot_is_held_until_the_last_reader_ends(engine: Engine) -> None:
    """Not until it starts, and not until the first one ends."""
    services = [service("admission"), service("memory", slots=1), service("reader", servers=2)]
    jobs = JobBuilder(services, 0, 1)
    admitted = admit(jobs)
    written = jobs.add("memory", "write", phase="", needs=[admitted], cycles=2)
    for read_cycles in (3, 8):
        jobs.add("reader", "read", phase="", needs=[written], cycles=read_cycles)
    jobs.add("memory", "write", phase="", needs=[admitted], cycles=2)
    assert starts(run(engine, jobs), "memory") == [1, 1 + 2 + 8]


def test_jobs_start_on_edges_of_their_own_clock(engine: Engine) -> None:
    """Edges by hand: admission and c every 3 ticks, b every 5."""
    jobs = JobBuilder([service("admission", ticks=3), service("b", ticks=5), service("c", ticks=3)], 0, 2)
    admitted = admit(jobs, [4, 4], cycles=2)
    b = jobs.add("b", "work", phase="", needs=[admitted], cycles=2, interval=1)
    jobs.add("c", "work", phase="", needs=[b, admitted], cycles=1)
    timeline = run(engine, jobs)
    assert starts(timeline, "admission") == [6, 12]  # arrival at 4; one server for two cycles of 3
    assert starts(timeline, "b") == [15, 20]  # visible at 12 and 18
    assert ends(timeline, "b") == [25, 30]
    assert starts(timeline, "c") == [27, 30]  # visible at 25; at 30, which is an edge
    assert ends(timeline, "c") == [30, 33]


def contenders(engine: Engine, rule: Rule, visible: Sequence[int], *, ticks: int) -> list[int]:
    """Starts of one-cycle jobs on one server that become visible at these times, in table order."""
    shared = service("shared", ticks=ticks, rule=rule)
    jobs = JobBuilder([service("admission"), service("delay", servers=MANY), shared], 0, 1)
    admitted = admit(jobs)
    for time in visible:
        delayed = jobs.add("delay", "wait", phase="", needs=[admitted], cycles=time - 1)
        jobs.add("shared", "work", phase="", needs=[delayed, admitted], cycles=1)
    return starts(run(engine, jobs), "shared")


def test_first_come_queues_by_request_edge_then_index(engine: Engine) -> None:
    """17 and 12 ask at the same edge, 20: the first in the table goes first; 8 asks at 10, before both."""
    assert contenders(engine, "first_come", [17, 12, 8], ticks=10) == [20, 30, 10]


def test_in_order_waits_for_the_next_in_table_order(engine: Engine) -> None:
    """Jobs that are visible earlier wait for the first one, which asks at 20."""
    assert contenders(engine, "in_order", [17, 12, 8], ticks=10) == [20, 30, 40]


def test_a_short_input_does_not_overtake_the_one_that_waits_for_admission(engine: Engine) -> None:
    """Two in flight, the first for long: the others go through the second slot, one after the other."""
    arrivals = [0, 0, 1, 30]
    jobs = JobBuilder([service("admission", slots=2), service("unit", servers=MANY)], 0, 4)
    jobs.add("unit", "work", phase="", needs=[admit(jobs, arrivals)], cycles=np.array([40, 5, 2, 2]))
    timeline = run(engine, jobs)
    assert starts(timeline, "admission") == [0, 1, 1 + 1 + 5, 30]


def test_servers_are_freed_by_the_interval_and_slots_by_the_end(engine: Engine) -> None:
    """Interval 2, latency 7, two slots: a third job finds a server at 5 and a slot at 8."""
    jobs = JobBuilder([service("admission"), service("unit", slots=2)], 0, 1)
    admitted = admit(jobs)
    for _ in range(4):
        jobs.add("unit", "work", phase="", needs=[admitted], cycles=7, interval=2)
    assert starts(run(engine, jobs), "unit") == [1, 3, 1 + 7, 3 + 7]


def test_an_input_may_be_its_admission_alone(engine: Engine) -> None:
    jobs = JobBuilder([service("admission", slots=1)], 5, 3)
    admit(jobs, [0, 2, 9], cycles=4)
    assert starts(run(engine, jobs), "admission") == [0, 4, 9]
