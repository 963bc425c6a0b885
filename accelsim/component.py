"""What a component is: a spec, ops with durations, actions with unit energies, static power, and pure functions.

A component lives in one file of `accelsim/components/` and is one `Component` value there. Its functions are module
functions of the form `op(spec, state, x, draws) -> OpResult`, vectorised over inputs (axis 0), and
`program(spec, stored, draws) -> Programmed` for what is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Generic, Literal, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from accelsim.units import cycles_from_ns, exact

IntArray = npt.NDArray[np.int64]

Basis = Literal["published", "derived", "assumed", "not_charged", "edited"]

NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10**9)]

MODEL = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Source(BaseModel):
    """Where a number comes from.

    Attributes:
        basis: published, derived (from published numbers), assumed, not_charged (a unit cost of 0 on purpose), or
            edited (by `--set` or a sweep).
        text: citation or reason; for an assumed value, why.
        range: lowest and highest value that the literature or the uncertainty of the derivation leaves open, in the
            unit of the field; None where it is taken as exact. The text says where the range comes from.
    """

    model_config = MODEL
    basis: Basis
    text: Annotated[str, Field(min_length=1)]
    range: Annotated[tuple[float, float] | None, Field(strict=False)] = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.range and self.range[0] > self.range[1]:
            raise ValueError(f"range: got {self.range[0]} to {self.range[1]}, need the lower end first")
        return self


class Imperfection(BaseModel):
    """Base of the nested blocks of a component's spec that make a part less than ideal.

    A block that a spec leaves out means that the part is ideal. A block whose sigmas are zero gives the same bits.

    Attributes:
        sources: source of every physical field of the block.
    """

    model_config = MODEL
    sources: dict[str, Source]


class ComponentSpec(BaseModel):
    """Fields every instance has; a component's spec adds its own and a `component: Literal[...]` tag.

    Attributes:
        die: name of the die it sits on.
        clock: name of the clock whose edges its jobs start on.
        count: identical copies that work in lock step; area and static power are per copy.
        area_um2: area of one copy, null where unknown.
        leakage_uw: leakage of one copy, at the reference temperature of its die.
        gate_leakage_uw: the part of it that is gate leakage and does not change with temperature; null where unknown:
            then all of it does.
        sources: source of every physical field.
    """

    model_config = MODEL
    die: str
    clock: str
    count: Count
    area_um2: Positive | None
    leakage_uw: NonNegative
    gate_leakage_uw: NonNegative | None = None
    sources: dict[str, Source]

    @model_validator(mode="after")
    def _gate_is_part(self) -> Self:
        if self.gate_leakage_uw is not None and self.gate_leakage_uw > self.leakage_uw:
            most = f"at most leakage_uw {self.leakage_uw}, which holds it"
            raise ValueError(f"gate_leakage_uw: got {self.gate_leakage_uw}, need {most}")
        return self


class ServedSpec(ComponentSpec):
    """A component whose service is the user's choice (all but admission).

    Attributes:
        rule: service rule, `in_order` (table order) or `first_come`.
        servers: jobs that can be in service at once.
        slots: results that can be held until everybody who needs them is done (2 = double buffering).
    """

    rule: Literal["in_order", "first_come"]
    servers: Annotated[int, Field(ge=1, le=1024)]
    slots: Annotated[int, Field(ge=1, le=10**6)]


class OrderedSpec(ServedSpec):
    """A component whose jobs later jobs rely on in order: when one has ended, all earlier ones have."""

    rule: Literal["in_order"]
    servers: Literal[1]


SpecT = TypeVar("SpecT", bound=ComponentSpec)


@dataclass(frozen=True)
class Delay:
    """A duration as the spec states it: whole cycles, analog nanoseconds, or a sum of both.

    The nanoseconds of a combinational chain are added first and rounded up once.
    """

    cycles: int = 0
    ns: Fraction = Fraction(0)

    def in_cycles(self, hertz: int) -> int:
        """Cycles of a clock of `hertz` that cover this delay, at least one."""
        return max(1, self.cycles + cycles_from_ns(self.ns, hertz))

    def slack_ns(self, hertz: int) -> float:
        """Time in ns left over in the last cycle: what rounding up cost."""
        return float(
            Fraction(self.in_cycles(hertz) * 10**9, hertz) - Fraction(self.cycles * 10**9, hertz) - self.ns
        )


@dataclass(frozen=True)
class Op:
    """What an instance does, and how long it takes.

    Attributes:
        latency: spec → Delay from start to end.
        interval: spec → Delay from one start to the next on the same server; None = the latency.
    """

    latency: Callable[[Any], Delay]
    interval: Callable[[Any], Delay] | None = None


@dataclass(frozen=True)
class Static:
    """What is drawn whether or not anything happens: a power, or an energy in each cycle of the instance's clock.

    Attributes:
        field: spec field of one unit: a power in uW, or with `per_cycle` an energy in pJ.
        units: spec → number of such units in one copy (1 unless given).
        when: spec → `always`, or `busy` for a part that is gated off unless a server is occupied.
        per_cycle: whether it is drawn in each cycle (a clock tree, C·V² an edge) and so follows the clock.
    """

    field: str
    units: Callable[[Any], int] = lambda spec: 1
    when: Callable[[Any], Literal["always", "busy"]] = lambda spec: "always"
    per_cycle: bool = False


def wake_ns(spec: Any) -> Fraction:
    """Time in ns that switching on takes in each access of a part whose bias is gated, else 0."""
    return exact(spec.wake_ns) if spec.bias_gated else Fraction(0)


# Clock tree of a digital part that is never gated.
CLOCK = Static("clock_pj", per_cycle=True)

# Bias of an analog part: drawn while it is busy when the spec gates it, else always.
BIAS = Static("bias_uw", when=lambda spec: "busy" if spec.bias_gated else "always")


@dataclass(frozen=True)
class Rider:
    """An action that another one always brings with it, whoever caused it.

    Attributes:
        action: its name.
        units: spec → how often it happens for each of the other one.
        there: spec → whether the part that does it is there.
    """

    action: str
    units: Callable[[Any], int]
    there: Callable[[Any], bool]


@dataclass(frozen=True)
class Component(Generic[SpecT]):
    """One block of a chip. `COMPONENTS` in `accelsim/components/__init__.py` lists them all.

    Attributes:
        name: the `component:` key of specs.
        spec: its pydantic model.
        ops: op name → durations.
        actions: action name → spec field with its unit energy in pJ.
        riders: action → what is counted along with it.
        statics: name of static power → Static; `leakage` is always there.
        programming: write action → spec field with its unit energy in pJ (a ledger of its own).
    """

    name: str
    spec: type[SpecT]
    ops: Mapping[str, Op]
    actions: Mapping[str, str]
    statics: Mapping[str, Static] = field(default_factory=lambda: {"leakage": Static("leakage_uw")})
    programming: Mapping[str, str] = field(default_factory=dict)
    riders: Mapping[str, Rider] = field(default_factory=dict)


class OpResult(NamedTuple):
    """What a component's function returns.

    Attributes:
        y: the value, axis 0 = inputs.
        activity: action → count per input, `[n_inputs]` int64.
        extra_cycles: `[n_inputs]` int64 cycles beyond the op's latency that the data cost.
    """

    y: Any
    activity: Mapping[str, IntArray]
    extra_cycles: IntArray


class Programmed(NamedTuple):
    """What `program` returns.

    Attributes:
        state: what is stored.
        activity: write action → count.
        steps: how many steps one after the other, and the ns of each; a step takes whole cycles of the instance's
            clock, one of 0 ns (not charged) none.
    """

    state: Any
    activity: Mapping[str, int]
    steps: tuple[tuple[int, Fraction], ...]

    def time_s(self, hertz: int) -> Fraction:
        """Seconds that writing takes at a clock of `hertz`."""
        return sum((Fraction(n * cycles_from_ns(ns, hertz), hertz) for n, ns in self.steps), Fraction(0))


def per_input(n_inputs: int, count: int) -> IntArray:
    """The same count for every input, `[n_inputs]` int64."""
    return np.full(n_inputs, count, dtype=np.int64)
