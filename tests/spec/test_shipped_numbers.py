"""Numbers of the shipped specs that are sums over CACTI's table and cannot be taken from it whole: worked out again."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.cacti import Point, Quantity, figure
from accelsim.spec import Spec, load_spec

SPECS = Path(__file__).parents[2] / "arch_specs"
KIB = 1024


def spec(name: str) -> Spec:
    return load_spec(SPECS / f"{name}.yaml")


def lstp(quantity: Quantity, node_nm: float, n_bytes: int) -> float:
    return float(figure(quantity, Point("LSTP", node_nm, n_bytes, 64)))


def leakage_uw(node_nm: float, n_bytes: int) -> float:
    return 1000 * (lstp("sub_threshold_mw", node_nm, n_bytes) + lstp("gate_mw", node_nm, n_bytes))


MACRO_UM2 = 0.759 * 778_000  # 1 MiB at 22 nm LSTP, scaled to 16 nm
DENSITY_UW = leakage_uw(22, KIB * KIB) / MACRO_UM2  # of logic, by area
PE_UM2 = 6350 * (8 / 32) ** 2 + 278 + 48 * 5.98  # multiplier, adder, registers at 40 nm


def test_engine_of_the_hybrid_chip() -> None:
    """Two tile buffers each of 32, 16 and 16 KiB, and 12 x 14 PEs, 40 nm to 65 nm by 0.23/0.126."""
    buffers = 2 * 1e6 * sum(lstp("area_mm2", 65, size * KIB) for size in (32, 16, 16))
    assert spec("hybrid_physical").instances["engine"].area_um2 == pytest.approx(
        buffers + 12 * 14 * PE_UM2 * 0.23 / 0.126, rel=0.002
    )


def test_engine_of_the_full_chip() -> None:
    """Two tile buffers each of 4, 2, 2 KiB at 22 nm, area scaled to 16 nm; 8 x 8 PEs, 40 to 16 nm by 0.03/0.126."""
    engine = spec("full_chip").instances["engine"]
    sizes = [size * KIB for size in (4, 2, 2)]
    pes = 8 * 8 * PE_UM2 * 0.03 / 0.126
    assert engine.area_um2 == pytest.approx(2e6 * 0.759 * sum(lstp("area_mm2", 22, n) for n in sizes) + pes, rel=0.002)
    assert engine.leakage_uw == pytest.approx(2 * sum(leakage_uw(22, n) for n in sizes) + pes * DENSITY_UW, rel=0.005)
    gate = 2000 * sum(lstp("gate_mw", 22, n) for n in sizes) + pes * DENSITY_UW * 0.123 / 0.602
    assert engine.gate_leakage_uw == pytest.approx(gate, rel=0.005)


@pytest.mark.parametrize("name", ["mbi_physical", "full_chip"])
def test_arrays_leak_as_a_macro_of_their_size(name: str) -> None:
    arrays = spec(name).instances["arrays"]
    assert arrays.leakage_uw == pytest.approx(leakage_uw(22, KIB * KIB) / 8192, rel=0.002)
    assert arrays.gate_leakage_uw == pytest.approx(1000 * lstp("gate_mw", 22, KIB * KIB) / 8192, rel=0.002)


@pytest.mark.parametrize("name", ["mbi_physical", "full_chip"])
def test_a_fifth_of_the_logics_leakage_is_gate_leakage(name: str) -> None:
    share = lstp("gate_mw", 22, KIB * KIB) * 1000 / leakage_uw(22, KIB * KIB)
    instances = spec(name).instances
    for role in {"admission", "extractor", "controller", "adc", "scan", "vote", "post"} & set(instances):
        part = instances[role]
        assert part.gate_leakage_uw == pytest.approx(part.leakage_uw * share, rel=0.005), role
