"""Why a table can never finish: at which instances jobs wait for a slot, and which jobs hold the slots.

When nothing happens any more, every job that has started has ended. Then only slots are scarce, and the starts alone
say who holds one: a job of which some user has not started.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.errors import DeadlockError
from accelsim.jobs import BoolArray, JobTable, Service

SHOWN = 3  # jobs named of each kind


def deadlock(loaded: Sequence[tuple[JobTable, BoolArray]]) -> DeadlockError:
    """The error of an engine in which nothing happens any more.

    Args:
        loaded: the tables in the engine, one after the other, and which of their jobs have started, `[n_jobs]`.
    """
    states = [_State(table, started) for table, started in loaded]
    names = [state.table.describe(job) for state in states for job in np.flatnonzero(state.stuck).tolist()]
    causes = (_cause(index, service, states) for index, service in enumerate(states[0].table.services))
    return DeadlockError(names, [cause for cause in causes if cause])


class _State:
    """What is true of each job of a table, `[n_jobs]` each.

    Attributes:
        started: it has started.
        stuck: it has not, though its input was admitted.
        waits: it is stuck and visible.
        holds: it holds a slot.
    """

    def __init__(self, table: JobTable, started: BoolArray) -> None:
        n = table.n_jobs
        user = np.repeat(np.arange(n), np.diff(table.need_start))  # of each need
        visible = np.bincount(user[~started[table.need]], minlength=n) == 0
        self.table = table
        self.started = started
        self.stuck = ~started & started[table.first_job()][table.input - table.first_input]
        self.waits = self.stuck & visible
        self.holds = started & (np.bincount(table.need[~started[user]], minlength=n) > 0)


_Job = tuple[_State, int]  # a table's state and the index of a job in it


def _cause(index: int, service: Service, states: Sequence[_State]) -> str:
    """Who waits for a slot of an instance and who holds it, or "" where nobody waits."""
    jobs = [(state, job) for state in states for job in np.flatnonzero(state.table.instance == index).tolist()]
    waiting = [(state, job) for state, job in jobs if state.waits[job]]
    holding = [(state, job) for state, job in jobs if state.holds[job]]
    held = f"{service.name}: {len(holding)} of {service.slots} slots held"
    if service.rule == "in_order":
        # Only the next job may start, in the slot of the job so many before it.
        turn = sum(int(state.started[job]) for state, job in jobs)
        waiting = [job for job in waiting if job == jobs[turn]]
        held += ", the next in turn"
        holding = [jobs[turn - service.slots]] if waiting else []
    if not waiting:
        return ""
    waits = f"{_names(waiting)} {'waits' if len(waiting) == 1 else 'wait'}"
    return f"{held} by {_names(holding)}; {waits}; more slots there may help (instances.{service.name}.slots)"


def _names(jobs: Sequence[_Job]) -> str:
    """The first of the jobs in words, without their instance."""
    rest = f" and {len(jobs) - SHOWN} more" if len(jobs) > SHOWN else ""
    return ", ".join(state.table.describe(job).partition(".")[2] for state, job in jobs[:SHOWN]) + rest
