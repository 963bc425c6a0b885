"""Arrays as a circuit inside whole lookups: ideal blocks change no bit; mismatch belongs to chips, noise to inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.chip import Chip, build_chip
from accelsim.dataflows.block import Block, Outcome
from accelsim.errors import RangeError, SpecError
from accelsim.jobs import Activity, JobBuilder, JobTable
from accelsim.rng import BLOCK_INPUTS, Sample
from accelsim.run import DATAFLOWS
from accelsim.spec import load_spec
from accelsim.workload import Workload, load_workload, require_fit
from tests.dataflows import chips
from tests.mbi_lines import IDEAL, LINE, TRANSFER
from tests.workload import builders

ARRAYS: dict[str, Any] = {"n_splits": 4, "count": 1024, "evaluate_ns": 26}
ADC: dict[str, Any] = {"n_bits": 6, "n_adcs": 3, "count": 2}
REAL: dict[str, Any] = {"gain_sigma_rel": 0.02, "offset_sigma_v": 0.01, "noise_sigma_v": 0.004}


def block(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An imperfection block with a source for each of its numbers."""
    fields = {name: value for name, value in {**values, **changes}.items() if name != "sources"}
    return {**fields, "sources": {name: {"basis": "assumed", "text": "for a test"} for name in fields}}


def chip_of(
    folder: Path, kind: str, line: dict[str, Any] | None, transfer: dict[str, Any] | None, **changes: dict[str, Any]
) -> Chip:
    arrays = {**ARRAYS, **changes.pop("arrays", {}), **({"line": block(LINE, **line)} if line is not None else {})}
    adc = {**ADC, **({"transfer": block(TRANSFER, **transfer)} if transfer is not None else {})}
    return chips.chip(folder, kind, arrays=arrays, adc=adc, **changes)


def lay(
    chip: Chip, workload: Workload, chip_index: int = 0, n_inputs: int | None = None
) -> tuple[list[Outcome], list[JobTable], list[Activity]]:
    """All blocks of a run over the first `n_inputs`, as `accelsim.run` lays them."""
    require_fit(workload, chip)
    n = workload.n_inputs if n_inputs is None else n_inputs
    dataflow = DATAFLOWS[chip.spec.kind](chip, workload, Sample(0, chip_index))
    outcomes, tables, activities = [], [], []
    for index, first in enumerate(range(0, n, BLOCK_INPUTS)):
        inputs = np.minimum(np.arange(first, first + BLOCK_INPUTS), n - 1)
        jobs = JobBuilder(chip.services, first, BLOCK_INPUTS)
        release = np.zeros(BLOCK_INPUTS, dtype=np.int64)
        outcomes.append(dataflow.lay(jobs, Block(index, inputs, release, seed=0, chip=chip_index)))
        table, activity = jobs.build(min(BLOCK_INPUTS, n - first))
        tables.append(table)
        activities.append(activity)
    return outcomes, tables, activities


def answers(outcomes: list[Outcome], n: int) -> list[tuple[int, bool, bool, int]]:
    """Class, tie, coverage and saturated conversions of each input."""
    columns = [
        np.concatenate([getattr(outcome, name) for outcome in outcomes])[:n]
        for name in ("predicted", "tied", "covered")
    ]
    saturated = np.concatenate([outcome.counters["adc.saturated"] for outcome in outcomes])[:n]
    return list(zip(*(column.tolist() for column in (*columns, saturated)), strict=True))


WORKLOADS: list[tuple[str, dict[str, Any]]] = [
    ("mbi", {}),
    ("mbi", {"depth": 3, "n_tables": 1, "decision": "last"}),
    ("mbi", {"metric": "manhattan", "depth": 2}),
    ("mbi", {"n_glimpses": 1, "n_patches": 3, "hidden_bits": 33}),
    ("mbi", {"pixel_bits": 1}),
    ("mbi", {"location_bits": 4, "n_patches": 1}),
    ("mbi", {"location_bits": 6, "n_patches": 1, "depth": 2}),
    ("cascade", {}),
    ("cascade", {"margin": 4}),
    ("cascade", {"abort": "after_all", "depth": 2}),
    ("cascade", {"head": "acam"}),
]


