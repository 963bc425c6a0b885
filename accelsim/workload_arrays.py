"""The arrays of a workload: which there are, of what type and shape, and which values they may have.

*Source:* docs/workload-format.md. `where` is the file in messages, the array's name is the path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import Problem
from accelsim.manifest import LOCATION_COORDINATES, Acam, Manifest, Mbi
from accelsim.manifest_cnn import Cnn
from accelsim.yamlfile import show

Arrays = Mapping[str, npt.NDArray[Any]]

MAX_KEYS = 10**7
MAX_NODE_KEYS = 32
MAX_LEVELS = 16
MAX_SPLIT_WEIGHT = 127
MAX_SHIFT = 62
INT32_MAX = 2**31 - 1


class Expected(NamedTuple):
    """Type and shape of an array; a size that only the arrays tell is given by its name."""

    dtype: str
    shape: tuple[int | str, ...]


def expected_model(manifest: Manifest) -> dict[str, Expected]:
    """Arrays of `model.safetensors`."""
    expected: dict[str, Expected] = {}
    if manifest.cnn:
        expected |= _expected_layers(manifest.cnn)
    if manifest.acam:
        n_features, n_rows = manifest.acam.n_features, manifest.acam.n_rows
        expected["thresholds"] = Expected("int16", (n_features, manifest.acam.feature_levels - 1))
        expected["template_low"] = Expected("uint8", (n_rows, n_features))
        expected["template_high"] = Expected("uint8", (n_rows, n_features))
        expected["row_class"] = Expected("uint8", (n_rows,))
    if manifest.mbi:
        expected |= _expected_tables(manifest.mbi)
    return expected


def _expected_layers(cnn: Cnn) -> dict[str, Expected]:
    expected: dict[str, Expected] = {}
    for i, layer in enumerate(cnn.layers):
        n_out = layer.weight_shape[0]
        expected[f"{layer.name}.weight"] = Expected("int8", layer.weight_shape)
        expected[f"{layer.name}.bias"] = Expected("int32", (n_out,))
        if not cnn.ends_at_accumulators(i):
            expected[f"{layer.name}.multiplier"] = Expected("int32", (n_out,))
            expected[f"{layer.name}.shift"] = Expected("uint8", (n_out,))
        if layer.add is not None:
            expected[f"{layer.name}.skip_multiplier"] = Expected("int32", (n_out,))
    return expected


def _expected_tables(mbi: Mbi) -> dict[str, Expected]:
    n_glimpses = len(mbi.glimpses)
    votes = mbi.decision == "vote"
    return {
        "keys": Expected("uint8", ("n_keys", _bytes(mbi.key_bits))),
        "key_next": Expected("int32", ("n_keys",)),
        "node_start": Expected("int32", ("n_nodes + 1",)),
        "roots": Expected("int32", (n_glimpses, mbi.n_tables)),
        "split_weights": Expected("int32", (n_glimpses, mbi.n_splits)),
        "value_hidden": Expected("uint8", ("n_rows", _bytes(mbi.write_bits))),
        "value_votes" if votes else "value_class": (
            Expected("int8", ("n_rows", mbi.n_classes)) if votes else Expected("uint8", ("n_rows",))
        ),
        "hidden_init": Expected("uint8", (_bytes(mbi.hidden_bits),)),
        **(_expected_locations() if mbi.learned else {}),
    }


def _expected_locations() -> dict[str, Expected]:
    """Where a row's next glimpse is, and where the first one is: codes of its row and column."""
    return {
        "value_location": Expected("uint8", ("n_rows", LOCATION_COORDINATES)),
        "location_init": Expected("uint8", (LOCATION_COORDINATES,)),
    }


def expected_evaluation(manifest: Manifest) -> dict[str, Expected]:
    """Arrays of `eval.safetensors`."""
    n_inputs = manifest.dataset.n_inputs
    expected = {"labels": Expected("uint8", (n_inputs,))}
    if manifest.cnn:
        argmax = manifest.cnn.head == "argmax"
        n_outputs = manifest.cnn.n_outputs
        expected["features"] = Expected("int32" if argmax else "int8", (n_inputs, n_outputs))
        expected["nonzero_macs"] = Expected("int64", (n_inputs, len(manifest.cnn.layers)))
    if manifest.mbi:
        shape = (n_inputs, len(manifest.mbi.glimpses), _bytes(manifest.mbi.patch_bits))
        expected["patches"] = Expected("uint8", shape)
        if manifest.mbi.learned:
            expected["locations"] = Expected("uint8", (*shape[:2], LOCATION_COORDINATES))
    return expected


