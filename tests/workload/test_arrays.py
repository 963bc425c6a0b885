"""Every fault that the arrays of a workload can have: the whole message."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import WorkloadError
from accelsim.workload import load_workload
from tests.workload.builders import cascade, hybrid, mbi, write_folder
from tests.workload.parts import Array, Built

PARTS = {
    "hybrid": hybrid(feature_levels=3),
    "mbi": mbi(),
    "tree": mbi(seed=1, depth=3, n_glimpses=1, n_tables=1, decision="last", hidden_bits=12),
    "cascade": cascade(),
    "learned": mbi(location_bits=3),
}
Arrays = dict[str, Array]
START = PARTS["learned"].model["location_init"].tolist()


def check(folder: Path, kind: str, spoil: Callable[[Built], None], lines: str) -> None:
    parts = PARTS[kind].copy()
    spoil(parts)
    write_folder(folder, parts)
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    expected = "\n".join(line.strip() for line in lines.strip().splitlines())
    text = str(caught.value).replace(str(folder), "W")
    assert text.replace("W/model.safetensors", "M").replace("W/eval.safetensors", "E") == expected


def model(**arrays: Any) -> Callable[[Built], None]:
    """Replaces arrays of the model; a dot in a name is written `__`."""
    return lambda parts: parts.model.update(
        {name.replace("__", "."): array for name, array in arrays.items()}
    )


def evaluation(**arrays: Any) -> Callable[[Built], None]:
    return lambda parts: parts.evaluation.update(arrays)


def put(name: str, index: Any, value: int) -> Callable[[Built], None]:
    """Writes one value of an array."""

    def spoil(parts: Built) -> None:
        arrays = parts.model if name in parts.model else parts.evaluation
        arrays[name][index] = value

    return spoil


def without(name: str) -> Callable[[Built], None]:
    def spoil(parts: Built) -> None:
        del (parts.model if name in parts.model else parts.evaluation)[name]

    return spoil


SHAPES = [
    ("hybrid", without("template_low"), "M template_low: got nothing, need uint8 [5, 32]"),
    ("hybrid", without("labels"), "E labels: got nothing, need uint8 [8]"),
    (
        "hybrid",
        model(extra=np.zeros(1)),
        'M: got an unknown array "extra", need only arrays of the workload format',
    ),
    (
        "hybrid",
        model(conv1__weight=np.zeros((4, 1, 3, 3), np.int16)),
        "M conv1.weight: got int16 [4, 1, 3, 3], need int8 [4, 1, 3, 3]",
    ),
    (
        "hybrid",
        model(conv2__bias=np.zeros(3, np.int32), conv2__shift=np.ones((2, 1), np.uint8)),
        """M conv2.bias: got int32 [3], need int32 [2]
        M conv2.shift: got uint8 [2, 1], need uint8 [2]""",
    ),
    (
        "hybrid",
        evaluation(features=np.zeros((8, 32), np.int32), nonzero_macs=np.zeros((8, 3), np.int64)),
        """E features: got int32 [8, 32], need int8 [8, 32]
        E nonzero_macs: got int64 [8, 3], need int64 [8, 2]""",
    ),
    (
        "cascade",
        model(fc__shift=np.ones(3, np.uint8)),
        'M: got an unknown array "fc.shift", need only arrays of the workload format',
    ),
    (
        "cascade",
        evaluation(patches=np.zeros((8, 3, 1), np.uint8)),
        "E patches: got uint8 [8, 3, 1], need uint8 [8, 3, 2]",
    ),
    ("mbi", model(keys=np.zeros((36, 3), np.uint8)), "M keys: got uint8 [36, 3], need uint8 [n_keys, 4]"),
    ("mbi", model(key_next=np.zeros(35, np.int32)), "M key_next: got int32 [35], need int32 [36]"),
    (
        "mbi",
        model(value_votes=np.zeros((35, 3), np.int8)),
        "M value_votes: got int8 [35, 3], need int8 [36, 3]",
    ),
    ("mbi", model(roots=np.zeros(9, np.int32)), "M roots: got int32 [9], need int32 [3, 3]"),
    ("mbi", model(node_start=np.zeros(1, np.int32)), "M n_nodes + 1: got 1, need 2 … 10000001"),
    (
        "mbi",
        model(value_hidden=np.zeros((0, 1), np.uint8), value_votes=np.zeros((0, 3), np.int8)),
        "M n_rows: got 0, need 1 … 10000000",
    ),
    ("learned", without("location_init"), "M location_init: got nothing, need uint8 [2]"),
    ("learned", without("locations"), "E locations: got nothing, need uint8 [8, 3, 2]"),
    (
        "learned",
        model(value_location=np.zeros((35, 2), np.uint8)),
        "M value_location: got uint8 [35, 2], need uint8 [36, 2]",
    ),
    (
        "learned",
        model(split_weights=np.ones((3, 2), np.int32)),
        "M split_weights: got int32 [3, 2], need int32 [3, 3]",
    ),
    (
        "learned",
        evaluation(locations=np.zeros((8, 3), np.uint8)),
        "E locations: got uint8 [8, 3], need uint8 [8, 3, 2]",
    ),
    (
        "mbi",
        evaluation(locations=np.zeros((8, 3, 2), np.uint8)),
        'E: got an unknown array "locations", need only arrays of the workload format',
    ),
]


@pytest.mark.parametrize(("kind", "spoil", "lines"), SHAPES)
def test_shapes(tmp_path: Path, kind: str, spoil: Callable[[Built], None], lines: str) -> None:
    check(tmp_path, kind, spoil, lines)


VALUES = [
    ("hybrid", put("labels", 2, 3), "E labels: got 3 at [2], need 0 … 2"),
    (
        "hybrid",
        put("nonzero_macs", (1, 0), -1),
        "E nonzero_macs: got -1 at [1], need 0 … 576 for layer conv1",
    ),
    (
        "hybrid",
        put("nonzero_macs", (3, 1), 1153),
        "E nonzero_macs: got 1153 at [3], need 0 … 1152 for layer conv2",
    ),
    ("hybrid", put("conv1.multiplier", 1, 0), "M conv1.multiplier: got 0 at [1], need 1 … 2147483647"),
    ("hybrid", put("conv2.shift", 0, 63), "M conv2.shift: got 63 at [0], need 1 … 62"),
    ("hybrid", put("conv2.shift", 0, 0), "M conv2.shift: got 0 at [0], need 1 … 62"),
    ("hybrid", put("row_class", 4, 3), "M row_class: got 3 at [4], need 0 … 2"),
    (
        "hybrid",
        put("thresholds", (5, 1), -2000),
        "M thresholds: got -2000 at [5, 1], need at least the one before",
    ),
    ("hybrid", put("template_high", (1, 2), 3), "M template_high: got 3 at [1, 2], need 0 … 2"),
    ("mbi", put("split_weights", (2, 1), 0), "M split_weights: got 0 at [2, 1], need 1 … 127"),
    ("mbi", put("split_weights", (2, 1), 128), "M split_weights: got 128 at [2, 1], need 1 … 127"),
    (
        "mbi",
        put("keys", (7, 3), 1),
        "M keys: got 1 at [7, 3], need 4 zero bits at the end of a row's last byte",
    ),
    (
        "mbi",
        put("hidden_init", 1, 15),
        "M hidden_init: got 15 at [1], need 4 zero bits at the end of a row's last byte",
    ),
    (
        "mbi",
        put("value_hidden", (3, 0), 8),
        "M value_hidden: got 8 at [3, 0], need 4 zero bits at the end of a row's last byte",
    ),
    ("mbi", put("roots", (1, 2), 9), "M roots: got 9 at [1, 2], need 0 … 8 as a node"),
    ("mbi", put("roots", (1, 2), -1), "M roots: got -1 at [1, 2], need 0 … 8 as a node"),
    ("mbi", put("node_start", 0, 1), "M node_start: got 1 … 36, need 0 … 36 (n_keys)"),
    ("mbi", put("node_start", -1, 35), "M node_start: got 0 … 35, need 0 … 36 (n_keys)"),
    ("mbi", put("node_start", 2, 4), "M node_start: got 0 at [1], need 1 … 32 keys in a node"),
    ("mbi", put("key_next", 5, -37), "M key_next: got -37 at [5], need -36 … 8 as -1 - row or child node"),
    (
        "mbi",
        put("key_next", 5, -(2**31)),
        "M key_next: got -2147483648 at [5], need -36 … 8 as -1 - row or child node",
    ),
    ("mbi", put("key_next", 5, 9), "M key_next: got 9 at [5], need -36 … 8 as -1 - row or child node"),
    ("mbi", put("key_next", 5, 1), "M key_next: got 1 at [5], need a node after the key's own"),
    ("tree", put("value_class", 1, 3), "M value_class: got 3 at [1], need 0 … 2"),
    ("learned", put("value_location", (4, 1), 8), "M value_location: got 8 at [4, 1], need 0 … 7 (location_bits 3)"),
    ("learned", put("locations", (4, 1, 0), 9), "E locations: got 9 at [4, 1, 0], need 0 … 7 (location_bits 3)"),
    (
        "learned",
        put("locations", (4, 0, 1), START[1] ^ 1),
        f"E locations: got {START[1] ^ 1} at [4, 0, 1], need location_init, {START}, in the first glimpse",
    ),
]


@pytest.mark.parametrize(("kind", "spoil", "lines"), VALUES)
def test_values(tmp_path: Path, kind: str, spoil: Callable[[Built], None], lines: str) -> None:
    check(tmp_path, kind, spoil, lines)


def test_template_bounds(tmp_path: Path) -> None:
    def spoil(parts: Built) -> None:
        parts.model["template_low"][0, 3], parts.model["template_high"][0, 3] = 2, 1

    check(tmp_path, "hybrid", spoil, "M template_low: got 2 at [0, 3], need at most template_high")


def test_accumulator_that_could_overflow(tmp_path: Path) -> None:
    bias = 2**31 - 1 - 128 * int(np.abs(PARTS["hybrid"].model["conv1.weight"][2].astype(int)).sum())
    check(
        tmp_path,
        "hybrid",
        put("conv1.bias", 2, bias + 1),
        "M conv1.weight: got 2147483648 at [2], need 0 … 2147483647 as the largest possible accumulator",
    )
    parts = PARTS["hybrid"].copy()
    put("conv1.bias", 2, bias)(parts)
    load_workload(write_folder(tmp_path, parts))


def test_wrong_values_come_together(tmp_path: Path) -> None:
    def spoil(parts: Built) -> None:
        put("split_weights", (0, 0), 0)(parts)
        put("roots", (0, 0), 99)(parts)
        put("labels", 0, 9)(parts)

    check(
        tmp_path,
        "mbi",
        spoil,
        """M split_weights: got 0 at [0, 0], need 1 … 127
        M roots: got 99 at [0, 0], need 0 … 8 as a node
        E labels: got 9 at [0], need 0 … 2""",
    )


def chain(n_nodes: int) -> Callable[[Built], None]:
    """One path of `n_nodes` nodes with a key each, from the only root to the only row."""

    def spoil(parts: Built) -> None:
        key_next = np.arange(1, n_nodes + 1, dtype=np.int32)
        key_next[-1] = -1
        parts.model["keys"] = parts.model["keys"][np.zeros(n_nodes, int)]
        parts.model["key_next"] = key_next
        parts.model["node_start"] = np.arange(n_nodes + 1, dtype=np.int32)
        parts.model["value_hidden"] = parts.model["value_hidden"][:1]
        parts.model["value_class"] = parts.model["value_class"][:1]

    return spoil


def test_depth(tmp_path: Path) -> None:
    check(tmp_path, "tree", chain(17), "M key_next: got more than 16 levels, need at most 16")
    parts = PARTS["tree"].copy()
    chain(16)(parts)
    load_workload(write_folder(tmp_path, parts))


def test_node_of_too_many_keys(tmp_path: Path) -> None:
    def spoil(parts: Built) -> None:
        for name in ("keys", "value_hidden", "value_class"):
            parts.model[name] = parts.model[name][np.zeros(33, int)]
        parts.model["key_next"] = -1 - np.arange(33, dtype=np.int32)
        parts.model["node_start"] = np.array([0, 33], dtype=np.int32)

    check(tmp_path, "tree", spoil, "M node_start: got 33 at [0], need 1 … 32 keys in a node")


def test_nodes_that_no_root_reaches_are_no_fault(tmp_path: Path) -> None:
    parts = PARTS["mbi"].copy()
    parts.model["roots"][:] = 0
    load_workload(write_folder(tmp_path, parts))
