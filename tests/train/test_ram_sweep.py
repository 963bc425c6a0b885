"""The sweep of the recurrent attention model's parameters: its published data and a run of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from accelsim.train import ram_sweep  # noqa: E402
from accelsim.train.ram import RamConfig  # noqa: E402
from accelsim.train.ram_sweep import VARIANTS, Measured, run_sweep  # noqa: E402
from accelsim.train.stages import Stages  # noqa: E402

MEASURED = ("full", "one_bit", "two_bits", "trained")


def test_variants_differ_from_the_base_row_in_one_parameter() -> None:
    base = vars(RamConfig(hidden_bits=None, location_bits=None))
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) == 21
    for variant in VARIANTS:
        changed = {key for key, value in vars(variant.config).items() if value != base[key]}
        assert changed == set(variant.changes)
        assert len(changed) == (variant.name != "base")
        # In every row of the figure, bits cost accuracy and two of them less than one.
        assert variant.full > variant.two_bits > variant.one_bit


@pytest.mark.data
def test_a_stopped_sweep_goes_on(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, run = tmp_path / "out", tmp_path / "run"
    paths = run_sweep(data_root=data_root, out=out, quick=True, run=run, names=("base", "patch 2x2"))
    assert [path.name for path in paths] == ["mbi-sweep.json", "mbi-sweep.md"]
    record = json.loads(paths[0].read_text())
    assert (record["epochs"], record["fitted_images"], record["validation_images"]) == (1, 500, 500)
    base, small = record["variants"]
    assert (small["name"], small["full"], small["changes"]) == ("patch 2x2", 0.9463, {"patch_size": 2})
    assert set(base["measured"]) == set(MEASURED)
    page = paths[1].read_text()
    assert "| patch 2x2 | 94.63% |" in page
    assert f"`{record['command']}`: 0.0 hours on {record['device']}" in page
    assert "Made with --quick" in page
    assert "torch " in record["versions"]

    monkeypatch.setattr(
        ram_sweep, "train_ram", lambda *args, **keywords: pytest.fail("a finished variant was repeated")
    )
    run_sweep(data_root=data_root, out=out, quick=True, run=run, names=("patch 2x2",))
    assert json.loads(paths[0].read_text())["variants"] == [small]
    with pytest.raises(pytest.fail.Exception, match="repeated"):
        run_sweep(data_root=data_root, out=out, seed=1, quick=True, run=run, names=("patch 2x2",))


@pytest.mark.data
@pytest.mark.parametrize(
    ("given", "quick", "epochs"), [(None, True, 1), (None, False, 20), (2, True, 2), (2, False, 2)]
)
def test_epochs_that_are_given_win(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int | None, quick: bool, epochs: int
) -> None:
    found = Measured(dict.fromkeys(MEASURED, 0.5), Stages(None, {}))
    monkeypatch.setattr(ram_sweep, "measured", lambda *settings: found)
    paths = run_sweep(data_root=data_root, out=tmp_path, quick=quick, epochs=given, names=("base",))
    assert json.loads(paths[0].read_text())["epochs"] == epochs
