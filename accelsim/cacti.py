"""SRAM macros from CACTI 7: energy, times, leakage and area of the points that were run, and of no others.

A spec that says `table: {cell: LSTP}` for a memory gets its numbers here, from its size, its port and the node of its
die (`accelsim/spec_tables.py`). Where the table has no such node or port, `scaled` names the point to start from and
says by what to multiply.

*Source*: CACTI 7 (HewlettPackard/cacti@1ffd8df), RAM mode, one bank, 350 K, default weights: `tables/cacti7_sram.csv`,
values as printed.
*Valid for*: one bank of 512 bytes to 1 MiB in powers of two, HP, LOP and LSTP cells at 65, 45, 32 and 22 nm, 64-bit
ports; of 16- and 128-bit ports only the read energy of LOP cells is known. Nothing is interpolated: CACTI's choices of
organisation make steps.
*Not modelled*: several banks in one macro, redundancy, error correction, retention below the nominal supply.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

from pydantic import BaseModel

from accelsim.component import MODEL, Positive, Source
from accelsim.errors import RangeError
from accelsim.units import exact

COMMIT = "HewlettPackard/cacti@1ffd8df"
CELLS = ("HP", "LOP", "LSTP")
TABLE_K = 350

# Pico-joules of a 64-bit read of 8 KB at 45 nm by Horowitz, ISSCC 2014: the other figure people use.
HOROWITZ_PJ = Fraction(10)

Quantity = Literal["read_pj", "write_pj", "access_ns", "cycle_ns", "sub_threshold_mw", "gate_mw", "area_mm2"]


class Scaled(BaseModel):
    """From a point of the table to a memory that the table does not have.

    Attributes:
        node_nm: node of the point (the memory's own is that of its die).
        port_bits: port of the point.
        energy_rel, delay_rel, area_rel, leakage_rel: the memory's figure over that of the point.
        sources: of each of them.
    """

    model_config = MODEL
    node_nm: Positive
    port_bits: int
    energy_rel: Positive
    delay_rel: Positive
    area_rel: Positive
    leakage_rel: Positive
    sources: dict[str, Source]


class SramTable(BaseModel):
    """Where a memory's numbers come from: ITRS cell flavour, and `scaled` where the table has no such memory."""

    model_config = MODEL
    cell: Literal["HP", "LOP", "LSTP"]
    scaled: Scaled | None = None


class Point(NamedTuple):
    """One macro of the table: cell, node in nm, bytes, and bits of the port."""

    cell: str
    node_nm: float
    n_bytes: int
    port_bits: int

    def __str__(self) -> str:
        size = f"{self.n_bytes // 1024} KiB" if self.n_bytes % 1024 == 0 else f"{self.n_bytes} bytes"
        return f"{size} of {self.cell} cells at {self.node_nm:g} nm with a {self.port_bits}-bit port"


def figure(quantity: Quantity, point: Point) -> Fraction:
    """A figure of a macro, in the unit that ends the quantity's name, exactly as printed.

    Raises:
        RangeError: if the table has no such point; the message says what it has.
    """
    row = _table().get((quantity, point.port_bits, point.cell, point.node_nm), {})
    if point.n_bytes not in row:
        raise RangeError(f"table: got {point} ({quantity}), need {WHAT_EXISTS}")
    return row[point.n_bytes]


WHAT_EXISTS = (
    "a point of CACTI's table: 512 bytes to 1 MiB (1048576) in powers of two, HP, LOP or LSTP, 65, 45, 32 or 22 nm, "
    "64-bit port (16 and 128 bits: read_pj of LOP alone); a larger value_memory has several banks (count), other "
    "nodes and ports go by table.scaled"
)


def horowitz_ratio(cell: str) -> Fraction:
    """Horowitz' read energy over CACTI's where the two meet (8 KB, 45 nm, 64 bits): 1.6 (LSTP) to 3.2 (LOP)."""
    return HOROWITZ_PJ / figure("read_pj", Point(cell, 45, 8192, 64))


@cache
def _table() -> Mapping[tuple[str, int, str, float], Mapping[int, Fraction]]:
    text = resources.files("accelsim").joinpath("tables/cacti7_sram.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {
        (row["quantity"], int(row["port_bits"]), row["cell"], float(row["node_nm"])): {
            int(size): exact(value) for size, value in row.items() if size.isdigit()
        }
        for row in csv.DictReader(lines)
    }
