"""Post unit: the integer scheme against Python's own integers, pooling, and the pace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.post_unit import POST_UNIT, PostUnitSpec, Written, max_pool, requantise, write_back
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "post", 0)
FIELDS = {
    "component": "post_unit",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "lanes": 8,
    "pipeline_cycles": 3,
    "requantise_pj": 4.0,
    "pool_pj": 0.25,
    "add_pj": 1.5,
    "clock_pj": 0.0,
}
INT32 = st.integers(-(2**31), 2**31 - 1)


def make(**changes: object) -> PostUnitSpec:
    return PostUnitSpec(**{**FIELDS, **changes})


@given(INT32, st.integers(1, 2**31 - 1), st.integers(1, 62), st.booleans())
def test_requantise_equals_whole_number_arithmetic(acc, multiplier, shift, relu):
    exact = (acc * multiplier + 2 ** (shift - 1)) // 2**shift
    expected = min(max(exact, 0 if relu else -128), 127)
    got = requantise(
        np.array([[acc]], dtype=np.int32),
        np.array([multiplier], dtype=np.int32),
        np.array([shift], dtype=np.uint8),
        relu,
    )
    assert got.dtype == np.int8
    assert got.tolist() == [[expected]]


@given(INT32, st.integers(-128, 127), *[st.integers(1, 2**31 - 1)] * 2, st.integers(1, 62), st.booleans())
def test_what_is_added_is_rounded_once_with_the_accumulator(acc, skip, multiplier, skip_multiplier, shift, relu):
    exact = (acc * multiplier + skip * skip_multiplier + 2 ** (shift - 1)) // 2**shift
    expected = min(max(exact, 0 if relu else -128), 127)
    scale, skip_scale = (np.array([factor], dtype=np.int32) for factor in (multiplier, skip_multiplier))
    got = requantise(
        np.array([[acc]], dtype=np.int32),
        scale,
        np.array([shift], dtype=np.uint8),
        relu,
        np.array([[skip]], dtype=np.int8),
        skip_scale,
    )
    assert got.dtype == np.int8
    assert got.tolist() == [[expected]]


def test_what_is_added_has_its_own_factor_a_channel():
    acc = np.zeros((2, 2, 1, 1), dtype=np.int32)
    skip = np.array([[[[10]], [[10]]], [[[-10]], [[127]]]], dtype=np.int8)
    multiplier, shift = np.array([1, 1], dtype=np.int32), np.array([1, 2], dtype=np.uint8)
    got = requantise(acc, multiplier, shift, False, skip, np.array([3, 4], dtype=np.int32))
    assert got[:, :, 0, 0].tolist() == [[15, 10], [-15, 127]]


def test_requantise_scales_each_channel_by_its_own():
    acc = np.array([[[[10, -10]], [[10, -10]]]], dtype=np.int32)  # [1, 2 channels, 1, 2]
    multiplier, shift = np.array([1, 3], dtype=np.int32), np.array([1, 2], dtype=np.uint8)
    # 10 / 2 = 5; 10 * 3 / 4 = 7.5, and halves go up: 8 and -7
    assert requantise(acc, multiplier, shift, relu=False).tolist() == [[[[5, -5]], [[8, -7]]]]
    assert requantise(acc, multiplier, shift, relu=True).tolist() == [[[[5, 0]], [[8, 0]]]]


@given(st.integers(1, 3), st.integers(3, 8), st.integers(3, 8), st.integers(0, 10**6))
def test_max_pool_equals_loops(size, height, width, seed):
    x = np.random.default_rng(seed).integers(-128, 128, (2, 3, height, width), dtype=np.int8)
    y = max_pool(x, size)
    assert y.shape == (2, 3, height // size, width // size)
    for i, c, row, col in np.ndindex(*y.shape):
        assert (
            y[i, c, row, col] == x[i, c, row * size : (row + 1) * size, col * size : (col + 1) * size].max()
        )


def test_pooling_by_one_keeps_any_shape():
    x = np.zeros((4, 10), dtype=np.int8)
    assert max_pool(x, 1) is x


def test_energy_and_cycles_by_hand():
    spec = make()
    result = write_back(spec, None, Written(100, 75, 4), DRAWS)
    energy_pj = sum(
        count[0] * getattr(spec, POST_UNIT.actions[action]) for action, count in result.activity.items()
    )
    assert energy_pj == 100 * 4.0 + 75 * 0.25
    op = POST_UNIT.ops["write_back"]
    assert op.interval is not None
    # ceil(100 / 8) = 13 cycles of the lanes, more than 4 words
    assert (op.latency(spec).in_cycles(10**6) + result.extra_cycles).tolist() == [3 + 13 - 1]
    assert (op.interval(spec).in_cycles(10**6) + result.extra_cycles).tolist() == [13]


def test_energy_and_cycles_of_adding_by_hand():
    spec = make()
    result = write_back(spec, None, Written(100, 75, 4, operand_words=25), DRAWS)
    energy_pj = sum(
        count[0] * getattr(spec, POST_UNIT.actions[action]) for action, count in result.activity.items()
    )
    assert energy_pj == 100 * (4.0 + 1.5) + 75 * 0.25
    # 13 cycles of the lanes, 4 words written, 25 read
    assert (POST_UNIT.ops["write_back"].latency(spec).in_cycles(10**6) + result.extra_cycles).tolist() == [3 + 25 - 1]


def test_without_operands_nothing_is_counted_as_added():
    assert "add" not in write_back(make(), None, Written(100, 75, 4), DRAWS).activity


def test_a_unit_that_cannot_add_raises():
    with pytest.raises(RangeError, match="need add_pj"):
        write_back(make(add_pj=None), None, Written(8, 0, 1, 1), DRAWS)


@given(*[st.integers(0, 10**6)] * 3, st.integers(1, 64))
def test_the_slowest_of_lanes_and_ports_sets_the_pace(outputs, words, operand_words, lanes):
    work = Written(outputs, 0, words, operand_words)
    cycles = 1 + int(write_back(make(lanes=lanes), None, work, DRAWS).extra_cycles[0])
    ports = max(1, words, operand_words)
    assert cycles >= ports
    assert cycles * lanes >= outputs
    assert cycles == ports or (cycles - 1) * lanes < outputs


@pytest.mark.parametrize(
    ("multiplier", "shift", "message"),
    [(0, 1, "multiplier: got 0"), (1, 0, "shift: got 0"), (1, 63, "shift: got 63")],
)
def test_requantise_out_of_range_raises(multiplier, shift, message):
    with pytest.raises(RangeError, match=message):
        requantise(
            np.zeros((1, 1), dtype=np.int32),
            np.array([multiplier], dtype=np.int32),
            np.array([shift], dtype=np.uint8),
            relu=True,
        )


def test_factor_of_what_is_added_out_of_range_raises():
    one, shift = np.array([1], dtype=np.int32), np.array([1], dtype=np.uint8)
    with pytest.raises(RangeError, match="skip_multiplier: got 0"):
        requantise(np.zeros((1, 1), np.int32), one, shift, True, np.zeros((1, 1), np.int8), one - 1)


def test_impossible_unit_raises():
    with pytest.raises(ValidationError, match="lanes"):
        make(lanes=0)
