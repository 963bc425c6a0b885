"""Glimpses and the nearest-key walk that trainers record and check with, against brute force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from accelsim.train.generated_mbi import paper_geometry
from accelsim.train.mbi_tables import Geometry, Patch, level_bits, pack, patch_levels, search, unpack, walk

SMALL = dataclasses.replace(
    paper_geometry(),
    image=(6, 5),
    patch_size=2,
    pixel_thresholds=(10, 100, 200),
    hidden_bits=4,
    n_tables=2,
    n_classes=3,
    decision="vote",
    glimpses=((Patch(0, 0, 1), Patch(-1, 3, 2)), (Patch(2, 1, 2), Patch(4, -3, 2))),
)


def test_pooled_levels_are_the_average_against_the_thresholds() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 5), dtype=np.uint8)
    levels = patch_levels(images, SMALL)
    assert levels.shape == (3, 2, 8)
    for i, image in enumerate(images):
        canvas = np.zeros((40, 40))
        canvas[20:26, 20:25] = image
        for g, glimpse in enumerate(SMALL.glimpses):
            expected = []
            for patch in glimpse:
                for pixel in np.ndindex(2, 2):
                    row, col = 20 + patch.row + pixel[0] * patch.pool, 20 + patch.col + pixel[1] * patch.pool
                    mean = canvas[row : row + patch.pool, col : col + patch.pool].mean()
                    expected.append(sum(mean >= t for t in SMALL.pixel_thresholds))
            assert levels[i, g].tolist() == expected


def test_bits_are_most_significant_first_and_survive_packing() -> None:
    bits = level_bits(np.array([[0, 1, 2, 3, 1]], np.uint8), 2)
    assert bits.tolist() == [[0, 0, 0, 1, 1, 0, 1, 1, 0, 1]]
    assert pack(bits).tolist() == [[0b00011011, 0b01000000]]
    assert np.array_equal(unpack(pack(bits), 10), bits)


def test_hidden_columns_start_a_split_and_weigh_one() -> None:
    geometry = paper_geometry()
    assert np.bincount(geometry.split_of_column()).tolist() == [32] * 5
    weights = geometry.column_weights(np.array([1, 1, 3, 1, 7]))
    assert weights[[0, 1, 64, 65, 96, 128]].tolist() == [2, 1, 6, 3, 1, 7]
    assert np.bincount(SMALL.split_of_column()).tolist() == [16, 4]


def test_the_lowest_of_equally_near_keys_wins_and_uneven_nodes_are_not_overrun() -> None:
    # Node 0: keys 0-1, node 1: keys 2-4. Key 0 leads to node 1, the others to rows.
    model = {"node_start": np.array([0, 2, 5], np.int32), "key_next": np.array([1, -1, -2, -3, -4], np.int32)}
    keys = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]], np.uint8)
    query = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 1, 1]], np.uint8)
    answer = search(keys, model, np.array([1, 1, 1]), 0, query)
    assert answer.row.tolist() == [1, 2, 0, 0]
    assert answer.distance.tolist() == [1, 0, 0, 1]
    assert answer.levels.tolist() == [2, 2, 1, 1]


def test_walk_writes_the_hidden_code_table_by_table_and_sums_votes() -> None:
    # Two tables of two keys in each glimpse; only one hidden bit of the second glimpse's keys differs.
    keys = np.zeros((8, 20), np.uint8)
    keys[[1, 3], :16] = 1  # first glimpse: an all-dark and an all-bright key
    keys[5, 16], keys[7, 19] = 1, 1  # second glimpse: the first table reads bit 0, the second one bit 3
    model = {
        "keys": pack(keys),
        "key_next": -1 - np.arange(8, dtype=np.int32),
        "node_start": np.arange(0, 9, 2, dtype=np.int32),
        "roots": np.arange(4, dtype=np.int32).reshape(2, 2),
        "split_weights": np.ones((2, 2), np.int32),
        "value_hidden": pack(np.array([[0, 0], [1, 0], [0, 0], [0, 1], *[[0, 0]] * 4], np.uint8)),
        "value_votes": np.array([[0, 0, 0]] * 5 + [[0, 0, 2], [0, 0, 0], [0, 2, 0]], np.int8),
        "hidden_init": np.zeros(1, np.uint8),
    }
    patches = pack(np.array([[[0] * 16, [0] * 16], [[1] * 16, [0] * 16]], np.uint8))
    walked = walk(model, SMALL, patches)
    assert walked.row.tolist() == [[[0, 2], [4, 6]], [[1, 3], [5, 7]]]
    # The bright input's second code is 1 0 0 1, and each winning key has one of its two bits.
    assert walked.distance.tolist() == [[[0, 0], [0, 0]], [[0, 0], [1, 1]]]
    assert walked.predicted.tolist() == [0, 1]  # votes 0 2 2: the lowest class of the tie


@pytest.mark.parametrize("geometry", [SMALL, paper_geometry()])
def test_geometry_survives_the_manifest(geometry: Geometry) -> None:
    assert Geometry.from_manifest(geometry.manifest()) == geometry
