"""Training of lookup tables and of their fallback: tiny runs whose folders obey the format; budgets and choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from accelsim.chip import build_chip
from accelsim.errors import DataError, RangeError, UsageError
from accelsim.spec import load_spec
from accelsim.train.mbi_tables import Geometry, Patch, level_bits, pack, patch_levels, walk
from accelsim.workload import load_workload
from tests.workload import builders

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 400

SMALL = Geometry(
    image=(28, 28),
    patch_size=4,
    pixel_bits=2,
    pixel_thresholds=(40, 90, 200),
    hidden_bits=6,
    n_tables=2,
    n_classes=10,
    decision="vote",
    value_bits=73,
    metric="circuit",
    glimpses=((Patch(0, 0, 4),), (Patch(3, 8, 2),), (Patch(20, 24, 1),)),
)


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def trained(torch: Any, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Folders of the tables, of the cascade made of them, and of the run."""
    from accelsim.train.cascade import train_cascade
    from accelsim.train.mbi import train_mbi
    from accelsim.train.mbi_material import Plan

    tables, cascade, run = (tmp_path_factory.mktemp(name) for name in ("tables", "cascade", "run"))
    plan = Plan(epochs=3, teacher_epochs=1, copies=2, limit=LIMIT)
    train_mbi(data_root=data_root, out=tables, seed=5, run_dir=run, plan=plan)
    train_cascade(data_root=data_root, mbi=tables, out=cascade, seed=5, run_dir=run, plan=plan, coverage=0.7)
    return tables, cascade, run


def table_answers(folder: Path) -> np.ndarray:
    """The format page's rule in plain words: summed votes [n, n_classes]."""
    model, recorded = load_file(folder / "model.safetensors"), load_file(folder / "eval.safetensors")
    keys = np.unpackbits(model["keys"], axis=1)[:, :156]
    significance = np.array([2, 1] * 64 + [1] * 28)
    split = np.arange(156) // 32
    sums = []
    for patches in recorded["patches"]:
        hidden, votes = np.unpackbits(model["hidden_init"])[:28], np.zeros(10, int)
        for g, patch in enumerate(patches):
            query = np.concatenate([np.unpackbits(patch), hidden])
            weights = model["split_weights"][g][split] * significance
            winners = []
            for node in model["roots"][g]:
                while node >= 0:
                    first, last = model["node_start"][node : node + 2]
                    distance = ((keys[first:last] != query) * weights).sum(axis=1)
                    node = model["key_next"][first + distance.argmin()]
                winners.append(-1 - node)
            votes += sum(model["value_votes"][row].astype(int) for row in winners)
            hidden = np.concatenate([np.unpackbits(model["value_hidden"][row])[:4] for row in winners])
        sums.append(votes)
    return np.array(sums)


@pytest.mark.torch
@pytest.mark.data
def test_tables_obey_the_format_and_give_the_stated_accuracy(trained: tuple[Path, Path, Path]) -> None:
    workload = load_workload(trained[0])
    classes = table_answers(trained[0]).argmax(axis=1)
    assert workload.manifest.method == "learned_prototypes"
    assert workload.mbi.value_bits == 10 * 7 + 4
    assert (classes == workload.labels).mean() == workload.manifest.accuracy.measured
    assert workload.manifest.accuracy.measured > 0.3
    assert np.abs(workload.model["value_votes"].astype(int) + 0.5).max() < 2**6
    assert len(workload.model["keys"]) == 35 * (8 + 8 * 7)
    stored = workload.model["keys"].shape[0] * 156 + workload.model["value_hidden"].shape[0] * 74
    assert workload.manifest.training["table_kb"] == round(stored / 8000, 1)


@pytest.mark.torch
@pytest.mark.data
def test_cascade_obeys_the_format_and_gives_the_stated_accuracy(trained: tuple[Path, Path, Path]) -> None:
    workload = load_workload(trained[1])
    votes = np.sort(table_answers(trained[1]), axis=1)
    near = votes[:, -1] - votes[:, -2] >= workload.cascade.margin
    by_tables = table_answers(trained[1]).argmax(axis=1)
    classes = np.where(near, by_tables, workload.evaluation["features"].argmax(axis=1))
    assert (classes == workload.labels).mean() == workload.manifest.accuracy.measured
    assert workload.cascade.criterion == "margin"
    training = workload.manifest.training
    assert training["validation_coverage"] >= 0.7
    assert training["test_coverage"] == near.mean()
    assert training["test_accuracy_mbi_only"] == (by_tables == workload.labels).mean()
    assert training["test_accuracy_cnn_only"] == (
        workload.evaluation["features"].argmax(axis=1) == workload.labels
    ).mean()
    assert sum(layer.n_macs for layer in workload.cnn.layers) == 622_368
    assert f"{622_368:,} multiply-accumulates" in workload.manifest.description
    weights = sum(workload.model[f"{layer.name}.weight"].size for layer in workload.cnn.layers)
    assert weights == 12 * 9 + 16 * 12 * 9 + 14 * 16 * 9 + 16 * 14 * 9 + 10 * 16 * 9


