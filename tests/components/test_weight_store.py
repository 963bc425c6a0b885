"""Weight store: exact sizes of both encodings, capacity, words, and the load that is charged once."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from accelsim.components.weight_store import (
    WEIGHT_STORE,
    WeightStoreSpec,
    expected_bits,
    fetch,
    program,
    stored_bits,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "weights")
FIELDS = {
    "component": "weight_store",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 177.4,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "kind": "sram",
    "residency": "resident",
    "n_bytes": 524288,
    "word_bits": 64,
    "words_per_cycle": 1,
    "access_ns": 4.4,
    "read_pj": 126.0,
    "write_pj": 98.4,
    "encoding": "run_length",
    "index_bits": 4,
    "clock_pj": 5.0,
}
DENSE = {"encoding": "dense", "index_bits": 0}


def make(**changes: object) -> WeightStoreSpec:
    return WeightStoreSpec(**{**FIELDS, **changes})


def encode(values: list[int], index_bits: int) -> list[tuple[int, int]]:
    """Run-length entries (zeros before, value), as a stream encoder writes them."""
    entries, run = [], 0
    for value in values:
        if value == 0:
            run += 1
        else:
            while run >= 2**index_bits:  # a filler says 2^k - 1 zeros and is one more
                entries.append((2**index_bits - 1, 0))
                run -= 2**index_bits
            entries.append((run, value))
            run = 0
    return entries


def decode(entries: list[tuple[int, int]], n_values: int) -> list[int]:
    values: list[int] = []
    for run, value in entries:
        values += [0] * run + [value]
    return values + [0] * (n_values - len(values))


SPARSE = st.lists(st.one_of(st.just(0), st.just(0), st.just(0), st.integers(-128, 127)), max_size=200)


@given(SPARSE, st.integers(1, 5))
def test_run_length_size_equals_an_encoder_that_loses_nothing(values, index_bits):
    entries = encode(values, index_bits)
    assert decode(entries, len(values)) == values
    bits = stored_bits(make(index_bits=index_bits), np.array(values, dtype=np.int8), 8)
    assert bits == len(entries) * (8 + index_bits)


@given(arrays(np.int8, (4, 3, 2)))
def test_dense_size_is_every_value(values):
    assert stored_bits(make(**DENSE), values, 8) == values.size * 8


def test_run_length_by_hand():
    spec = make(index_bits=2)
    values = np.array([0, 0, 0, 0, 0, 5, 7, 0, 0, 0], dtype=np.int8)
    # Five zeros: a filler for four of them, then (1, 5), then (0, 7); the last three zeros are free.
    assert stored_bits(spec, values, 8) == 3 * (2 + 8)


def test_energy_and_cycles_by_hand():
    spec = make(words_per_cycle=2)
    result = fetch(spec, None, np.array([28 * 1152 * 8, 1, 0]), DRAWS)
    assert result.activity["read"].tolist() == [4032, 1, 0]  # 32,256 bytes, 8 a word
    latency = WEIGHT_STORE.ops["fetch"].latency(spec).in_cycles(200_000_000)  # 4.4 ns in cycles of 5 ns
    assert (latency + result.extra_cycles).tolist() == [1 + 2015, 1, 1]
    assert result.activity["read"][0] * getattr(spec, WEIGHT_STORE.actions["read"]) == 4032 * 126.0


def test_program_writes_a_resident_store_once():
    spec = make()
    state, activity, steps = program(spec, 6400, DRAWS)
    assert (state, activity, steps) == (6400, {"write": 100}, ((100, Fraction("4.4")),))
    energy_pj = activity["write"] * getattr(spec, WEIGHT_STORE.programming["write"])
    assert energy_pj == pytest.approx(100 * 98.4)
    streamed = program(make(kind="dram", residency="streamed"), 6400, DRAWS)
    assert streamed.activity == {"write": 0}
    assert streamed.time_s(10**9) == 0


def test_what_does_not_fit_raises():
    assert program(make(n_bytes=10), 80, DRAWS).state == 80
    with pytest.raises(RangeError, match="n_bytes: got 10, need at least 11"):
        program(make(n_bytes=10), 81, DRAWS)


@pytest.mark.parametrize(("zeros", "index_bits"), [(0.9, 2), (0.5, 1), (0.97, 4)])
def test_expected_bits_are_the_mean_of_random_weights(zeros, index_bits):
    """Within five standard errors; the zeros after the last value, not stored, are zeros^R / (1 - zeros^R) entries."""
    spec, n = make(index_bits=index_bits), 20_000
    rng = np.random.default_rng(7)
    drawn = [stored_bits(spec, (rng.random(n) >= zeros).astype(np.int8), 8) for _ in range(60)]
    run = zeros**2**index_bits
    trailing = run / (1 - run) * (index_bits + 8)
    error = 5 * np.std(drawn, ddof=1) / 60**0.5
    assert abs(np.mean(drawn) - expected_bits(spec, n, zeros, 8)) < error + trailing


def test_expected_bits_where_nothing_is_random():
    assert expected_bits(make(**DENSE), 100, 0.9, 8) == 800
    assert expected_bits(make(), 100, 0.0, 8) == 100 * (4 + 8)
    assert expected_bits(make(), 100, 1.0, 8) == 0


def test_values_wider_than_said_raise():
    with pytest.raises(RangeError, match="weights: got -9 … 7, need -8 … 7"):
        stored_bits(make(), np.array([-9, 7], dtype=np.int8), 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "dram"}, "residency: got resident with kind dram, need streamed"),
        ({"encoding": "dense"}, "index_bits: got 4 with encoding dense, need 0"),
        ({"index_bits": 0}, "index_bits: got 0 with encoding run_length, need at least 1"),
        ({"words_per_cycle": 0}, "words_per_cycle"),
    ],
)
def test_impossible_store_raises(change, message):
    with pytest.raises(ValidationError, match=message):
        make(**change)
