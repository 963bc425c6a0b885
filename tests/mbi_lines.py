"""Sum lines and converters for tests: the shipped figures, and what makes a line ideal."""

from typing import Any

# 32 columns, planar 16 nm LP cards (arch_specs/mbi_physical.yaml says where each number comes from).
LINE: dict[str, Any] = {
    "sources": {},
    "v_high_v": 0.9,
    "v_low_v": 0.45,
    "line_ff": 3.58,
    "sum_ff": 6.6,
    "gain_rel": 0.924,
    "offset_v": -0.026,
    "bow_mm_v": 5e-5,
    "bow_ml_v": 5e-5,
    "bow_ll_v": 1.25e-5,
    "droop_v": 3e-4,
    "t50_ns": 0.59,
    "v_overdrive_v": 0.40,
    "exponent_rel": 2.9,
    "row_weight_rel": 0.333,
    "query_weight_rel": 0.333,
    "vth_sigma_v": 0.06,
}
IDEAL: dict[str, Any] = {
    "gain_rel": 1.0,
    **dict.fromkeys(("offset_v", "bow_mm_v", "bow_ml_v", "bow_ll_v", "droop_v", "vth_sigma_v"), 0.0),
}

# 64 codes of 0.45 V / 32, one unit of distance of the ideal line.
TRANSFER: dict[str, Any] = {
    "sources": {},
    "v_low_v": 0.0,
    "v_high_v": 0.9,
    "unit_v": 0.0140625,
    "gain_sigma_rel": 0.0,
    "offset_sigma_v": 0.0,
    "noise_sigma_v": 0.0,
}