def _bytes(n_bits: int) -> int:
    return -(-n_bits // 8)


def shape_problems(where: str, arrays: Arrays, expected: Mapping[str, Expected]) -> Iterator[Problem]:
    """Arrays that are absent, unknown, or of another type or shape; `where` is their file."""
    sizes: dict[str, int] = {}
    for name, (dtype, shape) in expected.items():
        need = f"{dtype} [{', '.join(str(sizes.get(str(size), size)) for size in shape)}]"
        array = arrays.get(name)
        if array is None:
            yield Problem(where, name, "nothing", need)
        elif str(array.dtype) != dtype or not _fits(array.shape, shape, sizes):
            yield Problem(where, name, f"{array.dtype} {list(array.shape)}", need)
    for name in sorted(arrays.keys() - expected.keys()):
        yield Problem(where, "", f"an unknown array {show(name)}", "only arrays of the workload format")
    for name, size in sizes.items():
        more = 1 if name == "n_nodes + 1" else 0
        if not 1 + more <= size <= MAX_KEYS + more:
            yield Problem(where, name, str(size), f"{1 + more} … {MAX_KEYS + more}")


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    """Whether a shape is the wanted one; a size met for the first time is put into `sizes`."""
    if len(shape) != len(wanted):
        return False
    met = {want: size for size, want in zip(shape, wanted, strict=True) if isinstance(want, str)}
    known = {**met, **sizes}
    if shape != tuple(known.get(str(want), want) for want in wanted):
        return False
    sizes.update(known)
    return True


def model_problems(where: str, manifest: Manifest, model: Arrays) -> Iterator[Problem]:
    """Values of `model.safetensors` outside what they may be; types and shapes are right already."""
    if manifest.cnn:
        yield from _layer_problems(where, manifest.cnn, model)
    if manifest.acam:
        yield from _template_problems(where, manifest.acam, model)
    if manifest.mbi:
        yield from _table_problems(where, manifest.mbi, model)


def evaluation_problems(where: str, manifest: Manifest, model: Arrays, evaluation: Arrays) -> Iterator[Problem]:
    """Values of `eval.safetensors` outside what they may be; types and shapes are right already."""
    yield from _within(where, "labels", evaluation["labels"], 0, manifest.dataset.n_classes - 1)
    if manifest.cnn:
        for i, layer in enumerate(manifest.cnn.layers):
            counts = evaluation["nonzero_macs"][:, i]
            yield from _within(where, "nonzero_macs", counts, 0, layer.n_macs, f" for layer {layer.name}")
    if manifest.mbi:
        yield from _padding_problems(where, "patches", evaluation["patches"], manifest.mbi.patch_bits)
        if manifest.mbi.learned:
            yield from _trajectory_problems(where, manifest.mbi, model, evaluation["locations"])


def _trajectory_problems(where: str, mbi: Mbi, model: Arrays, locations: npt.NDArray[np.uint8]) -> Iterator[Problem]:
    """Recorded locations are codes, and those of the first glimpse the one that every input begins at."""
    yield from _codes(where, "locations", locations, mbi)
    elsewhere = np.zeros(locations.shape, dtype=bool)
    elsewhere[:, 0] = locations[:, 0] != model["location_init"]
    need = f"location_init, {model['location_init'].tolist()}, in the first glimpse"
    yield from _flagged(where, "locations", locations, elsewhere, need)


def _codes(where: str, name: str, codes: npt.NDArray[np.uint8], mbi: Mbi) -> Iterator[Problem]:
    yield from _within(where, name, codes, 0, 2**mbi.coordinate_bits - 1, f" (location_bits {mbi.coordinate_bits})")


def _layer_problems(where: str, cnn: Cnn, model: Arrays) -> Iterator[Problem]:
    for i, layer in enumerate(cnn.layers):
        weight = model[f"{layer.name}.weight"].reshape(layer.weight_shape[0], -1)
        sums = np.abs(weight.astype(np.int16)).sum(axis=1, dtype=np.int64)
        largest = 128 * sums + np.abs(model[f"{layer.name}.bias"].astype(np.int64))
        name = f"{layer.name}.weight"
        yield from _within(where, name, largest, 0, INT32_MAX, " as the largest possible accumulator")
        if not cnn.ends_at_accumulators(i):
            for name, high in ((f"{layer.name}.multiplier", INT32_MAX), (f"{layer.name}.shift", MAX_SHIFT)):
                yield from _within(where, name, model[name], 1, high)
        if layer.add is not None:
            name = f"{layer.name}.skip_multiplier"
            yield from _within(where, name, model[name], 1, INT32_MAX)


def _template_problems(where: str, acam: Acam, model: Arrays) -> Iterator[Problem]:
    thresholds, low, high = model["thresholds"], model["template_low"], model["template_high"]
    descending = np.zeros(thresholds.shape, dtype=bool)
    descending[:, 1:] = thresholds[:, 1:] < thresholds[:, :-1]
    yield from _flagged(where, "thresholds", thresholds, descending, "at least the one before")
    yield from _flagged(where, "template_low", low, low > high, "at most template_high")
    yield from _within(where, "template_high", high, 0, acam.feature_levels - 1)
    yield from _within(where, "row_class", model["row_class"], 0, acam.n_classes - 1)


def _table_problems(where: str, mbi: Mbi, model: Arrays) -> Iterator[Problem]:
    yield from _within(where, "split_weights", model["split_weights"], 1, MAX_SPLIT_WEIGHT)
    packed = (("keys", mbi.key_bits), ("value_hidden", mbi.write_bits), ("hidden_init", mbi.hidden_bits))
    for name, n_bits in packed:
        yield from _padding_problems(where, name, model[name], n_bits)
    if mbi.decision == "last":
        yield from _within(where, "value_class", model["value_class"], 0, mbi.n_classes - 1)
    for name in _expected_locations() if mbi.learned else ():
        yield from _codes(where, name, model[name], mbi)
    start = model["node_start"].astype(np.int64)
    sizes = start[1:] - start[:-1]
    n_keys = len(model["keys"])
    whole = start[0] == 0 and start[-1] == n_keys
    if not whole:
        yield Problem(where, "node_start", f"{start[0]} … {start[-1]}", f"0 … {n_keys} (n_keys)")
    wrong_sizes = list(_within(where, "node_start", sizes, 1, MAX_NODE_KEYS, " keys in a node"))
    yield from wrong_sizes
    if whole and not wrong_sizes:
        yield from _tree_problems(where, model, sizes)


def _tree_problems(where: str, model: Arrays, sizes: npt.NDArray[np.int64]) -> Iterator[Problem]:
    """Children come after their parents, so no path has a loop; each ends within MAX_LEVELS nodes."""
    n_nodes, n_rows = len(sizes), len(model["value_hidden"])
    following, roots = model["key_next"].astype(np.int64), model["roots"]
    node = np.repeat(np.arange(n_nodes), sizes)
    early = (following >= 0) & (following <= node)
    faults = [
        *_within(where, "roots", roots, 0, n_nodes - 1, " as a node"),
        *_within(where, "key_next", following, -n_rows, n_nodes - 1, " as -1 - row or child node"),
        *_flagged(where, "key_next", following, early, "a node after the key's own"),
    ]
    yield from faults
    if not faults and _levels(node, following, roots.ravel(), n_nodes) > MAX_LEVELS:
        yield Problem(where, "key_next", f"more than {MAX_LEVELS} levels", f"at most {MAX_LEVELS}")


def _levels(
    node: npt.NDArray[np.int64], following: npt.NDArray[np.int64], roots: npt.NDArray[Any], n_nodes: int
) -> int:
    """Nodes on the longest path from a root, counted up to MAX_LEVELS + 1; `node` is the node of each key."""
    reached = np.zeros(n_nodes, dtype=bool)
    reached[roots] = True
    for level in range(1, MAX_LEVELS + 1):
        children = following[reached[node] & (following >= 0)]
        if not children.size:
            return level
        reached[:] = False
        reached[children] = True
    return MAX_LEVELS + 1


def _padding_problems(where: str, name: str, packed: npt.NDArray[Any], n_bits: int) -> Iterator[Problem]:
    """Bits after the last one of a packed row must be zero, as np.packbits leaves them."""
    padding = -n_bits % 8
    wrong = (packed[..., -1] & ((1 << padding) - 1)) != 0
    if wrong.any():
        bad = np.zeros(packed.shape, dtype=bool)
        bad[..., -1] = wrong
        yield from _flagged(where, name, packed, bad, f"{padding} zero bits at the end of a row's last byte")


def _within(
    where: str, name: str, array: npt.NDArray[Any], low: int, high: int, what: str = ""
) -> Iterator[Problem]:
    """The first value outside low … high."""
    if array.min() < low or array.max() > high:
        yield from _flagged(where, name, array, (array < low) | (array > high), f"{low} … {high}{what}")


def _flagged(
    where: str, name: str, array: npt.NDArray[Any], bad: npt.NDArray[np.bool_], need: str
) -> Iterator[Problem]:
    """The first value that is flagged as bad, with its place."""
    if bad.any():
        place = np.unravel_index(int(bad.argmax()), bad.shape)
        index = ", ".join(str(int(i)) for i in place)
        yield Problem(where, name, f"{array[place]} at [{index}]", need)
