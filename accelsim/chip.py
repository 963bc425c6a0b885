"""A chip: the instances of a spec with their clocks, ready to be asked how long an op takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.clock import Clocks
from accelsim.component import Component, Delay
from accelsim.components import COMPONENTS
from accelsim.jobs import Service
from accelsim.spec import Spec

ADMISSION = "admission"


@dataclass(frozen=True)
class Instance:
    """One thing of the chip that can be busy on its own.

    Attributes:
        name: its name, which is its role.
        component: what it is.
        spec: its part of the spec, of the component's own model.
        hertz: frequency of its clock.
        ticks_per_cycle: ticks of the chip in one cycle of its clock.
    """

    name: str
    component: Component[Any]
    spec: Any
    hertz: int
    ticks_per_cycle: int

    def latency(self, op: str) -> int:
        """Cycles from start to end of an op, before what the data add."""
        return self.component.ops[op].latency(self.spec).in_cycles(self.hertz)

    def interval(self, op: str) -> int:
        """Cycles from one start to the next on the same server."""
        return self._interval(op).in_cycles(self.hertz)

    def slack_ns(self, op: str) -> float:
        """Time in ns that rounding the latency up to whole cycles costs."""
        return self.component.ops[op].latency(self.spec).slack_ns(self.hertz)

    def service(self) -> Service:
        """How it serves jobs, as engines see it."""
        return Service(self.name, self.ticks_per_cycle, self.spec.servers, self.spec.slots, self.spec.rule)

    def _interval(self, op: str) -> Delay:
        found = self.component.ops[op]
        delay: Delay = (found.interval or found.latency)(self.spec)
        return delay


@dataclass(frozen=True)
class Chip:
    """A spec, its clocks, and its instances by name in file order."""

    spec: Spec
    clocks: Clocks
    instances: Mapping[str, Instance]

    def __getitem__(self, name: str) -> Instance:
        return self.instances[name]

    def __contains__(self, name: object) -> bool:
        return name in self.instances

    @property
    def services(self) -> tuple[Service, ...]:
        """Services of all instances, admission first, then in file order."""
        names = [ADMISSION, *(name for name in self.instances if name != ADMISSION)]
        return tuple(self.instances[name].service() for name in names)


def build_chip(spec: Spec) -> Chip:
    """The chip that a checked spec describes."""
    clocks = Clocks.from_mhz({name: clock.clock_mhz for name, clock in spec.clocks.items()})
    instances = {
        name: Instance(
            name,
            COMPONENTS[part.component],
            part,
            clocks.hertz[part.clock],
            clocks.ticks_per_cycle(part.clock),
        )
        for name, part in spec.instances.items()
    }
    return Chip(spec, clocks, instances)
