"""`simulate`: one spec, one workload, one run; everything a report says comes from here.

An engine makes times from job tables alone. So a chip that lays the tables of one that has already run gets the times
of that run, and the engine is left out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.chip import Chip, build_chip
from accelsim.chip_run import ChipRun, ChipRunner, Job, RunOptions
from accelsim.dataflows.block import Dataflow
from accelsim.dataflows.cascade import Cascade
from accelsim.dataflows.cim import Cim
from accelsim.dataflows.classify import Classify
from accelsim.dataflows.glimpses import require_pixels
from accelsim.dataflows.hybrid import Hybrid
from accelsim.dataflows.mbi import Mbi
from accelsim.dataflows.row_stationary import RowStationary
from accelsim.datasets import load_images
from accelsim.errors import RangeError
from accelsim.ideal import ideal_spec
from accelsim.rng import Sample
from accelsim.spec import Spec
from accelsim.workload import Workload, require_fit

__all__ = ["DATAFLOWS", "ChipRun", "Run", "RunOptions", "correct_answers", "simulate"]

DATAFLOWS: dict[str, Callable[[Chip, Workload, Sample], Dataflow]] = {
    "hybrid": Hybrid,
    "mbi": Mbi,
    "cascade": Cascade,
    "cnn": Classify,
    "row_stationary": RowStationary,
    "cim": Cim,
}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        chip, workload, options: what was run, and how.
        chips: what each chip of the population did.
        images: pixels that were run on, or None.
    """

    chip: Chip
    workload: Workload
    options: RunOptions
    chips: list[ChipRun]
    images: npt.NDArray[np.uint8] | None = None

    @cached_property
    def ideal_correct(self) -> int | None:
        """Inputs that the chip without its imperfections answers correctly.

        None where it has none, or where labels carry no meaning. Values alone are computed, when this is asked for.
        """
        ideal = ideal_spec(self.chip.spec)
        if ideal is None or self.workload.manifest.accuracy.measured is None:
            return None
        # It draws nothing, so one such chip stands for the whole population.
        return _runner(Job(build_chip(ideal), self.workload, self.options, self.images), 0).correct()

    @property
    def timeline_sha256(self) -> str:
        """Hash of every start and end; of several chips, the hash of their hashes."""
        hashes = [chip.timeline_sha256 for chip in self.chips]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def simulate(
    spec: Spec,
    workload: Workload,
    options: RunOptions,
    progress: Callable[[int], None] | None = None,
    known: ChipRun | None = None,
) -> Run:
    """Runs a workload on a chip.

    Args:
        progress: called with the number of inputs that were just finished.
        known: an earlier run, of whatever spec, whose times are used where the job tables are the same.

    Raises:
        WorkloadError: if the workload does not fit the chip.
        DataError: if the images are wanted and not there, or needed and not given.
        RangeError: if more inputs are asked for than the workload holds, the age is no time, or a time leaves int64.
        DeadlockError: if the chip can never finish.
        InvariantError: if the results contradict each other (a fault of accelsim).
    """
    job = _job(spec, workload, options)
    runs: list[ChipRun] = []
    for index in range(options.n_chips):
        like = runs[0] if runs else known
        made = _runner(job, index).run(progress, like) or _runner(job, index).run(progress)
        assert made is not None  # nothing to be like
        runs.append(made)
    return Run(job.chip, workload, options, runs, job.images)


def correct_answers(spec: Spec, workload: Workload, options: RunOptions) -> list[int]:
    """Inputs that each chip of the population answers correctly: values alone, no times.

    Raises:
        AccelsimError: as `simulate`.
    """
    job = _job(spec, workload, options)
    return [_runner(job, index).correct() for index in range(options.n_chips)]


def _job(spec: Spec, workload: Workload, options: RunOptions) -> Job:
    chip = build_chip(spec)
    require_fit(workload, chip)
    _require_options(workload, options)
    if options.data_root is None:
        require_pixels(chip, workload)
    images = None if options.data_root is None else load_images(workload, options.data_root, options.n_inputs)
    return Job(chip, workload, options, images)


def _runner(job: Job, index: int) -> ChipRunner:
    sample = Sample(job.options.seed, index, job.options.age_s)
    return ChipRunner(DATAFLOWS[job.chip.spec.kind](job.chip, job.workload, sample), job, index)


def _require_options(workload: Workload, options: RunOptions) -> None:
    if not 1 <= options.n_inputs <= workload.n_inputs:
        need = f"1 to {workload.n_inputs} (what {workload.folder} holds)"
        raise RangeError(f"--inputs: got {options.n_inputs}, need {need}")
    if not (math.isfinite(options.age_s) and options.age_s >= 0):
        raise RangeError(f"--age-s: got {options.age_s}, need a time of at least 0 s")
