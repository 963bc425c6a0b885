"""Memories of the shipped specs against CACTI 7, and CACTI against the other figure that people use.

The points written out here were copied from CACTI's output apart from the table that specs take their numbers from,
so a slip in that table, in its reader or in a scaling rule shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accelsim import cacti
from accelsim.cacti import Point
from accelsim.spec import load_spec
from accelsim.spec_tables import MEMORIES
from accelsim.validate.check import Check, compared, judged, off_percent

GROUP = "SRAM against CACTI 7"
SOURCE = f"CACTI 7 ({cacti.COMMIT}), RAM mode, one bank, 350 K"
HOROWITZ = "M. Horowitz, ISSCC 2014: 45 nm, 0.9 V, 64-bit access (as in stillwater-sc/esim energy.py)"


class Anchor(NamedTuple):
    """Output of one CACTI run with a 64-bit port: pJ, pJ, ns, mm^2, and mW at 350 K (sub-threshold and gate)."""

    cell: str
    node_nm: float
    n_bytes: int
    read_pj: float
    write_pj: float
    access_ns: float
    area_mm2: float
    leak_mw: float


ANCHORS = (
    Anchor("LSTP", 65, 32 * 1024, 30.1, 28.7, 2.05, 0.198, 0.008 + 0.00521),
    Anchor("LSTP", 65, 512 * 1024, 126, 98.4, 4.4, 3.43, 0.111 + 0.0664),
    Anchor("LSTP", 22, 2 * 1024, 0.648, 0.943, 0.441, 0.0018, 0.0013 + 0.000474),
    Anchor("LSTP", 22, 64 * 1024, 5.67, 4.43, 0.982, 0.0586, 0.0318 + 0.00877),
    Anchor("LSTP", 22, 1024 * 1024, 23.5, 17.5, 2.45, 0.778, 0.479 + 0.123),
    Anchor("LOP", 45, 8 * 1024, 3.16, 3.24, 0.652, 0.0263, 0.116 + 0.475),
    Anchor("HP", 32, 16 * 1024, 5.53, 4.59, 0.241, 0.0257, 5.02 + 0.608),
)
# KiB → pJ of a 64-bit access.
HOROWITZ_PJ = {8: 10.0, 32: 20.0, 1024: 100.0}

# Field of a memory as the tables know it → quantities of the table whose sum it is, unit over the table's, its factor.
_FROM = {
    "read_pj": (("read_pj",), 1.0, "energy_rel"),
    "write_pj": (("write_pj",), 1.0, "energy_rel"),
    "access_ns": (("access_ns",), 1.0, "delay_rel"),
    "area_um2": (("area_mm2",), 1e6, "area_rel"),
    "leakage_uw": (("sub_threshold_mw", "gate_mw"), 1e3, "leakage_rel"),
    "gate_leakage_uw": (("gate_mw",), 1e3, "leakage_rel"),
}


def checks(specs: Path) -> list[Check]:
    """All of them."""
    return [_anchors(), _memories(sorted(specs.glob("*.yaml"))), *_horowitz()]


def _anchors() -> Check:
    off = {}
    for anchor in ANCHORS:
        point = Point(anchor.cell, anchor.node_nm, anchor.n_bytes, 64)
        for name in ("read_pj", "write_pj", "access_ns", "area_mm2"):
            off[f"{point}, {name}"] = off_percent(_table(name, point), getattr(anchor, name))
        leak = _table("sub_threshold_mw", point) + _table("gate_mw", point)
        off[f"{point}, leakage"] = off_percent(leak, anchor.leak_mw)
    worst = max(off, key=lambda name: off[name])
    return judged(
        GROUP,
        "cacti-table",
        f"the table against {len(off)} figures of {len(ANCHORS)} runs, copied apart from it: largest difference",
        limit=0.001,
        result=off[worst],
        unit="%",
        figures=f"largest at {worst}",
        source=SOURCE,
        remark="CACTI is a model too: no SRAM was measured here",
    )


def _table(name: Any, point: Point) -> float:
    return float(cacti.figure(name, point))


def _memories(paths: Sequence[Path]) -> Check:
    """Every SRAM of every physical spec against its point of the table times the factors that the spec states."""
    off: dict[str, float] = {}
    memories, spelled_out = 0, []
    for spec in (load_spec(path) for path in paths):
        for name, instance in spec.instances.items():
            if spec.accounting == "physical" and instance.component in MEMORIES:
                figures = dict(_figures(instance, spec.dies[instance.die].node_nm))
                off.update({f"{spec.name}.{name}.{field}": value for field, value in figures.items()})
                memories += bool(figures)
                spelled_out += [] if figures else [f"{spec.name}.{name}"]
    worst = max(off, key=lambda name: off[name])
    return judged(
        GROUP,
        "cacti-specs",
        "every memory of the physical specs against its point of the table x stated factors: largest difference",
        limit=0.5,
        result=off[worst],
        unit="%",
        figures=f"{len(off)} figures of {memories} memories, largest at {worst}; not from the table: "
        f"{', '.join(spelled_out) or 'none'}",
        source=SOURCE,
        remark="shows that the numbers are read and scaled as stated, not that the factors are right",
    )


def _figures(memory: Any, node_nm: float) -> Iterator[tuple[str, float]]:
    """Difference in percent of each figure of a memory that is from the table."""
    what, table = MEMORIES[memory.component], memory.table
    if table is None:
        return
    start = table.scaled
    node, port = (node_nm, getattr(memory, what.port)) if start is None else (start.node_nm, start.port_bits)
    point = Point(table.cell, float(node), getattr(memory, what.size), port)
    for field, kind in what.fields.items():
        quantities, unit, factor = _FROM[kind]
        expected = sum(_table(name, point) for name in quantities) * unit
        expected *= 1.0 if start is None else getattr(start, factor)
        yield field, off_percent(getattr(memory, field), expected)


def _horowitz() -> list[Check]:
    found = []
    for kib, pj in HOROWITZ_PJ.items():
        low, high = (_table("read_pj", Point(cell, 45, kib * 1024, 64)) for cell in ("LOP", "LSTP"))
        found.append(
            compared(
                GROUP,
                f"horowitz-{kib}k",
                f"read of {kib} KiB at 45 nm: CACTI's LSTP cell against Horowitz",
                result=off_percent(high, pj),
                unit="%",
                figures=f"{low:g} pJ (LOP) and {high:g} pJ (LSTP) against {pj:g} pJ: x {pj / high:.2f}, {pj / low:.2f}",
                source=HOROWITZ,
                remark="they disagree by up to 3.2; the specs use CACTI, and ranges of read energies reach to Horowitz",
            )
        )
    return found
