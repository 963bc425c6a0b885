"""The sum line of the SRAM distance array against its circuit.

The law is fitted to `CALIBRATION`, patterns that span the counts it depends on, and judged on random keys and
queries that it has not seen. `sum_line_cells.py` has what concerns single cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from accelsim.rng import Draws
from accelsim.spice.array_deck import LIGHTEST, Array, Column, array_deck
from accelsim.spice.ngspice import Waves
from accelsim.sum_line import SumLine
from accelsim.validate.bench import MBI, Bench
from accelsim.validate.check import Check, compared, judged, off_percent
from accelsim.validate.fit import deviation
from accelsim.validate.sum_line_cells import GROUP, SOURCE, discharge, population, settled_v
from accelsim.validate.sum_line_fit import COARSE, FULL, fit_voltage, points, predicted_v


class Mix(NamedTuple):
    """Columns of one weight: discharged on BL, on BLB, and held ones whose query is 1; the rest has query 0."""

    p: int
    n: int
    ones: int


# Weight 2, weight 1; 16 columns of each. They span both counts, their corners, and the query bits of held lines.
CALIBRATION = (
    (Mix(0, 0, 8), Mix(0, 0, 8)),
    (Mix(0, 0, 16), Mix(0, 0, 16)),
    (Mix(16, 0, 0), Mix(16, 0, 0)),
    (Mix(16, 0, 0), Mix(0, 0, 16)),
    (Mix(0, 0, 16), Mix(16, 0, 0)),
    (Mix(8, 8, 0), Mix(8, 8, 0)),
    (Mix(4, 4, 4), Mix(4, 4, 4)),
    (Mix(12, 2, 1), Mix(2, 12, 1)),
    (Mix(2, 8, 2), Mix(12, 2, 2)),
    (Mix(8, 0, 0), Mix(0, 8, 0)),
    (Mix(0, 8, 8), Mix(8, 0, 8)),
    (Mix(4, 12, 0), Mix(0, 0, 6)),
)
# Probability that a stored bit and a query bit is 1, of each random pattern that judges the fit.
HELD_OUT = ((0.5, 0.5), (0.3, 0.7), (0.7, 0.3), (0.1, 0.9), (0.9, 0.1), (0.2, 0.2), (0.8, 0.8), (0.5, 0.1))


def columns_of(*mixes: Mix) -> list[Column]:
    columns = []
    for weight, (p, n, ones) in zip((2, 1), mixes, strict=True):
        held = 16 - p - n
        columns += [Column(weight, 0, 1)] * p + [Column(weight, 1, 0)] * n
        columns += [Column(weight, 1, 1)] * ones + [Column(weight, 0, 0)] * (held - ones)
    return columns


def random_columns(index: int, stored: float, query: float, weights: Sequence[int]) -> list[Column]:
    bits = Draws(0, 0, "spice").generator("pattern", str(index)).random((len(weights), 2)) < (stored, query)
    return [Column(weight, int(s), int(q)) for weight, (s, q) in zip(weights, bits, strict=True)]


HALF_AND_HALF = [2] * 16 + [1] * 16


def checks(bench: Bench) -> list[Check]:
    """All of them; leaves what was fitted in `bench.fitted`."""
    array, line_ff = _trimmed(bench)
    calibration = [columns_of(*mixes) for mixes in CALIBRATION]
    held_out = [random_columns(i, *odds, HALF_AND_HALF) for i, odds in enumerate(HELD_OUT)]
    fitting = [bench.ngspice.run(array_deck(f"sum-{i}", array, each)) for i, each in enumerate(calibration)]
    judging = [bench.ngspice.run(array_deck(f"sum-held-out-{i}", array, each)) for i, each in enumerate(held_out)]
    line, found = _voltage(bench, (calibration, fitting), (held_out, judging))
    found += [_one_weight(bench, array, line), precharge(bench, array, judging)]
    found += _energy(bench, array, held_out, judging)
    line, cell_checks = discharge(bench, array, line)
    found += cell_checks
    if bench.full:
        found += population(bench, array, line, random_columns(0, 0.5, 0.5, HALF_AND_HALF))
    bench.fitted["sum_line"] = {name: float(getattr(line, name)) for name in (*FULL, *_TIMING)}
    bench.fitted["sum_line"]["line_ff"] = line_ff
    return found


_TIMING = ("t50_ns", "v_overdrive_v", "exponent_rel", "row_weight_rel", "query_weight_rel")


def _trimmed(bench: Bench) -> tuple[Array, float]:
    """The array whose bit lines have the spec's capacitance, and what they have by their supply's charge, in fF."""
    columns = columns_of(*CALIBRATION[0])
    guess = bench.line.line_ff / 2
    measured = _line_ff(bench, bench.array(guess), "trim", columns)
    array = bench.array(guess + bench.line.line_ff - measured)
    return array, _line_ff(bench, array, "trimmed", columns)


def _line_ff(bench: Bench, array: Array, name: str, columns: Sequence[Column]) -> float:
    waves = bench.ngspice.run(array_deck(name, array, columns))
    n_lines = 2 * sum(column.weight == 2 for column in columns)
    return _supplied_fc(array, waves, "i(vhigh)") / (n_lines * array.line.v_high_v)


def _supplied_fc(array: Array, waves: Waves, source: str) -> float:
    """Charge in fC that a precharge supply gave in its phase."""
    ends = array.ends_ns
    return waves.charge(source, ends["reset"] * 1e-9, ends["precharge"] * 1e-9) * 1e15


Simulated = tuple[list[list[Column]], list[Waves]]


def _voltage(bench: Bench, fitting: Simulated, judging: Simulated) -> tuple[SumLine, list[Check]]:
    """sum-step and sum-fit."""
    n = bench.arrays.n_cols
    seen, unseen = (points(patterns, [settled_v(w) for w in waves]) for patterns, waves in (fitting, judging))
    coarse = fit_voltage(bench.line, n, seen, COARSE)
    full = fit_voltage(bench.line, n, seen, FULL)
    ideal_mv = bench.line.v_high_v / (2 * n) * 1e3
    step_mv = coarse.gain_rel * ideal_mv
    unseen_coarse = deviation(predicted_v(coarse, n, unseen) - unseen.volts)
    seen_full, unseen_full = (deviation((predicted_v(full, n, at) - at.volts) * 1e3) for at in (seen, unseen))
    own = deviation((predicted_v(bench.line, n, unseen) - unseen.volts) * 1e3)
    sizes = f"fitted to {len(seen.volts)} sum lines, judged on {len(unseen.volts)} of other data"
    return full, [
        judged(
            GROUP,
            "sum-step",
            "voltage of one unit of distance, against the ideal v_high_v / 2n",
            limit=15,
            result=off_percent(step_mv, ideal_mv),
            unit="%",
            figures=f"{step_mv:.2f} mV against {ideal_mv:.2f} mV (gain {coarse.gain_rel:.3f})",
            source=SOURCE,
            remark="the ideal of arXiv 2307.07631, equation 2, has no load: converters must be given the loaded step",
        ),
        judged(
            GROUP,
            "sum-step.residual",
            "ideal voltage with one gain and one offset: largest error on held-out data",
            limit=0.8,
            result=unseen_coarse.largest * 1e3 / step_mv,
            unit="steps",
            figures=f"{unseen_coarse.largest * 1e3:.2f} mV, rms {unseen_coarse.rms * 1e3:.2f}; {sizes}",
            source=SOURCE,
        ),
        judged(
            GROUP,
            "sum-fit",
            "law of accelsim/sum_line.py, quadratic and droop: largest error on held-out data",
            limit=1,
            result=unseen_full.largest,
            unit="mV",
            figures=f"rms {unseen_full.rms:.2f} mV ({seen_full.largest:.2f} mV at most where fitted); {sizes}",
            source=SOURCE,
            remark="six coefficients of one card, one temperature, one supply and one timing; refit when these change",
        ),
        compared(
            GROUP,
            "sum-fit.spec",
            f"the coefficients as they stand in {MBI}, on the same held-out data",
            result=own.largest,
            unit="mV",
            figures=f"rms {own.rms:.1f} mV; they were fitted to a planar 16 nm LP card, this is {bench.card.name}",
            source=SOURCE,
            remark="how much another transistor of the same class moves the voltage: a chip has to be calibrated",
        ),
    ]


def _one_weight(bench: Bench, array: Array, line: SumLine) -> Check:
    """The law on arrays of hidden bits, whose columns all have weight 1."""
    patterns = [random_columns(i, *odds, [1] * bench.arrays.n_cols) for i, odds in enumerate(HELD_OUT)]
    waves = [bench.ngspice.run(array_deck(f"sum-hidden-{i}", array, each)) for i, each in enumerate(patterns)]
    at = points(patterns, [settled_v(each) for each in waves])
    errors = (predicted_v(line, bench.arrays.n_cols, at) - at.volts) * 1e3
    shape = deviation(errors - errors.mean())
    return compared(
        GROUP,
        "sum-fit.hidden",
        "the same law on arrays of hidden bits, 32 columns of weight 1: largest error",
        result=deviation(errors).largest,
        unit="mV",
        figures=f"{errors.mean():+.1f} mV on average, and {shape.largest:.1f} mV at most about that",
        source=SOURCE,
        remark="the law was fitted with half the columns of each weight and is used outside that for hidden bits; a "
        "chip takes out what is constant when it sets its converters",
    )


def precharge(bench: Bench, array: Array, runs: Sequence[Waves]) -> Check:
    """Whether lines of weight 1 reach their level in the time they are given."""
    end, wanted = array.ends_ns["precharge"], bench.line.v_low_v
    reached = [waves.at(LIGHTEST, end * 1e-9) for waves in runs]
    worst = max(reached, key=lambda v: abs(v - wanted))
    gate_v = bench.line.v_high_v - array.boost_v
    gate = f"gate at {gate_v:.2f} V, |V_TH| {bench.probe.vth_p_v:.2f} V, {bench.arrays.precharge_ns:g} ns"
    short = off_percent(worst, wanted)
    return judged(
        GROUP,
        "precharge",
        "level of a half-supply line when its precharge ends, against v_low_v",
        limit=5,
        result=short,
        unit="%",
        figures=f"{worst * 1e3:.1f} mV against {wanted * 1e3:.1f} mV: {gate}",
        source=SOURCE,
        remark="" if short <= 5 else f"the PMOS does not conduct enough: {gate}; boost the gate or wait longer",
    )


def _energy(bench: Bench, array: Array, patterns: Sequence[Sequence[Column]], runs: Sequence[Waves]) -> list[Check]:
    """energy: one capacitance for both supplies; and the spec's own figure beside it."""
    line, worst, total_fj = bench.line, 0.0, 0.0
    for columns, waves in zip(patterns, runs, strict=True):
        high, low = (2 * sum(column.weight == weight for column in columns) for weight in (2, 1))
        full_fc, half_fc = (_supplied_fc(array, waves, source) for source in ("i(vhigh)", "i(vlow)"))
        line_ff = full_fc / (high * line.v_high_v)
        worst = max(worst, off_percent(low * line_ff * line.v_low_v, half_fc))
        total_fj = (full_fc + half_fc) * line.v_high_v  # the half supply is made from the full one
    return [
        judged(
            GROUP,
            "energy",
            "half-supply energy from the capacitance that the full supply sees",
            limit=3,
            result=worst,
            unit="%",
            figures=f"largest of {len(runs)} patterns; {line_ff:.2f} fF a line by its charge",
            source=SOURCE,
            remark="holds while wire and overlap dominate a line: junctions have more capacitance at half supply (with "
            "junctions of 5e-10 in place of 1e-10 F/m, then two thirds of the line, it was 4 %)",
        ),
        compared(
            GROUP,
            "energy.spec",
            f"precharge of one comparison against precharge_pj of {MBI}",
            result=off_percent(total_fj * 1e-3, bench.arrays.precharge_pj),
            unit="%",
            figures=f"{total_fj * 1e-3:.3f} pJ (16 + 16 columns) against {bench.arrays.precharge_pj:g} pJ",
            source=SOURCE,
            remark="the spec's figure is a mean over patch splits (16 + 16 columns) and hidden splits (32 full ones)",
        ),
    ]