@pytest.mark.parametrize(("kind", "sizes"), WORKLOADS)
@pytest.mark.parametrize("arrays", [{}, {"n_cols": 16}, {"n_splits": 2}])
def test_ideal_blocks_change_no_bit(
    tmp_path: Path, kind: str, sizes: dict[str, Any], arrays: dict[str, Any]
) -> None:
    """Settled lines, no coefficient but the gain of 1, codes of one unit: answers, ties, routes and counts stay."""
    builders.write_folder(tmp_path / "w", getattr(builders, kind)(5, n_inputs=24, **sizes))
    workload = load_workload(tmp_path / "w")
    fields = {"metric": sizes.get("metric", "circuit"), **arrays}
    # Of narrower arrays a column moves the sum line further.
    step = {"v_high_v": 1.8, "unit_v": 0.028125} if "n_cols" in arrays else {}
    ideal = lay(chip_of(tmp_path, kind, None, None, arrays=fields), workload)
    circuit = lay(chip_of(tmp_path, kind, IDEAL, step, arrays=fields), workload)
    assert len(ideal[0]) == len(circuit[0]) == 1
    for name in ("predicted", "tied", "covered"):
        np.testing.assert_array_equal(getattr(circuit[0][0], name), getattr(ideal[0][0], name))
    for column in ("instance", "cycles", "interval", "need", "need_start"):
        np.testing.assert_array_equal(getattr(circuit[1][0], column), getattr(ideal[1][0], column))
    assert circuit[2][0].sites == ideal[2][0].sites
    np.testing.assert_array_equal(circuit[2][0].counts, ideal[2][0].counts)
    assert "adc.saturated" not in ideal[0][0].counters
    assert circuit[0][0].counters["adc.saturated"].sum() == 0


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    """300 inputs through ragged trees, so blocks differ in the nodes they visit."""
    folder = tmp_path_factory.mktemp("trees")
    builders.write_mbi(folder / "w", seed=3, n_inputs=300, depth=3, n_tables=2, hidden_bits=8, branches=5)
    return load_workload(folder / "w")


def test_subsets_of_inputs_meet_the_same_chip_and_the_same_noise(tmp_path: Path, trees: Workload) -> None:
    chip = chip_of(tmp_path, "mbi", {}, REAL, arrays={"evaluate_ns": 1.5})
    whole = answers(lay(chip, trees)[0], 300)
    for n in (1, 100, 256, 299):
        assert answers(lay(chip, trees, n_inputs=n)[0], n) == whole[:n]
    assert answers(lay(chip, trees)[0], 300) == whole
    ideal = lay(chip_of(tmp_path, "mbi", None, None), trees)[0]
    differing = np.concatenate([o.predicted for o in ideal])[:300] != [row[0] for row in whole]
    assert differing.any()


def test_chips_differ(tmp_path: Path, trees: Workload) -> None:
    chip = chip_of(tmp_path, "mbi", {}, {}, arrays={"evaluate_ns": 1.0})  # mismatch alone
    first, second = (answers(lay(chip, trees, chip_index=i)[0], 300) for i in (0, 1))
    assert first != second


def test_resident_and_reloaded_tables_meet_the_same_cells(tmp_path: Path) -> None:
    """One flat node: resident it fills the first rows of the first set, and there a reloaded one is written, too."""
    builders.write_mbi(tmp_path / "w", seed=1, n_inputs=200, n_glimpses=1, n_tables=1, branches=8)
    workload = load_workload(tmp_path / "w")
    found = {
        residency: answers(
            lay(
                chip_of(
                    tmp_path, "mbi", {}, REAL, arrays={"evaluate_ns": 1.0}, controller={"residency": residency}
                ),
                workload,
            )[0],
            200,
        )
        for residency in ("resident", "reloaded")
    }
    assert found["resident"] == found["reloaded"]


