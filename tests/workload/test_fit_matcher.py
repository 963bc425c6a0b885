"""What does not fit a digital matcher, and what a compute-in-memory macro takes: the whole message."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from accelsim.workload import Workload, load_workload
from accelsim.workload_fit import fit_problems
from tests.dataflows import chips
from tests.workload import builders

ROWS, FEATURES = 5, 8


def hybrid(folder: Path, levels: int = 2, free: bool = True) -> Workload:
    built = builders.hybrid(side=3, channels=(2,), n_inputs=1, feature_levels=levels)
    if not free:
        built.model["template_high"] = built.model["template_low"]
    return load_workload(builders.write_folder(folder / "w", built))


def messages(folder: Path, workload: Workload, kind: str, **changes: dict[str, Any]) -> list[str]:
    found = fit_problems(workload, chips.chip(folder, kind, **changes))
    return [str(problem).removeprefix(f"{workload.folder} ") for problem in found]


@pytest.mark.parametrize(
    ("levels", "free", "bits", "words"),
    [
        (2, False, 1, ceil(ROWS * ceil(FEATURES / 4) / 4)),  # four cells a group, four groups a word
        (2, True, 2, ceil(ROWS * ceil(FEATURES / 2) / 4)),
        (3, True, 4, ceil(ROWS * FEATURES / 4)),
    ],
)
def test_room_for_the_templates(tmp_path: Path, levels: int, free: bool, bits: int, words: int) -> None:
    load, n_bytes = hybrid(tmp_path, levels, free), 2 * words
    assert messages(tmp_path, load, "hybrid_digital", matcher={"n_bytes": n_bytes}) == []
    assert messages(tmp_path, load, "hybrid_digital", matcher={"n_bytes": n_bytes - 1}) == [
        f"acam.n_rows: got {n_bytes} bytes of templates ({bits} bits a cell), "
        f"need at most {n_bytes - 1} (instances.matcher.n_bytes of tiny_hybrid_digital)"
    ]


def test_counters_and_cells(tmp_path: Path) -> None:
    changes, name = {"matcher": {"n_rows_max": 4, "group_bits": 2}}, "tiny_hybrid_digital"
    assert messages(tmp_path, hybrid(tmp_path, 3), "hybrid_digital", **changes) == [
        f"acam.n_rows: got 5, need at most 4 (instances.matcher.n_rows_max of {name})",
        f"acam.feature_levels: got cells of 4 bits, need at most 2 (instances.matcher.group_bits of {name})",
    ]


def test_a_macro_takes_layer_shapes_of_any_size_and_nothing_else(tmp_path: Path) -> None:
    shapes = load_workload(builders.write_folder(tmp_path / "s", builders.shapes()))
    assert messages(tmp_path, shapes, "cim") == []
    assert messages(tmp_path, hybrid(tmp_path), "cim") == ["kind: got hybrid, need cnn (tiny_cim is of kind cim)"]
    builders.write_cnn(tmp_path / "c", channels=(2,), n_classes=3)
    recorded = load_workload(tmp_path / "c")
    assert messages(tmp_path, recorded, "cim") == ["content: got recorded, need shapes (tiny_cim is of kind cim)"]
