"""Memories that take their numbers from CACTI's tables: filled in when a spec is read, before it is checked.

An instance with `table: {cell: …}` gets each number that its spec leaves out, for its size, its port and the node of
its die, with a source that says so. A number that the spec spells out stays. What the tables do not have is refused.
The number's basis is the weakest of what it rests on: edited where `--set` picked the point or its factor, else that of
the factor of `table.scaled`, and derived at best.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from pydantic import ValidationError

from accelsim import cacti
from accelsim.cacti import Point, SramTable
from accelsim.components import COMPONENTS
from accelsim.errors import Problem, RangeError
from accelsim.overrides import apply_overrides
from accelsim.spec_model import Spec
from accelsim.units import clock_hz, cycles_from_ns, exact
from accelsim.yamlfile import Document


class Memory(NamedTuple):
    """Which fields of a component describe its SRAM.

    Attributes:
        size, port: fields with the bytes of a bank and the bits of an access.
        fields: field → what it is in the table.
        op: op within which a bank recovers; None for a bank that is accessed in every cycle.
    """

    size: str
    port: str
    fields: Mapping[str, str]
    op: str | None = None


_PLAIN = {
    name: name for name in ("read_pj", "write_pj", "access_ns", "leakage_uw", "gate_leakage_uw", "area_um2")
}

MEMORIES: Mapping[str, Memory] = {
    "sram_buffer": Memory("n_bytes", "port_bits", _PLAIN),
    "weight_store": Memory("n_bytes", "word_bits", _PLAIN),
    "value_memory": Memory("n_bytes", "word_bits", _PLAIN, "read"),
    "lut_controller": Memory(
        "descriptor_bytes",
        "descriptor_bits",
        {f"descriptor_{name}": name for name in ("read_pj", "write_pj", "leakage_uw", "gate_leakage_uw")},
        "route",
    ),
    "digital_matcher": Memory(
        "n_bytes",
        "word_bits",
        {
            **{name: name for name in ("read_pj", "write_pj", "access_ns")},
            "memory_leakage_uw": "leakage_uw",
            "memory_gate_leakage_uw": "gate_leakage_uw",
        },
    ),
}


@dataclass(frozen=True)
class Filled:
    """A document with the numbers of its tables.

    Attributes:
        document: the copy that has them.
        added: instance and field of each number that was added.
        absent: paths of fields that could not be added.
        problems: points that no table has.
    """

    document: Document
    added: Collection[tuple[str, str]]
    absent: Collection[str]
    problems: Sequence[Problem]


def read_tables(document: Document, overrides: Sequence[str]) -> Filled:
    """Applies `--set` and fills in the tables; a number from a table follows an edited size, or is edited itself.

    Raises:
        SpecError: with every override that cannot be applied.
    """
    before = _fill(document)
    edited = apply_overrides(before.document, overrides)
    for name, field in before.added:
        if not edited.is_overridden(f"instances.{name}.{field}"):
            del edited.data["instances"][name][field]
            del edited.data["instances"][name]["sources"][field]
    return _fill(edited)


def cycle_check(spec: Spec, document: Document) -> list[Problem]:
    """Memories from the tables that are accessed sooner than they recover (random cycle time)."""
    found = []
    for name, instance in spec.instances.items():
        if instance.component not in MEMORIES or instance.table is None:
            continue
        memory = MEMORIES[instance.component]
        node = spec.dies[instance.die].node_nm
        point = _point(instance.table, node, getattr(instance, memory.size), getattr(instance, memory.port))
        try:
            cycle_ns = cacti.figure("cycle_ns", point) * _factor(instance.table, "delay_rel")
        except RangeError:
            continue  # the table has no times for this port: they are spelled out, and this one is not known
        hertz = clock_hz(spec.clocks[instance.clock].clock_mhz)
        ops = COMPONENTS[instance.component].ops
        cycles = ops[memory.op].latency(instance).in_cycles(hertz) if memory.op else 1
        if cycles_from_ns(cycle_ns, hertz) > cycles:
            path = f"instances.{name}.table"
            span = f"{cycles} cycle{'s' if cycles > 1 else ''} of the clock {instance.clock}"
            need = f"at most {cycles * 1e9 / hertz:g} ns, {span}"
            got = f"a random cycle time of {float(cycle_ns):g} ns"
            found.append(Problem(document.where(path), path, got, need))
    return found


def _fill(document: Document) -> Filled:
    data = copy.deepcopy(document.data)
    added: list[tuple[str, str]] = []
    absent: list[str] = []
    problems: list[Problem] = []
    instances, dies = data.get("instances"), data.get("dies")
    for name, instance in instances.items() if isinstance(instances, dict) else ():
        memory = MEMORIES.get(str(instance.get("component"))) if isinstance(instance, dict) else None
        if memory is None or instance.get("table") is None:
            continue
        path = f"instances.{name}"
        wanted = [field for field in memory.fields if field not in instance]
        table, sources = _table(instance["table"]), instance.setdefault("sources", {})
        point = None if table is None else _read_point(table, instance, memory, dies)
        if table is None or point is None or not isinstance(sources, dict):
            absent += [f"{path}.{field}" for field in wanted]
            continue
        unknown, edits = [], _edits(document, name, memory)
        for field in wanted:
            try:
                instance[field], sources[field] = _number(memory.fields[field], table, point, edits)
            except RangeError:
                unknown.append(field)
                continue
            added.append((name, field))
        if unknown:
            absent += [f"{path}.{field}" for field in unknown]
            where, got = document.where(f"{path}.table"), f"{point}, for {', '.join(unknown)}"
            problems.append(Problem(where, f"{path}.table", got, cacti.WHAT_EXISTS))
    return Filled(replace(document, data=data), added, absent, problems)


def _table(raw: Any) -> SramTable | None:
    """The table of an instance, or None where it is not valid (validation of the spec says why)."""
    try:
        return SramTable.model_validate(raw)
    except ValidationError:
        return None


def _read_point(table: SramTable, instance: Mapping[str, Any], memory: Memory, dies: Any) -> Point | None:
    """The point of the table, or None where the spec does not say a size, a port or a node."""
    name = instance.get("die")
    die = dies.get(name) if isinstance(dies, dict) and isinstance(name, str) else None
    node = die.get("node_nm") if isinstance(die, dict) else None
    size, port = instance.get(memory.size), instance.get(memory.port)
    if type(size) is not int or type(port) is not int or not isinstance(node, int | float):
        return None
    return _point(table, float(node), size, port)


def _point(table: SramTable, node_nm: float, n_bytes: int, port_bits: int) -> Point:
    start = table.scaled
    if start is None:
        return Point(table.cell, float(node_nm), n_bytes, port_bits)
    return Point(table.cell, float(start.node_nm), n_bytes, start.port_bits)


def _factor(table: SramTable, name: str) -> Fraction:
    return Fraction(1) if table.scaled is None else exact(getattr(table.scaled, name))


def _edits(document: Document, name: str, memory: Memory) -> list[str]:
    """Paths by which `--set` changed the memory's point of the table, or what its factors were stated for."""
    path = f"instances.{name}"
    fields = (memory.size, memory.port, "die", "table.cell", "table.scaled.node_nm", "table.scaled.port_bits")
    paths = [f"{path}.{field}" for field in fields] + [f"dies.{document.data['instances'][name]['die']}.node_nm"]
    return [known for known in paths if document.is_overridden(known)]


