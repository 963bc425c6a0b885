"""Busy, blocked and idle time against a tick-by-tick count; the hash; input times."""

import hashlib
from collections import Counter
from collections.abc import Iterator

import numpy as np

from accelsim.engines import events
from accelsim.errors import DeadlockError
from accelsim.jobs import IntArray, JobBuilder, JobTable, Service, Timeline
from accelsim.timing import Occupancy, Share, TimelineHash, input_times
from tests.engines.random_tables import cut, random_sizes, random_table

SERVICES = (Service("admission", 1, 1, 2, "first_come"), Service("work", 2, 1, 1, "in_order"))


def timeline(first: int, start: list[int], end: list[int], release: list[int]) -> Timeline:
    n = len(start) // 2
    jobs = JobBuilder(SERVICES, first, n)
    door = jobs.add("admission", "admit", phase="in", needs=[], cycles=1, release=np.array(release))
    jobs.add(
        "work",
        "work",
        phase="p",
        needs=[door],
        cycles=np.array([(e - s) // 2 for s, e in zip(start, end, strict=True)][1::2]),
    )
    table, _ = jobs.build(n)
    return Timeline(table, np.array(start), np.array(end))


def by_hand(intervals: list[tuple[int, int]], makespan: int) -> IntArray:
    covered = np.zeros(makespan, dtype=np.int64)
    for low, high in intervals:
        covered[low:high] = 1
    return covered


def test_shares_equal_a_count_tick_by_tick() -> None:
    # input: admitted at 0, 1, 9; works 2-6, 8-10 (held up from 6 although it asked at 2), 12-14
    occupancy = Occupancy(SERVICES)
    occupancy.add(timeline(0, [0, 2, 1, 8], [1, 6, 2, 10], [0, 0]))
    occupancy.add(timeline(2, [9, 12], [10, 14], [3]))
    shares = occupancy.shares(14)
    busy = by_hand([(2, 6), (8, 10), (12, 14)], 14)
    waiting = by_hand([(2, 8), (10, 12)], 14)  # request edges 2, 2, 10
    blocked = waiting & ~busy.astype(bool)
    assert shares["work"] == Share(int(busy.sum()), int(blocked.sum()), 14 - int(busy.sum() + blocked.sum()))
    busy = by_hand([(0, 1), (1, 2), (9, 10)], 14)
    blocked = by_hand([(0, 0), (0, 1), (3, 9)], 14) & ~busy.astype(bool)
    assert shares["admission"] == Share(3, int(blocked.sum()), 14 - 3 - int(blocked.sum()))


N_TABLES = 300


def live_tables() -> Iterator[tuple[JobTable, list[Timeline]]]:
    """Random tables that finish: whole, and as the timelines of their chunks."""
    for seed in range(N_TABLES):
        rng = np.random.default_rng([77, seed])
        table = random_table(rng)
        try:
            yield table, list(events.run(cut(table, random_sizes(rng, table.n_inputs))))
        except DeadlockError:
            continue


def ticked(table: JobTable, start: list[int], makespan: int) -> dict[str, Share]:
    """What every instance does in every tick: busy, else blocked, else idle.

    Only one job can wait for a slot: the next in table order (in_order), or any that has asked (first_come).
    """
    ticks = [table.services[i].ticks_per_cycle for i in table.instance]
    end = [s + c * t for s, c, t in zip(start, table.cycles.tolist(), ticks, strict=True)]
    free = [s + i * t for s, i, t in zip(start, table.interval.tolist(), ticks, strict=True)]
    asked = []
    for job, needs in enumerate(np.split(table.need, table.need_start[1:-1])):
        visible = max([int(table.release[job]), *(end[need] for need in needs)])
        asked.append(visible + -visible % ticks[job])
    shares = {}
    for index, service in enumerate(table.services):
        jobs = np.flatnonzero(table.instance == index).tolist()
        state: Counter[str] = Counter()
        for now in range(makespan):
            waiting = [job for job in jobs if start[job] > now]
            first = waiting[:1] if service.rule == "in_order" else waiting
            if any(start[job] <= now < free[job] for job in jobs):
                state["busy"] += 1
            elif any(asked[job] <= now for job in first):
                state["blocked"] += 1
            else:
                state["idle"] += 1
        shares[service.name] = Share(state["busy"], state["blocked"], state["idle"])
    return shares


def test_shares_of_random_tables_equal_a_count_tick_by_tick() -> None:
    """Both rules, one server or several, cut into chunks: and each of these was blocked some of the time."""
    met: Counter[tuple[str, bool]] = Counter()
    n_chunks: Counter[bool] = Counter()
    for table, timelines in live_tables():
        occupancy = Occupancy(table.services)
        for chunk in timelines:
            occupancy.add(chunk)
        start = np.concatenate([chunk.start for chunk in timelines]).tolist()
        makespan = max(int(chunk.end.max()) for chunk in timelines)
        shares, by_tick = occupancy.shares(makespan), ticked(table, start, makespan)
        assert shares == by_tick
        met.update((s.rule, s.servers > 1) for s in table.services if by_tick[s.name].blocked)
        n_chunks[len(timelines) > 1] += 1
    assert n_chunks[True] > 100
    assert len(met) == 4
    assert min(met.values()) > 10


def test_waiting_for_a_turn_is_not_waiting_for_a_slot() -> None:
    """In order on two servers: the second job asks at 1 and the first at 10, and both start then; slots are free."""
    services = (SERVICES[0], Service("slow", 1, 1, 1, "in_order"), Service("pair", 1, 2, 2, "in_order"))
    jobs = JobBuilder(services, 0, 1)
    door = jobs.add("admission", "admit", phase="in", needs=[], cycles=1)
    slow = jobs.add("slow", "work", phase="p", needs=[door], cycles=9)
    jobs.add("pair", "work", phase="p", needs=[slow], cycles=3)
    jobs.add("pair", "work", phase="p", needs=[door], cycles=4)
    (chunk,) = events.run([jobs.build(1)[0]])
    assert chunk.start.tolist() == [0, 1, 10, 10]
    occupancy = Occupancy(services)
    occupancy.add(chunk)
    assert occupancy.shares(14)["pair"] == Share(4, 0, 10)


def test_input_times_and_hash() -> None:
    t = timeline(0, [0, 2, 1, 8], [1, 6, 2, 10], [0, 1])
    times = input_times(t)
    assert times.arrival.tolist() == [0, 1]
    assert times.start.tolist() == [0, 1]
    assert times.end.tolist() == [6, 10]
    digest = TimelineHash()
    digest.add(t)
    expected = b"".join(x.to_bytes(8, "little") for x in (0, 1, 2, 6, 1, 2, 8, 10))
    assert digest.hexdigest() == hashlib.sha256(expected).hexdigest()
