"""Chips with the same job tables share their times, and it shows nowhere: all is as if the engine had run for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.arrivals import Arrivals
from accelsim.chip_run import ChipRun, ChipRunner, RunOptions
from accelsim.engines import events
from accelsim.jobs import JobBuilder, JobTable, Service
from accelsim.run import Run, simulate
from accelsim.timing import table_digest
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.engines.random_tables import random_table
from tests.workload import builders

N = 300  # a whole block, and a part of a second one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reuse")
    builders.write_folder(made / "w", builders.mbi(2, n_inputs=N, side=6, n_glimpses=2, hidden_bits=8, n_tables=2))
    return made


@pytest.fixture
def engine_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever the engine is started."""
    started: list[int] = []
    real = events.run

    def counting(*args: Any, **options: Any) -> Iterator[Any]:
        started.append(1)
        return real(*args, **options)

    monkeypatch.setattr(events, "run", counting)
    return started


def run(folder: Path, n_inputs: int = N, n_chips: int = 1, known: ChipRun | None = None, **changes: Any) -> Run:
    options = RunOptions(n_inputs, seed=4, n_chips=n_chips, arrivals=Arrivals.parse("poisson:1e6"))
    return simulate(chips.spec(folder, "mbi", **changes), load_workload(folder / "w"), options, known=known)


def same(a: ChipRun, b: ChipRun) -> None:
    for field in fields(ChipRun):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if field.name == "columns":
            assert list(one) == list(other) or set(one) == set(other)
            for name in one:
                assert np.array_equal(one[name], other[name]), name
        else:
            assert one == other, field.name


def test_equal_chips_share_the_times_of_the_first(
    folder: Path, engine_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = run(folder, n_chips=3)
    assert len(engine_runs) == 1
    real = ChipRunner.run
    monkeypatch.setattr(ChipRunner, "run", lambda runner, progress, like=None: real(runner, progress))
    engine = run(folder, n_chips=3)
    assert len(engine_runs) == 1 + 3
    for a, b in zip(shared.chips, engine.chips, strict=True):
        same(a, b)
    assert shared.timeline_sha256 == engine.timeline_sha256


def test_another_price_shares_times_another_delay_does_not(folder: Path, engine_runs: list[int]) -> None:
    known = run(folder).chips[0]
    for changes, runs in (({"compare_pj": 0.5}, 0), ({"evaluate_ns": 55}, 1), ({"slots": 3}, 1)):
        engine_runs.clear()
        shared = run(folder, known=known, arrays=changes)
        assert len(engine_runs) == runs, changes
        same(shared.chips[0], run(folder, arrays=changes).chips[0])


@pytest.mark.parametrize("n_inputs", [1, 255, 256, 299])
def test_a_beginning_is_not_the_whole(folder: Path, engine_runs: list[int], n_inputs: int) -> None:
    """256 inputs fill the same first table, but later inputs of the longer run wait behind them."""
    known = run(folder).chips[0]
    engine_runs.clear()
    few = run(folder, n_inputs, known=known)
    assert len(engine_runs) == 1
    same(few.chips[0], run(folder, n_inputs).chips[0])
    engine_runs.clear()
    same(run(folder, known=few.chips[0]).chips[0], known)
    assert len(engine_runs) == 1


def test_progress_counts_every_input_of_every_chip(folder: Path) -> None:
    done: list[int] = []
    options = RunOptions(N, n_chips=3)
    simulate(chips.spec(folder, "mbi"), load_workload(folder / "w"), options, done.append)
    assert sum(done) == 3 * N


def table() -> JobTable:
    return random_table(np.random.default_rng(5))


def of_four_jobs(after: int) -> JobTable:
    """Admission, a job after it, one that needs job number `after`, and a last one that needs it and the admission."""
    jobs = JobBuilder((Service("admission", 1, 1, 1, "first_come"), Service("work", 1, 3, 3, "in_order")), 0, 1)
    done = [jobs.add("admission", "admit", phase="p", needs=[], cycles=1)]
    done.append(jobs.add("work", "work", phase="p", needs=done[:1], cycles=4))
    late = jobs.add("work", "work", phase="p", needs=[done[after]], cycles=4)
    jobs.add("work", "work", phase="p", needs=[done[0], late], cycles=4)
    return jobs.build(1)[0]


def test_the_digest_is_of_all_that_an_engine_looks_at() -> None:
    whole = table()
    digests = {table_digest(whole)}
    assert table_digest(table()) in digests
    last = np.arange(whole.n_jobs) == whole.n_jobs - 1
    changed = [
        replace(whole, cycles=whole.cycles + last),
        replace(whole, cycles=whole.cycles + 1, interval=np.maximum(whole.interval - last, 1)),
        replace(whole, cycles=whole.cycles + 1),
        replace(whole, release=whole.release + (whole.instance == 0)),
        replace(whole, first_input=whole.first_input + 1, input=whole.input + 1),
        replace(whole, services=(*whole.services[:-1], replace(whole.services[-1], slots=999))),
        replace(whole, services=(*whole.services[:-1], replace(whole.services[-1], ticks_per_cycle=997))),
    ]
    digests |= {table_digest(other) for other in changed}
    assert len(digests) == 1 + len(changed)
    chain, fork = (of_four_jobs(after) for after in (1, 0))
    assert np.array_equal(chain.need_start, fork.need_start)
    assert table_digest(chain) != table_digest(fork)
    named = replace(whole, ops=tuple(f"{name}_" for name in whole.ops))
    assert table_digest(named) == table_digest(whole)  # names are for people
