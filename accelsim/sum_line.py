"""The SRAM distance array as a circuit: cells discharge bit lines, shared bit lines make the sum line.

A column whose bit of significance 1 (weight 2) differs is precharged to `v_high_v`, one of weight 1 to `v_low_v`. Three
series transistors of a cell discharge its line; each has a threshold of its own, so a cell's discharge time is

    t = t50_ns * mean over its devices of (1 - dV_TH / v_overdrive_v) ** -exponent

and a line that should fall has fallen to `v * decay(t_evaluate / t)`. Sharing n lines gives, with m differing lines of
weight 2 and l of weight 1 on this sum line and h held lines whose query device is on,

    V = gain * (ideal shared voltage) + offset_v + bow_mm_v m^2 + bow_ml_v m l + bow_ll_v l^2 - droop_v h

*Source:* form and coefficients by circuit simulation (ngspice 39, 32 x 32 array of arXiv 2307.07631 in planar 16 nm LP
and in our own card): quadratic plus droop rms 0.16 mV, alpha-power law rms 3 %, the sigma of the sum line
within 10 to 50 %.
*Valid for:* 1 and 2 bits a pixel; lines long enough evaluated for the quadratic to be that of settled lines.
"""

from __future__ import annotations

from accelsim.component import Imperfection, NonNegative, Positive


class SumLine(Imperfection):
    """Electrical parameters of the arrays and their mismatch.

    Attributes:
        v_high_v, v_low_v: precharge of columns of weight 2 and 1.
        line_ff, sum_ff: capacitance of a bit line, and of a sum line with its converter input.
        gain_rel: loading of the shared voltage (1 = none).
        offset_v, bow_mm_v, bow_ml_v, bow_ll_v, droop_v: coefficients of the law (module docstring).
        t50_ns: time in which a nominal cell halves its line's voltage.
        v_overdrive_v, exponent_rel: of the alpha-power law.
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
    vth_sigma_v: NonNegative
