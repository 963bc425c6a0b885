"""Die link: beats of so many wires, one latency, energy of pads and level shifters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.die_link import DIE_LINK, DieLinkSpec, transfer
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "link", 0)
FIELDS = {
    "component": "die_link",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "bits_per_cycle": 16,
    "latency_ns": 5.1,
    "bit_pj": 1.25,
    "level_shift_pj": 0.0625,
}


def make(**changes: object) -> DieLinkSpec:
    return DieLinkSpec(**{**FIELDS, **changes})


def test_energy_and_cycles_by_hand():
    spec = make()
    result = transfer(spec, None, 784, DRAWS)
    energy_pj = sum(
        count[0] * getattr(spec, DIE_LINK.actions[action]) for action, count in result.activity.items()
    )
    assert energy_pj == 784 * (1.25 + 0.0625)
    op = DIE_LINK.ops["transfer"]
    assert op.interval is not None
    # 784 / 16 = 49 beats of 5 ns; 5.1 ns of latency take two cycles
    assert (op.latency(spec).in_cycles(200_000_000) + result.extra_cycles).tolist() == [49 + 2]
    assert (op.interval(spec).in_cycles(200_000_000) + result.extra_cycles).tolist() == [49]


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=5), st.integers(1, 1000))
def test_beats_cover_the_bits(bits, width):
    beats = 1 + transfer(make(bits_per_cycle=width), None, np.array(bits), DRAWS).extra_cycles
    assert np.all(beats * width >= bits)
    assert np.all((beats - 1) * width <= bits)


@pytest.mark.parametrize("change", [{"bits_per_cycle": 0}, {"bit_pj": -1.0}, {"latency_ns": -1.0}])
def test_impossible_link_raises(change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        make(**change)
