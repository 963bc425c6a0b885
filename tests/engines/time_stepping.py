"""The service rules once more, the slowest way: walk every tick, and recompute all from the starts so far."""

import numpy as np

from accelsim.jobs import ADMISSION, JobTable

NEVER = float("inf")


class Walk:
    """Start of each job of a table, `None` where it can never start.

    Nothing is counted up or down: whether a job has ended, is visible, occupies a server or holds a slot at a
    time follows from `start` alone. As a job lasts at least a tick, a start changes none of it at its time.
    """

    def __init__(self, table: JobTable) -> None:
        self.services = table.services
        ticks = np.array([table.services[i].ticks_per_cycle for i in table.instance])
        self.instance: list[int] = table.instance.tolist()
        self.latency: list[int] = (table.cycles * ticks).tolist()
        self.interval: list[int] = (table.interval * ticks).tolist()
        self.release: list[int] = table.release.tolist()
        jobs = range(table.n_jobs)
        self.needs: list[list[int]] = [x.tolist() for x in np.split(table.need, table.need_start[1:-1])]
        self.users: list[list[int]] = [[] for _ in jobs]
        for job in jobs:
            for need in self.needs[job]:
                self.users[need].append(job)
        self.jobs_of = [[j for j in jobs if self.instance[j] == i] for i in range(len(self.services))]
        self.start: list[int | None] = [None] * table.n_jobs
        self._walk()

    def _walk(self) -> None:
        now, quiet, longest_cycle = 0, 0, max(service.ticks_per_cycle for service in self.services)
        while None in self.start and quiet <= longest_cycle:
            for index, service in enumerate(self.services):
                if now % service.ticks_per_cycle == 0:
                    while self._grant(index, now):
                        pass
            running = any(now < self._end(job) < NEVER for job in range(len(self.start)))
            quiet = 0 if running or now <= max(self.release) else quiet + 1
            now += 1

    def _grant(self, index: int, now: int) -> bool:
        """Starts one job of the instance, if one may start."""
        service, jobs = self.services[index], self.jobs_of[index]
        started = [j for j in jobs if self.start[j] is not None]
        in_service = [j for j in started if self._started(j) + self.interval[j] > now]
        waiting = [j for j in jobs if self.start[j] is None]
        if not waiting or len(in_service) == service.servers:
            return False
        if service.rule == "in_order":
            job = waiting[0]
            before = jobs.index(job) - service.slots  # the job that had this job's slot
            if self._visible(job) > now or (before >= 0 and self._holds_slot(jobs[before], now)):
                return False
        else:
            requests = [(self._edge(j), j) for j in waiting if self._edge(j) <= now]
            if not requests or sum(self._holds_slot(j, now) for j in started) == service.slots:
                return False
            _, job = min(requests)
        self.start[job] = now
        return True

    def _started(self, job: int) -> int:
        start = self.start[job]
        assert start is not None
        return start

    def _end(self, job: int) -> float:
        start = self.start[job]
        return NEVER if start is None else start + self.latency[job]

    def _visible(self, job: int) -> float:
        return max([self.release[job], *(self._end(need) for need in self.needs[job])])

    def _edge(self, job: int) -> float:
        ticks = self.services[self.instance[job]].ticks_per_cycle
        return -(-self._visible(job) // ticks) * ticks

    def _holds_slot(self, job: int, now: int) -> bool:
        return any(self._end(j) > now for j in self.users[job] or [job])


def short_of_slots(walk: Walk) -> list[str]:
    """The instances that a `DeadlockError` is to blame: those where a job could start if it had a slot."""
    blamed = []
    for service, jobs in zip(walk.services, walk.jobs_of, strict=True):
        waiting = [j for j in jobs if walk.start[j] is None]
        heads = waiting[:1] if service.rule == "in_order" else waiting
        if service is not walk.services[ADMISSION] and any(walk._visible(j) < NEVER for j in heads):
            blamed.append(service.name)
    return blamed


def stuck(table: JobTable, start: list[int | None]) -> list[str]:
    """The jobs that a `DeadlockError` is to name: the unfinished ones of the inputs that were admitted."""
    jobs = range(table.n_jobs)
    admitted = {table.input[j] for j in jobs if table.instance[j] == ADMISSION and start[j] is not None}
    return [table.describe(j) for j in jobs if start[j] is None and table.input[j] in admitted]
