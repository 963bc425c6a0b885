"""Several tables and glimpses on arrays as a circuit: each search's noise, the banks of converters, and saturations."""

from pathlib import Path

import numpy as np
import pytest

from accelsim.chip import Chip, build_chip
from accelsim.dataflows.block import Block
from accelsim.dataflows.table_walk import TableWalk, Winner
from accelsim.jobs import JobBuilder
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.workload import load_workload, require_fit
from tests.dataflows.test_line import chip_of, lay
from tests.mbi_lines import IDEAL
from tests.workload import builders


def searches(folder: Path, chip: Chip, n_glimpses: int, n_tables: int) -> list[Winner]:
    """Winners of the same 200 queries in every table of every glimpse, glimpse by glimpse; all tables are alike."""
    sizes = {"n_inputs": 200, "n_glimpses": n_glimpses, "n_tables": n_tables, "hidden_bits": 4}
    parts = builders.mbi(1, branches=8, side=6, **sizes)
    parts.model["keys"][:] = np.tile(parts.model["keys"][:8], (n_glimpses * n_tables, 1))
    parts.model["split_weights"][:] = parts.model["split_weights"][0]
    builders.write_folder(folder / "w", parts)
    workload = load_workload(folder / "w")
    require_fit(workload, chip)
    walk = TableWalk(chip, workload, Sample(0, 0))
    jobs = JobBuilder(chip.services, 0, BLOCK_INPUTS)
    inputs = np.minimum(np.arange(BLOCK_INPUTS), 199)
    block_0 = Block(0, inputs, np.zeros(BLOCK_INPUTS, np.int64), seed=0, chip=0)
    query = np.unpackbits(workload.evaluation["patches"][inputs, 0], axis=1, count=16)
    query = np.concatenate([query, np.zeros((BLOCK_INPUTS, 4), np.uint8)], axis=1)
    start = jobs.add("admission", "admit", phase="admit", needs=[], cycles=1, release=block_0.release)
    everyone = np.ones(BLOCK_INPUTS, bool)
    return [
        walk.search(jobs, block_0, glimpse, table, query, [start], everyone)
        for glimpse in range(n_glimpses)
        for table in range(n_tables)
    ]


def test_every_table_and_glimpse_has_noise_of_its_own(tmp_path: Path) -> None:
    """Noise alone, equal keys and queries: no two searches agree on all distances; without noise all do."""
    for noise_v, alike in ((0.0, True), (0.01, False)):
        chip = chip_of(tmp_path, "mbi", IDEAL, {"noise_sigma_v": noise_v})
        distances = [winner.distance for winner in searches(tmp_path, chip, n_glimpses=2, n_tables=2)]
        for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
            assert np.array_equal(distances[i], distances[j]) == alike, (i, j)


@pytest.mark.parametrize(("n_banks", "groups"), [(1, [0, 0, 0, 0]), (2, [0, 0, 1, 1]), (4, [0, 1, 2, 3])])
def test_banks_of_converters_share_the_sets_in_order(tmp_path: Path, n_banks: int, groups: list[int]) -> None:
    """Four tables of eight keys fill four sets of eight rows; equal keys differ by their bank's fixed errors alone."""
    chip = chip_of(tmp_path, "mbi", IDEAL, {"gain_sigma_rel": 0.05, "offset_sigma_v": 0.05}, arrays={"count": 16})
    spec = chip.spec.instances["adc"].model_copy(update={"count": n_banks})
    chip = build_chip(chip.spec.model_copy(update={"instances": {**chip.spec.instances, "adc": spec}}))
    distances = [winner.distance for winner in searches(tmp_path, chip, n_glimpses=1, n_tables=4)]
    for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        assert np.array_equal(distances[i], distances[j]) == (groups[i] == groups[j]), (i, j)


@pytest.mark.parametrize("depth", [1, 3])
def test_saturations_add_up_over_glimpses_tables_and_nodes(tmp_path: Path, depth: int) -> None:
    """A range that no line reaches: every conversion saturates, so there are as many as conversions are counted."""
    sizes = {"n_glimpses": 3, "n_tables": 2, "hidden_bits": 4, "branches": 8}
    builders.write_mbi(tmp_path / "w", seed=1, n_inputs=40, depth=depth, **sizes)
    chip = chip_of(tmp_path, "mbi", IDEAL, {"v_low_v": 5.0, "v_high_v": 5.9})
    (outcome,), _, (activity,) = lay(chip, load_workload(tmp_path / "w"))
    sites = [i for i, site in enumerate(activity.sites) if (site.instance, site.action) == ("adc", "convert")]
    counted = np.asarray(activity.counts)[:, sites].sum(axis=1)
    saturated = outcome.counters["adc.saturated"][:40]
    np.testing.assert_array_equal(saturated, counted)
    if depth == 1:
        assert (saturated == 3 * 2 * 8 * 2 * 2).all()  # glimpses, tables, keys, splits, lines
