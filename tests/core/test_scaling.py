"""Scaling between nodes: each rule against its formula written out, and the limits."""

from __future__ import annotations

from math import sqrt

import pytest

from accelsim.errors import RangeError
from accelsim.scaling import lowest_v, node_v2, square_law, stillmaker_baas


def test_square_law_gives_the_table_of_the_paper() -> None:
    """arXiv 2307.07631, Table I: 100.9 nJ at 28 nm is 32.94 nJ at 16 nm, and so on."""
    assert 100.9 * square_law(28, 16) == pytest.approx(32.94, abs=0.01)
    assert 12.51 * square_law(55, 16) == pytest.approx(1.05, abs=0.01)  # 1.0587
    assert 20.4 * square_law(65, 16) == pytest.approx(1.24, abs=0.01)


def test_node_v2_is_capacitance_times_voltage_squared() -> None:
    assert node_v2(45, 180, 0.9, 1.8) == pytest.approx(180 / 45 * (1.8 / 0.9) ** 2)


def test_nodes_of_the_table() -> None:
    at_65 = 3.755 * 1.0**2 - 4.398 * 1.0 + 1.975
    at_45 = 1.103 * 0.9**2 - 0.362 * 0.9 + 0.2767
    assert stillmaker_baas(45, 65, 0.9, 1.0) == pytest.approx(at_65 / at_45, rel=1e-12)
    assert stillmaker_baas(45, 65, 0.9, 1.0) == pytest.approx(1.578, abs=5e-4)  # the factor the specs print
    assert stillmaker_baas(16, 16) == 1


def test_between_two_nodes_energy_is_linear_in_the_node() -> None:
    at_32 = 0.9559 * 0.9**2 - 0.7823 * 0.9 + 0.471
    at_45 = 1.103 * 0.9**2 - 0.362 * 0.9 + 0.2767
    at_40 = at_32 + (40 - 32) / (45 - 32) * (at_45 - at_32)
    assert stillmaker_baas(40, 45, 0.9) == pytest.approx(at_45 / at_40, rel=1e-12)
    assert stillmaker_baas(32, 44.999, 0.9) == pytest.approx(at_45 / at_32, rel=1e-3)  # no jump at a node


def test_above_130_nm_the_square_root_of_the_node() -> None:
    at_130 = 7.171 * 1.8**2 - 6.709 * 1.8 + 2.904
    at_65 = 3.755 * 1.0**2 - 4.398 * 1.0 + 1.975
    assert stillmaker_baas(65, 180, 1.0, 1.8) == pytest.approx(at_130 * sqrt(180 / 130) / at_65, rel=1e-12)


def test_the_rules_go_both_ways() -> None:
    assert stillmaker_baas(28, 16, 0.7) * stillmaker_baas(16, 28, 0.7) == pytest.approx(1)
    assert square_law(65, 16) * square_law(16, 65) == pytest.approx(1)
    assert node_v2(180, 65, 1.8, 1.0) * node_v2(65, 180, 1.0, 1.8) == pytest.approx(1)


def test_no_supply_below_the_minimum_of_the_parabola() -> None:
    minimum_65 = 4.398 / (2 * 3.755)
    assert lowest_v(65) == pytest.approx(minimum_65)
    assert lowest_v(55) == pytest.approx(minimum_65)  # of the two nodes around it the stricter one
    assert stillmaker_baas(65, 65, minimum_65 + 1e-9) == 1
    with pytest.raises(RangeError, match=r"supply at 65 nm: got 0\.5 V, need at least 0\.586 V"):
        stillmaker_baas(16, 65, 0.5)


@pytest.mark.parametrize("node", [5, 6.9, 181, 250])
def test_nodes_out_of_range(node: float) -> None:
    with pytest.raises(RangeError, match="need 7 to 180 nm"):
        stillmaker_baas(node, 16)


def test_rules_of_thumb_want_positive_numbers() -> None:
    with pytest.raises(RangeError, match="from_nm: got 0, need a positive number"):
        square_law(0, 16)
    with pytest.raises(RangeError, match="to_v: got -1, need a positive number"):
        node_v2(65, 16, 1.0, -1)
