"""Training computes in bfloat16 only where that is fast."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize(("capability", "fast"), [("AVX2", False), ("DEFAULT", False), ("AVX512", True)])
def test_the_type_follows_the_processor(
    torch: Any, capability: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.train.augment import Views
    from accelsim.train.distill import Distillation, teach
    from accelsim.train.lessons import Lessons
    from accelsim.train.loop import _orthogonal
    from accelsim.train.precision import fast_autocast, has_fast_bfloat16
    from accelsim.train.progress import progress_bar

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    expected = torch.bfloat16 if fast else torch.float32
    with fast_autocast("cpu"):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == expected
    assert has_fast_bfloat16("cpu") == fast
    assert has_fast_bfloat16("cuda:0")
    step = _orthogonal(torch.randn(4, 18, generator=torch.Generator().manual_seed(0)))
    assert step.dtype == expected
    singular = torch.linalg.svdvals(step.float())
    assert 0.5 < float(singular.min()) <= float(singular.max()) < 1.4

    seen = []
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 10))
    network.register_forward_hook(lambda _, inputs, logits: seen.append(logits.dtype))
    views = Views.drawn(torch.zeros(6, 1, 32, 32, dtype=torch.uint8), 1, 0, 0, False, 0)
    lessons = Lessons(views, torch.arange(6), Distillation(0.0, 1.0))
    lessons.batch_loss(network)(torch.arange(6), torch.Generator())
    with progress_bar() as progress:
        teach(network, views, progress)
    assert seen == [expected, expected]
