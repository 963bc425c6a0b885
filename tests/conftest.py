"""Tests marked `torch` or `data` skip, and say why, where the train extra or the data sets are absent."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA_ROOT = Path(os.environ.get("ACCELSIM_DATA_ROOT", Path(__file__).parents[2] / "shared" / "data"))

TRAIN_EXTRA = ("torch", "torchvision", "sklearn", "optuna")
WITHOUT = [name for name in TRAIN_EXTRA if not find_spec(name)]

# Marker → why it cannot run here, or "".
ABSENT = {
    "torch": f"needs {', '.join(WITHOUT)} (train extra)" if WITHOUT else "",
    "data": "" if DATA_ROOT.is_dir() else f"needs data sets in {DATA_ROOT} (set ACCELSIM_DATA_ROOT)",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, reason in ABSENT.items():
            if reason and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the data sets, for tests marked `data`."""
    return DATA_ROOT
