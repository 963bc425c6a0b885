"""Row-stationary engine: cycles and counts of a run of passes, by hand."""

from typing import Any

import numpy as np
import pytest

from accelsim.components.row_stationary_engine import Passes, RowStationaryEngineSpec, compute, cycles
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "engine", 0)
RUN = Passes(n_passes=3, pass_cycles=40, filter_words=10, macs=960, nonzero=600)


def spec(**changes: Any) -> RowStationaryEngineSpec:
    fields: dict[str, Any] = {
        **{"component": "row_stationary_engine", "die": "d", "clock": "c", "count": 1, "area_um2": None},
        **{"leakage_uw": 0.0, "sources": {}, "rule": "in_order", "servers": 1, "slots": 2},
        **{"n_pe_rows": 2, "n_pe_cols": 4, "word_bits": 16, "filter_words": 8, "input_words": 4, "psum_words": 4},
        **{"bus_words": 4, "pipeline_cycles": 3, "stall_rel": 0.0, "zero_gating": True, "mac_pj": 1.0},
        **{"mac_gated_pj": 0.1, "clock_pj_per_pe": 1.0, "clock_gated": False},
    }
    return RowStationaryEngineSpec(**{**fields, **changes})


def test_cycles_by_hand() -> None:
    assert cycles(spec(), RUN) == 3 * (3 + 40)  # 10 words over a bus of 4 take 3 cycles, before each pass
    assert cycles(spec(stall_rel=0.1), RUN) == 3 * (3 + 44)
    assert cycles(spec(stall_rel=0.01), RUN) == 3 * (3 + 41)  # a pass lasts whole cycles
    assert cycles(spec(bus_words=10), RUN) == 3 * (1 + 40)


def test_stalls_are_exact_decimals() -> None:
    """0.1 x 30 is 3 stalls, where the float product 30 * 1.1 is a little more than 33."""
    assert cycles(spec(stall_rel=0.1), RUN._replace(n_passes=1, pass_cycles=30, filter_words=0)) == 33


def test_gating_moves_energy_and_not_time() -> None:
    gated, plain = compute(spec(), None, RUN, DRAWS), compute(spec(zero_gating=False), None, RUN, DRAWS)
    assert {name: int(count[0]) for name, count in gated.activity.items()} == {"mac": 600, "mac_gated": 360}
    assert {name: int(count[0]) for name, count in plain.activity.items()} == {"mac": 960, "mac_gated": 0}
    assert np.array_equal(gated.extra_cycles, plain.extra_cycles)
    assert int(gated.extra_cycles[0]) == 3 * 43 - 1  # the first cycle is in the op's interval


@pytest.mark.parametrize("nonzero", [-1, 961])
def test_more_zeros_than_there_are(nonzero: int) -> None:
    with pytest.raises(RangeError, match=f"nonzero_macs: got {nonzero}, need 0 … 960"):
        compute(spec(), None, RUN._replace(nonzero=nonzero), DRAWS)
