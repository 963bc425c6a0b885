"""Leakage against temperature: sub-threshold leakage follows the off current of a transistor, gate leakage stays.

    P(T) = P_gate + (P(T_ref) - P_gate) · I_off(T) / I_off(T_ref)

A die says at which temperature the `leakage_uw` of its instances hold and whose off current they follow. An
instance that does not know its gate part (`gate_leakage_uw` null) follows the law with all of its leakage.

*Source*: I_off_n of CACTI 7 (HewlettPackard/cacti, tech_params/65nm.dat to 22nm.dat), HP, LOP and LSTP transistors:
`tables/cacti7_i_off.csv`. Between its points ln I_off is linear in temperature. Its LSTP value at 22 nm and 360 K is
out of line and left out: the neighbours give 1.55e-9 in place of 3.55e-10 A/um.
*Valid for*: 300 to 400 K; 65, 45, 32 and 22 nm. A die of another node borrows one of these laws and says so.
*Not modelled*: the supply; gate leakage that changes with temperature (CACTI has it constant, save 45 nm LOP); bias
currents and clock trees, whose powers are taken as they stand at any temperature.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Literal, Protocol

from pydantic import BaseModel

from accelsim.component import MODEL, Positive, Source
from accelsim.errors import RangeError
from accelsim.units import exact

LOWEST_K, HIGHEST_K = 300, 400
NODES_NM = (65, 45, 32, 22)

FIELD = "leakage_uw"  # ends the name of every field that this law scales
GATE = "gate_"  # before FIELD: the part that it does not

_SLIP = ("LSTP", 22.0, 360)


class LeakageLaw(BaseModel):
    """What the leakage of a die's instances holds for, and how it changes.

    Attributes:
        reference_k: temperature at which every `leakage_uw` of the die holds.
        device: ITRS transistor whose off current it follows.
        node_nm: node of that transistor, one of the table.
        sources: of the physical fields.
    """

    model_config = MODEL
    reference_k: Positive
    device: Literal["HP", "LOP", "LSTP"]
    node_nm: Positive
    sources: dict[str, Source]


class Leaking(Protocol):
    """A die as the law sees it."""

    @property
    def temperature_k(self) -> float:
        """Its temperature."""

    @property
    def leakage(self) -> LeakageLaw | None:
        """Its law, or None where leakage holds at any temperature (it is not charged)."""


def off_current(device: str, node_nm: float, kelvin: float) -> float:
    """I_off in A/um.

    Raises:
        RangeError: outside the table.
    """
    row = _table().get((device, node_nm))
    if row is None:
        raise RangeError(f"leakage: got {device} at {node_nm:g} nm, need HP, LOP or LSTP at 65, 45, 32 or 22 nm")
    if not LOWEST_K <= kelvin <= HIGHEST_K:
        raise RangeError(f"temperature: got {kelvin:g} K, need {LOWEST_K} to {HIGHEST_K} K")
    kelvins = list(row)
    above = min(bisect_right(kelvins, kelvin), len(kelvins) - 1)
    low, high = kelvins[above - 1], kelvins[above]
    share = (kelvin - low) / (high - low)
    return math.exp((1 - share) * math.log(row[low]) + share * math.log(row[high]))


def factor(law: LeakageLaw, kelvin: float) -> Fraction:
    """Sub-threshold leakage at `kelvin` over that at the reference; exactly 1 there.

    Raises:
        RangeError: as `off_current`.
    """
    there, here = (off_current(law.device, law.node_nm, t) for t in (kelvin, law.reference_k))
    return Fraction(there) / Fraction(here)


def at_die(instance: object, field: str, die: Leaking) -> Fraction:
    """A leakage in uW at the temperature of its die.

    Args:
        instance: spec of the instance.
        field: its leakage, a name that ends in `leakage_uw`; the gate part is the field `gate_…` beside it.

    Raises:
        RangeError: as `off_current`.
    """
    total = exact(getattr(instance, field))
    if die.leakage is None:
        return total
    gate = exact(getattr(instance, field.removesuffix(FIELD) + GATE + FIELD, None) or 0)
    return gate + (total - gate) * factor(die.leakage, die.temperature_k)


@cache
def _table() -> Mapping[tuple[str, float], Mapping[int, float]]:
    text = resources.files("accelsim").joinpath("tables/cacti7_i_off.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    found: dict[tuple[str, float], dict[int, float]] = {}
    for row in csv.DictReader(lines):
        device, node = row["cell"], float(row["node_nm"])
        found[device, node] = {
            int(kelvin): float(value)
            for kelvin, value in row.items()
            if kelvin.isdigit() and (device, node, int(kelvin)) != _SLIP
        }
    return found
