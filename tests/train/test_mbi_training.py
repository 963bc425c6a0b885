"""Training of lookup tables and of their fallback: tiny runs, whose folders obey the format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from accelsim.errors import DataError
from accelsim.train.mbi_tables import level_bits, patch_levels
from accelsim.workload import load_workload

SMALL = 400


@pytest.fixture(scope="module")
def torch() -> Any:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def trained(torch: Any, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the tables and of the cascade made of them."""
    from accelsim.train.cascade import train_cascade
    from accelsim.train.mbi import train_mbi

    tables, cascade = (tmp_path_factory.mktemp(name) for name in ("tables", "cascade"))
    train_mbi(data_root=data_root, out=tables, epochs=3, seed=5, limit=SMALL)
    train_cascade(data_root=data_root, mbi=tables, out=cascade, epochs=3, seed=5, limit=SMALL)
    return tables, cascade


def table_answers(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The format page's rule in plain words: summed winning distances [n, n_glimpses] and classes [n]."""
    model, recorded = load_file(folder / "model.safetensors"), load_file(folder / "eval.safetensors")
    keys = np.unpackbits(model["keys"], axis=1)[:, :156]
    significance = np.array([2, 1] * 64 + [1] * 28)
    split = np.arange(156) // 32
    distances, classes = [], []
    for patches in recorded["patches"]:
        hidden, votes, far = np.unpackbits(model["hidden_init"])[:28], np.zeros(10, int), []
        for g, patch in enumerate(patches):
            query = np.concatenate([np.unpackbits(patch), hidden])
            weights = model["split_weights"][g][split] * significance
            winners = []
            for root in model["roots"][g]:
                first, last = model["node_start"][root : root + 2]
                distance = ((keys[first:last] != query) * weights).sum(axis=1)
                winners.append((distance.min(), -1 - model["key_next"][first + distance.argmin()]))
            far.append(sum(int(distance) for distance, _ in winners))
            votes += sum(model["value_votes"][row].astype(int) for _, row in winners)
            hidden = np.concatenate([np.unpackbits(model["value_hidden"][row])[:4] for _, row in winners])
        distances.append(far)
        classes.append(votes.argmax())
    return np.array(distances), np.array(classes)


@pytest.mark.torch
@pytest.mark.data
def test_tables_obey_the_format_and_give_the_stated_accuracy(trained: tuple[Path, Path]) -> None:
    workload = load_workload(trained[0])
    _, classes = table_answers(trained[0])
    assert workload.manifest.method == "learned_prototypes"
    assert workload.mbi.value_bits == 10 * 5 + 4
    assert (classes == workload.labels).mean() == workload.manifest.accuracy.measured
    assert workload.manifest.accuracy.measured > 0.3
    assert np.abs(workload.model["value_votes"].astype(int) + 0.5).max() < 2**4


@pytest.mark.torch
@pytest.mark.data
def test_cascade_obeys_the_format_and_gives_the_stated_accuracy(trained: tuple[Path, Path]) -> None:
    workload = load_workload(trained[1])
    distances, by_tables = table_answers(trained[1])
    near = (distances <= np.array(workload.cascade.thresholds)).all(axis=1)
    classes = np.where(near, by_tables, workload.evaluation["features"].argmax(axis=1))
    assert (classes == workload.labels).mean() == workload.manifest.accuracy.measured
    assert 0.8 <= workload.manifest.training["validation_coverage"] <= 0.9
    assert sum(layer.n_macs for layer in workload.cnn.layers) == 25_088
    assert sum(workload.model[f"{layer.name}.weight"].size for layer in workload.cnn.layers) == 4_244
    assert workload.evaluation["nonzero_macs"].sum(axis=1).max() <= 25_088


@pytest.mark.torch
@pytest.mark.data
def test_training_glimpses_are_the_recorded_ones(torch: Any, data_root: Path) -> None:
    from accelsim.train.mbi import GEOMETRY
    from accelsim.train.mbi_fit import load_split
    from accelsim.train.mbi_model import glimpse_bits

    images = load_split(data_root, SMALL).fitted.images
    recorded = level_bits(patch_levels(images, GEOMETRY), GEOMETRY.pixel_bits)
    assert np.array_equal(
        glimpse_bits(torch.from_numpy(images).float(), GEOMETRY).numpy(), recorded * 2.0 - 1
    )


@pytest.mark.torch
def test_a_stopped_run_continues_as_if_undisturbed(torch: Any, tmp_path: Path) -> None:
    from rich.progress import Progress

    from accelsim.train.mbi_fit import Recipe, fit

    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))

    def weights_after(validate: Any, checkpoint: Path | None) -> Any:
        torch.manual_seed(1)
        model = torch.nn.Linear(3, 1)
        with Progress(disable=True) as progress:
            fit(
                model,
                len(inputs),
                Recipe("line", epochs=3, seed=2, rate=0.1, batch_size=8),
                lambda batch, generator: (model(inputs[batch]) - 1).square().mean(),
                validate=validate,
                progress=progress,
                checkpoint=checkpoint,
            )
        return model.weight.detach()

    def stop() -> float:
        raise InterruptedError

    undisturbed = weights_after(lambda: 0.0, None)
    with pytest.raises(InterruptedError):
        weights_after(stop, tmp_path / "run.pt")
    assert torch.equal(weights_after(lambda: 0.0, tmp_path / "run.pt"), undisturbed)
    with pytest.raises(DataError, match="remove it to start anew"), Progress(disable=True) as progress:
        fit(
            torch.nn.Linear(3, 1),
            len(inputs),
            Recipe("line", epochs=4, seed=2, rate=0.1),
            lambda batch, generator: inputs.sum(),
            validate=lambda: 0.0,
            progress=progress,
            checkpoint=tmp_path / "run.pt",
        )


@pytest.mark.torch
def test_absent_images_are_one_clear_line(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.mbi import train_mbi

    with pytest.raises(DataError, match="MNIST not found") as caught:
        train_mbi(data_root=tmp_path, out=tmp_path / "out", epochs=1, seed=0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.torch
def test_cascade_refuses_tables_of_other_images(torch: Any, tmp_path: Path) -> None:
    from accelsim.train.cascade import train_cascade

    generated = Path(__file__).parents[2] / "workloads" / "paper_mbi"
    with pytest.raises(DataError, match="need a workload of kind mbi on MNIST"):
        train_cascade(data_root=tmp_path, mbi=generated, out=tmp_path / "out", epochs=1, seed=0)


@pytest.mark.torch
def test_thresholds_keep_the_inputs_that_the_tables_answer_well(torch: Any) -> None:
    from accelsim.train.cascade import Answers, choose_thresholds

    distance = np.stack([np.arange(100), np.zeros(100, int)], axis=1)
    answers = Answers(distance, by_tables=np.arange(100) < 85, by_fallback=np.arange(100) >= 10)
    thresholds = choose_thresholds(answers)
    # The tables are wrong from 85 on, the fallback below 10 only: without a fault the widest cover is 85 %.
    assert answers.mixed(thresholds) == 1.0
    assert answers.near(thresholds).mean() == 0.85
