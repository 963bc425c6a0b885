"""What each dataflow answers equals an evaluation written apart from it; pixels and recordings give the same run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.dataflows.block import Block
from accelsim.jobs import Activity, JobBuilder, JobTable
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS
from accelsim.workload import Workload, load_workload, require_fit
from tests.dataflows import chips
from tests.workload import builders

HYBRID: list[dict[str, Any]] = [
    {},
    {"channels": (4, 3, 2), "max_pool": 2},
    {"n_rows": 7, "feature_levels": 4, "n_inputs": 20},
    {"dense_features": 24},
]
MBI: list[dict[str, Any]] = [
    {},
    {"depth": 3, "n_tables": 1, "decision": "last"},
    {"depth": 2, "n_tables": 2},
    {"metric": "manhattan"},
    {"n_glimpses": 1, "n_patches": 3, "hidden_bits": 33},
    *(
        {**sizes, "location_bits": bits, "location_weighted": weighted, "n_inputs": 24}
        for weighted in (True, False)
        for bits, sizes in (
            (2, {}),
            (5, {"depth": 3, "n_tables": 1, "decision": "last"}),
            (4, {"depth": 2, "n_tables": 2, "metric": "manhattan"}),
            (6, {"n_patches": 3, "hidden_bits": 36}),
        )
    ),
]
CASCADE: list[dict[str, Any]] = [
    {"n_inputs": 24},
    {"n_inputs": 24, "abort": "after_all"},
    {"n_inputs": 24, "head": "acam"},
    {"n_inputs": 24, "head": "acam", "abort": "after_all", "depth": 2},
    {"n_inputs": 24, "margin": 4},
    {"n_inputs": 24, "margin": 4, "head": "acam", "depth": 2, "n_tables": 1, "location_bits": 3},
    {"n_inputs": 24, "location_bits": 3},
]

CNN: list[dict[str, Any]] = [{}, {"channels": (4, 3, 2), "max_pool": 2, "n_classes": 7, "n_inputs": 20}]


def chip_changes(kind: str, sizes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the small chip needs for the larger of these workloads."""
    if kind in ("hybrid", "cnn"):
        return {}
    metric = sizes.get("metric", "circuit")
    n_splits = 5 if "location_bits" in sizes else 4
    return {"arrays": {"metric": metric, "n_splits": n_splits, "count": 256 * n_splits}, "adc": {"n_adcs": 3}}


def lay(
    tmp_path: Path, kind: str, workload: Workload, sizes: dict[str, Any], images: Any = None
) -> tuple[np.ndarray, np.ndarray, JobTable, Activity]:
    chip = chips.chip(tmp_path, kind, **chip_changes(kind, sizes))
    require_fit(workload, chip)
    inputs = np.minimum(np.arange(BLOCK_INPUTS), workload.n_inputs - 1)
    pixels = None if images is None else images[inputs]
    block = Block(0, inputs, np.zeros(BLOCK_INPUTS, dtype=np.int64), seed=0, chip=0, images=pixels)
    jobs = JobBuilder(chip.services, 0, BLOCK_INPUTS)
    outcome = DATAFLOWS[kind](chip, workload, Sample(0, 0)).lay(jobs, block)
    table, activity = jobs.build(workload.n_inputs)
    n = workload.n_inputs
    return outcome.predicted[:n], outcome.covered[:n], table, activity


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        *(("hybrid", sizes) for sizes in HYBRID),
        *(("mbi", sizes) for sizes in MBI),
        *(("cascade", sizes) for sizes in CASCADE),
        *(("cnn", sizes) for sizes in CNN),
    ],
)
def test_answers_and_pixels(tmp_path: Path, kind: str, sizes: dict[str, Any]) -> None:
    built = getattr(builders, f"write_{kind}")(tmp_path / "w", seed=5, **sizes)
    workload = load_workload(tmp_path / "w")
    predicted, covered, table, activity = lay(tmp_path, kind, workload, sizes)
    assert predicted.tolist() == built.predicted.tolist()
    if kind == "cascade":
        assert covered.tolist() == (~built.far).tolist()
        assert 0 < built.far.sum() < len(built.far)  # both ways out are taken
    from_pixels = lay(tmp_path, kind, workload, sizes, built.images)
    assert from_pixels[0].tolist() == predicted.tolist()
    assert from_pixels[3].sites == activity.sites
    assert (from_pixels[3].counts == activity.counts).all()
    for column in ("instance", "cycles", "interval", "need", "need_start"):
        assert (getattr(from_pixels[2], column) == getattr(table, column)).all()


def test_an_aborted_lookup_pays_for_what_it_did(tmp_path: Path) -> None:
    """Inputs that stop at the first far glimpse make fewer comparisons than inputs that finish all of them."""
    counts = {}
    for abort in ("first_far", "after_all"):
        builders.write_cascade(tmp_path / abort, seed=5, n_inputs=24, abort=abort)
        workload = load_workload(tmp_path / abort)
        _, covered, _, activity = lay(tmp_path, "cascade", workload, {})
        sites = [i for i, site in enumerate(activity.sites) if (site.instance, site.action) == ("arrays", "compare")]
        counts[abort] = activity.counts[:, sites].sum(axis=1)
    assert (counts["first_far"] <= counts["after_all"]).all()
    assert (counts["first_far"][~covered] < counts["after_all"][~covered]).any()
    assert (counts["first_far"][covered] == counts["after_all"][covered]).all()
