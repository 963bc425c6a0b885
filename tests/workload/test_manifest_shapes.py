"""What the manifest of a shape-only workload must and must not say, and which keys a recorded one may not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import WorkloadError
from accelsim.workload import load_workload
from accelsim.yamlfile import read
from tests.workload.builders import cascade, cnn, hybrid, shapes, write_folder
from tests.workload.parts import Built
from tests.workload.test_manifest import GONE, change

PARTS = {"shapes": shapes(), "cnn": cnn(), "hybrid": hybrid(), "cascade": cascade()}
FILES = {"model.safetensors": "0" * 64, "eval.safetensors": "1" * 64}
MAPPING = {"n": 1, "e": 2, "p": 3, "q": 1, "r": 1, "t": 1}


def faults(folder: Path, parts: Built, changes: dict[str, Any]) -> list[str]:
    """What loading says, without file and line; the lines are those of the manifest or of what is around a gap."""
    built = parts.copy()
    for path, value in changes.items():
        change(built.manifest, path, value)
    write_folder(folder, built)
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    lines = read(folder / "manifest.yaml", WorkloadError).lines
    messages = []
    for message in str(caught.value).splitlines():
        where, _, rest = message.partition(" ")
        path = rest.partition(":")[0]
        place = next(part for part in _outward(path) if part in lines or not part)
        assert where == f"{folder / 'manifest.yaml'}:{lines.get(place, 1)}"
        messages.append(rest)
    return messages


def _outward(path: str) -> list[str]:
    """A path and everything around it, the innermost first."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), -1, -1)]


SHAPES = [
    (
        {"cnn/layers/0/activation_zeros": GONE},
        ["cnn.layers.0.activation_zeros: got nothing, need a number from 0 to 1"],
    ),
    ({"cnn/layers/2/weight_zeros": GONE}, ["cnn.layers.2.weight_zeros: got nothing, need a number from 0 to 1"]),
    ({"accuracy/measured": 0.5}, ["accuracy.measured: got 0.5, need null"]),
    ({"files": FILES}, ["files: got a block, need none"]),
    (
        {"kind": "hybrid"},
        ['kind: got "hybrid", need "cnn"', 'cnn.head: got "argmax", need "acam"', "acam: got nothing"],
    ),
    ({"cnn/head": "acam"}, ['cnn.head: got "acam", need "argmax"']),
]


@pytest.mark.parametrize(("changes", "expected"), SHAPES)
def test_shapes(tmp_path: Path, changes: dict[str, Any], expected: list[str]) -> None:
    found = faults(tmp_path, PARTS["shapes"], changes)
    starts = sorted(expected)
    assert [message[: len(start)] for message, start in zip(sorted(found), starts, strict=True)] == starts


FIELDS = [
    ({"content": "shape"}, '"shape", need one of recorded, shapes (did you mean shapes?)'),
    ({"cnn/layers/0/activation_zeros": 1.5}, "1.5, need a number from 0 to 1 or null"),
    ({"cnn/layers/0/activation_zeros": True}, "true, need a number from 0 to 1 or null"),
    ({"cnn/layers/1/groups": 0}, "0, need a whole number from 1 to 65536"),
    ({"cnn/layers/1/groups": 4}, "4, need a divisor of 4 and 6 channels"),
    ({"cnn/layers/2/groups": 2}, "an unknown field"),  # a dense layer has none
    ({"cnn/batch": 0}, "0, need a whole number from 1 to 1024"),
    ({"cnn/head": "logits"}, '"logits", need one of acam, argmax, none'),
    ({"cnn/layers/0/kernel": 9, "cnn/layers/0/padding": 1}, "a kernel larger than its padded input"),
    ({"cnn/layers/2/out_features": 4}, "4 outputs, need 3, as dataset.n_classes"),
    ({"cnn/layers/2/relu": True}, "true, need false (an argmax head ends at the accumulators)"),
]


