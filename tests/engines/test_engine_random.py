"""Random tables: an engine gives what the rules say, however the inputs are cut into chunks."""

import numpy as np
import pytest

from accelsim.errors import DeadlockError
from accelsim.jobs import JobTable
from tests.engines.conftest import Engine
from tests.engines.random_tables import cut, random_sizes, random_table
from tests.engines.time_stepping import Walk, short_of_slots, stuck

N_TABLES = 600
BLOCK = 30  # tables a test
BLOCKS = [range(first, first + BLOCK) for first in range(0, N_TABLES, BLOCK)]

Outcome = list[tuple[int, int]] | tuple[str, ...]  # every start and end, or the jobs that a deadlock names


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng([2024, seed])


def outcome(engine: Engine, chunks: list[JobTable]) -> Outcome:
    try:
        timelines = list(engine(iter(chunks)))
    except DeadlockError as error:
        return error.jobs
    assert [timeline.table for timeline in timelines] == chunks
    for timeline in timelines:
        assert timeline.start.shape == timeline.end.shape == (timeline.table.n_jobs,)
        assert timeline.start.dtype == timeline.end.dtype == np.int64
    return [pair for t in timelines for pair in zip(t.start.tolist(), t.end.tolist(), strict=True)]


def blames(engine: Engine, chunks: list[JobTable]) -> list[str] | None:
    """The instances that a deadlock blames, or None if there is none."""
    try:
        list(engine(iter(chunks)))
    except DeadlockError as error:
        return [cause.partition(":")[0] for cause in error.causes]
    return None


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_starts_and_ends_are_those_of_walking_every_tick(engine: Engine, seeds: range) -> None:
    for seed in seeds:
        table = random_table(generator(seed))
        walk = Walk(table)
        starts = [start for start in walk.start if start is not None]
        expected: Outcome = tuple(stuck(table, walk.start))
        if len(starts) == table.n_jobs:
            expected = [(start, start + latency) for start, latency in zip(starts, walk.latency, strict=True)]
        assert outcome(engine, [table]) == expected, seed


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_chunks_change_nothing(engine: Engine, seeds: range) -> None:
    for seed in seeds:
        rng = generator(seed)
        table = random_table(rng)
        whole = outcome(engine, [table])
        for sizes in ([1] * table.n_inputs, *(random_sizes(rng, table.n_inputs) for _ in range(2))):
            assert outcome(engine, cut(table, sizes)) == whole, (seed, sizes)


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_a_deadlock_blames_the_instances_that_are_short_of_slots(engine: Engine, seeds: range) -> None:
    for seed in seeds:
        rng = generator(seed)
        table = random_table(rng)
        for chunks in ([table], cut(table, random_sizes(rng, table.n_inputs))):
            blamed = blames(engine, chunks)
            assert blamed is None or blamed == short_of_slots(Walk(table)) != []


def test_most_random_tables_are_live_and_some_are_not(engine: Engine) -> None:
    outcomes = [outcome(engine, [random_table(generator(seed))]) for seed in range(N_TABLES)]
    n_live = sum(isinstance(result, list) for result in outcomes)
    assert N_TABLES / 2 <= n_live <= 0.95 * N_TABLES
