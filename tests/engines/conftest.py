"""The engines that every test of this folder runs on."""

from collections.abc import Callable, Iterator

import pytest

from accelsim.engines import events
from accelsim.jobs import Timeline

Engine = Callable[..., Iterator[Timeline]]  # run(chunks, *, retired=None)


@pytest.fixture(params=[pytest.param(events.run, id="events")])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine's `run`."""
    run: Engine = request.param
    return run
