"""Writing a workload folder (docs/workload-format.md); a failure never damages the one already there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as to_safetensors

from accelsim import yamlfile
from accelsim.errors import OutputError

Arrays = Mapping[str, npt.NDArray[Any]]


def save_workload(folder: Path, manifest: Mapping[str, Any], model: Arrays, evaluation: Arrays) -> None:
    """Write `model.safetensors`, `eval.safetensors` and `manifest.yaml` into `folder`, made when absent.

    The manifest's `files` (sha256 of both array files) is filled in here; every other key is the caller's.
    All three are written in full under temporary names and only then renamed, the manifest last: a failing
    write changes nothing, and a stop between two renames leaves hashes that do not agree, which the loader
    reports.

    Raises:
        OutputError: if the folder cannot be written.
    """
    arrays = {"model.safetensors": _packed(model), "eval.safetensors": _packed(evaluation)}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in arrays.items()}
    text = yamlfile.dump({**manifest, "files": hashes})
    _write_folder(folder, {**arrays, "manifest.yaml": text.encode()})


def name_of(folder: Path) -> str:
    """The name of the workload in `folder`: that of the folder, as far as the format allows (a letter, then letters,
    digits and underscores, 64 at most)."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", folder.resolve().name)
    return (plain if plain[:1].isalpha() else f"workload_{plain}")[:64]


def save_shapes(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a shape-only workload into `folder`, made when absent.

    Raises:
        OutputError: if the folder cannot be written.
    """
    _write_folder(folder, {"manifest.yaml": yamlfile.dump(dict(manifest)).encode()})


def _write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_all(folder, contents)
    except OSError as error:
        raise OutputError(f"cannot write the workload folder {folder}: {error}") from error


def _packed(arrays: Arrays) -> bytes:
    # safetensors writes the raw buffer of a non-contiguous array, in the wrong order, without a word.
    return to_safetensors({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    temporary = {name: folder / f".{name}.{os.getpid()}.tmp" for name in contents}
    try:
        for name, content in contents.items():
            temporary[name].write_bytes(content)
        for name, path in temporary.items():
            path.replace(folder / name)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
