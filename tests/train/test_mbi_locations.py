"""Learned locations as trainers record them: the walk from images against plain loops, and against the simulator."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InvariantError
from accelsim.train.generated_mbi import paper_geometry
from accelsim.train.mbi_tables import Geometry, Patch, centres, levels_at, patch_levels, walk, walk_images
from accelsim.train.save import save_workload
from accelsim.workload import load_workload
from tests.workload import builders

SIZES: list[dict[str, Any]] = [
    {"location_bits": 3},
    {"location_bits": 5, "depth": 3, "n_tables": 1, "decision": "last", "location_weighted": False},
    {"location_bits": 4, "depth": 2, "n_tables": 2, "n_patches": 5, "hidden_bits": 36},
    {"location_bits": 8, "n_patches": 3, "side": 5},
]


def with_codes(bits: int, image: tuple[int, int] = (28, 28)) -> Geometry:
    return dataclasses.replace(
        paper_geometry(), image=image, value_bits=90, locations="learned", location_bits=bits, location_weighted=True
    )


def test_codes_stand_for_the_middles_of_equal_shares() -> None:
    codes = np.stack([np.arange(32), np.arange(32)], axis=1).astype(np.uint8)
    middles = [[int((code + 0.5) / 32 * side) for side in (28, 20)] for code in range(32)]
    assert centres(codes, with_codes(5, (28, 20))).tolist() == middles


@pytest.mark.parametrize("sizes", SIZES)
def test_a_walk_from_images_is_that_of_plain_loops(sizes: dict[str, Any]) -> None:
    parts = builders.mbi(2, n_inputs=30, **sizes)
    geometry = Geometry.from_manifest(parts.manifest["mbi"])
    found = walk_images(parts.model, geometry, parts.images)
    assert found.locations is not None
    assert found.predicted.tolist() == parts.predicted.tolist()
    assert found.distance.sum(axis=2).tolist() == parts.distances.tolist()
    np.testing.assert_array_equal(found.patches, parts.evaluation["patches"])
    np.testing.assert_array_equal(found.locations, parts.evaluation["locations"])
    again = walk(parts.model, geometry, found.patches, found.locations)
    for name in ("row", "distance", "levels", "predicted", "patches", "locations"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_fixed_locations_from_images_too() -> None:
    parts = builders.mbi(2, n_inputs=30)
    geometry = Geometry.from_manifest(parts.manifest["mbi"])
    found = walk_images(parts.model, geometry, parts.images)
    np.testing.assert_array_equal(found.patches, parts.evaluation["patches"])
    assert found.locations is None
    assert walk(parts.model, geometry, found.patches).predicted.tolist() == parts.predicted.tolist()


def test_a_walk_off_the_recorded_locations_is_an_error() -> None:
    parts = builders.mbi(2, location_bits=3)
    geometry = Geometry.from_manifest(parts.manifest["mbi"])
    recorded = parts.evaluation["locations"].copy()
    recorded[4, 2, 1] ^= 1
    for locations in (recorded, None):
        with pytest.raises(InvariantError, match="the tables leave the recorded locations before glimpse"):
            walk(parts.model, geometry, parts.evaluation["patches"], locations)


@pytest.mark.parametrize("weighted", [True, False])
def test_columns_of_a_location(weighted: bool) -> None:
    geometry = dataclasses.replace(with_codes(5), location_weighted=weighted)
    splits, weights = geometry.split_of_column(), geometry.column_weights(np.array([1, 1, 1, 1, 1, 3]))
    assert geometry.n_columns == len(splits) == 160 + 10 * weighted
    assert splits[160:].tolist() == [5] * 10 * weighted
    assert weights[160:].tolist() == [48, 24, 12, 6, 3] * 2 * weighted
    assert Geometry.from_manifest(geometry.manifest()) == geometry


def test_what_is_written_is_what_the_format_asks_for(tmp_path: Path) -> None:
    """A folder made from a walk is loaded; one with fixed locations says nothing about them."""
    parts = builders.mbi(2, n_inputs=30, **SIZES[0])
    geometry = Geometry.from_manifest(parts.manifest["mbi"])
    found = walk_images(parts.model, geometry, parts.images)
    recorded = {"patches": found.patches, "locations": found.locations, "labels": parts.evaluation["labels"]}
    save_workload(tmp_path, {**parts.manifest, "mbi": geometry.manifest()}, parts.model, recorded)
    loaded = load_workload(tmp_path)
    assert Geometry.from_manifest(loaded.mbi.model_dump()) == geometry
    assert "locations" not in paper_geometry().manifest()


def test_patches_that_miss_the_image_see_nothing() -> None:
    images = np.full((2, 6, 5), 255, np.uint8)
    for corner in ((-9, 0), (0, -9), (7, 1), (1, 40)):
        geometry = dataclasses.replace(
            with_codes(2, (6, 5)), patch_size=2, glimpses=((Patch(*corner, 1), Patch(-1, -1, 1)),)
        )
        codes = np.full((2, 2), 2, np.uint8)
        levels = levels_at(images, geometry, 0, codes)
        row, col = centres(codes[0], geometry).tolist()
        seen = 0 <= row + corner[0] < 6 and 0 <= col + corner[1] < 5
        assert (levels[:, :4] == 0).all() == (not seen)
        assert (levels[:, 4:] == 3).all()
        fixed = dataclasses.replace(geometry, locations="fixed", glimpses=((Patch(*corner, 1), Patch(1, 1, 1)),))
        assert (patch_levels(images, fixed)[:, 0, 4:] == 3).all()
