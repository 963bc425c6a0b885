"""CIM macro: operations in, energy and cycles by hand; the three networks of Table I."""

from __future__ import annotations

import pytest

from accelsim.components.cim_macro import CIM_MACRO, CimMacroSpec, compute
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "macro", 0)


def make(**changes: object) -> CimMacroSpec:
    fields = {
        "component": "cim_macro",
        "die": "macro",
        "clock": "macro",
        "count": 1,
        "area_um2": None,
        "leakage_uw": 0.0,
        "sources": {},
        "rule": "in_order",
        "servers": 1,
        "slots": 1,
        "weight_bits": 8,
        "ops_per_mac": 2,
        "op_pj": 0.25,
        "ops_per_cycle": 100,
    }
    return CimMacroSpec(**{**fields, **changes})


def test_energy_and_cycles_by_hand() -> None:
    spec = make()
    for macs, cycles in ((50, 1), (51, 2), (1, 1)):
        result = compute(spec, None, macs, DRAWS)
        assert (result.activity["op"] * spec.op_pj).tolist() == [macs * 2 * 0.25]
        latency = CIM_MACRO.ops["compute"].latency(spec).in_cycles(10**8)
        assert (latency + result.extra_cycles).tolist() == [cycles]


@pytest.mark.parametrize(
    ("macs", "tops_per_w", "nj"), [(930_816, 18.45, 100.9), (114_947_584, 18.37, 12_510), (411_240, 40.3, 20.4)]
)
def test_table_i_of_the_paper(macs: int, tops_per_w: float, nj: float) -> None:
    """arXiv 2307.07631, Table I: two operations a multiply-accumulate, 1 / (TOPS/W) pJ an operation."""
    spec = make(op_pj=1 / tops_per_w)
    energy_nj = compute(spec, None, macs, DRAWS).activity["op"][0] * spec.op_pj / 1000
    assert energy_nj == pytest.approx(2 * macs / tops_per_w / 1000)
    assert energy_nj == pytest.approx(nj, rel=5e-4)  # as printed


def test_nothing_to_compute() -> None:
    with pytest.raises(RangeError, match="got 0 multiply-accumulates, need at least 1"):
        compute(make(), None, 0, DRAWS)
