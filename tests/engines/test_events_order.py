"""The order in which SimPy processes events of equal time and priority changes nothing."""

import functools
import itertools
from heapq import heappush

import numpy as np
import pytest
import simpy
from simpy.events import NORMAL, EventPriority

from accelsim.engines import events
from tests.engines.random_tables import cut, random_sizes, random_table
from tests.engines.test_engine_random import BLOCKS, generator, outcome


class ShuffledEnvironment(simpy.Environment):
    """Draws the order of events of equal time and priority, which SimPy takes from their creation."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = np.random.default_rng(seed)
        self._serial = itertools.count()

    def schedule(self, event: simpy.Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        tie = int(self._rng.integers(2**31)) << 31 | next(self._serial)
        heappush(self._queue, (self._now + delay, priority, tie, event))


def test_the_shuffle_shuffles() -> None:
    env, log = ShuffledEnvironment(0), []
    for name in range(20):
        env.timeout(5, name).callbacks.append(lambda event: log.append(event.value))
    env.run()
    assert sorted(log) == list(range(20)) != log


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_order_of_simultaneous_events_changes_nothing(seeds: range) -> None:
    for seed in seeds:
        rng = generator(seed)
        table = random_table(rng)
        plain = outcome(events.run, [table])
        for shuffle in range(3):
            environment = functools.partial(ShuffledEnvironment, shuffle)
            shuffled = functools.partial(events.run, environment=environment)
            chunks = [table] if shuffle == 0 else cut(table, random_sizes(rng, table.n_inputs))
            assert outcome(shuffled, chunks) == plain, (seed, shuffle)


class InterruptedEnvironment(simpy.Environment):
    """Ctrl-C at the nth event that is scheduled: in the load of a chunk, in a callback or in a process."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._left = nth

    def schedule(self, event: simpy.Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        super().schedule(event, priority, delay)


def test_keyboard_interrupt_passes_through_wherever_it_strikes() -> None:
    table = random_table(generator(0))
    n_struck = 0
    for nth in range(1, 10_000):
        try:
            list(events.run([table], environment=functools.partial(InterruptedEnvironment, nth)))
        except KeyboardInterrupt:
            n_struck += 1
        else:
            break
    assert n_struck > table.n_jobs
