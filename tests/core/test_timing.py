"""Busy, blocked and idle time against a tick-by-tick count; the hash; input times."""

import hashlib

import numpy as np

from accelsim.jobs import IntArray, JobBuilder, Service, Timeline
from accelsim.timing import Occupancy, Share, TimelineHash, input_times

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
