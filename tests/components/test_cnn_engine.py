"""CNN engine: exact integer layers against loops, gated and ungated counts, time of a tile."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.cnn_engine import CNN_ENGINE, CnnEngineSpec, compute, convolve, dense, nonzero_macs
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "engine", 0)
FIELDS = {
    "component": "cnn_engine",
    "die": "digital",
    "clock": "engine",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "n_pe_rows": 12,
    "n_pe_cols": 14,
    "weight_tile_bytes": 32768,
    "input_tile_bytes": 16384,
    "psum_tile_bytes": 16384,
    "pipeline_cycles": 4,
    "zero_gating": True,
    "mac_pj": 1.5,
    "mac_gated_pj": 0.5,
    "weight_fill_pj": 0.3,
    "input_fill_pj": 0.2,
    "psum_move_pj": 0.4,
    "clock_pj_per_pe": 1250.0,
    "clock_gated": False,
}


def make(**changes: object) -> CnnEngineSpec:
    return CnnEngineSpec(**{**FIELDS, **changes})


def loops(
    x: npt.NDArray[np.int8], weight: npt.NDArray[np.int8], stride: int, padding: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sums without bias and non-zero multiply-accumulates, as the format's text defines them."""
    x = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    n, k = len(x), weight.shape[2]
    side = [(size - k) // stride + 1 for size in x.shape[2:]]
    acc = np.zeros((n, len(weight), *side), dtype=np.int64)
    nonzero = np.zeros(n, dtype=np.int64)
    for i, o, row, col in np.ndindex(*acc.shape):
        patch = x[i, :, row * stride : row * stride + k, col * stride : col * stride + k]
        acc[i, o, row, col] = (weight[o] * patch).sum()
        nonzero[i] += np.count_nonzero(weight[o].astype(np.int64) * patch)
    return acc, nonzero


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(3, 7), st.integers(3, 7)),
    n_out=st.integers(1, 4),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
)
def test_convolve_and_nonzero_macs_equal_loops(seed, shape, n_out, kernel, stride, padding):
    random = np.random.default_rng(seed)
    x = (random.integers(-128, 128, shape) * random.integers(0, 2, shape)).astype(np.int8)
    weight_shape = (n_out, shape[1], kernel, kernel)
    weight = (random.integers(-128, 128, weight_shape) * random.integers(0, 2, weight_shape)).astype(np.int8)
    bias = random.integers(-(2**30), 2**30, n_out).astype(np.int32)
    acc, nonzero = loops(x, weight, stride, padding)
    y = convolve(x, weight, bias, stride, padding)
    assert y.dtype == np.int32
    assert np.array_equal(y, acc + bias[:, None, None])
    assert nonzero_macs(x, weight, stride, padding).tolist() == nonzero.tolist()


def test_dense_equals_a_sum_over_channel_first_features():
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (5, 2, 3, 4), dtype=np.int8)
    weight = random.integers(-2, 3, (6, 24), dtype=np.int8)
    bias = np.arange(6, dtype=np.int32)
    flat = x.reshape(5, 24).astype(np.int64)
    assert np.array_equal(dense(x, weight, bias), flat @ weight.T.astype(np.int64) + bias)
    expected = [sum(int(np.count_nonzero(row * channel)) for channel in weight) for row in flat]
    assert nonzero_macs(x, weight).tolist() == expected


def test_the_result_does_not_depend_on_the_batch():
    random = np.random.default_rng(1)
    x = random.integers(-128, 128, (7, 4, 9, 9), dtype=np.int8)
    weight, bias = random.integers(-128, 128, (5, 4, 3, 3), dtype=np.int8), np.zeros(5, dtype=np.int32)
    one_by_one = np.concatenate([convolve(x[i : i + 1], weight, bias, 1, 1) for i in range(7)])
    assert np.array_equal(convolve(x, weight, bias, 1, 1), one_by_one)


def test_accumulator_range():
    x, weight = np.full((1, 1), -128, dtype=np.int8), np.full((1, 1), -128, dtype=np.int8)
    just_fits = np.array([2**31 - 1 - 16384], dtype=np.int32)
    assert dense(x, weight, just_fits).tolist() == [[2**31 - 1]]
    with pytest.raises(RangeError, match="accumulator: got 2147483648 … 2147483648, need"):
        dense(x, weight, just_fits + np.int32(1))
    with pytest.raises(RangeError, match="accumulator: got -2147483649"):
        dense(x, np.ones_like(weight), np.array([-(2**31) + 127], dtype=np.int32))


def test_energy_and_cycles_by_hand():
    spec = make()
    macs = 28 * 49 * 1152
    result = compute(spec, None, (11520, macs, np.array([300_000, 0, macs])), DRAWS)
    assert result.activity["mac"].tolist() == [300_000, 0, macs]
    assert result.activity["mac_gated"].tolist() == [macs - 300_000, macs, 0]
    energy_pj = sum(
        count[0] * getattr(spec, CNN_ENGINE.actions[action]) for action, count in result.activity.items()
    )
    assert energy_pj == 300_000 * 1.5 + (1_580_544 - 300_000) * 0.5
    op = CNN_ENGINE.ops["compute"]
    assert op.interval is not None
    assert (op.latency(spec).in_cycles(10**6) + result.extra_cycles).tolist() == [11520 + 3] * 3
    assert (op.interval(spec).in_cycles(10**6) + result.extra_cycles).tolist() == [11520] * 3


def test_without_zero_gating_every_mac_is_full():
    result = compute(make(zero_gating=False), None, (10, 100, np.array([0, 40])), DRAWS)
    assert result.activity["mac"].tolist() == [100, 100]
    assert result.activity["mac_gated"].tolist() == [0, 0]


@pytest.mark.parametrize(("gated", "when"), [(False, "always"), (True, "busy")])
def test_clock_power_is_that_of_all_pes(gated, when):
    spec, clock = make(clock_gated=gated), CNN_ENGINE.statics["clock"]
    assert getattr(spec, clock.field) * clock.units(spec) == 1250.0 * 12 * 14
    assert clock.when(spec) == when


@pytest.mark.parametrize("nonzero", [-1, 101])
def test_impossible_nonzero_count_raises(nonzero):
    with pytest.raises(RangeError, match="nonzero_macs"):
        compute(make(), None, (10, 100, np.array([50, nonzero])), DRAWS)


@pytest.mark.parametrize("field", ["n_pe_rows", "weight_tile_bytes", "pipeline_cycles"])
def test_impossible_engine_raises(field):
    with pytest.raises(ValidationError, match=field):
        make(**{field: 0})
