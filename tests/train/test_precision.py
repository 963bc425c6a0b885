"""Training computes in bfloat16 only where that is fast; with either type it learns."""

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
    from accelsim.train.loop import Muon
    from accelsim.train.precision import has_fast_bfloat16, mixed

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    expected = torch.bfloat16 if fast else torch.float32
    with mixed("cpu"):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == expected
    assert has_fast_bfloat16("cpu") == fast
    assert has_fast_bfloat16("cuda:0")
    # Orthogonalised steps, whichever type they are computed in.
    weight = torch.zeros(4, 2, 3, 3, requires_grad=True)
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=1.0, momentum=0.0).step()
    singular = torch.linalg.svdvals(weight.detach().flatten(1))
    assert 0.5 < float(singular.min()) <= float(singular.max()) < 1.4
