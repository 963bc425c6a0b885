"""The workload folder: read, checked as a whole, and then fixed (docs/workload-format.md).

Each file's hash, its arrays and the values in them are checked before anything uses them.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors

from accelsim.errors import InvariantError, Problem, WorkloadError
from accelsim.manifest import Acam, Cascade, Manifest, Mbi
from accelsim.manifest_check import read_manifest
from accelsim.manifest_cnn import Cnn, ConvLayer, DenseLayer
from accelsim.workload_arrays import (
    Arrays,
    evaluation_problems,
    expected_evaluation,
    expected_model,
    model_problems,
    shape_problems,
)
from accelsim.workload_fit import fit_problems

if TYPE_CHECKING:
    from accelsim.chip import Chip

MANIFEST, MODEL, EVALUATION = "manifest.yaml", "model.safetensors", "eval.safetensors"
MAX_FILE_BYTES = 2**31

BlockT = TypeVar("BlockT")


@dataclass(frozen=True, eq=False)
class Workload:
    """A trained artefact and its evaluation set, all checked. Arrays are read-only.

    Attributes:
        folder: where it was read from.
        manifest: `manifest.yaml`.
        model, evaluation: name → array of `model.safetensors` and `eval.safetensors`, as the format has them; a
            shape-only workload has no model, and an evaluation that says the same of every input.
        sha256: over the bytes of the manifest and then the two files' hashes in it, where there are any (lower-case
            hexadecimal).
    """

    folder: Path
    manifest: Manifest
    model: Mapping[str, npt.NDArray[Any]]
    evaluation: Mapping[str, npt.NDArray[Any]]
    sha256: str

    @property
    def n_inputs(self) -> int:
        """Recorded inputs."""
        return self.manifest.dataset.n_inputs

    @property
    def cnn(self) -> Cnn:
        """The network (kinds hybrid, cascade and cnn)."""
        return _block("cnn", self.manifest.cnn)

    @property
    def acam(self) -> Acam:
        """The templates (head acam)."""
        return _block("acam", self.manifest.acam)

    @property
    def mbi(self) -> Mbi:
        """The tables (kinds mbi and cascade)."""
        return _block("mbi", self.manifest.mbi)

    @property
    def cascade(self) -> Cascade:
        """When to fall back (kind cascade)."""
        return _block("cascade", self.manifest.cascade)

    @property
    def shapes_only(self) -> bool:
        """Whether it holds layer shapes alone: latency and energy can be computed, accuracy and classes cannot."""
        return self.manifest.content == "shapes"

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """Class of each recorded input, `[n_inputs]` uint8."""
        return self.evaluation["labels"]

    def with_layers(self, layers: Sequence[ConvLayer | DenseLayer], batch: int) -> Workload:
        """A shape-only workload with other layers and batch, to study a network piece by piece."""
        cnn = self.cnn.model_copy(update={"layers": tuple(layers), "batch": batch})
        manifest = self.manifest.model_copy(update={"cnn": cnn})
        return replace(self, manifest=manifest, evaluation=_of_shapes(manifest))


def load_workload(folder: Path | str) -> Workload:
    """Reads and checks a workload folder.

    Raises:
        WorkloadError: with every fault of the manifest; else every fault of the files; else every wrong
            array; else every array with a wrong value.
    """
    folder = Path(folder)
    _check_folder(folder)
    manifest = read_manifest(folder / MANIFEST)
    whole = _bytes(folder / MANIFEST) + "".join(manifest.hashes.values()).encode()
    sha256 = hashlib.sha256(whole).hexdigest()
    if manifest.content == "shapes":
        return Workload(folder, manifest, {}, _of_shapes(manifest), sha256)
    read = {name: _read_arrays(folder / name, meant) for name, meant in manifest.hashes.items()}
    _require(problem for _, problems in read.values() for problem in problems)
    model, evaluation = read[MODEL][0], read[EVALUATION][0]
    _check_arrays(folder, manifest, model, evaluation)
    return Workload(folder, manifest, model, evaluation, sha256)


def _of_shapes(manifest: Manifest) -> Arrays:
    """What stands for the recordings of a shape-only workload: the same for every input, in the memory of one.

    Labels are 0, and so is the answer (the outputs are 0 but for the first); neither carries a meaning.
    """
    cnn, n_inputs = _block("cnn", manifest.cnn), manifest.dataset.n_inputs
    outputs = np.zeros(cnn.n_outputs if cnn.head == "argmax" else 1, dtype=np.int32)
    outputs[0] = 1
    counts = np.array([cnn.expected_nonzero_macs(i) for i in range(len(cnn.layers))], dtype=np.int64)
    return {
        "labels": np.broadcast_to(np.zeros(1, dtype=np.uint8), (n_inputs,)),
        "features": np.broadcast_to(outputs, (n_inputs, len(outputs))),
        "nonzero_macs": np.broadcast_to(counts, (n_inputs, len(counts))),
    }


def _block(name: str, block: BlockT | None) -> BlockT:
    """The block, which a dataflow may only ask for where the workload's kind has it.

    Raises:
        InvariantError: if it is not there.
    """
    if block is None:
        raise InvariantError(f"workload: no {name} in a workload of this kind")
    return block


def require_fit(workload: Workload, chip: Chip) -> None:
    """Refuses a workload that does not fit the chip.

    Raises:
        WorkloadError: with everything for which the chip is too small, or of the wrong kind.
    """
    _require(fit_problems(workload, chip))


def _require(problems: Iterator[Problem] | list[Problem]) -> None:
    found = list(problems)
    if found:
        raise WorkloadError(found)


def _check_folder(folder: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError) as exc:
        raise WorkloadError([Problem(str(folder), "", _reason(exc), "a workload folder")]) from exc
    if not is_folder:
        raise WorkloadError([Problem(str(folder), "", "a file", "a workload folder")])


def _reason(exc: OSError | ValueError) -> str:
    return (getattr(exc, "strerror", None) or str(exc)).lower()


def _bytes(path: Path) -> bytes:
    """Content of a regular file of at most MAX_FILE_BYTES.

    Raises:
        WorkloadError: if it cannot be read, or is more.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise WorkloadError([Problem(str(path), "", "no regular file", "a readable file")])
        if status.st_size > MAX_FILE_BYTES:
            got = f"{status.st_size} bytes"
            raise WorkloadError([Problem(str(path), "", got, f"at most {MAX_FILE_BYTES}")])
        return path.read_bytes()
    except OSError as exc:
        raise WorkloadError([Problem(str(path), "", _reason(exc), "a readable file")]) from exc