def test_every_reloaded_node_meets_the_same_rows(tmp_path: Path) -> None:
    """Two glimpses with equal tables: mismatch treats equal queries alike when reloaded, and apart when resident."""
    parts = builders.mbi(1, n_inputs=200, n_glimpses=1, n_tables=2, hidden_bits=2, branches=8, side=6)
    first = parts.model["node_start"][1]
    parts.model["keys"][first:] = parts.model["keys"][:first]  # table 2 has the keys of table 1
    builders.write_folder(tmp_path / "w", parts)
    workload = load_workload(tmp_path / "w")
    same = {}
    for residency in ("resident", "reloaded"):
        chip = chip_of(tmp_path, "mbi", {}, {}, arrays={"evaluate_ns": 0.7}, controller={"residency": residency})
        dataflow, rows = DATAFLOWS["mbi"](chip, workload, Sample(0, 0)), []
        walk = dataflow._lookup._walk  # type: ignore[attr-defined]
        jobs = JobBuilder(chip.services, 0, BLOCK_INPUTS)
        inputs = np.minimum(np.arange(BLOCK_INPUTS), 199)
        block_0 = Block(0, inputs, np.zeros(BLOCK_INPUTS, np.int64), seed=0, chip=0)
        query = np.unpackbits(workload.evaluation["patches"][inputs, 0], axis=1, count=16)
        query = np.concatenate([query, np.zeros((BLOCK_INPUTS, 2), np.uint8)], axis=1)
        start = jobs.add("admission", "admit", phase="admit", needs=[], cycles=1, release=block_0.release)
        for table in (0, 1):
            winner = walk.search(jobs, block_0, 0, table, query, [start], np.ones(BLOCK_INPUTS, bool))
            rows.append(winner.row - table * 8)
        same[residency] = (rows[0] == rows[1]).mean()
    assert same["reloaded"] == 1.0
    assert same["resident"] < 1.0


def test_too_short_an_evaluation_costs_answers(tmp_path: Path, trees: Workload) -> None:
    ideal = np.concatenate([o.predicted for o in lay(chip_of(tmp_path, "mbi", None, None), trees)[0]])[:300]
    kept = []
    for evaluate_ns in (0.6, 1.5, 6.0):
        chip = chip_of(tmp_path, "mbi", {**IDEAL, "vth_sigma_v": 0.06}, {}, arrays={"evaluate_ns": evaluate_ns})
        kept.append((np.concatenate([o.predicted for o in lay(chip, trees)[0]])[:300] == ideal).mean())
    assert kept[0] < kept[1] < kept[2]
    assert kept[2] > 0.95


def test_saturated_conversions_are_counted_by_hand(tmp_path: Path) -> None:
    """One glimpse, one flat node: a code clips where a line of a real key lies more than 3 units below its zero."""
    builders.write_mbi(tmp_path / "w", seed=1, n_inputs=50, n_glimpses=1, n_tables=1, hidden_bits=2, branches=8)
    workload = load_workload(tmp_path / "w")
    unit = TRANSFER["unit_v"]
    patch_zero = (8 * 0.9 + 24 * 0.45) / 32  # 16 patch bits, 8 of weight 2; 16 columns unused
    # Two bits: codes 0 to 3, code 3 at the zero of the patch split; the hidden split lies far below, always clipped.
    transfer = {"v_low_v": patch_zero - 3 * unit, "v_high_v": patch_zero + unit, "unit_v": unit}
    chip = chip_of(tmp_path, "mbi", IDEAL, transfer)
    chip = build_chip(_with_bits(chip, 2))
    got = [row[3] for row in answers(lay(chip, workload)[0], 50)]
    query = np.unpackbits(workload.evaluation["patches"][:, 0], axis=1, count=16)
    keys = np.unpackbits(workload.model["keys"], axis=1, count=18)[:, :16]
    weights = np.array([2, 1] * 8)
    expected = []
    for q in query:
        lines = [((q == 1 - key_bit) & (keys == key_bit)) @ weights for key_bit in (0, 1)]
        expected.append(sum(int((line > 3).sum()) for line in lines) + 2 * len(keys))
    assert got == expected
    assert 0 < sum(expected) - 50 * 16 < 50 * 16


