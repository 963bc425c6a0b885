"""Chips of a population through a real imperfection: each has draws of its own, the same ones whatever else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import yamlfile
from accelsim.arrivals import Arrivals
from accelsim.report.summary import summary
from accelsim.run import Run, RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from tests.core.test_constants import ROW
from tests.dataflows import chips
from tests.workload.builders import hybrid, write_folder

N_INPUTS, N_CHIPS = 40, 5
SPREAD = {**ROW, "cell_spread_rel": 0.3, "segment_gain_rel": 0.2}  # enough to change answers on tiny rows
EXACT = {**ROW, "cell_spread_rel": 0.0, "segment_gain_rel": 0.0, "segment_offset_v": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("population")
    parts = hybrid(2, n_inputs=N_INPUTS)
    parts.manifest["accuracy"] = {"measured": 0.5, "note": "for a test"}
    write_folder(made / "w", parts)
    return made


def run(folder: Path, row: dict[str, Any] | None, *overrides: str, n_chips: int = N_CHIPS, **options: Any) -> Run:
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(chips.spec_data("hybrid", acam={"row": row} if row else {})), encoding="utf-8")
    chosen = RunOptions(N_INPUTS, seed=3, n_chips=n_chips, **options)
    return simulate(load_spec(path, overrides), load_workload(folder / "w"), chosen)


def answers(done: Run) -> list[list[int]]:
    return [chip.columns["predicted"].tolist() for chip in done.chips]


def test_chips_differ_and_every_chip_is_the_same_in_every_run(folder: Path) -> None:
    before = answers(run(folder, SPREAD))
    assert len({tuple(chip) for chip in before}) > 1
    assert answers(run(folder, SPREAD, n_chips=2)) == before[:2]
    for override in ("instances.acam.match_pj=0.5", "instances.acam.search_ns=60", "clocks.engine.clock_mhz=200"):
        assert answers(run(folder, SPREAD, override)) == before, override
    assert answers(run(folder, SPREAD, arrivals=Arrivals.parse("interval:50000"), age_s=1e6)) == before


def test_accuracy_of_the_ideal_chip_is_that_of_the_spec_without_blocks(folder: Path) -> None:
    noisy, ideal = run(folder, SPREAD), run(folder, None, n_chips=1)
    found, exact = (summary(done, command="", spec_path="", overrides=[]) for done in (noisy, ideal))
    assert found["accuracy_ideal"] == exact["accuracy"] == exact["accuracy_ideal"]
    assert found["accuracy"] != found["accuracy_ideal"]
    assert exact["accuracy"] == (ideal.chips[0].columns["correct"]).mean()
    assert "acam.row" in exact["ideal_parts"]
    assert "acam.row" not in found["ideal_parts"]


def test_a_block_of_zeros_is_the_ideal_chip(folder: Path) -> None:
    zero, ideal = run(folder, EXACT), run(folder, None)
    for a, b in zip(zero.chips, ideal.chips, strict=True):
        assert np.array_equal(a.columns["predicted"], b.columns["predicted"])
    assert zero.ideal_correct == int(zero.chips[0].columns["correct"].sum())
    assert ideal.ideal_correct is None  # nothing to remove, and no second pass
