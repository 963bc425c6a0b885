"""Figures of every shipped spec and workload: pinned, not theory. `python -m tests.golden.figures` writes them anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from accelsim.chip import build_chip
from accelsim.spec import load_spec
from accelsim.workload import fit_problems, load_workload
from tests.golden.figures import FILE, GENERAL, PAIRS, ROOT, STOPPED, figures

MAX_JOBS_PER_INPUT = 2000


def close(found: Any, pinned: Any) -> bool:
    """Equal; floats to 12 digits, since their last bits may differ between platforms' libraries."""
    if isinstance(pinned, dict):
        return list(found) == list(pinned) and all(close(found[key], pinned[key]) for key in pinned)
    if isinstance(pinned, float):
        return bool(found == pytest.approx(pinned, rel=1e-12))
    return bool(found == pinned)


@pytest.mark.parametrize(("spec", "workload"), PAIRS)
def test_figures_are_those_pinned(spec: str, workload: str) -> None:
    pinned = json.loads(FILE.read_text(encoding="utf-8"))[f"{spec} on {workload}"]
    found = figures(spec, workload)
    assert {key: value for key, value in found.items() if not close(value, pinned[key])} == {}
    cnn = load_workload(ROOT / "workloads" / workload).manifest.cnn
    images = cnn.batch if cnn else 1  # of a layer table an input may be a batch
    assert found["jobs_per_input_max"] <= MAX_JOBS_PER_INPUT * images


def test_every_pair_that_fits_is_pinned() -> None:
    specs = {path.stem: build_chip(load_spec(path)) for path in sorted((ROOT / "arch_specs").glob("*.yaml"))}
    workloads = {path.parent.name: load_workload(path.parent) for path in sorted(_manifests(ROOT))}
    fitting = {(s, w) for s, chip in specs.items() for w, load in workloads.items() if not fit_problems(load, chip)}
    assert {pair for pair in fitting - STOPPED if pair[0] not in GENERAL} <= set(PAIRS) <= fitting
    assert {spec for spec, _ in PAIRS} == set(specs)
    assert {workload for _, workload in PAIRS} == set(workloads)


def _manifests(root: Path) -> list[Path]:
    return list((root / "workloads").glob("*/manifest.yaml"))