def _with_bits(chip: Chip, n_bits: int) -> Any:
    changed = chip.spec.instances["adc"].model_copy(update={"n_bits": n_bits})
    return chip.spec.model_copy(update={"instances": {**chip.spec.instances, "adc": changed}})


@pytest.mark.parametrize("abort", ["first_far", "after_all"])
def test_thresholds_are_in_units_of_distance_whatever_a_code_is(tmp_path: Path, abort: str) -> None:
    """Codes of half a unit: twice the totals, and the same inputs are far."""
    builders.write_cascade(tmp_path / "w", seed=5, n_inputs=60, abort=abort)
    workload = load_workload(tmp_path / "w")
    ideal = lay(chip_of(tmp_path, "cascade", None, None), workload)[0][0]
    half = build_chip(_with_bits(chip_of(tmp_path, "cascade", IDEAL, {}), 7))
    got = lay(half, workload)[0][0]
    np.testing.assert_array_equal(got.covered, ideal.covered)
    np.testing.assert_array_equal(got.predicted, ideal.predicted)
    assert 0 < ideal.covered[:60].sum() < 60


def test_line_and_transfer_come_together(tmp_path: Path) -> None:
    for line, transfer, missing, there in (
        ({}, None, "adc.transfer", "arrays.line"),
        (None, {}, "arrays.line", "adc.transfer"),
    ):
        with pytest.raises(SpecError) as caught:
            chip_of(tmp_path, "mbi", line, transfer)
        (problem,) = caught.value.problems
        assert (problem.path, problem.got) == (f"instances.{missing}", "nothing")
        assert problem.need == f"this block, as there is instances.{there}: both or none"


def test_pixels_of_more_than_two_bits_have_no_precharge_level(tmp_path: Path) -> None:
    """Thermometer columns all weigh 1, so manhattan takes them."""
    for metric in ("circuit", "manhattan"):
        folder = tmp_path / metric
        builders.write_mbi(folder / "w", seed=1, n_inputs=20, pixel_bits=4, metric=metric)
        workload = load_workload(folder / "w")
        changes: dict[str, Any] = {"metric": metric, "n_splits": 8}
        chip = chip_of(folder, "mbi", IDEAL, {}, arrays=changes)
        if metric == "circuit":
            with pytest.raises(RangeError, match="got pixels of 4 bits in metric circuit, need at most 2 with a line"):
                lay(chip, workload)
        else:
            ideal = lay(chip_of(folder, "mbi", None, None, arrays=changes), workload)[0][0]
            np.testing.assert_array_equal(lay(chip, workload)[0][0].predicted, ideal.predicted)


@pytest.mark.parametrize("name", ["mbi_physical", "full_chip"])
def test_shipped_lines_are_the_ones_tested(name: str) -> None:
    spec = load_spec(Path(__file__).parents[2] / "arch_specs" / f"{name}.yaml")
    line, transfer = spec.instances["arrays"].line, spec.instances["adc"].transfer
    assert {field: getattr(line, field) for field in LINE if field != "sources"} == {
        field: value for field, value in LINE.items() if field != "sources"
    }
    lsb = (transfer.v_high_v - transfer.v_low_v) / 2 ** spec.instances["adc"].n_bits
    assert lsb == pytest.approx(transfer.unit_v)
