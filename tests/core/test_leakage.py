"""Leakage against temperature: the law by hand, on one instance and on whole chips."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest

from accelsim import account, yamlfile
from accelsim.chip import build_chip
from accelsim.errors import RangeError
from accelsim.leakage import LeakageLaw, factor, off_current
from accelsim.spec import Spec, load_spec
from tests.dataflows import chips


def law(device: str = "LSTP", node_nm: float = 22, reference_k: float = 350) -> LeakageLaw:
    return LeakageLaw(device=device, node_nm=node_nm, reference_k=reference_k, sources={})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "node_nm", "kelvin", "amperes"),
    [
        ("LSTP", 65, 300, 9.12e-12),
        ("LSTP", 65, 350, 8.05e-11),
        ("HP", 45, 400, 9.84e-07),
        ("LOP", 32, 340, 1.22e-07),
        ("LSTP", 22, 300, 2.43e-11),
        ("LSTP", 22, 350, 7.73e-10),
        ("LSTP", 22, 370, 3.09e-09),
    ],
)
def test_off_currents_typed_by_hand(device: str, node_nm: float, kelvin: float, amperes: float) -> None:
    assert off_current(device, node_nm, kelvin) == pytest.approx(amperes, rel=1e-12)


def test_between_two_points_the_logarithm_is_linear() -> None:
    by_hand = math.exp(0.7 * math.log(9.12e-12) + 0.3 * math.log(1.49e-11))
    assert off_current("LSTP", 65, 303) == pytest.approx(by_hand, rel=1e-12)


def test_the_slip_at_360_k_is_left_out() -> None:
    """CACTI's file has 3.55e-10 there, below its value at 350 K; halfway between the neighbours it is 1.55e-9."""
    assert off_current("LSTP", 22, 360) == pytest.approx(math.sqrt(7.73e-10 * 3.09e-9), rel=1e-12)


@pytest.mark.parametrize("device", ["HP", "LOP", "LSTP"])
@pytest.mark.parametrize("node_nm", [65, 45, 32, 22])
def test_leakage_rises_with_temperature(device: str, node_nm: float) -> None:
    currents = [off_current(device, node_nm, kelvin) for kelvin in range(300, 401)]
    assert currents == sorted(currents)
    assert currents[0] < currents[-1]


@pytest.mark.parametrize("kelvin", [299.9, 400.1])
def test_outside_the_table_is_refused(kelvin: float) -> None:
    with pytest.raises(RangeError, match=rf"^temperature: got {kelvin} K, need 300 to 400 K$"):
        factor(law(), kelvin)


def test_at_the_reference_the_factor_is_exactly_one() -> None:
    assert factor(law(reference_k=347), 347) == Fraction(1)


def loaded(folder: Path, temperature_k: float, gate_uw: float | None) -> Spec:
    data = chips.spec_data("mbi", values={"leakage_uw": 5.0})
    data["dies"]["digital"]["temperature_k"] = temperature_k
    if gate_uw is not None:
        data["instances"]["values"]["gate_leakage_uw"] = gate_uw
        data["instances"]["values"]["sources"]["gate_leakage_uw"] = {"basis": "assumed", "text": "for a test"}
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(data), encoding="utf-8")
    return load_spec(path)


@pytest.mark.parametrize("gate_uw", [None, 2.0])
def test_gate_leakage_stays_and_the_rest_follows(tmp_path: Path, gate_uw: float | None) -> None:
    """5 uW at 300 K, of which 2 uW are gate leakage, or nobody knows."""
    rise = 8.05e-11 / 9.12e-12  # 65 nm LSTP, the law of the tiny chips, 300 to 350 K
    hot, cold = (build_chip(loaded(tmp_path, kelvin, gate_uw)) for kelvin in (350, 300))
    for chip, expected in ((cold, 5.0), (hot, (gate_uw or 0) + (5.0 - (gate_uw or 0)) * rise)):
        rows = account.static_rows(chip, Fraction(1, 10**6), dict.fromkeys(chip.instances, Fraction(0)))
        leak = {row.instance: row.energy_pj for row in rows if row.action == "leakage"}
        assert leak["values"] == pytest.approx(expected, rel=1e-12)  # uW x us = pJ
        assert leak["vote"] == pytest.approx(1.0 if chip is cold else rise, rel=1e-12)
        descriptors = next(row for row in rows if row.action == "descriptor_leakage")
        assert descriptors.energy_pj == pytest.approx(0.75 * (1.0 if chip is cold else rise), rel=1e-12)
        powers = {row.action: row.unit_pj for row in rows if row.instance == "arrays"}
        assert powers["bias"] == 2.0 / 1000  # a bias is not leakage
