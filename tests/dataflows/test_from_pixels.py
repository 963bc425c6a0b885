"""Runs from the data set's pixels equal runs from what was recorded: answers, energy, and every start and end."""

from pathlib import Path

import pytest

from accelsim.datasets import load_images
from accelsim.errors import DataError
from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
N_INPUTS = 200


@pytest.mark.torch
@pytest.mark.data
@pytest.mark.parametrize(
    ("spec", "workload"),
    [
        ("hybrid_physical", "cifar10_hybrid"),
        ("mbi_physical", "mnist_mbi"),
        ("full_chip", "mnist_cascade"),
        ("cnn_physical", "cifar10_softmax"),
        ("cnn_physical", "cifar10_cosine"),
        ("cnn_physical", "mnist_cnn"),
    ],
)
def test_pixels_and_recordings_give_the_same_run(spec: str, workload: str, data_root: Path) -> None:
    chip = load_spec(ROOT / "arch_specs" / f"{spec}.yaml")
    loaded = load_workload(ROOT / "workloads" / workload)
    recorded = simulate(chip, loaded, RunOptions(N_INPUTS))
    pixels = simulate(chip, loaded, RunOptions(N_INPUTS, data_root=data_root))
    assert pixels.timeline_sha256 == recorded.timeline_sha256
    for name, column in recorded.chips[0].columns.items():
        assert (pixels.chips[0].columns[name] == column).all(), name
    assert pixels.chips[0].ledger == recorded.chips[0].ledger


@pytest.mark.torch
def test_a_missing_data_set_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"MNIST: got none in .*, need its original files in .*MNIST/raw"):
        load_images(load_workload(ROOT / "workloads" / "mnist_mbi"), tmp_path, 1)
