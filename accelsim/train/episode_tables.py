"""A tree over memorised rows as the tables of the workload format: one table for all glimpses, as in the paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.train.episodes import Rows
from accelsim.train.mbi_tables import Geometry, Patch, pack
from accelsim.train.ram import RamConfig
from accelsim.train.stages import Arrays
from accelsim.train.tree import Tree
from accelsim.train.weights import LARGEST_WEIGHT, Weights


def table_geometry(config: RamConfig, image: tuple[int, int], n_classes: int, *, located: bool) -> Geometry:
    """The manifest's `mbi` block of one table for all glimpses.

    located: whether the location is a part of the key.
    """
    if config.pixel_bits is None or config.location_bits is None:
        raise ValueError("a table needs quantised pixels and locations")
    glimpse = tuple(Patch(config.corner(pool), config.corner(pool), pool) for pool in config.pools)
    return Geometry(
        image=image,
        patch_size=config.patch_size,
        pixel_bits=config.pixel_bits,
        pixel_thresholds=config.pixel_thresholds(),
        hidden_bits=config.hidden,
        n_tables=1,
        n_classes=n_classes,
        decision="last",
        value_bits=config.hidden + 2 * config.location_bits + (n_classes - 1).bit_length(),
        metric="circuit",
        glimpses=(glimpse,) * config.n_glimpses,
        locations="learned",
        location_bits=config.location_bits,
        location_weighted=located,
    )


def table_arrays(geometry: Geometry, config: RamConfig, rows: Rows, tree: Tree, weights: Weights) -> Arrays:
    """The arrays of `model.safetensors`; rows that write the same value share one value row."""
    values = np.concatenate([rows.next_hidden, rows.next_location, rows.label[:, None]], axis=1)
    shared, of_row = np.unique(values, axis=0, return_inverse=True)
    hidden, location, label = np.split(shared, [config.hidden, config.hidden + 2], axis=1)
    following = tree.key_next.astype(np.int64)
    value = -1 - of_row.reshape(-1)[np.where(following < 0, -1 - following, 0)]
    n_glimpses = len(geometry.glimpses)
    return {
        "keys": pack(tree.keys),
        "key_next": np.where(following < 0, value, following).astype(np.int32),
        "node_start": tree.node_start,
        "roots": np.zeros((n_glimpses, 1), np.int32),
        "split_weights": np.tile(split_weights(geometry, weights), (n_glimpses, 1)),
        "value_hidden": pack(hidden),
        "value_location": location,
        "value_class": label[:, 0],
        "hidden_init": np.zeros(-(-config.hidden // 8), np.uint8),
        "location_init": np.full(2, config.centre_code, np.uint8),
    }


def split_weights(geometry: Geometry, weights: Weights) -> npt.NDArray[np.int32]:
    """[n_splits] the weight of the part that each split belongs to."""
    parts = np.repeat(
        [weights.patch, weights.hidden, weights.location],
        [geometry.patch_columns, geometry.hidden_bits, geometry.location_columns],
    )
    found = np.zeros(int(geometry.split_of_column().max()) + 1, np.int32)
    found[geometry.split_of_column()] = parts
    if found.min() < 1 or found.max() > LARGEST_WEIGHT:
        raise ValueError(f"weights {weights} are not within 1 … {LARGEST_WEIGHT}")
    return found
