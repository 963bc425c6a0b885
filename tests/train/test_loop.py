"""The training loop: rates, optimisers, order of examples, resumed runs; and stages that are not repeated."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.progress import Progress

from accelsim.errors import DataError

pytestmark = pytest.mark.torch

torch = pytest.importorskip("torch", reason="torch is not installed")

from accelsim.train.loop import Muon, Recipe, fit, rate_share  # noqa: E402
from accelsim.train.stages import Result, Stages  # noqa: E402

RECIPE = Recipe("line", epochs=6, seed=3, rate=0.05, batch_size=8)


def line() -> Any:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def run(recipe: Recipe, *, stop_after: int | None = None, visited: list[Any] | None = None, **options: Any) -> Any:
    """A linear fit; `stop_after` epochs it is interrupted. The examples of each batch are added to `visited`."""
    model, x = line(), torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    n_batches = 0

    def loss(batch: Any, generator: Any) -> Any:
        nonlocal n_batches
        if stop_after is not None and n_batches == stop_after * 5:
            raise KeyboardInterrupt
        n_batches += 1
        if visited is not None:
            visited.append(batch)
        noise = 0.01 * torch.randn(len(batch), 1, generator=generator)
        return (model(x[batch]) - y[batch] + noise).square().mean()

    with Progress(disable=True) as progress:
        fit(model, 40, recipe, loss, validate=lambda: 0.0, progress=progress, **options)
    return model.weight.detach().clone()


def test_rate_rises_then_falls_along_half_a_cosine() -> None:
    recipe = replace(RECIPE, warmup=0.2)
    assert rate_share(recipe, 0.1) == pytest.approx(0.5)
    assert rate_share(recipe, 0.2) == pytest.approx(1.0)
    assert rate_share(recipe, 0.6) == pytest.approx(0.5)
    assert rate_share(recipe, 1.0) == pytest.approx(0.0)
    assert rate_share(RECIPE, 0.0) == 1.0


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_resumed_run_ends_like_an_undisturbed_one(tmp_path: Path, optimiser: Any) -> None:
    recipe, checkpoint = replace(RECIPE, optimiser=optimiser), tmp_path / "line.pt"
    whole = run(recipe)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, stop_after=4, checkpoint=checkpoint)
    assert torch.equal(run(recipe, checkpoint=checkpoint), whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "line.pt"
    run(RECIPE, checkpoint=checkpoint)
    with pytest.raises(DataError, match="need one of"):
        run(replace(RECIPE, seed=4), checkpoint=checkpoint)


@pytest.mark.parametrize("lost", ["all", "recipe", "model", "optimisers", "weight", "one optimiser", "some bytes"])
def test_a_damaged_checkpoint_is_refused(lost: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "line.pt"
    run(RECIPE, checkpoint=checkpoint)
    state = torch.load(checkpoint, weights_only=True)
    if lost == "all":
        checkpoint.write_bytes(b"not a checkpoint")
    elif lost == "some bytes":
        whole = checkpoint.read_bytes()
        checkpoint.write_bytes(whole.replace(b"recipe", b"\xff" * 6))
    else:
        if lost == "weight":
            del state["model"]["weight"]
        elif lost == "one optimiser":
            state["optimisers"].pop()
        else:
            del state[lost]
        torch.save(state, checkpoint)
    with pytest.raises(DataError, match="damaged"):
        run(RECIPE, checkpoint=checkpoint)


def test_order_says_which_examples_an_epoch_visits() -> None:
    visited: list[Any] = []
    run(RECIPE, order=lambda epoch, _: torch.arange(39, -1, -1) % (epoch + 7), visited=visited)
    expected = torch.cat([torch.arange(39, -1, -1) % (epoch + 7) for epoch in range(6)])
    assert torch.equal(torch.cat(visited), expected)
    assert [len(batch) for batch in visited] == 30 * [8]


def test_an_epoch_visits_every_example_once_in_an_order_of_its_own() -> None:
    visited: list[Any] = []
    run(RECIPE, visited=visited)
    epochs = torch.cat(visited).view(6, 40)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(40).expand(6, 40))
    assert len({tuple(epoch.tolist()) for epoch in (*epochs, torch.arange(40))}) == 7


@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (32, 1, 2, 2)])
def test_muon_steps_are_orthogonal(shape: tuple[int, ...]) -> None:
    weight = torch.zeros(shape, requires_grad=True)
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=1.0, momentum=0.0).step()
    matrix = weight.detach().flatten(1)
    scale = math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
    singular = torch.linalg.svdvals(matrix / scale)
    # Five Newton-Schulz steps in bfloat16 bring singular values near 1, not onto it.
    assert singular.min() > 0.5
    assert singular.max() < 1.4


def test_muon_can_keep_rows_at_unit_length() -> None:
    weight = (3 * torch.randn(8, 2, 3, 3)).requires_grad_()
    weight.grad = torch.zeros_like(weight)
    Muon([weight], lr=0.1, momentum=0.0, unit_rows=True).step()
    assert float(weight.detach().flatten(1).square().sum(1).mean()) == pytest.approx(1.0, rel=1e-5)


def test_finished_stages_are_not_repeated(tmp_path: Path) -> None:
    calls: list[str] = []

    def stage(name: str) -> Any:
        def compute(checkpoint: Path | None) -> Result:
            calls.append(name)
            assert checkpoint is not None
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.touch()
            return Result({"weights": np.arange(3, dtype=np.float32)}, {"accuracy": 0.5})

        return compute

    def pipeline(rate: float) -> Result:
        stages = Stages(tmp_path / "run", {"seed": 1})
        stages.run("first", stage("first"))
        return stages.run("second", stage("second"), rate=rate)

    pipeline(0.1)
    kept = pipeline(0.1)
    assert calls == ["first", "second"]
    assert kept.figures == {"accuracy": 0.5}
    assert np.array_equal(kept.arrays["weights"], np.arange(3))
    assert not list((tmp_path / "run").glob("*.pt"))
    pipeline(0.2)
    assert calls == ["first", "second", "second"]


def test_a_stage_after_a_changed_one_is_computed_again(tmp_path: Path) -> None:
    computed: list[int] = []

    def compute(_: Path | None) -> Result:
        computed.append(1)
        return Result()

    for rate in (0.1, 0.2):
        stages = Stages(tmp_path, {})
        stages.run("first", compute, rate=rate)
        stages.run("second", compute)
    assert len(computed) == 4


def test_a_damaged_stage_is_computed_again(tmp_path: Path) -> None:
    Stages(tmp_path, {}).run("only", lambda _: Result(figures={"x": 1}))
    (path,) = tmp_path.glob("only-*.safetensors")
    path.write_bytes(b"cut off")
    assert Stages(tmp_path, {}).run("only", lambda _: Result(figures={"x": 2})).figures == {"x": 2}
