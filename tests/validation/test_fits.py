"""Fits of the circuit checks: parameters that were put in come out, on data that the test makes."""

import numpy as np
import pytest

from accelsim.charge_row import line_v
from accelsim.spice.array_deck import Column, counts
from accelsim.spice.cam_deck import SENSE_FF, WIRE_FF, Row
from accelsim.spice.charge_deck import Segment
from accelsim.validate.cam import Race, half_time_ns
from accelsim.validate.charge_row import fit_charges
from accelsim.validate.fit import deviation, linear, positive
from accelsim.validate.sum_line import CALIBRATION, HELD_OUT, columns_of, random_columns
from accelsim.validate.sum_line_fit import COARSE, FULL, fit_discharge, fit_voltage, log_time_errors, points
from tests.spice.parts import LINE, ROW

HALF_AND_HALF = [2] * 16 + [1] * 16


def test_deviation_by_hand() -> None:
    assert deviation([3.0, -4.0]) == (pytest.approx(12.5**0.5), 4.0)


def test_linear_recovers_and_refuses() -> None:
    features = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    assert linear(features, np.array([1.0, 3.0, 5.0])).tolist() == pytest.approx([1.0, 2.0])
    with pytest.raises(ValueError, match="rank 1, need 2"):
        linear(np.ones((3, 2)), np.ones(3))


def test_positive_recovers_a_decay() -> None:
    t = np.linspace(0, 5, 40)
    found = positive(lambda p: p[0] * np.exp(-t / p[1]) - 3 * np.exp(-t / 0.7), (1.0, 2.0))
    assert found.tolist() == pytest.approx([3.0, 0.7], rel=1e-6)


def _by_hand(columns: list[Column]) -> list[float]:
    """SLP and SLN from the law as the docstring of accelsim/sum_line.py has it, with the parameters of LINE."""
    volts = []
    for side in "pn":
        m, l, h = counts(columns, side)  # noqa: E741
        n_heavy = sum(column.weight == 2 for column in columns)
        shared = (0.9 * (n_heavy - m) + 0.45 * (len(columns) - n_heavy - l)) / len(columns)
        volts.append(0.9 * shared - 0.02 + 5e-5 * m * m + 4e-5 * m * l + 1e-5 * l * l - 3e-4 * h)
    return volts


def test_the_calibration_patterns_determine_the_law() -> None:
    patterns = [columns_of(*mixes) for mixes in CALIBRATION]
    made = [(volts[0], volts[1]) for volts in map(_by_hand, patterns)]
    fitted = fit_voltage(LINE, 32, points(patterns, made), FULL)
    for name in FULL:
        assert getattr(fitted, name) == pytest.approx(getattr(LINE, name), rel=1e-9)
    coarse = fit_voltage(LINE, 32, points(patterns, made), COARSE)
    assert coarse.bow_mm_v == coarse.droop_v == 0


def test_held_out_patterns_are_not_calibration_patterns() -> None:
    calibration = {tuple(counts(columns_of(*mixes), side)) for mixes in CALIBRATION for side in "pn"}
    for index, odds in enumerate(HELD_OUT):
        columns = random_columns(index, *odds, HALF_AND_HALF)
        assert columns == random_columns(index, *odds, HALF_AND_HALF)
        assert {tuple(counts(columns, side)) for side in "pn"} - calibration
    for mixes in CALIBRATION:
        columns = columns_of(*mixes)
        assert [column.weight for column in columns] == HALF_AND_HALF


def test_discharge_law_is_recovered() -> None:
    """Times by the law, computed here: sum of w (1 - dV / 0.35)^-1.7 over three devices, times 0.25 ns."""
    shifts = np.random.default_rng(0).normal(0, 0.06, (50, 3))
    times = 0.25 * ((1 - shifts / 0.35) ** -1.7 @ [0.6, 0.3, 0.1])
    fitted = fit_discharge(LINE, shifts, times)
    assert (fitted.t50_ns, fitted.v_overdrive_v, fitted.exponent_rel) == pytest.approx((0.25, 0.35, 1.7), rel=1e-4)
    assert (fitted.row_weight_rel, fitted.query_weight_rel) == pytest.approx((0.6, 0.3), rel=1e-4)
    assert np.abs(log_time_errors(fitted, shifts, times)).max() < 1e-6


def test_half_time_solves_the_law_of_the_row() -> None:
    race = Race(below_ua=20.0, above_ua=30.0, below_ns=0.01, above_ns=0.03, device_ff=0.1)
    rows = [Row(16, 4, 0), Row(16, 0, 4), Row(64, 3, 5)]
    for row, t in zip(rows, half_time_ns(race, rows, 0.9), strict=True):
        below = 20 * row.below * (t - 0.01 * (1 - np.exp(-t / 0.01)))
        above = 30 * row.above * (t - 0.03 * (1 - np.exp(-t / 0.03)))
        line_ff = SENSE_FF + row.n_cells * (WIRE_FF + 0.1)
        assert below + above == pytest.approx(line_ff * 0.45, rel=1e-9)


def test_charges_are_recovered() -> None:
    segments = [Segment(8, 0, 4, 4), Segment(8, 3, 3, 2), Segment(16, 16, 0, 0)]
    wanted = ROW.model_copy(update={"q_match_fc": 31.0, "q_mismatch_fc": 0.7})
    volts = [(s.matches * 31.0 + (s.n_cells - s.matches) * 0.7) / (20 + 25 * s.n_cells) for s in segments]
    assert volts[1] == pytest.approx(line_v(wanted, 3, 8))
    fitted = fit_charges(ROW, segments, volts)
    assert (fitted.q_match_fc, fitted.q_mismatch_fc) == pytest.approx((31.0, 0.7))