@pytest.mark.parametrize(("changes", "expected"), FIELDS)
def test_fields(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    (message,) = faults(tmp_path, PARTS["shapes"], changes)
    assert message.partition(": got ")[2].startswith(expected)


def test_sizes_count_the_batch(tmp_path: Path) -> None:
    side = {"in_height": 4096, "in_width": 4096, "in_channels": 1, "out_channels": 5}
    changes = {f"cnn/layers/0/{name}": value for name, value in side.items()} | {"cnn/layers/0/stride": 1}
    write_folder(tmp_path / "one", _changed(changes))
    assert load_workload(tmp_path / "one").cnn.layers[0].n_macs == 5 * 9 * 4096**2
    assert faults(tmp_path, PARTS["shapes"], {**changes, "cnn/batch": 2}) == [
        f"cnn.layers.0: got {2 * 5 * 4096**2} values, need at most 100000000"
    ]


def _changed(changes: dict[str, Any]) -> Built:
    parts = PARTS["shapes"].copy()
    for path, value in changes.items():
        change(parts.manifest, path, value)
    return parts


def test_layers_of_a_table_need_not_chain_and_may_end_in_anything(tmp_path: Path) -> None:
    """SHAPES itself does not chain; with head none its last layer may pool, and be as wide as it likes."""
    changes = {"cnn/head": "none", "cnn/layers/2": GONE, "cnn/layers/1/relu": True}
    write_folder(tmp_path, _changed(changes))
    assert [layer.name for layer in load_workload(tmp_path).cnn.layers] == ["conv1", "conv2"]


RECORDED = {
    "cnn/head": ("none", 'cnn.head: got "none", need a head that decides (content recorded)'),
    "cnn/batch": (2, "cnn.batch: got 2, need 1 (content recorded)"),
    "cnn/layers/0/groups": (2, "cnn.layers.0.groups: got 2, need 1 (content recorded)"),
    "cnn/layers/0/activation_zeros": (
        0.5,
        "cnn.layers.0.activation_zeros: got 0.5, need no such field (content recorded: its arrays say so)",
    ),
    "cnn/layers/1/weight_zeros": (
        0.0,
        "cnn.layers.1.weight_zeros: got 0.0, need no such field (content recorded: its arrays say so)",
    ),
    "cnn/layers/0/mapping": (MAPPING, "cnn.layers.0.mapping: got a mapping, need none (content recorded)"),
}


@pytest.mark.parametrize("kind", ["cnn", "hybrid", "cascade"])
@pytest.mark.parametrize("path", RECORDED)
def test_what_only_shapes_may_say(tmp_path: Path, kind: str, path: str) -> None:
    value, message = RECORDED[path]
    changes = {path: value}
    if path.endswith("groups"):
        changes["cnn/layers/0/in_channels"] = 2
    assert message in faults(tmp_path, PARTS[kind], changes)


def test_recorded_is_what_a_manifest_is_that_says_nothing(tmp_path: Path) -> None:
    parts = PARTS["cnn"].copy()
    write_folder(tmp_path / "silent", parts)
    parts.manifest["content"] = "recorded"
    write_folder(tmp_path / "explicit", parts)
    silent, explicit = (load_workload(tmp_path / name) for name in ("silent", "explicit"))
    assert not silent.shapes_only
    assert silent.manifest == explicit.manifest


def test_a_recorded_workload_needs_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    write_folder(folder, PARTS["cnn"])
    path = folder / "manifest.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("files:")], encoding="utf-8")
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    assert str(caught.value) == f"{path}:1 files: got nothing, need a mapping"


def test_kinds_and_blocks(tmp_path: Path) -> None:
    assert faults(tmp_path, PARTS["cnn"], {"cnn": GONE}) == ["cnn: got nothing, need a block (kind cnn)"]
    extra = {"acam": PARTS["hybrid"].manifest["acam"]}
    assert faults(tmp_path, PARTS["cnn"], extra) == ["acam: got a block, need none (kind cnn)"]
