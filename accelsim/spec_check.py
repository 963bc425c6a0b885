"""Rules of a spec that join several fields: names, roles, sources, clocks, crossings between dies and clocks.

They are checked on the raw document, so their faults are reported beside those of single fields. What has
the wrong type is passed over here, because the models report it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accelsim import leakage
from accelsim.component import Component, Delay, Imperfection, Source
from accelsim.components import COMPONENTS
from accelsim.errors import Problem, RangeError
from accelsim.faults import MAX_PROBLEMS, did_you_mean, nearest
from accelsim.spec_crossings import crossing_problems
from accelsim.spec_model import MAX_NAMES, ROLES, Clock, Die, Spec
from accelsim.spec_read_out import read_out_problems
from accelsim.spec_roles import role_problems
from accelsim.units import MAX_TICK_HZ, clock_hz, common_tick_hz, exact, is_physical
from accelsim.yamlfile import Document, show

MAX_PHYSICAL = 1e15
ENERGY_OR_POWER = ("_pj", "_uw", "_mw")


def cross_check(document: Document) -> list[Problem]:
    """Every broken rule that joins several fields (the first 200: a file may be full of them)."""
    return list(islice(_CrossCheck(document).all(), MAX_PROBLEMS))


def delay_check(spec: Spec, document: Document) -> list[Problem]:
    """Ops of a valid spec whose next start would come later than their end, and read-outs that cannot keep step."""
    found = [*_ramp_problems(spec, document), *read_out_problems(spec, document), *_line_problems(spec, document)]
    for name, instance in spec.instances.items():
        hertz = clock_hz(spec.clocks[instance.clock].clock_mhz)
        for op_name, op in COMPONENTS[instance.component].ops.items():
            latency = op.latency(instance).in_cycles(hertz)
            interval = op.interval(instance).in_cycles(hertz) if op.interval else latency
            if interval > latency:
                path = f"instances.{name}"
                got = f"{op_name} every {interval} cycles with a latency of {latency}"
                found.append(Problem(document.where(path), path, got, "an interval of at most the latency"))
    return found


def _ramp_problems(spec: Spec, document: Document) -> list[Problem]:
    """The sense amplifiers share the clock of a ramp and keep up with it.

    A strobe takes no longer than a step, and the first one, for which they wake, ends no later than the first step.
    """
    wta, sense = spec.instances.get("wta"), spec.instances.get("sense")
    if wta is None or sense is None or wta.readout != "ramp":
        return []
    found = []
    if sense.clock != wta.clock:
        path, need = "instances.sense.clock", f"{wta.clock}, the clock of the wta, whose readout is ramp"
        found.append(Problem(document.where(path), path, show(sense.clock), need))
    hertz = clock_hz(spec.clocks[wta.clock].clock_mhz)
    strobe = Delay(ns=exact(sense.sense_ns)).in_cycles(hertz)
    compared = COMPONENTS[sense.component].ops["sense"].latency(sense).in_cycles(hertz)
    woken = COMPONENTS[wta.component].ops["decide"].latency(wta).in_cycles(hertz) - wta.ramp_step_cycles
    least = max(strobe, compared - woken)
    if wta.ramp_step_cycles < least:
        path = "instances.wta.ramp_step_cycles"
        need = f"at least {least}, the cycles that the sense amplifiers take to compare (readout ramp)"
        found.append(Problem(document.where(path), path, show(wta.ramp_step_cycles), need))
    return found


def _line_problems(spec: Spec, document: Document) -> list[Problem]:
    """Arrays that give voltages need converters with a range, and the reverse."""
    arrays, adc = spec.instances.get("arrays"), spec.instances.get("adc")
    if arrays is None or adc is None or (arrays.line is None) == (adc.transfer is None):
        return []
    missing, there = ("adc.transfer", "arrays.line") if arrays.line else ("arrays.line", "adc.transfer")
    need = f"this block, as there is instances.{there}: both or none"
    path = f"instances.{missing}"
    return [Problem(document.where(path), path, "nothing", need)]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _charged(component: Component[Any]) -> set[str]:
    """Fields that account for energy, whatever their names end in."""
    powers = {static.field for static in component.statics.values()}
    return powers | set(component.actions.values()) | set(component.programming.values())


def block_model(field: FieldInfo) -> type[Imperfection] | None:
    """The model of a nested block, where that is what a field holds (or None)."""
    for model in (field.annotation, *get_args(field.annotation)):
        if isinstance(model, type) and issubclass(model, Imperfection):
            return model
    return None


def _nested_model(field: FieldInfo) -> type[BaseModel] | None:
    """The model of whatever mapping of fields an instance or die holds in a field (or None)."""
    for model in (field.annotation, *get_args(field.annotation)):
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not Source:
            return model
    return None


def _leaks(instance: Mapping[str, Any]) -> bool:
    """Whether an instance leaks at all."""
    amounts = (value for field, value in instance.items() if str(field).endswith(leakage.FIELD))
    return any(_number(value) and value > 0 for value in amounts)


def _hertz(clocks: Mapping[str, Any]) -> dict[str, int]:
    """Frequencies of the clocks that have a valid one."""
    hertz = {}
    for name, clock in clocks.items():
        mhz = _mapping(clock).get("clock_mhz")
        if _number(mhz) and 0 < mhz <= 1e6:
            try:
                hertz[name] = clock_hz(mhz)
            except RangeError:
                continue
    return hertz


class _CrossCheck:
    """The rules, one method each; every method yields the faults it finds."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.kind = str(document.data.get("kind"))
        self.role_of = ROLES.get(self.kind, {})
        self.dies = _mapping(document.data.get("dies"))
        self.clocks = _mapping(document.data.get("clocks"))
        self.instances = _mapping(document.data.get("instances"))
        self.hertz = _hertz(self.clocks)

    def all(self) -> Iterator[Problem]:
        """Every fault."""
        for name, die in self.dies.items():
            yield from self.sources(f"dies.{name}", _mapping(die), Die.model_fields)
            yield from self.die(name, _mapping(die))
        for name, clock in self.clocks.items():
            yield from self.sources(f"clocks.{name}", _mapping(clock), Clock.model_fields)
        yield from self.ticks()
        for name, instance in self.instances.items():
            yield from self.instance(name, _mapping(instance))
        if self.role_of and self.instances:
            yield from role_problems(self.document, self.kind, self.instances)
            yield from crossing_problems(self.document, self.kind, self.hertz)

    def fault(self, path: str, got: str, need: str, hint: str = "") -> Problem:
        return Problem(self.document.where(path), path, got, need, hint)

    def die(self, name: str, die: Mapping[str, Any]) -> Iterator[Problem]:
        """A die carries something, and where that leaks it is known how leakage follows the temperature."""
        path = f"dies.{name}"
        parts = {user: part for user, part in self.instances.items() if _mapping(part).get("die") == name}
        if self.instances and not parts:
            yield self.fault(path, "a die without instances", "an instance whose die is this one")
        law, leaking = die.get("leakage"), next((user for user, part in parts.items() if _leaks(part)), None)
        if law is None and leaking:
            yield self.fault(f"{path}.leakage", "nothing", f"the law that the leakage of {leaking} follows")
        if not isinstance(law, dict):
            return
        span = f"{leakage.LOWEST_K} to {leakage.HIGHEST_K}, the kelvins of the leakage tables"
        kelvins = {"temperature_k": die.get("temperature_k"), "leakage.reference_k": law.get("reference_k")}
        for field, kelvin in kelvins.items():
            if _number(kelvin) and not leakage.LOWEST_K <= kelvin <= leakage.HIGHEST_K:
                yield self.fault(f"{path}.{field}", show(kelvin), span)
        node = law.get("node_nm")
        if _number(node) and node not in leakage.NODES_NM:
            need = f"{', '.join(map(str, leakage.NODES_NM))}: a node of the leakage tables"
            yield self.fault(f"{path}.leakage.node_nm", show(node), need)

    def instance(self, name: str, instance: Mapping[str, Any]) -> Iterator[Problem]:
        """Component, names of die and clock, and sources."""
        path = f"instances.{name}"
        component = instance.get("component")
        if name in self.role_of and component not in (None, self.role_of[name].component):
            need = f"{self.role_of[name].component}, the component of this role"
            yield self.fault(f"{path}.component", show(component), need)
            return
        for field, names in (("die", self.dies), ("clock", self.clocks)):
            used = instance.get(field)
            if isinstance(used, str) and names and used not in names:
                need = f"a {field} of this file: {', '.join(names)}"
                yield self.fault(f"{path}.{field}", show(used), need, did_you_mean(nearest(used, names)))
        if isinstance(component, str) and component in COMPONENTS:
            known = COMPONENTS[component]
            yield from self.sources(path, instance, known.spec.model_fields, _charged(known))

    def sources(
        self, path: str, data: Mapping[str, Any], fields: Mapping[str, FieldInfo], charged: Collection[str] = ()
    ) -> Iterator[Problem]:
        """Physical fields: their size, their sources, and that 0 and `not_charged` come together.

        `fields` are the model's; a field that holds a nested block is checked in the same way, with its own sources.
        """
        for name, field in fields.items():
            block = _nested_model(field)
            if block and isinstance(data.get(name), dict):
                yield from self.sources(f"{path}.{name}", data[name], block.model_fields)
        physical = [name for name in fields if is_physical(name) or name in charged]
        for name in physical:
            value = data.get(name)
            if _number(value) and MAX_PHYSICAL < abs(value) < float("inf"):
                yield self.fault(f"{path}.{name}", show(value), f"at most {MAX_PHYSICAL:g} in this unit")
        sources = data.get("sources")
        if not isinstance(sources, dict):
            return
        missing = [name for name in physical if data.get(name) is not None and name not in sources]
        yield from self.entries(f"{path}.sources", sources, fields, physical, missing)
        for name in physical:
            basis = _mapping(sources.get(name)).get("basis")
            counts = name.endswith(ENERGY_OR_POWER) or name in charged
            yield from self.zero(f"{path}.{name}", data.get(name), basis, counts)
            yield from self.within(f"{path}.{name}", data.get(name), _mapping(sources.get(name)).get("range"))

    def entries(
        self,
        path: str,
        sources: Mapping[str, Any],
        fields: Collection[str],
        physical: Collection[str],
        missing: Collection[str],
    ) -> Iterator[Problem]:
        """A source for every physical field, a field for every source."""
        meant = set()
        for entry in sources:
            if entry not in fields or entry in ("component", "sources"):
                guess = nearest(entry, missing) or nearest(entry, physical)
                meant.add(guess)
                hint = did_you_mean(guess)
                yield self.fault(f"{path}.{entry}", "the source of no field", "the name of a field", hint)
        for name in missing:
            if name not in meant:
                yield self.fault(f"{path}.{name}", "nothing", "the basis and text of its number")

    def zero(self, path: str, value: Any, basis: Any, counts: bool) -> Iterator[Problem]:
        """An energy or power of 0 is `not_charged`, and what is not charged is 0."""
        if not _number(value):
            return
        if basis == "not_charged" and value != 0:
            yield self.fault(path, f"{show(value)} (not_charged)", "the value 0, or another basis")
        if value == 0 and counts and basis in ("published", "derived", "assumed"):
            yield self.fault(path, f"0 ({basis})", "a value > 0, or the basis not_charged")

    def within(self, path: str, value: Any, limits: Any) -> Iterator[Problem]:
        """A number lies in the range that its source states."""
        if not (_number(value) and isinstance(limits, list) and len(limits) == 2 and all(map(_number, limits))):
            return
        if limits[0] <= limits[1] and not limits[0] <= value <= limits[1]:
            yield self.fault(path, show(value), f"{show(limits[0])} to {show(limits[1])}, the range its source states")

    def ticks(self) -> Iterator[Problem]:
        """Clocks are whole hertz with a common multiple that int64 time can hold."""
        for name, clock in self.clocks.items():
            mhz = _mapping(clock).get("clock_mhz")
            if name not in self.hertz and _number(mhz) and 0 < mhz <= 1e6:
                yield self.fault(f"clocks.{name}.clock_mhz", show(mhz), "a whole number of hertz")
        if len(self.hertz) > MAX_NAMES:
            return
        try:
            common_tick_hz(self.hertz.values())
        except RangeError:
            got = ", ".join(f"{hertz} Hz" for hertz in self.hertz.values())
            need = f"clocks with a common multiple of at most {MAX_TICK_HZ:g} Hz"
            yield self.fault("clocks", got, need)