def _read_arrays(path: Path, sha256: str) -> tuple[Arrays, list[Problem]]:
    """The arrays in a file, or why not: it is unreadable, damaged, or not the one the manifest means."""
    try:
        content = _bytes(path)
        arrays = from_safetensors(content)
    except WorkloadError as exc:
        return {}, list(exc.problems)
    except KeyError as exc:  # a type that numpy does not have
        return {}, [Problem(str(path), "", f"an array of type {exc.args[0]}", "integer arrays")]
    except (SafetensorError, ValueError, TypeError) as exc:
        got = f"a truncated or damaged file ({' '.join(str(exc).split())})"
        return {}, [Problem(str(path), "", got, "a safetensors file")]
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        return {}, [Problem(str(path), "", f"SHA-256 {found}", f"{sha256} (files in {MANIFEST})")]
    for array in arrays.values():
        array.flags.writeable = False
    return arrays, []


def _check_arrays(folder: Path, manifest: Manifest, model: Arrays, evaluation: Arrays) -> None:
    model_file, evaluation_file = str(folder / MODEL), str(folder / EVALUATION)
    shapes = [
        *shape_problems(model_file, model, expected_model(manifest)),
        *shape_problems(evaluation_file, evaluation, expected_evaluation(manifest)),
    ]
    _require(shapes)
    values = [
        *model_problems(model_file, manifest, model),
        *evaluation_problems(evaluation_file, manifest, model, evaluation),
    ]
    _require(values)
