"""The SRAM distance array as a circuit: cells discharge bit lines, shared bit lines make the sum line.

A column whose bit has weight 2 is precharged to `v_high_v`, one of weight 1 to `v_low_v`. Three series transistors of a
cell discharge its line; each has a threshold of its own, so a cell's discharge time is

    t = t50_ns * sum over its devices of w (1 - dV_TH / v_overdrive_v) ** -exponent_rel

with weights w that add up to 1 (t is infinite where dV_TH reaches the overdrive). A line that should fall has fallen
to `v * decay(t_evaluate / t)`: a constant current while the stack is saturated, down to the overdrive, and the square
law of its triode region below; halved at 1.
With s the part of the precharge at which saturation ends, decay u(x) = 1 - k x as long as u > s, then
2 s / (1 + exp(2 k (x - x_s) / s)), and k such that u(1) = 1/2.

Sharing n lines gives, with m differing lines of weight 2 and l of weight 1 on this sum line and h held lines whose
query device is on,

    V = gain * (ideal shared voltage) + offset_v + bow_mm_v m^2 + bow_ml_v m l + bow_ll_v l^2 - droop_v h

where the ideal shared voltage, the mean of the n lines, holds what is left on lines that are slow.

*Source:* form and coefficients by circuit simulation (ngspice 39, 32 x 32 array of arXiv 2307.07631 in planar 16 nm LP
and in our own card): quadratic plus droop rms 0.16 mV, alpha-power law rms 3 %. There the simulated decay of a
nominal line, stretched by the alpha-power law at sigma(V_TH) 60 mV, gave a sigma of the sum line of 6.4, 1.4 and
0.29 mV after 1.5, 3 and 6 ns, within 10 to 50 % of the Monte Carlo. The decay above is derived (Shockley's square law,
saturated above the overdrive), has no constant of its own, and gives 6.4, 1.5 and 0.26 mV.
*Valid for:* weights 1 and 2; lines long enough evaluated for the quadratic to be that of settled lines. The quadratic
was fitted with half the columns of each weight; where all have weight 1, a smooth function of the voltage would lie up
to 16 mV higher (at 32 differences; 3 mV at none).
`t50_ns` is taken for lines of either weight, which is pessimistic for weight 1: by this law a line of 0.45 V is halved
in 0.53 of the time of one of 0.9 V (0.63 simulated, own card). The Monte Carlo does not bear that out: with it the
model's sigma would be 6.0, 1.2 and 0.20 mV, and its mean after 1.5 ns 13 mV above settled where the circuit's is 19 mV.
*Not modelled:* spread of the precharge and of the sum switches (0.5 mV), temperature, supply.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from accelsim.component import Imperfection, NonNegative, Positive

Floats = npt.NDArray[np.floating[Any]]
Volts = npt.NDArray[np.float64]


class SumLine(Imperfection):
    """Electrical parameters of the arrays and their mismatch.

    Attributes:
        v_high_v, v_low_v: precharge of columns of weight 2 and 1.
        line_ff, sum_ff: capacitance of a bit line, and of a sum line with its converter input. The laws here do not
            read them, as gain_rel holds what they do; circuit decks do.
        gain_rel: loading of the shared voltage (1 = none).
        offset_v, bow_mm_v, bow_ml_v, bow_ll_v, droop_v: coefficients of the law (module docstring).
        t50_ns: time in which a nominal cell halves its line's voltage.
        v_overdrive_v, exponent_rel: of the alpha-power law.
        row_weight_rel, query_weight_rel: weights of the row device (at the line) and the query device; the
            stored-bit device (at ground) has the rest of 1.
        vth_sigma_v: sigma of V_TH of a minimum device (per chip and device, fixed).
    """

    v_high_v: Positive
    v_low_v: Positive
    line_ff: Positive
    sum_ff: NonNegative
    gain_rel: Positive
    offset_v: float
    bow_mm_v: float
    bow_ml_v: float
    bow_ll_v: float
    droop_v: NonNegative
    t50_ns: Positive
    v_overdrive_v: Positive
    exponent_rel: Positive
    row_weight_rel: Positive
    query_weight_rel: Positive
    vth_sigma_v: NonNegative

    @model_validator(mode="after")
    def _some_weight_left(self) -> Self:
        given = self.row_weight_rel + self.query_weight_rel
        if given >= 1:
            raise ValueError(f"row_weight_rel + query_weight_rel: got {given:g}, need less than 1")
        return self


def discharge_rel(line: SumLine, vth_shifts_v: Floats) -> Floats:
    """Discharge time of cells in units of `t50_ns`, infinite where a device never conducts.

    Args:
        vth_shifts_v: V_TH above nominal of a cell's devices in V, `[..., 3]`: row, query and stored bit.

    Returns:
        `[...]`, of the same float type.
    """
    drive = np.maximum(1 - vth_shifts_v / line.v_overdrive_v, 0)
    with np.errstate(divide="ignore", over="ignore"):  # a device that never conducts slows without bound
        slowed = drive**-line.exponent_rel
    row, query = line.row_weight_rel, line.query_weight_rel
    times: Floats = row * slowed[..., 0] + query * slowed[..., 1] + (1 - row - query) * slowed[..., 2]
    return times


def decay(line: SumLine, precharge_v: float, elapsed_rel: Floats) -> Floats:
    """What is left on a discharging line after `elapsed_rel` of its discharge times, as a part of `precharge_v`."""
    end = min(line.v_overdrive_v / precharge_v, 1.0)
    # Time constant of the triode region, in discharge times, from u(1) = 1/2.
    tau = 2 * end if end <= 0.5 else 1 / ((1 - end) / end + np.log(4 * end - 1) / 2)
    saturated = 1 - elapsed_rel * (end / tau)
    left = elapsed_rel - (1 - end) * (tau / end)
    triode = 2 * end / (1 + np.exp(np.minimum(left * (2 / tau), 80)))
    part: Floats = np.where(left < 0, saturated, triode)
    return part


def residual_v(line: SumLine, precharge_v: float, vth_shifts_v: Floats, evaluate_ns: float) -> Floats:
    """Voltage left on lines that should be discharged, in V, `[...]`.

    Args:
        precharge_v: of these lines.
        vth_shifts_v: as in `discharge_rel`.
        evaluate_ns: time they are given.
    """
    with np.errstate(divide="ignore", over="ignore"):  # a cell much quicker than the time it is given
        elapsed = (evaluate_ns / line.t50_ns) / discharge_rel(line, vth_shifts_v)
    left: Floats = precharge_v * decay(line, precharge_v, elapsed)
    return left


def precharged_v(line: SumLine, n_heavy: Volts, n_columns: int) -> Volts:
    """Sum of the precharge of `n_columns` lines in V, of which `n_heavy` have weight 2."""
    total: Volts = n_heavy * line.v_high_v + (n_columns - n_heavy) * line.v_low_v
    return total


def sum_line_v(
    line: SumLine, n_columns: int, total_v: Volts, heavy: Volts, light: Volts, held_on: Volts, left_v: Volts
) -> Volts:
    """Voltage of sum lines in V; all arguments broadcast.

    Args:
        n_columns: lines that share their charge.
        total_v: sum of their precharge (`precharged_v`).
        heavy, light: differing lines of weight 2 and 1 (m and l of the law).
        held_on: held lines whose query device is on (h).
        left_v: sum of the voltages left on the differing lines (`residual_v`).
    """
    shared = (total_v - line.v_high_v * heavy - line.v_low_v * light + left_v) / n_columns
    bow = (line.bow_mm_v * heavy + line.bow_ml_v * light) * heavy + line.bow_ll_v * light * light
    volts: Volts = line.gain_rel * shared + line.offset_v + bow - line.droop_v * held_on
    return volts
