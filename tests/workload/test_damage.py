"""Seeded damage to every part of a folder: it loads, or there is a WorkloadError, and never anything else."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import WorkloadError
from accelsim.workload import load_workload
from tests.workload import residual_parts
from tests.workload.builders import cascade, cnn, hybrid, mbi, shapes, write_folder
from tests.workload.parts import Built

RESIDUAL = [residual_parts.network(), residual_parts.network(kind="cnn", colours=3)]
TABLES = [mbi(depth=2, location_bits=3), cascade(margin=3), cascade(location_bits=8, location_weighted=False)]
PARTS = [hybrid(feature_levels=3), mbi(depth=3), cascade(), cascade(head="acam", decision="last"), cnn()]
PARTS += [*RESIDUAL, *TABLES]
MANIFESTS = [*PARTS, shapes(), shapes(head="none", batch=3)]
NUMBERS: list[Any] = [*range(-2, 4), 255, 256, 10**6, 10**12, 2**63, -(2**70), 0.5, -1e300, True, False]
WORDS: list[Any] = ["", "é\u2028", "a" * 20_000, "acam", "argmax", "none", "conv", "dense", "mbi", "cascade", "cnn"]
WORDS += ["shapes", "recorded", "stem", "res2", "head", "input", "learned", "fixed", "margin", "distance", "last"]
NESTED: list[Any] = [[], [1], [[]], {}, {"x": 1}, [{"row": 0, "col": 0, "pool": 1}], {"height": 8}]
NESTED += [{"n": 1, "e": 1, "p": 1, "q": 1, "r": 1, "t": 1}]
JUNK = [None, *NUMBERS, *WORDS, *NESTED]


def survives(folder: Path) -> bool:
    """Whether it loads; anything but a WorkloadError with whole lines is a failure."""
    try:
        load_workload(folder)
    except WorkloadError as exc:
        lines = str(exc).splitlines()
    else:
        return True
    assert lines
    assert all(line.startswith(str(folder)) and ": got " in line for line in lines)
    return False


def places(data: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in nested data."""
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = [way] if way else []
    for step, below in steps:
        found += places(below, (*way, step))
    return found


def damage(rng: np.random.Generator, manifest: dict[str, Any]) -> None:
    """Takes something out, puts junk somewhere, doubles an item, or changes a number a little."""
    found = places(manifest)
    *way, last = found[int(rng.integers(len(found)))]
    at: Any = manifest
    for step in way:
        at = at[step]
    action = rng.integers(5)
    if action == 0:
        del at[last]
    elif action == 1 and isinstance(at, list):
        at.insert(last, JUNK[int(rng.integers(len(JUNK)))])
    elif action == 2 and isinstance(at, dict):
        at[f"{last}x"] = at.pop(last)
    elif action == 3 and isinstance(at[last], int):
        at[last] += int(rng.integers(-2, 3))
    else:
        at[last] = JUNK[int(rng.integers(len(JUNK)))]


def one_damaged_manifest(folder: Path, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    parts = MANIFESTS[seed % len(MANIFESTS)].copy()
    if "content" not in parts.manifest:
        parts.manifest["files"] = {}
    for _ in range(int(rng.integers(1, 4))):
        damage(rng, parts.manifest)
    if "content" not in parts.manifest and not isinstance(parts.manifest.get("files", {}), dict):
        del parts.manifest["files"]
    return survives(write_folder(folder, parts))


def one_damaged_manifest_text(folder: Path, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    write_folder(folder, MANIFESTS[seed % len(MANIFESTS)])
    path = folder / "manifest.yaml"
    text = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        text[int(rng.integers(len(text)))] = int(rng.choice(list(b"\n\t :-[]{},&*!'\"#%@\x00\xff0aZ")))
    path.write_bytes(bytes(text))
    return survives(folder)


def spoil_dtype(rng: np.random.Generator, arrays: dict[str, Any], name: str) -> None:
    types: list[Any] = [np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64, np.bool_]
    arrays[name] = arrays[name].astype(types[int(rng.integers(len(types)))])


def spoil_shape(rng: np.random.Generator, arrays: dict[str, Any], name: str) -> None:
    array = arrays[name]
    flat = array.reshape(-1)
    shapes = [flat, array[:0], array[:1], array[None], flat[0], np.repeat(array, 2, axis=0)]
    arrays[name] = np.array(shapes[int(rng.integers(len(shapes)))])


def spoil_values(rng: np.random.Generator, arrays: dict[str, Any], name: str) -> None:
    array = arrays[name]
    limits = np.iinfo(array.dtype)
    random = rng.integers(limits.min, limits.max, array.shape, dtype=array.dtype, endpoint=True)
    arrays[name] = np.where(rng.random(array.shape) < rng.choice([0.01, 0.2, 1]), random, array)


def spoil_name(rng: np.random.Generator, arrays: dict[str, Any], name: str) -> None:
    arrays[str(rng.choice(["", "x", name + "x", "é"]))] = arrays.pop(name)


SPOILERS: list[Callable[..., None]] = [spoil_dtype, spoil_shape, spoil_values, spoil_name]


def one_damaged_arrays(folder: Path, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    parts = PARTS[seed % len(PARTS)].copy()
    for _ in range(int(rng.integers(1, 3))):
        arrays = parts.model if rng.random() < 0.8 else parts.evaluation
        name = str(rng.choice(sorted(arrays)))
        if arrays[name].dtype.kind in "iu":
            SPOILERS[int(rng.integers(len(SPOILERS)))](rng, arrays, name)
    return survives(write_folder(folder, parts))


def one_damaged_safetensors_whose_hash_agrees(folder: Path, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    parts: Built = PARTS[seed % len(PARTS)]
    write_folder(folder, parts)
    path, manifest = folder / "model.safetensors", folder / "manifest.yaml"
    content = bytearray(path.read_bytes())
    meant = hashlib.sha256(content).hexdigest()
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(int(rng.integers(1, 3))):
        content[int(rng.integers(header))] = int(rng.integers(32, 127))
    path.write_bytes(bytes(content))
    text = manifest.read_text(encoding="utf-8").replace(meant, hashlib.sha256(content).hexdigest())
    manifest.write_text(text, encoding="utf-8")
    return survives(folder)


@pytest.mark.parametrize(
    ("one", "n"),
    [
        (one_damaged_manifest, 300),
        (one_damaged_manifest_text, 150),
        (one_damaged_arrays, 300),
        (one_damaged_safetensors_whose_hash_agrees, 150),
    ],
)
def test_damage(tmp_path: Path, one: Callable[[Path, int], bool], n: int) -> None:
    loaded = sum(one(tmp_path / str(seed), seed) for seed in range(n))
    assert loaded < n / 2  # some of it does no harm, most is found


def test_array_of_a_type_that_numpy_lacks(tmp_path: Path) -> None:
    write_folder(tmp_path, PARTS[0])
    path, manifest = tmp_path / "model.safetensors", tmp_path / "manifest.yaml"
    content = path.read_bytes()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    other = header.replace(b'"dtype":"I16"', b'"dtype":"BF16"')
    spoilt = len(other).to_bytes(8, "little") + other + content[8 + len(header) :]
    path.write_bytes(spoilt)
    meant, found = (hashlib.sha256(data).hexdigest() for data in (content, spoilt))
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(meant, found), encoding="utf-8")
    with pytest.raises(WorkloadError) as caught:
        load_workload(tmp_path)
    assert str(caught.value) == f"{path}: got an array of type BF16, need integer arrays"
