"""JobBuilder lays down the table that its straight-line code says; broken laws are refused."""

import dataclasses

import numpy as np
import pytest

from accelsim.errors import InvariantError, RangeError
from accelsim.jobs import JobBuilder, JobTable, Service, Site, consecutive

SERVICES = (
    Service("admission", 5, 1, 2, "first_come"),
    Service("a", 5, 1, 2, "in_order"),
    Service("b", 10, 1, 2, "in_order"),
)


def small_table() -> tuple[JobTable, JobBuilder]:
    jobs = JobBuilder(SERVICES, first_input=10, n_inputs=3)
    door = jobs.add("admission", "admit", phase="in", needs=[], cycles=1, release=np.array([0, 7, 7]))
    odd = np.array([False, True, False])
    extra = jobs.add(
        "a", "work", phase="p", needs=[door], cycles=np.array([1, 2, 3]), mask=odd, activity={"hit": 4}
    )
    last = jobs.add(
        "b", "work", phase="q", needs=[extra, door], cycles=3, interval=2, activity={"a.hit": 1, "miss": 2}
    )
    assert last.tolist() == [2, 2, 2]
    assert jobs.latest([door, extra]).tolist() == [0, 1, 0]
    table, _ = jobs.build(3)
    return table, jobs


def test_columns_are_input_after_input() -> None:
    table, _ = small_table()
    assert table.input.tolist() == [10, 10, 11, 11, 11, 12, 12]
    assert table.instance.tolist() == [0, 2, 0, 1, 2, 0, 2]
    assert table.cycles.tolist() == [1, 3, 1, 2, 3, 1, 3]
    assert table.interval.tolist() == [1, 2, 1, 2, 2, 1, 2]
    assert table.release.tolist() == [0, 0, 7, 0, 0, 7, 0]
    assert table.need_start.tolist() == [0, 0, 1, 1, 2, 4, 4, 5]
    assert table.need.tolist() == [0, 2, 2, 3, 5]  # a need without a job is passed over
    assert table.describe(3) == "a.work (input 11, p)"


def test_activity_counts_only_masked_inputs_and_adds_up() -> None:
    _, jobs = small_table()
    _, activity = jobs.build(3)
    counts = {site: activity.counts[:, i].tolist() for i, site in enumerate(activity.sites)}
    assert counts == {
        Site("a", "hit", "p"): [0, 4, 0],
        Site("a", "hit", "q"): [1, 1, 1],
        Site("b", "miss", "q"): [2, 2, 2],
    }


def test_keep_cuts_the_padding() -> None:
    whole, jobs = small_table()
    cut, activity = jobs.build(2)
    assert cut.input.tolist() == whole.input[:5].tolist()
    assert cut.need.tolist() == whole.need[:4].tolist()
    assert activity.counts.shape == (2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": [1, 4, 1, 2, 2, 1, 2]}, "an interval is not in 1 … cycles"),
        ({"release": [0, 1, 7, 0, 0, 7, 0]}, "a job other than admission has a release"),
        ({"release": [8, 0, 7, 0, 0, 7, 0]}, "arrivals decrease"),
        ({"need": [0, 2, 2, 4, 5]}, "a job needs a later one"),
        ({"need": [0, 1, 2, 3, 5]}, "a job needs one of another input"),
        ({"need": [0, 2, 3, 3, 5]}, "the last job of an input does not need its admission"),
        ({"instance": [0, 2, 1, 1, 2, 0, 2]}, "admission jobs and first jobs of inputs differ"),
        ({"input": [10, 10, 12, 12, 12, 13, 13]}, "inputs are not consecutive"),
    ],
)
def test_broken_laws_are_refused(change: dict[str, list[int]], message: str) -> None:
    table, _ = small_table()
    columns = {name: np.array(values) for name, values in change.items()}
    with pytest.raises(InvariantError, match=message):
        dataclasses.replace(table, **columns)


def test_times_that_leave_int64_are_refused_before_running() -> None:
    table, _ = small_table()
    with pytest.raises(RangeError, match="int64 time"):
        dataclasses.replace(table, cycles=np.full(7, 2**60))


def one_input(first: int, release: int, services: tuple[Service, ...] = SERVICES) -> JobTable:
    jobs = JobBuilder(services, first_input=first, n_inputs=1)
    door = jobs.add("admission", "admit", phase="in", needs=[], cycles=1, release=release)
    jobs.add("a", "work", phase="p", needs=[door], cycles=1)
    return jobs.build(1)[0]


def test_chunks_must_follow_each_other() -> None:
    good = [one_input(0, 3), one_input(1, 3), one_input(2, 9)]
    assert list(consecutive(good)) == good
    other_chip = one_input(1, 3, (*SERVICES[:2], Service("b", 20, 1, 2, "in_order")))
    for bad, message in [
        (one_input(1, 2), "arrivals decrease between chunks"),
        (one_input(2, 3), "chunks are not consecutive"),
        (other_chip, "chunks of different chips"),
    ]:
        with pytest.raises(InvariantError, match=message):
            list(consecutive([good[0], bad]))
