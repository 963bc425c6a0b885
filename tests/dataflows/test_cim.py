"""Layer tables on a compute-in-memory macro: jobs, times and energy by hand; the three networks of arXiv 2307.07631."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import pytest

from accelsim.run import Run, RunOptions, simulate
from accelsim.scaling import square_law
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from tests.dataflows import chips
from tests.workload import builders

ROOT = Path(__file__).parents[2]

# Multiply-accumulates of the tiny layer table, and operations a cycle of the tiny macro.
CONV1, CONV2, FC = 8 * 3 * 9 * 9, 6 * 2 * 16, 3 * 20
OPS_PER_CYCLE = 24


def tiny(folder: Path, n_inputs: int, batch: int = 1) -> Run:
    builders.write_folder(folder / "w", builders.shapes(batch=batch, head="none"))
    return simulate(chips.spec(folder, "cim"), load_workload(folder / "w"), RunOptions(n_inputs))


@pytest.mark.parametrize("batch", [1, 2])
def test_ledger_and_time_by_hand(tmp_path: Path, batch: int) -> None:
    """Three channels of 6 x 6 arrive 64 bits a cycle; then one layer after the other, two operations each."""
    (done,) = tiny(tmp_path, 2, batch).chips
    found = {f"{row.instance}.{row.action}@{row.phase}": row.count / 2 for row in done.ledger if row.phase != "static"}
    layers = {"conv1": CONV1, "conv2": CONV2, "fc": FC}
    expected = {f"macro.op@{name}": 2 * batch * macs for name, macs in layers.items()}
    assert found == expected | {"admission.receive@admit": batch * 3 * 36 * 8}
    cycles = ceil(batch * 3 * 36 * 8 / 64) + sum(ceil(2 * batch * macs / OPS_PER_CYCLE) for macs in layers.values())
    assert (done.columns["end_ticks"] - done.columns["start_ticks"]).tolist() == [cycles] * 2
    energy = 0.05 * 2 * batch * (CONV1 + CONV2 + FC) + 0.01 * batch * 3 * 36 * 8
    assert done.columns["energy_dynamic_pj"].tolist() == pytest.approx([energy] * 2)
    assert done.n_jobs == 2 * (1 + 3)


TABLE = [
    # spec, workload, multiply-accumulates, TOPS/W, nJ as printed, nJ at 16 nm as printed
    ("cim_mlp_28nm", "mlp_930k_shapes", 930_816, 18.45, 100.9, 32.94),
    ("cim_resnet20_55nm", "resnet20_115m_shapes", 114_947_584, 18.37, 12_510, 1_050),
    ("cim_lenet_65nm", "lenet_411k_shapes", 411_240, 40.3, 20.4, 1.24),
]


@pytest.mark.parametrize(("spec", "workload", "macs", "tops_per_w", "nj", "nj_at_16_nm"), TABLE)
def test_table_i(spec: str, workload: str, macs: int, tops_per_w: float, nj: float, nj_at_16_nm: float) -> None:
    """arXiv 2307.07631, Table I: the energy that the shipped specs give is 2 x MAC / (TOPS/W), and what is printed."""
    load = load_workload(ROOT / "workloads" / workload)
    assert sum(layer.n_macs for layer in load.cnn.layers) == macs
    run = simulate(load_spec(ROOT / "arch_specs" / f"{spec}.yaml"), load, RunOptions(1))
    (done,) = run.chips
    assert all(row.energy_pj == 0 for row in done.ledger if row.action != "op")
    energy_nj = float(done.columns["energy_dynamic_pj"][0]) / 1000
    assert energy_nj == pytest.approx(2 * macs / tops_per_w / 1000, rel=1e-6)
    assert energy_nj == pytest.approx(nj, rel=1e-3)
    node = run.chip.spec.dies["macro"].node_nm
    assert energy_nj * square_law(node, 16) == pytest.approx(nj_at_16_nm, rel=1e-2)


def test_the_mlp_has_the_layers_that_multiply_out() -> None:
    mlp = load_workload(ROOT / "workloads" / "mlp_930k_shapes").cnn
    assert [layer.weight_shape for layer in mlp.layers] == [(512, 784), (512, 512), (512, 512), (10, 512)]
    assert 784 * 512 + 512 * 512 + 512 * 512 + 512 * 10 == 930_816
