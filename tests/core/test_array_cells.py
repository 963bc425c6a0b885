"""Cells of the arrays: sums line by line, mismatch that belongs to places, moments and independence."""

from typing import Any

import numpy as np
import pytest

from accelsim import array_cells, sum_line
from accelsim.array_cells import ArrayCells, Node, group_by_node
from accelsim.components.distance_array import DistanceArraySpec, split_layout
from accelsim.key_layout import Layout, cell_bits, distances
from accelsim.rng import Draws
from accelsim.sum_line import SumLine
from tests.components.test_distance_array import FIELDS
from tests.mbi_lines import IDEAL, LINE

UNIT_V = 0.45 / 32


def layout_of(patch_bits: int = 96, pixel_bits: int = 2, hidden_bits: int = 64, **changes: Any) -> Layout:
    return split_layout(DistanceArraySpec(**{**FIELDS, **changes}), patch_bits, pixel_bits, hidden_bits)


def cells_of(
    layout: Layout, chip: int = 0, n_splits: int = 5, evaluate_ns: float = 6.0, **changes: Any
) -> ArrayCells:
    line = SumLine(**{**LINE, **changes})
    return ArrayCells(line, layout, n_splits, evaluate_ns, Draws(0, chip, "arrays"))


def some_bits(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


def left_v(cells: ArrayCells, layout: Layout, node: Node, side: int) -> np.ndarray:
    """What each cell leaves on its line, `[n_keys, n_cells]` V: all columns differ, column sums one cell at a time.

    The query conducts in one column only, so each sum line holds the rest of one cell.
    """
    out = np.zeros((node.n_keys, layout.n_cells))
    keys = np.full((node.n_keys, layout.n_cells), side, np.uint8)  # SLP needs key 0, SLN key 1
    queries = np.full((layout.n_cells, layout.n_cells), side, np.uint8)
    queries[np.arange(layout.n_cells), np.arange(layout.n_cells)] = 1 - side
    volts = cells.sum_lines(queries, keys, node)[..., side]
    fallen = np.where(layout.cell_weights == 2, 0.9, 0.45) / 32
    array = layout.cell_places // layout.n_cols
    for cell in range(layout.n_cells):
        out[:, cell] = (volts[cell, :, array[cell]] - cells.zero_v[array[cell]] + fallen[cell]) * 32
    return out


PURE = {**IDEAL, "vth_sigma_v": 0.06}  # mismatch alone


@pytest.mark.parametrize("metric", ["circuit", "manhattan"])
def test_an_ideal_line_falls_by_one_unit_a_unit_of_distance(metric: str) -> None:
    """SLP and SLN together, array by array; unused columns keep the unit the same everywhere."""
    layout = layout_of(70, 2, 41, metric=metric)
    cells = cells_of(layout, n_splits=layout.n_splits, **IDEAL)
    query, keys = some_bits(6, 111), some_bits(4, 111, seed=1)
    volts = cells.sum_lines(query, keys, Node(0, 4))
    fallen = (cells.zero_v[:, None] - volts).sum(axis=-1) / UNIT_V
    per_split = np.add.reduceat(fallen, np.flatnonzero(np.diff(layout.split_of_array, prepend=-1)), axis=-1)
    expected = distances(layout, query, np.broadcast_to(keys, (6, 4, 111)))
    np.testing.assert_allclose(per_split, expected, atol=1e-6)


def test_zero_level_counts_the_unused_columns() -> None:
    """20 of 32 columns used, 10 of them of weight 2: (10 x 0.9 + 22 x 0.45) / 32; hidden: 0.45."""
    cells = cells_of(layout_of(20, 2, 3), **IDEAL)
    np.testing.assert_allclose(cells.zero_v, [(10 * 0.9 + 22 * 0.45) / 32, 0.45])


def test_zero_level_has_half_the_droop() -> None:
    """20 and 3 used columns droop by 0.3 mV each where the query is 1: 10 and 1.5 of them on each line on average."""
    layout = layout_of(20, 2, 3)
    droop = {**IDEAL, "droop_v": 3e-4}
    cells = cells_of(layout, **droop)
    base_v = np.array([(10 * 0.9 + 22 * 0.45) / 32, 0.45])
    np.testing.assert_allclose(cells.zero_v, base_v - 3e-4 * np.array([10, 1.5]), rtol=0, atol=1e-12)
    ones = np.ones((1, 23), dtype=np.uint8)
    volts = cells.sum_lines(ones, ones, Node(0, 1))[0, 0]  # SLP droops by its whole range, SLN not at all
    np.testing.assert_allclose(volts.mean(axis=-1), cells.zero_v, rtol=0, atol=1e-12)


def test_sum_lines_are_those_of_plain_loops() -> None:
    """Every column of one query and one key, with all coefficients and settled lines."""
    layout = layout_of(70, 2, 41)
    cells = cells_of(layout, vth_sigma_v=0.0, evaluate_ns=60.0)
    query, keys = some_bits(1, 111, seed=2), some_bits(3, 111, seed=3)
    volts = cells.sum_lines(query, keys, Node(0, 3))
    line = SumLine(**LINE)
    for k in range(3):
        for array in range(layout.n_splits):
            total = [0.45] * 32
            counts = np.zeros((2, 3))  # side: fallen of weight 2, of weight 1, held with query on
            for c in np.flatnonzero(layout.cell_places // 32 == array):
                total[layout.cell_places[c] % 32] = 0.9 if layout.cell_weights[c] == 2 else 0.45
                side = 0 if query[0, c] else 1
                kind = 2 if query[0, c] == keys[k, c] else 2 - layout.cell_weights[c]
                counts[side, kind] += 1
            for side in (0, 1):
                m, light, held = (np.array(count) for count in counts[side])
                expected = sum_line.sum_line_v(line, 32, np.array(sum(total)), m, light, held, np.array(0.0))
                assert volts[0, k, array, side] == pytest.approx(float(expected), abs=1e-12)


def test_slow_cells_add_up() -> None:
    """What random keys leave on a sum line is the sum of what each of their cells leaves alone."""
    layout = layout_of()
    cells, node = cells_of(layout, evaluate_ns=1.5, **PURE), Node(40, 5)
    query, keys = some_bits(3, 160), some_bits(5, 160, seed=1)
    volts = cells.sum_lines(query, keys, node)
    alone = [left_v(cells, layout, node, side) for side in (0, 1)]
    for side in (0, 1):
        falls = (query[:, None] == 1 - side) & (keys == side)
        for array in range(5):
            own = layout.cell_places // 32 == array
            fallen = (np.where(layout.cell_weights == 2, 0.9, 0.45) * falls)[..., own].sum(axis=-1)
            rest = (alone[side] * falls)[..., own].sum(axis=-1)
            expected = cells.zero_v[array] + (rest - fallen) / 32
            np.testing.assert_allclose(volts[:, :, array, side], expected, atol=1e-9)


def test_what_is_left_has_the_moments_of_the_law() -> None:
    """32 keys of 160 cells on two lines against an integral over 400,000 draws of its own; five standard errors."""
    layout = layout_of()
    cells = cells_of(layout, evaluate_ns=1.5, **PURE)
    shifts = 0.06 * np.random.default_rng(7).standard_normal((400_000, 3))
    got = np.concatenate([left_v(cells, layout, Node(0, 32), side) for side in (0, 1)])
    for weight, precharge_v in ((2, 0.9), (1, 0.45)):
        law = sum_line.residual_v(SumLine(**{**LINE, **PURE}), precharge_v, shifts, 1.5)
        found = got[:, layout.cell_weights == weight]
        error = law.std() * (1 / found.size + 1 / law.size) ** 0.5
        assert abs(found.mean() - law.mean()) < 5 * error
        deviations = (law - law.mean()) ** 2
        error = deviations.std() * (1 / found.size + 1 / law.size) ** 0.5
        assert abs(found.var() - law.var()) < 5 * error


def test_cells_columns_lines_rows_and_chips_are_independent() -> None:
    """Correlation of ranks between any two of them: below five times 1 / sqrt(n)."""
    layout = layout_of(96, 2, 64)
    whole = [
        np.stack([left_v(cells_of(layout, chip, evaluate_ns=1.5, **PURE), layout, Node(0, 32), s) for s in (0, 1)])
        for chip in (0, 1)
    ]
    ranks = np.stack(whole)[..., layout.cell_weights == 1].argsort(axis=None).argsort().reshape(2, 2, 32, 112)
    centred = ranks - ranks.mean()
    pairs = {
        "chips": (centred[0], centred[1]),
        "lines": (centred[:, 0], centred[:, 1]),
        "rows": (centred[:, :, :-1], centred[:, :, 1:]),
        "columns": (centred[..., :-1], centred[..., 1:]),
        "arrays": (centred[..., :80], centred[..., 32:]),
    }
    for name, (a, b) in pairs.items():
        n = min(a.shape[-1], b.shape[-1])
        a, b = a[..., :n].ravel(), b[..., :n].ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / len(a) ** 0.5, name


def test_a_row_is_the_same_whatever_is_asked_for_with_it() -> None:
    """Across groups of drawn rows, in any order, as part of any node, and after memory was given back."""
    layout = layout_of()
    query, keys = some_bits(4, 160), some_bits(50, 160, seed=1)
    whole = cells_of(layout, evaluate_ns=1.5).sum_lines(query, keys, Node(20, 50))
    for first, n in ((47, 3), (0, 1), (5, 40), (12, 38)):
        part = cells_of(layout, evaluate_ns=1.5).sum_lines(query, keys[first : first + n], Node(20 + first, n))
        np.testing.assert_array_equal(part, whole[:, first : first + n])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_of()
    cells, query, keys = cells_of(layout), some_bits(2, 160), some_bits(8, 160, seed=1)
    nodes = [Node(8 * i, 8) for i in range(6)]
    first = [cells.sum_lines(query, keys, node) for node in nodes]
    monkeypatch.setattr(array_cells, "MAX_KEPT_BYTES", 2 * 8 * 160 * 4)
    again = cells_of(layout)
    for _ in range(2):
        for node, expected in zip(nodes, first, strict=True):
            np.testing.assert_array_equal(again.sum_lines(query, keys, node), expected)
            assert sum(left.nbytes for left in again._kept.values()) <= 2 * 8 * 160 * 4


def test_a_key_of_several_passes_has_a_row_for_each() -> None:
    """Sets of one array: array a of key k is row `k n + a`, so a narrower key finds its arrays in the same rows."""
    wide, narrow = layout_of(96, 2, 64, metric="manhattan"), layout_of(64, 2, 0, metric="manhattan")
    assert (wide.n_splits, narrow.n_splits) == (3 * 2 + 2, 2 * 2)
    cells, fewer = (cells_of(layout, n_splits=1, evaluate_ns=1.5, **PURE) for layout in (wide, narrow))
    assert (cells.passes, fewer.passes) == (8, 4)
    keys, query = some_bits(2, 160), some_bits(1, 160, seed=1)
    both = cells.sum_lines(query, keys, Node(0, 2))
    np.testing.assert_array_equal(both[:, 1:], cells.sum_lines(query, keys[1:], Node(8, 1)))
    np.testing.assert_array_equal(both[:, :1, :4], fewer.sum_lines(query[:, :64], keys[:1, :64], Node(0, 1)))
    elsewhere = fewer.sum_lines(query[:, :64], keys[:1, :64], Node(4, 1))
    assert (both[:, :1, :4] != elsewhere).any()


def test_less_time_leaves_more_on_the_lines() -> None:
    """V_TH sigma 60 mV: a line still has over a fifth of its precharge after 1 ns, under a thousandth after 6."""
    layout = layout_of()
    left = {}
    for evaluate_ns in (1.0, 2.0, 3.0, 6.0):
        cells = cells_of(layout, evaluate_ns=evaluate_ns, **PURE)
        left[evaluate_ns] = left_v(cells, layout, Node(0, 32), 0)[:, layout.cell_weights == 2].mean() / 0.9
    assert left[1.0] > 0.2 > left[2.0] > left[3.0] > 0.001 > left[6.0] > 0


def test_inputs_by_node() -> None:
    groups = group_by_node(np.array([3, -1, 0, 3, 3, -1, 0]))
    assert [(node, inputs.tolist()) for node, inputs in groups] == [(0, [2, 6]), (3, [0, 3, 4])]
    assert group_by_node(np.array([-1, -1])) == []


def test_thermometer_bits_are_compared_as_bits() -> None:
    layout = layout_of(4, 2, 1, metric="manhattan")
    a, b = some_bits(20, 5), some_bits(20, 5, seed=1)
    by_cells = (cell_bits(layout, a) ^ cell_bits(layout, b)).sum(axis=1)
    assert by_cells.tolist() == distances(layout, a, b[:, None])[:, 0].sum(axis=1).tolist()