@pytest.mark.torch
@pytest.mark.data
def test_finished_stages_are_not_repeated_and_the_teacher_is_shared(
    trained: tuple[Path, Path, Path], data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import mbi_fit, mbi_teacher
    from accelsim.train.mbi import train_mbi
    from accelsim.train.mbi_material import Plan

    stages = [path.name.rpartition("-")[0] for path in trained[2].glob("*.safetensors")]
    assert sorted(stages) == ["answers", "fallback", "tables", "teacher", "test", "test"]
    for module in (mbi_fit, mbi_teacher):
        monkeypatch.setattr(module, "fit", None)
    plan = Plan(epochs=3, teacher_epochs=1, copies=2, limit=LIMIT)
    train_mbi(data_root=data_root, out=tmp_path, seed=5, run_dir=trained[2], plan=plan)
    for name in ("model.safetensors", "eval.safetensors"):
        assert (tmp_path / name).read_bytes() == (trained[0] / name).read_bytes()


@pytest.mark.torch
@pytest.mark.data
def test_other_sets_have_glimpses_of_the_whole_image(torch: Any, data_root: Path) -> None:
    from accelsim.train.images import load_split
    from accelsim.train.mbi import geometry_for

    images = load_split("cifar10", data_root, limit=LIMIT).fitted
    geometry = geometry_for("cifar10", images)
    assert geometry.image == (32, 32)
    assert geometry.glimpses[0] == (Patch(0, 0, 4),)
    seen = np.zeros((32, 32), int)
    for (patch,) in geometry.glimpses[1:]:
        seen[patch.row : patch.row + 16, patch.col : patch.col + 16] += 1
    assert (seen == 1).all()
    shares = np.bincount(patch_levels(images.grey, geometry)[:, 1:].reshape(-1), minlength=4) / (LIMIT * 4 * 64)
    assert shares.min() > 0.15


@pytest.mark.torch
@pytest.mark.parametrize(
    ("grey", "thresholds"), [(255, (253, 254, 255)), (0, (1, 2, 3)), (254, (253, 254, 255)), (7, (7, 8, 9))]
)
def test_thresholds_of_even_images_are_levels_of_a_pixel(torch: Any, grey: int, thresholds: tuple[int, ...]) -> None:
    from accelsim.train.images import Images
    from accelsim.train.mbi import geometry_for

    images = Images(torch.full((1, 1, 28, 28), grey, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    assert geometry_for("kmnist", images).pixel_thresholds == thresholds


@pytest.mark.torch
@pytest.mark.parametrize("budget_nj", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_budget_is_a_number(torch: Any, budget_nj: float) -> None:
    from accelsim.train.images import Images
    from accelsim.train.mbi import design

    images = Images(torch.zeros(1, 1, 28, 28, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(RangeError, match=f"^--budget-nj: got {budget_nj:g}, need a finite number above 0$"):
        design("mnist", images, budget_nj)


@pytest.mark.torch
def test_a_small_budget_has_fewer_and_larger_trees(torch: Any) -> None:
    from accelsim.train.images import Images
    from accelsim.train.mbi import charged_nj, design

    images = Images(torch.zeros(1, 1, 28, 28, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    found = {}
    for budget_nj in (13.16, 6.58):
        geometry, shape = design("mnist", images, budget_nj)
        found[geometry.n_tables] = (shape.first, shape.then)
        assert charged_nj(geometry, shape) <= budget_nj
        assert geometry.value_bits <= 80
    assert found == {7: (8, 7), 4: (7, 6)}


@pytest.mark.torch
def test_training_glimpses_are_the_recorded_ones(torch: Any) -> None:
    from accelsim.train.mbi_model import glimpse_bits

    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    recorded = level_bits(patch_levels(images, SMALL), SMALL.pixel_bits)
    assert np.array_equal(glimpse_bits(torch.from_numpy(images), SMALL).numpy(), recorded * 2.0 - 1)


@pytest.mark.torch
@pytest.mark.parametrize(("first", "then"), [(3, 4), (5, 0)])
@pytest.mark.parametrize(("hidden_weight", "fast"), [(1, True), (1, False), (60, True)])
def test_the_model_answers_as_its_tables_do(
    torch: Any, first: int, then: int, hidden_weight: int, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train import mbi_model
    from accelsim.train.mbi_model import PrototypeTables, TableShape

    monkeypatch.setattr(mbi_model, "has_fast_bfloat16", lambda device: fast)
    generator = torch.Generator().manual_seed(0)
    bits = 2 * torch.randint(0, 2, (300, 3, 32), generator=generator, dtype=torch.int8) - 1
    model = PrototypeTables(SMALL, TableShape(first, then), hidden_weight, bits, 1)
    assert model.dtype == (torch.bfloat16 if hidden_weight == 1 and fast else torch.float32)
    with torch.no_grad():
        model.votes.copy_(torch.randint(-8, 8, model.votes.shape, generator=generator))
        summed = model(bits, 1.0).numpy()
    arrays = {**model.tables(), "value_votes": model.votes_by_row().astype(np.int8)}
    walked = walk(arrays, SMALL, pack(((bits.numpy() + 1) // 2).astype(np.uint8)))
    votes = arrays["value_votes"].astype(int)[walked.row].sum(axis=(1, 2))
    assert np.array_equal(votes, summed)
    assert (walked.levels == (2 if then else 1)).all()
    assert len(np.unique(walked.row)) > 3 * 2 * 2


@pytest.mark.torch
@pytest.mark.parametrize(("first", "then"), [(3, 2), (4, 0)])
def test_the_gradient_is_that_of_a_soft_choice(torch: Any, first: int, then: int) -> None:
    from accelsim.train.mbi_model import TableShape, _Choose

    shape, temperature, n_tables, n = TableShape(first, then), 3.0, 2, 5
    generator = torch.Generator().manual_seed(2)
    likeness = 2 * torch.randint(-9, 9, (n_tables * shape.n_keys, n), generator=generator).float()
    worth = torch.randn(n_tables * shape.n_rows, n, generator=generator)
    hard = likeness.clone().requires_grad_()
    (_Choose.apply(hard, shape, temperature) * worth).sum().backward()

    soft = likeness.clone().requires_grad_()
    ties = 0.1 * shape.places()[:, None]
    nearness = (soft.reshape(n_tables, shape.n_keys, n) / 2 - ties) / temperature
    root, children = shape.levels(nearness)
    chosen = root.softmax(1)
    if then:
        chosen = (chosen.unsqueeze(2) * children.softmax(2)).flatten(1, 2)
    (chosen.reshape(-1, n) * worth).sum().backward()
    assert torch.allclose(hard.grad, soft.grad, atol=1e-6)


@pytest.mark.torch
def test_copies_are_the_same_each_time_and_differ_from_each_other(torch: Any) -> None:
    from accelsim.train.mbi_fit import Copies

    images = torch.randint(0, 256, (6, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    copies = Copies(images, n_copies=2, seed=3, mirrored=False)
    first, second = list(copies)
    assert all(torch.equal(a, b) for a, b in zip(copies, (first, second), strict=True))
    assert not torch.equal(first, second)
    mirrored = next(iter(Copies(images, n_copies=1, seed=3, mirrored=True)))
    turned = [torch.equal(a.flip(1), b) for a, b in zip(first, mirrored, strict=True)]
    assert all(t or torch.equal(a, b) for t, a, b in zip(turned, first, mirrored, strict=True))
    assert 0 < sum(turned) < 6


@pytest.mark.torch
def test_charged_energy_is_what_the_specs_charge(torch: Any) -> None:
    from accelsim.train.mbi import (
        COMPARE_PJ,
        VALUE_READ_PJ,
        VALUE_WORD_BITS,
        VOTE_PJ,
        charged_nj,
        shape_within,
        table_bytes,
    )
    from accelsim.train.mbi_model import TableShape

    physical, paper = (
        build_chip(load_spec(ROOT / "arch_specs" / f"mbi_{name}.yaml")) for name in ("physical", "paper")
    )
    assert paper["arrays"].spec.compare_pj == COMPARE_PJ
    assert physical["values"].spec.read_pj == pytest.approx(VALUE_READ_PJ, abs=1e-3)
    assert physical["values"].spec.word_bits == VALUE_WORD_BITS
    assert physical["vote"].spec.add_pj == physical["vote"].spec.compare_pj == VOTE_PJ
    # SMALL: 3 glimpses of 2 tables; a key has one patch split and one hidden split; a row is one word.
    by_hand = 6 * 7 * 2 * 4.7 + 6 * 17.331 + 6 * 10 * 0.0071 + 9 * 0.0071
    assert charged_nj(SMALL, TableShape(4, 3)) == pytest.approx(by_hand / 1000)
    assert shape_within(by_hand / 1000 + 1e-9, SMALL) == TableShape(4, 3)
    assert shape_within(by_hand / 1000 - 1e-6, SMALL) == TableShape(3, 3)
    with pytest.raises(RangeError, match=r"--budget-nj: got 0.1, need at least 0.330"):
        shape_within(0.1, SMALL)
    assert table_bytes(SMALL, TableShape(4, 3)) == 6 * (16 * 38 + 12 * 73) / 8


@pytest.mark.torch
def test_absent_images_are_one_clear_line(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.mbi import train_mbi

    with pytest.raises(DataError, match="MNIST") as caught:
        train_mbi(data_root=tmp_path, out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.torch
def test_cascade_refuses_tables_of_other_images(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.cascade import train_cascade

    need = "need kind mbi, data set MNIST, decision vote, metric circuit, locations fixed$"
    for name, got in (
        ("paper_mbi", "kind mbi, data set generated, decision last, metric circuit, locations fixed"),
        ("mnist_mbi_paper", "kind mbi, data set MNIST, decision last, metric circuit, locations learned"),
        ("mnist_cnn", "kind cnn, data set MNIST"),
    ):
        with pytest.raises(DataError, match=f"{name}: got {got}, {need}"):
            train_cascade(data_root=tmp_path, mbi=ROOT / "workloads" / name, out=tmp_path / "out")


@pytest.mark.torch
@pytest.mark.parametrize("sizes", [{"metric": "manhattan"}, {"location_bits": 2}])
def test_cascade_refuses_tables_that_it_cannot_walk(torch: Any, tmp_path: Path, sizes: dict[str, Any]) -> None:
    from accelsim.train.cascade import train_cascade

    parts = builders.mbi(**sizes)
    parts.manifest["dataset"]["name"] = "MNIST"
    builders.write_folder(tmp_path / "w", parts)
    metric, locations = sizes.get("metric", "circuit"), "learned" if "location_bits" in sizes else "fixed"
    with pytest.raises(DataError, match=f"decision vote, metric {metric}, locations {locations}, need kind mbi"):
        train_cascade(data_root=tmp_path, mbi=tmp_path / "w", out=tmp_path / "out")


@pytest.mark.torch
def test_cascade_does_not_write_over_its_tables(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.cascade import train_cascade

    (tmp_path / "link").symlink_to(tmp_path / "tables")
    for out in (tmp_path / "tables", tmp_path / "link", tmp_path / "x" / ".." / "tables"):
        with pytest.raises(UsageError, match=r"^--out: got .*, the folder of --mbi, need another one$"):
            train_cascade(data_root=tmp_path, mbi=tmp_path / "tables", out=out)


@pytest.mark.torch
@pytest.mark.data
def test_a_coverage_out_of_reach_is_refused_before_anything_is_trained(
    torch: Any, data_root: Path, tmp_path: Path
) -> None:
    from accelsim.train.cascade import QUICK, train_cascade

    folders = {"mbi": ROOT / "workloads" / "mnist_mbi", "out": tmp_path / "out", "run_dir": tmp_path / "run"}
    with pytest.raises(DataError, match=r"^--coverage: got 100\.0%, need at most 9\d\.\d% with these tables$"):
        train_cascade(data_root=data_root, coverage=1.0, plan=replace(QUICK, limit=3000), **folders)
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
def test_the_margin_keeps_what_the_tables_answer_well(torch: Any) -> None:
    from accelsim.train.cascade import Answers, choose_margin, nearest

    order = np.arange(100)
    answers = Answers(
        margin=order, distance=99 - np.stack([order, order // 2], axis=1), by_tables=order >= 12, by_fallback=order < 20
    )
    # The tables are wrong below 12, the fallback from 20 on: 12 is the least margin without a fault.
    assert choose_margin(answers, 0.5) == 12
    assert answers.mixed(answers.margin >= 12) == 1.0
    # 95 % and half a per cent to spare: at most 4 inputs may go.
    assert choose_margin(answers, 0.95) == 4
    with pytest.raises(DataError, match=r"--coverage: got 99.9%, need at most 98.5% with these tables"):
        choose_margin(answers, 0.999)
    near = nearest(answers, 0.9)
    assert near.mean() >= 0.9
    assert np.array_equal(near, order >= order[near].min())
