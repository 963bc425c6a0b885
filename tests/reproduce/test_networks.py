"""Counted networks against counts done by hand, and against the shipped layer tables."""

from pathlib import Path

import pytest

from accelsim.reproduce import networks
from accelsim.workload import load_workload

WORKLOADS = Path(__file__).resolve().parents[2] / "workloads"


def test_student() -> None:
    macs = 225 * 9 * 32 + 49 * 9 * 32 * 128 + 49 * 9 * 128 * 256 + 49 * 9 * 256 * 16
    assert networks.STUDENT.macs().value == macs == 18_128_160
    assert networks.STUDENT.parameters().value == 9 * (32 + 32 * 128 + 128 * 256 + 256 * 16) + 32 + 128 + 256 + 16
    assert networks.STUDENT.macs().value == sum(
        layer.n_macs for layer in load_workload(WORKLOADS / "paper_hybrid").cnn.layers
    )


def test_lenet_and_mlp() -> None:
    weights = 25 * 6 + 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10
    assert networks.LENET.weights().value == weights
    assert networks.LENET.parameters().value == weights + 6 + 16 + 120 + 84 + 10
    assert networks.LENET.macs().value == 784 * 150 + 100 * 2400 + 400 * 120 + 120 * 84 + 84 * 10
    assert networks.MLP.macs().value == 784 * 512 + 512 * 512 + 512 * 512 + 512 * 10


def test_resnets_have_the_parameters_of_their_papers_code() -> None:
    assert networks.TEACHER_IMAGENET.parameters().value == 25_557_032  # torchvision, resnet50
    # 3x3 layers: the stem, six of 16 maps, then a widening one and five more in each stage
    pairs = 3 * 16 + 6 * 16 * 16 + (16 * 32 + 5 * 32 * 32) + (32 * 64 + 5 * 64 * 64)
    convolutions, normalisation = 9 * pairs, 2 * (7 * 16 + 6 * 32 + 6 * 64)
    assert networks.RESNET20_32.parameters().value == convolutions + normalisation + 64 * 10 + 10 == 269_722


@pytest.mark.parametrize(
    ("network", "workload"),
    [
        (networks.TEACHER_DENSE, "resnet50_cifar_stem"),
        (networks.TEACHER_STRIDED, "resnet50_imagenet_stem"),
    ],
)
def test_teacher_is_that_of_the_shipped_workload(network: networks.Network, workload: str) -> None:
    layers = load_workload(WORKLOADS / workload).cnn.layers
    assert network.macs().value == sum(layer.n_macs for layer in layers)


def test_recurrent_network() -> None:
    glimpse = 48 * 128 + 2 * 128 + 2 * 128 * 256 + 256 * 256 + 64 * 256 + 256 * 64 + 64 * 32 + 32 * 2
    assert networks.RAM.macs().value == glimpse == 172_352
