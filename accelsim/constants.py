"""The constants of a spec: every number that states a source, where it stands, and what it can move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from accelsim.component import Source
from accelsim.components import COMPONENTS
from accelsim.spec_model import Spec
from accelsim.units import is_physical

Effect = Literal["price", "programming", "area", "behaviour"]


@dataclass(frozen=True)
class Constant:
    """A number of a spec.

    Attributes:
        path: as in `--set`.
        instance: the instance whose own field it is, "" for dies, clocks and nested blocks.
        field: its name.
        value: what the spec says.
        source: where that comes from, with its range.
        effect: `price`: a unit energy or a power, on which energy depends linearly and nothing else does;
            `programming`: the same of what is written once; `area`; `behaviour`: anything that may move times, noise or
            answers.
    """

    path: str
    instance: str
    field: str
    value: float
    source: Source
    effect: Effect

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of its range; itself twice where it has none."""
        return self.source.range or (self.value, self.value)


def constants(spec: Spec) -> list[Constant]:
    """All of a spec, in file order: fields of one number each."""
    return [
        Constant(stated.path, stated.instance, stated.field, stated.value, stated.source, stated.effect)
        for stated in _all_stated(spec)
        if isinstance(stated.value, int | float)
    ]


def assumed_without_range(spec: Spec) -> list[str]:
    """Paths of the assumed quantities that state no range: no interval knows how wrong they may be.

    Sizes and counts without a unit are choices, not quantities, and are left out; so are areas, on which no figure of a
    run depends. Polynomials and tables (fields of several numbers) are in: they are no `Constant`, so no tornado can
    move them.
    """
    return [
        stated.path
        for stated in _all_stated(spec)
        if stated.source.basis == "assumed"
        and stated.source.range is None
        and is_physical(stated.field)
        and stated.effect != "area"
    ]


class _Stated(NamedTuple):
    """A field with a source, as in `Constant`, but `value` is a number or a tuple of numbers or of tuples."""

    path: str
    instance: str
    field: str
    value: Any
    source: Source
    effect: Effect


def _all_stated(spec: Spec) -> Iterator[_Stated]:
    for name, die in spec.dies.items():
        yield from _stated(f"dies.{name}", die)
    for name, clock in spec.clocks.items():
        yield from _stated(f"clocks.{name}", clock)
    for name, instance in spec.instances.items():
        yield from _stated(f"instances.{name}", instance, name)


def _stated(path: str, part: Any, instance: str = "") -> Iterator[_Stated]:
    """The quantities of a die, a clock, an instance or a nested block, and of the blocks in it."""
    for field in type(part).model_fields if hasattr(part, "sources") else ():
        value = getattr(part, field)
        if isinstance(value, BaseModel):
            yield from _stated(f"{path}.{field}", value)
        elif field in part.sources and isinstance(value, int | float | tuple) and not isinstance(value, bool):
            effect = _effect(part, field) if instance else "behaviour"
            yield _Stated(f"{path}.{field}", instance, field, value, part.sources[field], effect)


def _effect(part: Any, field: str) -> Effect:
    component = COMPONENTS[part.component]
    if field in component.actions.values() or field in {static.field for static in component.statics.values()}:
        return "price"
    if field in component.programming.values():
        return "programming"
    return "area" if field == "area_um2" else "behaviour"
