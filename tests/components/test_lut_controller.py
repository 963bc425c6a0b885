"""LUT controller: gather a node's keys, follow its winner, count the sets a table needs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components.lut_controller import (
    LUT_CONTROLLER,
    LutControllerSpec,
    Tables,
    Visit,
    gather,
    next_node,
    pack_bits,
    program,
    route,
    rows_of_nodes,
    sets_needed,
    unpack_bits,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws

DRAWS = Draws(0, 0, "controller", 0)
FIELDS = {
    "component": "lut_controller",
    "die": "mbi",
    "clock": "logic",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 40.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 2,
    "residency": "resident",
    "route_cycles": 2,
    "node_pj": 5.2,
    "query_bit_pj": 0.0015,
    "descriptor_bytes": 64,
    "descriptor_bits": 64,
    "descriptor_read_pj": 3.3,
    "descriptor_write_pj": 2.6,
    "descriptor_leakage_uw": 40.0,
    "clock_pj": 128.0,
}


def make(**changes: object) -> LutControllerSpec:
    return LutControllerSpec(**{**FIELDS, **changes})


def tree() -> tuple[Tables, np.ndarray]:
    """Node 0 (3 keys) leads to node 1, row 7, node 2; nodes 1 (1 key) and 2 (2 keys) are leaves."""
    bits = np.random.default_rng(0).integers(0, 2, (6, 10), dtype=np.uint8)
    key_next = np.array([1, -8, 2, -1, -2, -3], dtype=np.int32)
    return Tables(pack_bits(bits), key_next, np.array([0, 3, 4, 6], dtype=np.int32), 10), bits


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_packing_is_the_workload_format(n_bits, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (3, 2, n_bits), dtype=np.uint8)
    packed = pack_bits(bits)
    assert packed.shape == (3, 2, -(-n_bits // 8))
    first = sum(int(bit) << (7 - i) for i, bit in enumerate(bits[0, 0, :8]))
    assert packed[0, 0, 0] == first
    np.testing.assert_array_equal(unpack_bits(packed, n_bits), bits)


def test_gather():
    tables, bits = tree()
    keys = gather(tables, np.array([0, 2, -1, 1]))
    assert keys.bits.shape == (4, 3, 10)
    np.testing.assert_array_equal(keys.valid, [[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(keys.bits[0], bits[:3])
    np.testing.assert_array_equal(keys.bits[1, :2], bits[4:])
    np.testing.assert_array_equal(keys.bits[3, 0], bits[3])
    np.testing.assert_array_equal(tables.node_sizes, [3, 1, 2])


def test_gather_of_nobody():
    tables, _ = tree()
    assert not gather(tables, np.array([-1, -1])).valid.any()


def test_next_node():
    tables, _ = tree()
    step = next_node(tables, np.array([0, 0, 0, 1, 2, -1]), np.array([0, 1, 2, 0, 1, 0]))
    np.testing.assert_array_equal(step.node, [1, -1, 2, -1, -1, -1])
    np.testing.assert_array_equal(step.row, [-1, 7, -1, 0, 2, -1])


def test_route_energy_and_cycles_by_hand():
    tables, _ = tree()
    spec = make()
    result = route(spec, tables, Visit(np.array([0, -1, 2]), np.array([10, 10, 0])), DRAWS)
    np.testing.assert_array_equal(result.activity["node"], [1, 0, 1])
    np.testing.assert_array_equal(result.activity["query_bit"], [10, 0, 0])
    np.testing.assert_array_equal(result.y.valid.sum(axis=1), [3, 0, 2])
    energy_pj = sum(count[0] * getattr(spec, LUT_CONTROLLER.actions[a]) for a, count in result.activity.items())
    assert energy_pj == pytest.approx(5.2 + 10 * 0.0015 + 1 * 3.3)
    assert LUT_CONTROLLER.ops["route"].latency(spec).in_cycles(10**9) + result.extra_cycles[0] == 2 + 0


def test_every_visit_lifts_the_whole_query_where_the_arrays_have_a_supply_of_their_own():
    tables, _ = tree()
    visit = Visit(np.array([0, -1, 2]), np.array([10, 10, 0]))
    shifted = route(make(level_shift_pj=0.002), tables, visit, DRAWS).activity
    np.testing.assert_array_equal(shifted["level_shift"], [10, 0, 10])  # keys of ten bits
    assert "level_shift" not in route(make(), tables, visit, DRAWS).activity


def test_descriptors_are_written_once_as_they_are_read_from_the_store():
    spec = make(descriptor_bytes=64, descriptor_bits=48)  # 512 bits: ten of them
    programmed = program(spec, 10, DRAWS)
    assert programmed.activity == {"descriptor_write": 10}
    assert programmed.time_s(10**9) == 0
    with pytest.raises(RangeError, match=r"^descriptor_bytes: got 64, room for 10 nodes, need 11$"):
        program(spec, 11, DRAWS)


@pytest.mark.parametrize("node", [-2, 3])
def test_node_that_does_not_exist(node):
    tables, _ = tree()
    with pytest.raises(RangeError, match="need -1 to 2"):
        route(make(), tables, Visit(np.array([0, node]), np.array([0, 0])), DRAWS)


def test_keys_of_a_wrong_width():
    with pytest.raises(RangeError, match=r"need \(6, 3\)"):
        Tables(np.zeros((6, 2), np.uint8), np.zeros(6, np.int32), np.array([0, 6], np.int32), 17)


@pytest.mark.parametrize(
    ("sizes", "n_rows", "passes", "expected"),
    [
        ([32, 32, 32], 32, 1, 3),
        ([16] * 35, 32, 1, 18),  # two nodes of 16 share a set
        ([20, 20, 12], 32, 1, 2),  # the third fits behind the second, the second not behind the first
        ([20, 10, 12, 2], 32, 1, 2),  # a node never goes back to an earlier set
        ([32], 32, 2, 2),
        ([40, 24], 32, 1, 2),  # a node larger than a set leaves the rest of its last one
        ([], 32, 1, 0),
    ],
)
def test_sets_needed_by_hand(sizes, n_rows, passes, expected):
    assert sets_needed(sizes, n_rows, passes) == expected


@given(st.lists(st.integers(1, 32), max_size=40), st.integers(1, 64), st.integers(1, 3))
def test_sets_needed_bounds(sizes, n_rows, passes):
    rows = sum(sizes) * passes
    alone = sum(-(-size * passes // n_rows) for size in sizes)
    assert -(-rows // n_rows) <= sets_needed(sizes, n_rows, passes) <= alone


@pytest.mark.parametrize("changes", [{"residency": "cached"}, {"route_cycles": 0}, {"node_pj": -0.1}])
def test_wrong_spec(changes):
    with pytest.raises(ValidationError):
        make(**changes)


def test_rows_of_nodes_by_hand():
    """Sets of 32 rows: 20 keys open set 0, 12 fill it, 5 and then 28 (too many for its rest) open sets 1 and 2."""
    first, n_sets = rows_of_nodes([20, 12, 5, 28, 4], 32)
    assert (first.tolist(), n_sets) == ([0, 20, 32, 64, 92], 3)
    first, n_sets = rows_of_nodes([20, 12], 32, passes=2)  # 40 rows take two sets, of which 24 rows are left
    assert (first.tolist(), n_sets) == ([0, 40], 2)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 33), st.integers(1, 3))
def test_nodes_do_not_overlap_and_small_ones_lie_in_one_set(sizes, n_rows, passes):
    first, n_sets = rows_of_nodes(sizes, n_rows, passes)
    last = first + np.array(sizes) * passes - 1
    assert (first[1:] > last[:-1]).all()
    assert last[-1] < n_sets * n_rows
    small = np.array(sizes) * passes <= n_rows
    assert (first[small] // n_rows == last[small] // n_rows).all()
