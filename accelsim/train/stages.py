"""A training run as named stages, each kept on disk when it is done, so that a stopped run repeats none of them.

A run folder holds `<stage>.safetensors` for each finished stage and `<stage>.pt` (the checkpoint of `loop.fit`) for the
one under way (with `<stage>.seconds`, what its attempts have taken). What a stage found is a dictionary of arrays and
one of plain values; both are keyed by a digest of the settings and of the stages before it, so a run with other
settings never takes over a stage that does not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from accelsim.errors import OutputError

VERSION = 2
"""Raised when a step or a constant of any stage changes what it computes, so that no stage of before is taken over.
Not for the precision of training, which depends on the processor: a run may go on on another (manifests name both)."""

SECONDS_SO_FAR = ".seconds"
"""Suffix of the file beside a checkpoint."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Result:
    """What a stage found: arrays, and figures that JSON can hold (accuracies, seconds, choices)."""

    arrays: Arrays = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)


class Stages:
    """The stages of one run, in order.

    Attributes:
        folder: where they are kept; None keeps nothing.
        done: results so far, by stage.
    """

    def __init__(self, folder: Path | None, settings: Mapping[str, Any], console: Console | None = None) -> None:
        self.folder = folder
        self.done: dict[str, Result] = {}
        self._console = console or Console(stderr=True)
        self._digest = _digest(f"version {VERSION}", settings)

    def run(self, name: str, compute: Callable[[Path | None], Result], **settings: Any) -> Result:
        """The result of stage `name`: read when it was finished before with the same settings, else computed and kept.

        compute: is given the path of the stage's checkpoint (None when nothing is kept).

        Raises:
            OutputError: if the result cannot be written.
        """
        self._digest = _digest(self._digest + name, settings)
        result = self._read(name)
        if result is None:
            self._console.print(f"stage {name}")
            checkpoint = None if self.folder is None else self.folder / f"{name}-{self._digest[:12]}.pt"
            result = compute(checkpoint)
            self._write(name, result)
            if checkpoint is not None:
                for left in (checkpoint, checkpoint.with_suffix(SECONDS_SO_FAR)):
                    left.unlink(missing_ok=True)
        else:
            self._console.print(f"stage {name}: done before, kept in {self.folder}")
        self.done[name] = result
        return result

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}-{self._digest[:12]}.safetensors"

    def _read(self, name: str) -> Result | None:
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as kept:
                figures = json.loads((kept.metadata() or {})["figures"])
                return Result({key: kept.get_tensor(key) for key in kept.keys()}, figures)  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError):
            return None  # damaged: computed anew

    def _write(self, name: str, result: Result) -> None:
        path = self._path(name)
        if path is None:
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        arrays = {key: np.asarray(array, order="C") for key, array in result.arrays.items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(arrays, temporary, {"figures": json.dumps(result.figures)})
            temporary.replace(path)
        except (OSError, SafetensorError) as error:
            raise OutputError(f"cannot write stage {name} to {path}: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)


def _digest(before: str, settings: Mapping[str, Any]) -> str:
    text = before + json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
