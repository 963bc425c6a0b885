"""The converter survey's formula, evaluated anew, against the figures that were taken from it.

    SNDR = 6.02 b + 1.76 dB
    FOMS = min(213.78 - 2.8719 ln f, best of ceil(b))  dB
    E = 1 / (2 10^((FOMS - SNDR) / 10)) exp(26.0496 + 1.88004 ln node - 2.82913 ln b - 1.47020)  pJ
    A = exp(1.3462 + 0.99328 ln node + 0.18072 ln f + 0.29912 ln E)  um^2

*Source:* Accelergy-Project/accelergy-adc-plug-in@ff0fb48, adc_data/model.yaml and its wrapper.
*Valid for:* 4 to 8 bits; node in nm, f in conversions a second.
"""

from __future__ import annotations

from math import ceil, exp, log
from pathlib import Path

from accelsim.errors import RangeError
from accelsim.spec import load_spec
from accelsim.validate.check import Check, compared, judged, off_percent

GROUP = "Converters against the survey"
SOURCE = "Accelergy-Project/accelergy-adc-plug-in@ff0fb48, a fit to Murmann's survey of published converters"
BEST_DB = {4: 141.19, 5: 144.41, 6: 147.63, 7: 150.85, 8: 154.07}

# Bits, node in nm → pJ a conversion, as evaluated once and written down (three digits).
WRITTEN_PJ = {(5, 65): 3.55, (5, 45): 1.78, (5, 32): 0.936, (5, 22): 0.463, (5, 16): 0.254, (8, 16): 0.466}
# Conversions a second → um^2 of 5 bits at 16 nm.
WRITTEN_UM2 = {1e6: 487.0, 1e9: 1695.0}


def energy_pj(bits: float, node_nm: float, per_s: float) -> float:
    """Energy of a conversion.

    Raises:
        RangeError: outside 4 to 8 bits.
    """
    if not 4 <= bits <= 8:
        raise RangeError(f"adc survey: got {bits:g} bits, need 4 to 8")
    sndr = 6.02 * bits + 1.76
    foms = min(213.78 - 2.8719 * log(per_s), BEST_DB[ceil(bits)])
    scale = exp(26.0496 + 1.88004 * log(node_nm) - 2.82913 * log(bits) - 1.47020)
    return scale / (2 * 10 ** ((foms - sndr) / 10))


def area_um2(bits: float, node_nm: float, per_s: float) -> float:
    """Area of a converter."""
    energy = energy_pj(bits, node_nm, per_s)
    return exp(1.3462 + 0.99328 * log(node_nm) + 0.18072 * log(per_s) + 0.29912 * log(energy))


def checks(specs: Path) -> list[Check]:
    """All of them."""
    off = [off_percent(energy_pj(*case, 1e9), pj) for case, pj in WRITTEN_PJ.items()]
    off += [off_percent(area_um2(5, 16, rate), area) for rate, area in WRITTEN_UM2.items()]
    spec = load_spec(specs / "mbi_physical.yaml")
    adc, node = spec.instances["adc"], spec.dies[spec.instances["adc"].die].node_nm
    rate = 1e9 / adc.convert_ns
    fit_pj, fit_um2 = energy_pj(adc.n_bits, node, rate), adc.n_adcs * area_um2(adc.n_bits, node, rate)
    return [
        judged(
            GROUP,
            "adc-formula",
            f"the formula against {len(off)} figures that it gave when it was first looked at: largest difference",
            limit=0.5,
            result=max(off),
            unit="%",
            figures="5 bits: 3.55 pJ at 65 nm to 0.254 pJ at 16 nm; 8 bits at 16 nm: 0.466 pJ",
            source=SOURCE,
            remark="half a percent is the rounding of figures of three digits",
        ),
        judged(
            GROUP,
            "adc-spec",
            "convert_pj and area_um2 of mbi_physical against the formula: larger difference",
            limit=0.5,
            result=max(off_percent(adc.convert_pj, fit_pj), off_percent(adc.area_um2, fit_um2)),
            unit="%",
            figures=f"{adc.convert_pj:g} pJ against {fit_pj:.4f}; {adc.area_um2:,g} um^2 against {fit_um2:,.0f} "
            f"({adc.n_bits} bits, {node:g} nm, {rate / 1e6:.0f} MS/s, {adc.n_adcs} of them)",
            source=SOURCE,
        ),
        compared(
            GROUP,
            "adc-silicon",
            "the formula at 5 bits and 32 nm against the best published single SAR of 4.5 to 5.5 bits",
            result=off_percent(energy_pj(5, 32, 1e9), 0.778),
            unit="%",
            figures=f"{energy_pj(5, 32, 1e9):.3f} pJ (32 nm) against 0.778 pJ (40 nm, 900 MS/s); others up to 4.8 pJ",
            source="Murmann survey rev. 20250609 (bmurmann/ADC-survey@ddf3c1b), ISSCC 2021, 13.4",
            remark="at 16 nm nobody measured one of 5 or 6 bits: NeuroSim 1.4 gives 0.03 pJ, this formula 0.25 to 0.29",
        ),
    ]
