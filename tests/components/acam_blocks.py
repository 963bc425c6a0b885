"""Imperfection blocks of an analog CAM for tests: nothing off unless a test says so, and two published records."""

from __future__ import annotations

from typing import Any

from accelsim.acam_window import AcamWindow
from accelsim.charge_row import ChargeRow
from accelsim.rram import RramDevice

MICRO = 1e-6
DAY = 86400.0

# Wan et al., Nature 608 (2022), as fitted in IBM/aihwkit for a range up to 40 uS: 1 s, 1 day, 2 days.
WAN_US = (
    (0.348, 16.03, -43.853, 45.393, -16.815),
    (0.701, 22.086, -50.773, 47.095, -16.458),
    (0.782, 20.274, -43.507, 37.062, -11.934),
)
RELAXATION: dict[str, Any] = {
    "record": "wan2022",
    "age_s": (1.0, DAY, 2 * DAY),
    "sigma_siemens": tuple(tuple(c * MICRO for c in polynomial) for polynomial in WAN_US),
    "drift_siemens": 0.0,
    "sources": {},
}
# CMO/HfOx (same place): programming 0.01122 + 0.01129 G / uS, then a mean shift of -0.089 ln t uS.
CMO_PROGRAMMING: dict[str, Any] = {
    "record": "cmo",
    "sigma_siemens": (0.01122 * MICRO, 0.01129 * 88.19 * MICRO),
    "sources": {},
}
CMO_RELAXATION: dict[str, Any] = {
    "record": "cmo",
    "age_s": (1.0, 1e5),
    "sigma_siemens": ((0.4118 * MICRO,), ((0.4118 + 0.0420 * 11.512925464970229) * MICRO,)),  # ln 1e5
    "drift_siemens": -0.089 * MICRO,
    "sources": {},
}


def device(**changes: Any) -> RramDevice:
    """A device without any imperfection; `changes` replace fields."""
    fields: dict[str, Any] = {
        "record": "wan2022",
        "g_min_siemens": 1e-6,
        "g_max_siemens": 40e-6,
        "search_v": 0.5,
        "disturb_limit_v": 0.6,
        "stuck_low_rel": 0.0,
        "stuck_high_rel": 0.0,
        "sources": {},
    }
    return RramDevice(**{**fields, **changes})


def read_noise(sigma_rel: float, record: str = "wan2022") -> dict[str, Any]:
    return {"record": record, "sigma_rel": sigma_rel, "sources": {}}


def window(**changes: Any) -> AcamWindow:
    fields: dict[str, Any] = {
        "bound_a_v": 0.724,
        "bound_b_v": 0.057,
        "bound_c_v": 0.0047,
        "level_low_v": 0.84,
        "level_high_v": 1.07,
        "sources": {},
    }
    return AcamWindow(**{**fields, **changes})


def row(**changes: Any) -> ChargeRow:
    """A row without any spread: 41.36 fC more a match on 20 fF and 25 fF a cell."""
    fields: dict[str, Any] = {
        "q_match_fc": 41.7,
        "q_mismatch_fc": 0.34,
        "cell_ff": 25.0,
        "sense_ff": 20.0,
        "cell_spread_rel": 0.0,
        "segment_gain_rel": 0.0,
        "segment_offset_v": 0.0,
        "sources": {},
    }
    return ChargeRow(**{**fields, **changes})
