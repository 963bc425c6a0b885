"""Laws of the sum line: decay against its differential equation, voltages by hand, mismatch against circuits."""

from typing import Any

import numpy as np
import pytest

from accelsim.sum_line import SumLine, decay, discharge_rel, precharged_v, residual_v, sum_line_v
from tests.mbi_lines import IDEAL, LINE

N_CELLS = 200_000


def make(**changes: Any) -> SumLine:
    return SumLine(**{**LINE, **changes})


def test_discharge_time_by_hand() -> None:
    """Weighted mean of three devices; one at the overdrive never conducts, whatever the others do."""
    shifts = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [-0.1, 0.1, 0.2], [0.4, 0.0, 0.0], [0.5, -0.1, 0.0]])
    one, fast, slow = 0.75**-2.9, 1.25**-2.9, 0.5**-2.9
    expected = [1, (one + 2) / 3, (fast + one + slow) / 3, np.inf, np.inf]
    even = make(row_weight_rel=1 / 3, query_weight_rel=1 / 3)
    np.testing.assert_allclose(discharge_rel(even, shifts), expected, rtol=1e-12)
    uneven = make(row_weight_rel=0.5, query_weight_rel=0.3)
    weighted = [1, 0.5 * one + 0.5, 0.5 * fast + 0.3 * one + 0.2 * slow, np.inf, np.inf]
    np.testing.assert_allclose(discharge_rel(uneven, shifts), weighted, rtol=1e-12)
    with pytest.raises(ValueError, match="got 1, need less than 1"):
        make(row_weight_rel=0.5, query_weight_rel=0.5)


@pytest.mark.parametrize("precharge_v", [0.2, 0.45, 0.6, 0.79, 0.81, 0.9])
def test_decay_solves_its_equation(precharge_v: float) -> None:
    """Current 1 above the overdrive, (u/s)(2 - u/s) below: integrated in small steps, stretched so that u(1) = 1/2."""
    end = min(0.4 / precharge_v, 1.0)
    step, values = 1e-4, [1.0]
    while values[-1] > 0.02:
        u = values[-1]
        middle = u - step / 2 * (1.0 if u > end else u / end * (2 - u / end))
        values.append(u - step * (1.0 if middle > end else middle / end * (2 - middle / end)))
    u = np.array(values)
    half = np.interp(-0.5, -u, np.arange(len(u)))
    times = np.arange(len(u)) / half
    np.testing.assert_allclose(decay(make(), precharge_v, times), u, atol=2e-4)


def test_decay_from_start_to_end() -> None:
    line = make()
    for precharge_v in (0.45, 0.9):
        u = decay(line, precharge_v, np.linspace(0, 50, 2000))
        assert u[0] == 1.0
        assert (np.diff(u) <= 0).all()
        assert 0 <= u[-1] < 1e-20
        assert decay(line, precharge_v, np.array(1.0)) == pytest.approx(0.5, abs=1e-12)


def test_residual_by_hand() -> None:
    """After one discharge time half of the precharge is left; a cell that never conducts leaves all of it."""
    line = make()
    slow = np.array([0.2, 0.2, 0.2])
    assert residual_v(line, 0.9, np.zeros(3), 0.59) == pytest.approx(0.45)
    assert residual_v(line, 0.9, slow, 0.59 * 0.5**-2.9) == pytest.approx(0.45)
    assert residual_v(line, 0.45, np.array([0.4, 0, 0]), 6.0) == 0.45


def test_ideal_line_is_the_mean_of_its_columns() -> None:
    """16 columns of each weight: every pattern lies 0.45 V / 32 a unit below 0.675 V."""
    line = make(**IDEAL)
    heavy, light = (grid.astype(np.float64) for grid in np.meshgrid(np.arange(17), np.arange(17)))
    total = precharged_v(line, np.array(16.0), 32)
    volts = sum_line_v(line, 32, total, heavy, light, 16 - heavy, np.zeros_like(heavy))
    np.testing.assert_allclose(volts, 0.675 - (2 * heavy + light) * 0.45 / 32, rtol=0, atol=1e-15)


def test_voltage_by_hand() -> None:
    """10 columns of weight 2 among 32; 3 and 2 have fallen, 7 lines are held with the query on, 50 mV are left."""
    line = make()
    total = precharged_v(line, np.array(10.0), 32)
    assert total == pytest.approx(10 * 0.9 + 22 * 0.45)
    three, two, seven, left = (np.array(value) for value in (3.0, 2.0, 7.0, 0.05))
    expected = (
        0.924 * (10 * 0.9 + 22 * 0.45 - 3 * 0.9 - 2 * 0.45 + 0.05) / 32
        - 0.026
        + 5e-5 * 9
        + 5e-5 * 6
        + 1.25e-5 * 4
        - 3e-4 * 7
    )
    assert sum_line_v(line, 32, total, three, two, seven, left) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("evaluate_ns", "law_mv", "circuit_mv"), [(1.5, 6.4, 7.0), (3.0, 1.4, 2.15), (6.0, 0.29, 0.525)]
)
def test_mismatch_gives_the_spread_that_circuits_gave(evaluate_ns: float, law_mv: float, circuit_mv: float) -> None:
    """15 units on a sum line, 5 columns of each weight, V_TH sigma 60 mV.

    Two comparisons, limits first. The same law with the simulated decay gave `law_mv`: within 15 %. The Monte Carlo of
    the circuit gave `circuit_mv` (mean of SLP and SLN, 60 samples) with 0.5 mV of precharge and switches in it:
    within a factor of 2. Our own error by sampling is below 2 % (200,000 cells, heavy tail).
    """
    line, shifts = make(), 0.06 * np.random.default_rng(0).standard_normal((N_CELLS, 3))
    variance = sum(5 * residual_v(line, v, shifts, evaluate_ns).var() for v in (0.9, 0.45))
    sigma_mv = 0.924 / 32 * variance**0.5 * 1e3
    assert sigma_mv == pytest.approx(law_mv, rel=0.15)
    assert circuit_mv / 2 < np.hypot(sigma_mv, 0.5) < circuit_mv * 2


def test_slow_cells_hold_the_line_up_by_what_circuits_gave() -> None:
    """The same pattern after 1.5 ns: 19 mV above settled in the circuit; within 20 %."""
    line, shifts = make(), 0.06 * np.random.default_rng(1).standard_normal((N_CELLS, 3))
    mean_v = sum(5 * residual_v(line, v, shifts, 1.5).mean() for v in (0.9, 0.45))
    assert 0.924 / 32 * mean_v * 1e3 == pytest.approx(19, rel=0.20)


def test_lognormal_spread_of_the_discharge_time() -> None:
    """Circuit, 400 cells: sigma of ln t 0.28; its own sampling error is 0.28 / sqrt(800) = 0.01, a tenth allowed."""
    shifts = 0.06 * np.random.default_rng(2).standard_normal((N_CELLS, 3))
    assert np.log(discharge_rel(make(), shifts)).std() == pytest.approx(0.28, rel=0.1)
