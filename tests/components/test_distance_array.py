"""Distance arrays: bit-weighted Hamming, Manhattan through a thermometer code, layout and counts."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.distance_array import (
    DISTANCE_ARRAY,
    Comparison,
    DistanceArraySpec,
    build,
    compare,
    passes,
    program,
    split_layout,
    write_row,
)
from accelsim.errors import RangeError
from accelsim.key_layout import cell_bits, distances, query_toggles
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "arrays", 0)
METRICS = ["circuit", "manhattan"]
FIELDS = {
    "component": "distance_array",
    "die": "mbi",
    "clock": "logic",
    "count": 10,
    "area_um2": None,
    "leakage_uw": 0.07,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "n_rows": 32,
    "n_cols": 32,
    "n_splits": 5,
    "metric": "circuit",
    "reset_ns": 1.0,
    "precharge_ns": 3.0,
    "evaluate_ns": 6.0,
    "share_ns": 1.0,
    "sample_ns": 1.0,
    "row_write_ns": 1.0,
    "compare_pj": 4.7,
    "precharge_pj": 0.16,
    "query_toggle_pj": 0.15,
    "write_pj": 0.005,
    "bias_uw": 0.1,
    "bias_gated": False,
    "wake_ns": 2.5,
    "wake_pj": 0.3,
}


def make(**changes: object) -> DistanceArraySpec:
    return DistanceArraySpec(**{**FIELDS, **changes})


def some_bits(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


def asked(query: np.ndarray, keys: np.ndarray, valid: np.ndarray) -> Comparison:
    """Every input at a node of its own."""
    return Comparison(query, keys, valid, np.arange(len(query)), np.zeros(len(query), np.int64))


def brute_force(
    metric: str, query: np.ndarray, key: np.ndarray, patch_bits: int, pixel_bits: int
) -> list[int]:
    """Distance of one key in each split of docs/workload-format.md, column by column."""
    n_patch = -(-patch_bits // 32)
    out = [0] * (n_patch - (-(len(query) - patch_bits) // 32))
    for column in range(patch_bits):
        weight = 2 ** (pixel_bits - 1 - column % pixel_bits)
        difference = weight * (int(query[column]) - int(key[column]))
        if metric == "circuit":
            out[column // 32] += abs(difference)
        elif column % pixel_bits == 0:
            pixel = slice(column, column + pixel_bits)
            q, k = (int("".join(map(str, bits[pixel])), 2) for bits in (query, key))
            out[column // 32] += abs(q - k)
    for column in range(patch_bits, len(query)):
        out[n_patch + (column - patch_bits) // 32] += int(query[column] != key[column])
    return out


@given(
    st.sampled_from(METRICS),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 40),
    st.integers(0, 70),
    st.integers(0, 99),
)
def test_distances_are_column_by_column(metric, pixel_bits, n_pixels, hidden_bits, seed):
    patch_bits = n_pixels * pixel_bits
    layout = split_layout(make(metric=metric), patch_bits, pixel_bits, hidden_bits)
    query = some_bits(2, patch_bits + hidden_bits, seed=seed)
    keys = some_bits(2, 3, patch_bits + hidden_bits, seed=seed + 1)
    expected = [
        [brute_force(metric, q, k, patch_bits, pixel_bits) for k in ks]
        for q, ks in zip(query, keys, strict=True)
    ]
    np.testing.assert_array_equal(distances(layout, query, keys), expected)
    assert distances(layout, query, keys).min() >= 0


def test_three_bit_pixels_may_straddle_splits_of_the_circuit_but_not_of_manhattan():
    layout = split_layout(make(), 33, 3, 0)
    query, keys = some_bits(1, 33), some_bits(1, 2, 33, seed=1)
    expected = [[brute_force("circuit", query[0], k, 33, 3) for k in keys[0]]]
    np.testing.assert_array_equal(distances(layout, query, keys), expected)
    with pytest.raises(RangeError, match="got 3 bits a pixel"):
        split_layout(make(metric="manhattan"), 33, 3, 0)


def test_metrics_differ_for_one_pair_of_two_bit_levels_only():
    levels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    keys = np.broadcast_to(levels, (4, 4, 2))
    tables = [distances(split_layout(make(metric=m), 2, 2, 0), levels, keys)[..., 0] for m in METRICS]
    np.testing.assert_array_equal(tables[1], np.abs(np.subtract.outer(np.arange(4), np.arange(4))))
    np.testing.assert_array_equal(np.argwhere(tables[0] != tables[1]), [[1, 2], [2, 1]])
    assert tables[0][1, 2] == 3


def test_paper_layout():
    layout = split_layout(make(), 96, 2, 64)
    assert (layout.n_splits, layout.n_cells, layout.n_columns) == (3 + 2, 160, 160)
    assert passes(make(), layout) == 1


def test_manhattan_layout_pays_for_its_columns():
    """16 pixels a split take 48 thermometer columns, two arrays; hidden bits as before."""
    layout = split_layout(make(metric="manhattan"), 128, 2, 28)
    assert layout.n_cells == 64 * 3 + 28
    assert layout.n_splits == 4 * 2 + 1
    assert passes(make(metric="manhattan"), layout) == 2


def test_narrow_arrays_need_more_of_them():
    """96 patch bits are 6 arrays of 16 columns; of 40 hidden bits 32 fill two, and 8 begin a third."""
    layout = split_layout(make(n_cols=16), 96, 2, 40)
    assert layout.n_splits == 6 + 3
    assert layout.split_of_array.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert layout.cell_places.tolist() == list(range(96 + 40))


def test_a_part_of_a_split_leaves_its_columns_empty():
    """20 patch bits in the first array, 3 hidden bits in the second."""
    layout = split_layout(make(), 20, 2, 3)
    assert layout.cell_places.tolist() == [*range(20), 32, 33, 34]
    assert layout.cell_weights.tolist() == [2, 1] * 10 + [1] * 3
    thermometer = split_layout(make(metric="manhattan"), 32, 2, 1)  # 16 pixels, 48 cells, two arrays
    assert thermometer.cell_places.tolist() == [*range(48), 64]
    assert thermometer.cell_weights.tolist() == [1] * 49


def test_a_location_has_a_split_of_its_own():
    """Bits of 16, 8, 4, 2 and 1 in 8, 4, 2, 1 and 1 columns: both coordinates fill an array of 32 columns."""
    layout = split_layout(make(), 96, 2, 64, 10)
    assert (layout.n_splits, layout.n_columns, layout.n_cells) == (3 + 2 + 1, 170, 160 + 32)
    assert passes(make(), layout) == 2  # of five arrays
    assert layout.split_of_array.tolist() == [0, 1, 2, 3, 4, 5]
    assert layout.cell_weights[160:].tolist() == 2 * ([2] * 15 + [1])
    assert layout.cell_places[160:].tolist() == list(range(5 * 32, 6 * 32))
    six = split_layout(make(), 96, 2, 64, 12)
    assert (six.n_splits, len(six.arrays_of_split)) == (3 + 2 + 2, 6)


@given(st.sampled_from(METRICS), st.integers(1, 8), st.integers(0, 40), st.integers(0, 99))
def test_distances_of_locations(metric, bits, hidden_bits, seed):
    """The last split holds by what coordinates differ, bit by bit or (manhattan) as numbers; cells add up to it."""
    layout = split_layout(make(metric=metric), 8, 2, hidden_bits, 2 * bits)
    query, keys = some_bits(2, layout.n_columns, seed=seed), some_bits(2, 3, layout.n_columns, seed=seed + 1)
    found = distances(layout, query, keys)
    cells = cell_bits(layout, query)[:, None] != cell_bits(layout, keys)
    toggles = query_toggles(layout, query, keys[:, 0])
    for i, k in np.ndindex(2, 3):
        pairs = zip(_coordinates(query[i], bits), _coordinates(keys[i, k], bits), strict=True)
        assert found[i, k, -1] == sum(abs(a - b) if metric == "manhattan" else a ^ b for a, b in pairs)
        per_cell = np.bincount(layout.cell_splits, layout.cell_weights * cells[i, k], len(layout.arrays_of_split))
        np.testing.assert_array_equal(found[i, k], per_cell)
    np.testing.assert_array_equal(toggles, cells[:, 0].sum(axis=1))


def _coordinates(columns, bits):
    """Row and column at the end of a query or key."""
    return [int("".join(map(str, columns[i:][:bits])), 2) for i in (len(columns) - 2 * bits, len(columns) - bits)]


@pytest.mark.parametrize("location_bits", [-2, 3, 18])
def test_wrong_location(location_bits):
    with pytest.raises(RangeError, match=f"got {location_bits} location bits, need two coordinates of 0 to 8"):
        split_layout(make(), 96, 2, 64, location_bits)


def test_thermometer_cells_count_up_to_the_level():
    layout = split_layout(make(metric="manhattan"), 8, 2, 1)
    bits = np.array([[0, 0, 0, 1, 1, 0, 1, 1, 1]], np.uint8)  # levels 0, 1, 2, 3 and a hidden 1
    assert cell_bits(layout, bits).tolist() == [[0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1]]


def test_compare_energy_and_cycles_by_hand():
    """Three keys, then none, of 160 columns = 5 splits."""
    spec = make()
    layout = split_layout(spec, 96, 2, 64)
    valid = np.array([[True, True, True, False], [False] * 4])
    x = asked(some_bits(2, 160), some_bits(2, 4, 160, seed=1), valid)
    result = compare(spec, build(spec, layout, DRAWS), x, DRAWS)
    np.testing.assert_array_equal(result.y, distances(layout, x.query, x.keys))
    assert {a: list(c) for a, c in result.activity.items()} == {
        "compare": [15, 0],
        "precharge": [15, 0],
        "wake": [0, 0],
    }
    energy_pj = sum(c[0] * getattr(spec, DISTANCE_ARRAY.actions[a]) for a, c in result.activity.items())
    assert energy_pj == pytest.approx(3 * 5 * (4.7 + 0.16))
    assert DISTANCE_ARRAY.ops["compare"].latency(spec).in_cycles(10**9) == 1 + 3 + 6 + 1 + 1
    assert list(result.extra_cycles) == [0, 0]


def test_gated_bias_wakes_every_compare():
    spec = make(bias_gated=True, n_splits=2)
    layout = split_layout(spec, 96, 2, 64)
    x = asked(some_bits(1, 160), some_bits(1, 4, 160), np.ones((1, 4), bool))
    assert compare(spec, build(spec, layout, DRAWS), x, DRAWS).activity["wake"] == 4 * 3  # 5 splits in passes of 2
    assert DISTANCE_ARRAY.ops["compare"].latency(spec).ns == Fraction("2.5") + 12
    bias = DISTANCE_ARRAY.statics["bias"]
    assert (bias.when(spec), bias.when(make())) == ("busy", "always")


def test_counts_do_not_depend_on_the_block():
    arrays = build(make(), split_layout(make(), 96, 2, 64), DRAWS)
    x = asked(some_bits(6, 160), some_bits(6, 8, 160), some_bits(6, 8).astype(bool))
    whole = compare(make(), arrays, x, DRAWS)
    parts = [compare(make(), arrays, Comparison(*(a[i : i + 2] for a in x)), DRAWS) for i in (0, 2, 4)]
    np.testing.assert_array_equal(whole.y, np.concatenate([part.y for part in parts]))
    for action, count in whole.activity.items():
        np.testing.assert_array_equal(count, np.concatenate([part.activity[action] for part in parts]))


@pytest.mark.parametrize("metric", METRICS)
def test_query_toggles(metric):
    """Pixels 0 -> 1, 3 -> 1 and one of two hidden bits: 1 + 1 + 1 columns, in thermometer code 1 + 2 + 1."""
    layout = split_layout(make(metric=metric), 4, 2, 2)
    before, after = np.array([[0, 0, 1, 1, 1, 0]], np.uint8), np.array([[0, 1, 0, 1, 1, 1]], np.uint8)
    assert query_toggles(layout, after, before) == {"circuit": 3, "manhattan": 4}[metric]
    assert query_toggles(layout, before, None) == {"circuit": 3, "manhattan": 4}[metric]
    assert query_toggles(layout, after, after) == 0


def test_write_row():
    spec = make()
    result = write_row(spec, split_layout(spec, 96, 2, 64), np.array([32, 0]), DRAWS)
    np.testing.assert_array_equal(result.y, [32, 0])
    np.testing.assert_array_equal(result.activity["write"], [32 * 160, 0])
    assert DISTANCE_ARRAY.ops["write_row"].latency(spec).in_cycles(10**9) == 1


def test_program():
    spec = make()
    layout = split_layout(spec, 96, 2, 64)
    done = program(spec, (layout, 64), DRAWS)
    assert done == (layout, {"write": 64 * 160}, ((64, Fraction(1)),))
    with pytest.raises(RangeError, match="got keys of 65 rows, need at most 64"):
        program(spec, (layout, 65), DRAWS)
    assert spec.n_sets == 2


@pytest.mark.parametrize(
    ("patch_bits", "pixel_bits", "hidden_bits"),
    [(95, 2, 64), (0, 2, 64), (96, 9, 0), (96, 0, 0), (96, 2, -1)],
)
def test_wrong_layout(patch_bits, pixel_bits, hidden_bits):
    with pytest.raises(RangeError, match="need whole pixels"):
        split_layout(make(), patch_bits, pixel_bits, hidden_bits)


def test_wrong_bits():
    layout = split_layout(make(), 4, 2, 0)
    with pytest.raises(RangeError, match="need 4 columns"):
        distances(layout, some_bits(2, 5), some_bits(2, 1, 5))
    with pytest.raises(RangeError, match="need 4 columns"):
        distances(layout, some_bits(2, 4), some_bits(3, 1, 4))
    with pytest.raises(RangeError, match="neither 0 nor 1"):
        distances(layout, 2 * np.ones((1, 4), np.uint8), some_bits(1, 1, 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 12}, "got 12, need a multiple of n_splits 5"),
        ({"n_cols": 20}, "got 20, need a divisor of 32"),
        ({"n_cols": 64}, "less than or equal to 32"),
        ({"evaluate_ns": 0.0}, "greater than 0"),
        ({"metric": "euclid"}, "circuit"),
    ],
)
def test_wrong_spec(changes, message):
    with pytest.raises(ValidationError, match=message):
        make(**changes)