def _number(kind: str, table: SramTable, point: Point, edits: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """One number and its source.

    Raises:
        RangeError: if the table has no such point.
    """
    above, note = Fraction(1), ""
    if kind in ("read_pj", "write_pj"):
        name, unit, value = "energy_rel", "pJ", cacti.figure("read_pj" if kind == "read_pj" else "write_pj", point)
        above = cacti.horowitz_ratio(point.cell)
        note = f"; up to x {float(above):.3g}, Horowitz, ISSCC 2014, over CACTI for such a cell (8 KB, 45 nm)"
    elif kind == "access_ns":
        name, unit, value = "delay_rel", "ns", cacti.figure("access_ns", point)
    elif kind == "area_um2":
        name, unit, value = "area_rel", "um^2", cacti.figure("area_mm2", point) * 10**6
    else:
        name, unit, value = "leakage_rel", "uW", cacti.figure("gate_mw", point) * 1000
        if kind == "leakage_uw":
            value += cacti.figure("sub_threshold_mw", point) * 1000
    factor, (low, high) = _factor(table, name), _span(table, name)
    basis, scaled = _scaling(table, name)
    changed = f"edited: with {', '.join(edits)} of --set; " if edits else ""
    text = f"CACTI 7 ({cacti.COMMIT}), {point}, {cacti.TABLE_K} K: {float(value):g} {unit}{scaled}{note}"
    source: dict[str, Any] = {"basis": "edited" if edits else basis, "text": f"{changed}{text}"}
    if low < high * above and kind != "gate_leakage_uw":  # it is part of leakage_uw, which has the range
        source["range"] = [float(value * low), float(value * high * above)]
    return float(value * factor), source


def _scaling(table: SramTable, name: str) -> tuple[str, str]:
    """Basis of a number with the factor that takes it beyond the table, and the words for the factor and its source."""
    if table.scaled is None:
        return "derived", ""
    factor, stated = float(_factor(table, name)), table.scaled.sources.get(name)
    if stated is None:
        return "derived", f", x {factor:g} (table.scaled.{name})"  # refused when sources are checked
    basis = stated.basis if stated.basis in ("edited", "assumed") else "derived"
    return basis, f", x {factor:g} (table.scaled.{name}, {stated.basis}: {stated.text})"


def _span(table: SramTable, name: str) -> tuple[Fraction, Fraction]:
    """The range of a factor of `table.scaled`, the factor itself where it states none."""
    stated = table.scaled.sources[name].range if table.scaled and name in table.scaled.sources else None
    low, high = stated or (_factor(table, name),) * 2
    return exact(low), exact(high)
