"""Digital matcher: the ACAM's counts and the lowest row's win, exactly; a charge for every word, bit, cell and row."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.components import acam_array, winner_take_all
from accelsim.components.digital_matcher import (
    DIGITAL_MATCHER,
    DigitalMatcherSpec,
    Stored,
    cell_bits,
    match,
    program,
    words,
)
from accelsim.errors import RangeError
from accelsim.rng import Draws
from tests.components.test_acam_array import make as make_acam
from tests.components.test_winner_take_all import make as make_wta

ONCE = Draws(0, 0, "matcher")
DRAWS = Draws(0, 0, "matcher", 0)
FIELDS: dict[str, Any] = {
    "component": "digital_matcher",
    "die": "logic",
    "clock": "logic",
    "count": 1,
    "area_um2": None,
    "leakage_uw": 0.0,
    "sources": {},
    "rule": "in_order",
    "servers": 1,
    "slots": 1,
    "n_bytes": 1024,
    "word_bits": 64,
    "group_bits": 16,
    "words_per_cycle": 1,
    "n_rows_max": 16,
    "access_ns": 1.2,
    "pipeline_cycles": 1,
    "read_pj": 3.12,
    "write_pj": 6.49,
    "load_pj": 0.0165,
    "compare_pj": 0.0017,
    "count_pj": 0.005,
    "accumulate_pj": 0.2,
    "maximum_pj": 0.25,
    "clock_pj": 0.5,
    "clock_gated": True,
    "memory_leakage_uw": 0.5,
}


def make(**changes: object) -> DigitalMatcherSpec:
    return DigitalMatcherSpec(**{**FIELDS, **changes})


def templates(rng: np.random.Generator, rows: int, features: int, levels: int) -> tuple[Any, Any]:
    low, high = np.sort(rng.integers(0, levels, (2, rows, features), dtype=np.uint8), axis=0)
    return low, high


def energy_pj(spec: DigitalMatcherSpec, activity: Any) -> float:
    return sum(int(count[0]) * getattr(spec, DIGITAL_MATCHER.actions[action]) for action, count in activity.items())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 60), st.sampled_from([2, 3, 4, 256]), st.integers(0, 99))
def test_the_answer_is_that_of_an_ideal_acam_and_winner_take_all(
    rows: int, features: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    low, high = templates(rng, rows, features, levels)
    row_class = rng.integers(0, 3, rows)
    x = rng.integers(0, levels, (7, features), dtype=np.uint8)
    spec = make(n_bytes=2**20)
    found = match(spec, program(spec, Stored(low, high, row_class, levels), ONCE).state, x, DRAWS)
    acam = make_acam(n_rows=12, n_segments=2, segment_cells=30)
    state = acam_array.aged(acam, acam_array.program(acam, (low, high), ONCE).state, levels, 0.0, ONCE)
    counts = acam_array.search(acam, state, x, DRAWS).y.counts
    ideal = winner_take_all.Rows(row_class, features)
    decided = winner_take_all.decide(make_wta(n_inputs_max=12), ideal, winner_take_all.Lines(counts), DRAWS)
    assert found.y.counts.tolist() == counts.tolist()
    assert found.y.row.tolist() == decided.y.winner.tolist()
    assert found.y.tied.tolist() == decided.y.tied.tolist()
    brute = [[sum(lo <= v <= hi for lo, v, hi in zip(*r, strict=True)) for r in _rows(low, v, high)] for v in x]
    assert found.y.counts.tolist() == brute


def _rows(low: Any, x: Any, high: Any) -> Any:
    return [(lo.tolist(), x.tolist(), hi.tolist()) for lo, hi in zip(low, high, strict=True)]


def test_the_lowest_row_wins_and_a_tie_is_one_between_classes() -> None:
    low = np.array([[0, 0], [1, 1], [1, 1], [0, 1]], dtype=np.uint8)
    x = np.array([[1, 1], [0, 1], [0, 0]], dtype=np.uint8)  # best rows: 1 and 2; 3; 0
    spec = make()
    for row_class, tied in ((np.array([0, 1, 2, 3]), [True, False, False]), (np.array([0, 1, 1, 3]), [False] * 3)):
        found = match(spec, program(spec, Stored(low, low, row_class, 2), ONCE).state, x, DRAWS).y
        assert found.row.tolist() == [1, 3, 0]
        assert found.tied.tolist() == tied


def test_bits_of_a_cell() -> None:
    ones, zeros = np.ones((1, 3), dtype=np.uint8), np.zeros((1, 3), dtype=np.uint8)
    assert cell_bits(ones, ones, 2) == 1
    assert cell_bits(zeros, ones, 2) == 2  # "don't care" needs a bit of its own
    assert [cell_bits(ones, ones, levels) for levels in (3, 4, 5, 16, 17, 256)] == [4, 4, 6, 8, 10, 16]


def test_energy_and_cycles_by_hand() -> None:
    """Three rows of ten binary cells in groups of four bits: three groups a row, nine groups, three words of four."""
    spec = make(word_bits=16, group_bits=4)
    low = np.eye(3, 10, dtype=np.uint8)
    stored = Stored(low, low, np.arange(3), 2)
    written = program(spec, stored, ONCE)
    assert written.activity == {"write": 3}
    assert written.steps == ((3, Fraction("1.2")),)
    result = match(spec, written.state, np.zeros((2, 10), dtype=np.uint8), DRAWS)
    # A row has no whole word. Groups 0-2, 3-5 and 6-8 lie in words 0; 0 and 1; 1 and 2.
    expected = {"read": 3, "load": 10, "compare": 30, "count": 30, "accumulate": 1 + 2 + 2, "maximum": 3}
    assert {action: counts.tolist() for action, counts in result.activity.items()} == {
        action: [count] * 2 for action, count in expected.items()
    }
    by_hand = 3 * 3.12 + 10 * 0.0165 + 30 * 0.0017 + 30 * 0.005 + 5 * 0.2 + 3 * 0.25
    assert energy_pj(spec, result.activity) == pytest.approx(by_hand)
    # The first word and the first row are in the latency: access (a cycle) and pipeline.
    latency = DIGITAL_MATCHER.ops["match"].latency(spec).in_cycles(200 * 10**6)
    assert (latency + result.extra_cycles).tolist() == [2 + (3 - 1) + (3 - 1)] * 2
    two = match(make(word_bits=16, group_bits=4, words_per_cycle=2), written.state, np.zeros((1, 10), np.uint8), DRAWS)
    assert two.extra_cycles.tolist() == [ceil(3 / 2) - 1 + (3 - 1)]
    assert two.activity["read"].tolist() == [3]


def test_windows_and_dont_cares_take_more_words() -> None:
    spec = make(n_bytes=2**20)
    assert words(spec, 10, 784, 1) == ceil(10 * 784 / 64) == 123  # rows fill groups of 16 bits exactly
    assert words(spec, 10, 784, 2) == ceil(10 * 784 * 2 / 64)
    assert words(make(group_bits=64), 10, 784, 1) == 10 * ceil(784 / 64)  # a row begins on a word
    assert words(spec, 10, 784, 6) == ceil(10 * ceil(784 / 2) * 16 / 64)  # two cells of six bits in a group
    low = np.zeros((10, 784), dtype=np.uint8)
    state = program(spec, Stored(low, low + 1, np.arange(10), 2), ONCE).state
    activity = match(spec, state, low[:1], DRAWS).activity
    assert activity["compare"].tolist() == [10 * 784 * 2]
    assert activity["accumulate"].tolist() == [10 * (784 * 2 // 64) + 10]  # two rows share a word for their last half


@pytest.mark.parametrize(("rows", "features", "bits"), [(1, 1, 1), (7, 50, 1), (10, 784, 1), (3, 33, 2), (5, 9, 8)])
def test_accumulations_are_pairs_of_word_and_row(rows: int, features: int, bits: int) -> None:
    """Goes through the stored groups one by one: slices of a word's groups, in each slice row after row."""
    spec = make(n_bytes=2**20)
    in_word, groups = 64 // 16, ceil(features / (16 // bits))
    whole = groups // in_word
    place, pieces = 0, set()
    for slice_number in range(whole + 1):
        for row in range(rows):
            for _ in range(in_word if slice_number < whole else groups - whole * in_word):
                pieces.add((place // in_word, row))
                place += 1
    n_levels = {1: 2, 2: 2, 8: 16}[bits]
    low = np.zeros((rows, features), dtype=np.uint8)
    state = program(spec, Stored(low, low + (bits == 2), np.zeros(rows), n_levels), ONCE).state
    activity = match(spec, state, low[:1], DRAWS).activity
    assert activity["accumulate"].tolist() == [len(pieces)]
    assert activity["read"].tolist() == [ceil(place / in_word)]


def test_order_of_magnitude_at_45_nm() -> None:
    """CACTI's 1 KB LOP word at 45 nm, 0.787 pJ, and about 4 fJ a cell: some 0.13 nJ for 10 templates of 784 bits."""
    spec = make(read_pj=0.787, compare_pj=0.001, count_pj=0.003, load_pj=0.0, accumulate_pj=0.0, maximum_pj=0.0)
    low = np.zeros((10, 784), dtype=np.uint8)
    state = program(spec, Stored(low, low, np.arange(10), 2), ONCE).state
    energy = energy_pj(spec, match(spec, state, low[:1], DRAWS).activity)
    assert energy == pytest.approx(123 * 0.787 + 7840 * 0.004)
    assert energy == pytest.approx(130, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "stored", "message"),
    [
        ({"n_rows_max": 2}, ((3, 4), 2), "got 3 templates, need 1 to 2 (n_rows_max)"),
        ({"n_bytes": 7}, ((1, 64), 2), "got 1 words of 64 bits, need at most 7 bytes (n_bytes)"),
        ({"group_bits": 8}, ((1, 4), 256), "group_bits: got 8, need at least 16, one cell"),
    ],
)
def test_what_does_not_fit(changes: dict[str, int], stored: tuple[tuple[int, int], int], message: str) -> None:
    shape, levels = stored
    low = np.zeros(shape, dtype=np.uint8)
    with pytest.raises(RangeError) as caught:
        program(make(**changes), Stored(low, low, np.arange(shape[0]), levels), ONCE)
    assert str(caught.value) == f"digital_matcher: {message}"


def test_bounds_must_be_levels_in_order() -> None:
    low, high = np.array([[1]]), np.array([[0]])
    for bounds in ((low, high), (low, low + 1), (high - 1, low)):
        with pytest.raises(RangeError, match=r"need|0 <= low <= high <= 1"):
            program(make(), Stored(*bounds, np.array([0]), 2), ONCE)
    with pytest.raises(RangeError, match=r"need \[n_rows, n_features\] twice and \[n_rows\]"):
        program(make(), Stored(low, low, np.array([0, 1]), 2), ONCE)


def test_features_must_be_those_of_the_templates() -> None:
    spec = make()
    state = program(spec, Stored(np.ones((1, 3)), np.ones((1, 3)), np.array([0]), 2), ONCE).state
    with pytest.raises(RangeError, match=r"got levels \(1, 4\), need \[n_inputs, 3\], as stored"):
        match(spec, state, np.zeros((1, 4), dtype=np.uint8), DRAWS)
    with pytest.raises(RangeError, match="got levels 0 to 2, need 1 bits"):
        match(spec, state, np.array([[0, 2, 0]], dtype=np.uint8), DRAWS)


def test_groups_are_whole_in_a_word() -> None:
    with pytest.raises(ValidationError, match=r"group_bits: got 24, need a divisor of word_bits \(64\)"):
        make(group_bits=24)
    with pytest.raises(ValidationError, match="servers"):
        make(servers=2)
