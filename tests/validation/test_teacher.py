"""The hybrid paper's teacher on the student's engine: its layer table, and the ratio of the two, simulated.

Multiply-accumulates: ResNet-50 on 32 x 32 images has 83.4 M with the ImageNet stem and 1,298 M with the stem for small
images, so 4.6 or 72 times the student's 18.13 M, and never 792 times, which arXiv 2502.10089 claims in energy
(physics.md §10.10, counted apart from accelsim).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from accelsim import account
from accelsim.components import COMPONENTS
from accelsim.run import ChipRun, RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.train.teacher import Stem, generate_teacher
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
STUDENT_MACS = 18_128_160  # the paper's topology, without a softmax layer
CLAIMED_RATIO = 792


def by_hand(stem: Stem) -> list[int]:
    """Multiply-accumulates of each layer, block by block, in plain numbers."""
    side = 8 if stem == "imagenet" else 32
    macs = [64 * 16 * 16 * 3 * 49] if stem == "imagenet" else [64 * 32 * 32 * 3 * 9]
    n_in = 64
    for width, n_blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(n_blocks):
            out = side // stride if block == 0 else side
            macs += [n_in * width * side**2, width * width * 9 * out**2, width * 4 * width * out**2]
            if block == 0:
                macs.append(n_in * 4 * width * out**2)
            n_in, side = 4 * width, out
    return [*macs, 2048 * 10]


@pytest.mark.parametrize(("stem", "total"), [("imagenet", 83_431_424), ("cifar", 1_297_829_888)])
def test_layer_table(stem: Stem, total: int) -> None:
    cnn = load_workload(ROOT / "workloads" / f"resnet50_{stem}_stem").cnn
    found = [layer.n_macs for layer in cnn.layers]
    assert found == by_hand(stem)
    assert sum(found) == total
    assert [round(total / 1e6, 1), round(total / 1e6)] in ([83.4, 83], [1297.8, 1298])


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_each_layer_reads_what_another_gives(stem: Stem) -> None:
    """Along the main path; a downsampling layer reads the block's input, and its output has the block's shape."""
    layers = load_workload(ROOT / "workloads" / f"resnet50_{stem}_stem").cnn.layers
    given, block_input = (3, 32, 32), (3, 32, 32)
    for layer in layers[:-1]:
        if layer.name.endswith("_conv1"):
            block_input = given
        if layer.name.endswith("downsample"):
            assert (layer.in_shape, layer.out_shape) == (block_input, given)
        else:
            assert layer.in_shape == given
            given = layer.out_shape
    assert layers[-1].in_shape == (given[0], 1, 1)  # after the average pooling, which the table leaves out


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_the_shipped_table_is_the_generated_one(tmp_path: Path, stem: Stem) -> None:
    generate_teacher(tmp_path, stem)
    shipped = ROOT / "workloads" / f"resnet50_{stem}_stem" / "manifest.yaml"
    assert (tmp_path / "manifest.yaml").read_bytes() == shipped.read_bytes()


@cache
def run(spec: str, workload: str, gating: bool = True) -> ChipRun:
    overrides = [f"instances.engine.zero_gating={str(gating).lower()}"]
    chip = load_spec(ROOT / "arch_specs" / f"{spec}.yaml", overrides)
    (done,) = simulate(chip, load_workload(ROOT / "workloads" / workload), RunOptions(1)).chips
    return done


def count(done: ChipRun, instance: str, action: str) -> float:
    return sum(row.count for row in done.ledger if (row.instance, row.action) == (instance, action))


@pytest.mark.parametrize(("stem", "macs", "times"), [("imagenet", 83_431_424, 4.6), ("cifar", 1_297_829_888, 72)])
def test_ratio_to_the_student(stem: Stem, macs: int, times: float) -> None:
    teacher = run("teacher_physical", f"resnet50_{stem}_stem", False)
    student = run("hybrid_physical", "paper_hybrid", False)
    assert count(teacher, "engine", "mac") == macs
    assert count(student, "engine", "mac") == STUDENT_MACS
    assert macs / STUDENT_MACS == pytest.approx(times, rel=0.01)
    # All weights come from DRAM once an input, in words of 32 bits, with 9 bytes of constants a channel (4 where logits
    # are the end); each fetch begins with a word of its own.
    layers = load_workload(ROOT / "workloads" / f"resnet50_{stem}_stem").cnn.layers
    n_bytes = {"imagenet": 23_475_392, "cifar": 23_467_712}[stem]
    n_bytes += 9 * sum(layer.weight_shape[0] for layer in layers[:-1]) + 4 * 10
    assert n_bytes / 4 <= count(teacher, "weights", "read") < n_bytes / 4 + teacher.n_jobs
    # Not the multiply-accumulates alone: memory and idle PEs make small layers dearer. But 792 times is out of reach.
    ratio = account.total_pj(teacher.ledger) / account.total_pj(student.ledger)
    assert times < ratio < CLAIMED_RATIO / 4


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_no_zeros_are_assumed_of_the_teacher(stem: Stem) -> None:
    """Gating changes nothing, so its energy is an upper bound; that of the student falls."""
    gated, plain = (account.total_pj(run("teacher_physical", f"resnet50_{stem}_stem", g).ledger) for g in (True, False))
    assert gated == plain
    student = [account.total_pj(run("cnn_physical", "cifar10_softmax", gating).ledger) for gating in (True, False)]
    assert student[0] < student[1]


def test_the_baseline_is_the_digital_half_of_the_hybrid() -> None:
    """Die, clock and instances of cnn_physical are those of hybrid_physical, sources included; only `vote` is new."""
    cnn, hybrid = (load_spec(ROOT / "arch_specs" / f"{name}_physical.yaml") for name in ("cnn", "hybrid"))
    assert cnn.dies == {"digital": hybrid.dies["digital"]}
    assert cnn.clocks == {"engine": hybrid.clocks["engine"]}
    shared = {name: part for name, part in cnn.instances.items() if name != "vote"}
    assert shared == {name: hybrid.instances[name] for name in ("admission", "buffer", "weights", "engine", "post")}


def test_the_teacher_runs_on_the_same_engine() -> None:
    """What differs from cnn_physical: memories, and tile buffers with their area. Prices, grid and clock do not."""
    cnn, teacher = (load_spec(ROOT / "arch_specs" / f"{name}_physical.yaml") for name in ("cnn", "teacher"))
    engines = [spec.instances["engine"].model_dump(exclude={"sources"}) for spec in (cnn, teacher)]
    different = {field for field in engines[0] if engines[0][field] != engines[1][field]}
    assert different == {"weight_tile_bytes", "input_tile_bytes", "psum_tile_bytes", "area_um2"}
    prices = set(COMPONENTS["cnn_engine"].actions.values())
    assert prices <= set(engines[0]) - different
    for name in ("post", "vote"):
        assert teacher.instances[name] == cnn.instances[name]
    assert teacher.clocks == cnn.clocks
