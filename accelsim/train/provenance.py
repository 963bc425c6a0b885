"""Who made a workload, on what, and how long it took: what the manifests of trained workloads say."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from accelsim import __version__
from accelsim.errors import UsageError
from accelsim.train.stages import SECONDS_SO_FAR, Result, Stages

SECONDS, MADE_ON = "seconds", "made_on"
"""Figures of a timed stage: how long it took, and the device and versions it was made with."""

NOT_RECORDED = "some stages: not recorded"

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "optuna")
CPU_INFO = Path("/proc/cpuinfo")


def timed(compute: Callable[[Path | None], Result], trained_on: str = "cpu") -> Callable[[Path | None], Result]:
    """`compute` of a stage, whose result then has the figures `seconds` (those of attempts that were stopped included)
    and `made_on`.

    An attempt leaves its seconds beside the checkpoint (`Stages.run` removes both when the result is kept); one that is
    killed outright counts up to its last checkpoint.
    """

    def with_seconds(checkpoint: Path | None) -> Result:
        kept = None if checkpoint is None else checkpoint.with_suffix(SECONDS_SO_FAR)
        before = _seconds_before(kept, checkpoint)
        start = time.monotonic()
        _write(kept, before, time.time())
        try:
            found = compute(checkpoint)
        finally:
            seconds = before + time.monotonic() - start
            _write(kept, seconds)
        return replace(found, figures={**found.figures, SECONDS: seconds, MADE_ON: made_on(trained_on)})

    return with_seconds


def _seconds_before(kept: Path | None, checkpoint: Path | None) -> float:
    """Seconds of the attempts so far; of one that was killed until it last wrote its checkpoint."""
    if kept is None or checkpoint is None:
        return 0.0
    try:
        seconds, since = (float(word) for word in kept.read_text().split())
        return seconds + (max(0.0, checkpoint.stat().st_mtime - since) if since and checkpoint.exists() else 0.0)
    except (OSError, ValueError):
        return 0.0


def _write(kept: Path | None, seconds: float, since: float = 0.0) -> None:
    """since: time of the clock at which an attempt began that still goes on."""
    if kept is None:
        return
    with suppress(OSError):  # what stopped the attempt is the news
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{seconds} {since}")


def hours(stages: Stages) -> float:
    """Of all stages of a run, also those that were done before."""
    seconds = sum(float(result.figures.get(SECONDS, 0.0)) for result in stages.done.values())
    return round(seconds / 3600, 3)


def made_on(trained_on: str = "cpu") -> dict[str, str]:
    """Device and versions of this process.

    Raises:
        UsageError: if torch finds no such device.
        PackageNotFoundError: if something is not installed.
    """
    found = versions()
    return {"versions": ", ".join(f"{name} {found[name]}" for name in PACKAGES), "device": device(trained_on)}


def made_by(*runs: Stages) -> dict[str, str]:
    """Versions and devices of all stages of some runs, also of those that were done before, for a manifest's
    `training`; a stage that says nothing of them is one of `NOT_RECORDED`.

    Raises:
        PackageNotFoundError: if something is not installed.
    """
    silent = {"versions": NOT_RECORDED, "device": NOT_RECORDED}
    known = [result.figures.get(MADE_ON, silent) for stages in runs for result in stages.done.values()]
    known.sort(key=lambda one: one is silent)
    known = known or [made_on()]
    joined = {name: "; ".join(dict.fromkeys(one[name] for one in known)) for name in ("versions", "device")}
    return {"accelsim_version": __version__, **joined}


def versions() -> dict[str, str]:
    """Of what figures come from.

    Raises:
        PackageNotFoundError: if something is not installed.
    """
    return {"accelsim": __version__, "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def device(trained_on: str = "cpu") -> str:
    """What it runs on; of a CPU also the type that networks are trained in there (`precision.py`).

    Raises:
        UsageError: if torch finds no such device.
    """
    from accelsim.train.precision import has_fast_bfloat16

    if trained_on == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UsageError("--device: got cuda, need a GPU that torch finds, or --device cpu")
        return str(torch.cuda.get_device_name())
    names = [line.partition(":")[2].strip() for line in _lines(CPU_INFO) if line.startswith("model name")]
    precision = "bfloat16" if has_fast_bfloat16("cpu") else "float32"
    return f"{os.cpu_count()} CPU cores, {names[0] if names else platform.machine()}, {precision}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
