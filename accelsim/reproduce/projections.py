"""Energies at another node by several rules, side by side: a ratio depends on which rule is taken."""

from __future__ import annotations

from typing import Any

from accelsim.reproduce import mbi_inputs as i
from accelsim.reproduce.mbi_derived import MACROS, Macro
from accelsim.reproduce.quantity import in_unit
from accelsim.scaling import COMMON_V


def projections() -> list[dict[str, Any]]:
    """Each CIM design of arXiv 2307.07631, Table I, at 16 nm: by (16/n)², and by the fit of Stillmaker and Baas."""
    return [_projection(macro) for macro in MACROS]


def _projection(macro: Macro) -> dict[str, Any]:
    rules = {"square_law": (macro.square, macro.projected), "stillmaker_baas": (i.fitted(macro.node_nm), macro.fitted)}
    return {
        "design": macro.name,
        "node_nm": macro.node_nm,
        "common_v": COMMON_V,
        "energy_nj": in_unit(macro.energy.value, "nJ"),
        "printed_16_nj": in_unit(macro.printed_16.value, "nJ"),
        "rules": {
            rule: {
                "factor": float(factor.value),
                "energy_nj": in_unit(energy.value, "nJ"),
                "over_mbi": float(energy.value / i.MBI.value),
            }
            for rule, (factor, energy) in rules.items()
        },
    }
