"""Admission: an input costs energy a bit and occupies the port for as many cycles as it has port words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.admission import ADMISSION, AdmissionSpec, admit
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "admission", 0)
FIELDS = {
    "component": "admission",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "max_inputs_in_flight": 2,
    "receive_bits_per_cycle": 64,
    "receive_pj": 1.25,
}


def make(**changes: object) -> AdmissionSpec:
    return AdmissionSpec(**{**FIELDS, **changes})


def test_energy_and_cycles_by_hand():
    spec = make()
    result = admit(spec, None, 32 * 32 * 8, DRAWS)
    latency = ADMISSION.ops["admit"].latency(spec).in_cycles(200_000_000)
    assert (latency + result.extra_cycles).tolist() == [8192 // 64]
    energy_pj = result.activity["receive"][0] * getattr(spec, ADMISSION.actions["receive"])
    assert energy_pj == 8192 * 1.25


def test_service_rule_follows_from_the_port():
    spec = make(max_inputs_in_flight=7)
    assert (spec.rule, spec.servers, spec.slots) == ("first_come", 1, 7)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=5), st.integers(1, 1000))
def test_cycles_cover_the_bits(bits, width):
    cycles = 1 + admit(make(receive_bits_per_cycle=width), None, np.array(bits), DRAWS).extra_cycles
    assert np.all(cycles * width >= bits)
    assert np.all((cycles - 1) * width <= bits)


def test_no_input_at_all_in_flight_raises():
    with pytest.raises(ValidationError, match="max_inputs_in_flight"):
        make(max_inputs_in_flight=0)
