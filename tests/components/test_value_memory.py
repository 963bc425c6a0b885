"""Value memory: words of a row, capacity, loading."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.value_memory import VALUE_MEMORY, ValueMemorySpec, capacity, program, read, words
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "values", 0)
FIELDS = {
    "component": "value_memory",
    "die": "mbi",
    "clock": "logic",
    "count": 2,
    "area_um2": None,
    "leakage_uw": 600.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "n_bytes": 1048576,
    "word_bits": 64,
    "access_ns": 1.78,
    "read_pj": 13.9,
    "write_pj": 10.3,
    "clock_pj": 16.0,
}


def make(**changes: object) -> ValueMemorySpec:
    return ValueMemorySpec(**{**FIELDS, **changes})


def test_energy_and_cycles_by_hand():
    """78 bits are two words of 64; nothing is read for the second input."""
    spec = make()
    result = read(spec, None, np.array([78, 0, 64]), DRAWS)
    np.testing.assert_array_equal(result.y, [2, 0, 1])
    np.testing.assert_array_equal(result.activity["read"], [2, 0, 1])
    np.testing.assert_array_equal(result.extra_cycles, [1, 0, 0])
    assert result.activity["read"][0] * spec.read_pj == pytest.approx(2 * 13.9)
    # 1.78 ns are two cycles of 1 GHz, and the second word comes a cycle later.
    assert VALUE_MEMORY.ops["read"].latency(spec).in_cycles(10**9) + result.extra_cycles[0] == 2 + 1


@given(st.integers(1, 10**4), st.integers(1, 128))
def test_words_hold_the_row(row_bits, word_bits):
    spec = make(word_bits=word_bits)
    n = words(spec, row_bits)
    assert (n - 1) * word_bits < row_bits <= n * word_bits
    assert read(spec, None, np.array([row_bits]), DRAWS).y == n


def test_capacity_and_program():
    spec = make(word_bits=80)
    assert capacity(spec, 78) == 2 * (8 * 2**20 // 80)
    assert program(spec, (200_300, 78), DRAWS) == (None, {"write": 200_300}, ((200_300, Fraction("1.78")),))
    with pytest.raises(RangeError, match="got 209715 rows of 78 bits, need at most 209714"):
        program(spec, (209_715, 78), DRAWS)


def test_negative_bits():
    with pytest.raises(RangeError, match="got -1 bits"):
        read(make(), None, np.array([8, -1]), DRAWS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"n_bytes": 7}, "need room for a word of 64 bits"), ({"word_bits": 0}, "greater")],
)
def test_wrong_spec(changes, message):
    with pytest.raises(ValidationError, match=message):
        make(**changes)
