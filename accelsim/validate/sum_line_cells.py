"""Cells of the SRAM distance array, and chips of them, against their circuit.

Discharge times are fitted to one half of the sampled cells and judged on the other. The Monte Carlo gives model and
circuit the same shifts of V_TH.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.rng import Draws
from accelsim.spice.array_deck import SHIFTED, SIDES, START_NS, Array, Column, cells_deck, sampled_deck
from accelsim.spice.ngspice import Waves
from accelsim.sum_line import SumLine, decay, precharged_v, residual_v, sum_line_v
from accelsim.validate.bench import MBI, Bench
from accelsim.validate.check import Check, compared, judged
from accelsim.validate.fit import deviation
from accelsim.validate.sum_line_fit import fit_discharge, log_time_errors

Floats = npt.NDArray[np.float64]

GROUP = "Sum line of the SRAM distance array, against ngspice"
SOURCE = f"ngspice on the circuit of accelsim/spice/array_deck.py, from the arrays of {MBI}"

N_CELLS = 200
N_CHIPS = 60
FAST_REL = 2.5
"""Evaluate time of the Monte Carlo in nominal discharge times: slow cells must still be on their way."""


def settled_v(waves: Waves) -> tuple[float, float]:
    return float(waves.y["v(slp)"][-1]), float(waves.y["v(sln)"][-1])


def discharge(bench: Bench, array: Array, line: SumLine) -> tuple[SumLine, list[Check]]:
    """cell-mc: discharge times of sampled cells; and the decay of a nominal one."""
    sigma = line.vth_sigma_v
    shifts = Draws(0, 0, "spice").generator("cells").normal(0, sigma, (N_CELLS, 3))
    shifts[0] = 0
    stop_ns = 10 * line.t50_ns  # the spec's: slow cells of a card of this class are done by then
    waves = bench.ngspice.run(cells_deck("cells", array, shifts, stop_ns))
    half = line.v_high_v / 2
    times = np.array([waves.crossing(f"v(bp{i})", half) * 1e9 - START_NS for i in range(N_CELLS)])
    fitted = fit_discharge(line, shifts[::2], times[::2])
    seen, unseen = (deviation(np.expm1(log_time_errors(fitted, shifts[i::2], times[i::2])) * 100) for i in (0, 1))
    law = f"t50 {fitted.t50_ns:.3f} ns, overdrive {fitted.v_overdrive_v:.3f} V, exponent {fitted.exponent_rel:.2f}, "
    law += f"weights {fitted.row_weight_rel:.2f} (row) and {fitted.query_weight_rel:.2f} (query)"
    elapsed = (waves.x * 1e9 - START_NS) / fitted.t50_ns
    inside = (elapsed >= 0) & (elapsed <= 4)
    modelled = decay(fitted, line.v_high_v, elapsed[inside])
    shape = deviation((modelled - waves.y["v(bp0)"][inside] / line.v_high_v) * 100)
    return fitted, [
        judged(
            GROUP,
            "cell-mc",
            "series alpha-power law: rms error of the discharge time of cells it was not fitted to",
            limit=5,
            result=unseen.rms,
            unit="%",
            figures=f"largest {unseen.largest:.1f} % (fitted half: rms {seen.rms:.1f} %); {law}; "
            f"{N_CELLS} cells, sigma(V_TH) {sigma * 1e3:g} mV",
            source=SOURCE,
            remark="with one weight for all three devices it was 5.7 %: the law was given a weight for each after that "
            "was seen (the first circuit study had them, its values are not recorded); the shipped specs have equal "
            "weights, which suit the LP cards they were fitted to",
        ),
        compared(
            GROUP,
            "cell-decay",
            "shape of a nominal line's discharge over four discharge times: largest error of the law",
            result=shape.largest,
            unit="% of v_high_v",
            figures=f"rms {shape.rms:.1f} %",
            source=SOURCE,
            remark="the law has no constant of its own (Shockley): it lacks velocity saturation and the edge of the "
            "row line",
        ),
    ]


def population(bench: Bench, array: Array, line: SumLine, columns: Sequence[Column]) -> list[Check]:
    """Monte Carlo of the sum line: the model and the circuit get the same shifts of V_TH."""
    fast_ns, spec_ns = FAST_REL * line.t50_ns, bench.arrays.evaluate_ns
    fast, slow = (_spread_mv(bench, array, line, columns, ns) for ns in (fast_ns, spec_ns))
    ratios = [max(simulated / modelled, modelled / simulated) for simulated, modelled in fast]
    what = f"sigma of the sum line at sigma(V_TH) {line.vth_sigma_v * 1e3:g} mV, {N_CHIPS} samples"
    return [
        judged(
            GROUP,
            "sum-mc",
            f"{what}, evaluated for {FAST_REL:g} discharge times: larger over smaller",
            limit=2,
            result=max(ratios),
            unit="times",
            figures=_spreads(fast, fast_ns),
            source=SOURCE,
        ),
        compared(
            GROUP,
            "sum-mc.spec",
            f"{what}, evaluated for the evaluate_ns of {MBI}: what the model lacks",
            result=max(simulated - modelled for simulated, modelled in slow),
            unit="mV",
            figures=_spreads(slow, spec_ns),
            source=SOURCE,
            remark="with time enough only precharge and sum switches spread, which the model does not have",
        ),
    ]


def _spreads(both: Sequence[tuple[float, float]], evaluate_ns: float) -> str:
    texts = (
        f"{name} {s:.2f} mV by SPICE, {m:.2f} by the law" for name, (s, m) in zip(("SLP", "SLN"), both, strict=True)
    )
    return f"{'; '.join(texts)}; {evaluate_ns:.2f} ns"


def _spread_mv(
    bench: Bench, array: Array, line: SumLine, columns: Sequence[Column], evaluate_ns: float
) -> list[tuple[float, float]]:
    """Sigma of SLP and of SLN in mV, each of the circuit and of the model."""
    spec = bench.arrays.model_copy(update={"evaluate_ns": evaluate_ns})
    timed = Array(array.card, spec, array.line, array.boost_v, array.wire_ff)
    shape = (N_CHIPS, len(columns), len(SIDES), len(SHIFTED))
    shifts = Draws(0, 0, "spice").generator("chips").normal(0, line.vth_sigma_v, shape)
    volts = []
    for i, shift in enumerate(shifts):
        name = f"sum-mc-{evaluate_ns:.2f}-{i}"
        volts.append(settled_v(bench.ngspice.run(sampled_deck(name, timed, columns, shift))))
    model = [_model_v(line, columns, side, shifts[:, :, j, :3], evaluate_ns) for j, side in enumerate(SIDES)]
    simulated = np.array(volts).T
    return [(_sigma_mv(s), _sigma_mv(m)) for s, m in zip(simulated, model, strict=True)]


def _sigma_mv(volts: Floats) -> float:
    return float(np.std(volts, ddof=1)) * 1e3


def _model_v(line: SumLine, columns: Sequence[Column], side: str, shifts_v: Floats, evaluate_ns: float) -> Floats:
    """Voltage of one side's sum line by the model, `[n_chips]`, for `shifts_v` `[n_chips, n_columns, 3]`."""
    weights = np.array([column.weight for column in columns])
    falls = np.array([column.conducting(side) == (1, 1) for column in columns])
    left = np.zeros(len(shifts_v))
    for weight, level in ((2, line.v_high_v), (1, line.v_low_v)):
        chosen = shifts_v[:, falls & (weights == weight)]
        left += residual_v(line, level, chosen, evaluate_ns).sum(axis=1)
    heavy, light = (np.array(float((falls & (weights == weight)).sum())) for weight in (2, 1))
    n_heavy = np.array(float((weights == 2).sum()))
    total = precharged_v(line, n_heavy, len(columns))
    volts = sum_line_v(line, len(columns), total, heavy, light, np.zeros(1), left)
    return np.asarray(volts, dtype=np.float64)
