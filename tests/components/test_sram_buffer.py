"""SRAM buffer: whole port words, the first in the access time, one a cycle after it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.sram_buffer import SRAM_BUFFER, SramBufferSpec, load, words
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "buffer", 0)
FIELDS = {
    "component": "sram_buffer",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": 198000.0,
    "leakage_uw": 13.21,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "n_bytes": 32768,
    "port_bits": 64,
    "access_ns": 2.05,
    "read_pj": 30.1,
    "write_pj": 28.7,
    "clock_pj": 5.0,
}


def make(**changes: object) -> SramBufferSpec:
    return SramBufferSpec(**{**FIELDS, **changes})


def test_energy_and_cycles_by_hand():
    spec = make()
    latency = SRAM_BUFFER.ops["load"].latency(spec)
    assert latency.ns == Fraction("2.05")
    assert latency.in_cycles(200_000_000) == 1  # a cycle is 5 ns
    assert latency.in_cycles(1_000_000_000) == 3  # a cycle is 1 ns
    result = load(spec, None, words(spec, 7 * 7 * 128), DRAWS)
    assert (1 + result.extra_cycles).tolist() == [784]  # 6272 bytes, 8 a word
    assert result.activity["read"][0] * getattr(spec, SRAM_BUFFER.actions["read"]) == 784 * 30.1
    several = load(spec, None, words(spec, np.array([784, 1, 0])), DRAWS)
    assert several.activity["read"].tolist() == [98, 1, 0]
    assert several.extra_cycles.tolist() == [97, 0, 0]


def test_static_power_is_leakage_and_clock():
    spec = make()
    powers = {name: getattr(spec, static.field) for name, static in SRAM_BUFFER.statics.items()}
    assert powers == {"leakage": 13.21, "clock": 5.0}


@given(st.integers(0, 2**40), st.integers(8, 65536))
def test_words_hold_the_bytes_and_no_word_is_idle(n_bytes, port_bits):
    n_words = words(make(port_bits=port_bits), n_bytes)
    assert n_words * port_bits >= n_bytes * 8
    assert (n_words - 1) * port_bits < n_bytes * 8


def test_words_of_an_array():
    assert words(make(), np.array([0, 8, 9])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("change", [{"n_bytes": 0}, {"port_bits": 7}, {"read_pj": -1.0}, {"access_ns": -0.1}])
def test_impossible_memory_raises(change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        make(**change)
