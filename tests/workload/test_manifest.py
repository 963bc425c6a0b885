"""Every fault that a manifest can have: the whole message, with its line."""

from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import WorkloadError
from accelsim.workload import load_workload
from tests.workload.builders import cascade, hybrid, mbi, write_folder
from tests.workload.parts import Built

GONE = object()
PARTS = {"hybrid": hybrid(), "mbi": mbi(), "cascade": cascade(), "cascade_acam": cascade(head="acam")}
NAME = "a name (letters, digits, underscores; a letter first; at most 64)"


def message(folder: Path, parts: Built) -> str:
    """What loading says, with the folder written as W."""
    write_folder(folder, parts)
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    return str(caught.value).replace(str(folder), "W")


def change(manifest: dict[str, Any], path: str, value: Any) -> None:
    """Puts a value at `a.b.0.c`, or takes out what is there."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    at: Any = manifest
    for step in way:
        at = at[step]
    if value is GONE:
        del at[last]
    else:
        at[last] = value


def check(folder: Path, kind: str, changes: dict[str, Any], lines: str) -> None:
    parts = PARTS[kind].copy()
    for path, value in changes.items():
        change(parts.manifest, path, value)
    expected = "\n".join(f"W/manifest.yaml:{line.strip()}" for line in lines.strip().splitlines())
    assert message(folder, parts) == expected


FIELDS = [
    ("hybrid", {"schema_version": 2}, "1 schema_version: got 2, need 1"),
    ("hybrid", {"name": "a b"}, f'2 name: got "a b", need {NAME}'),
    ("hybrid", {"kind": GONE}, "1 kind: got nothing, need one of hybrid, mbi, cascade, cnn"),
    (
        "hybrid",
        {"kind": "hybird"},
        '3 kind: got "hybird", need one of hybrid, mbi, cascade, cnn (did you mean hybrid?)',
    ),
    ("hybrid", {"method": 5}, f"4 method: got 5, need {NAME}"),
    ("hybrid", {"description": ""}, '5 description: got "", need some text, at most 10,000 characters'),
    ("hybrid", {"dataset": GONE}, "1 dataset: got nothing, need a mapping"),
    (
        "hybrid",
        {"dataset/n_inputs": 10**8},
        "9 dataset.n_inputs: got 100000000, need a whole number from 1 to 1e+07",
    ),
    (
        "hybrid",
        {"dataset/n_inputs": 8.0},
        "9 dataset.n_inputs: got 8.0, need a whole number from 1 to 1e+07 (did you mean 8?)",
    ),
    (
        "hybrid",
        {"dataset/n_clases": 3, "dataset/n_classes": GONE},
        "10 dataset.n_clases: got an unknown field, need one of name, split, n_inputs, n_classes "
        "(did you mean n_classes?)",
    ),
    ("hybrid", {"training/list": [1]}, "14 training.list: got a list, need a single value"),
    (
        "hybrid",
        {"accuracy/measured": 1.5},
        "15 accuracy.measured: got 1.5, need a number from 0 to 1 or null",
    ),
    (
        "hybrid",
        {"files": {"model.safetensors": "x"}},
        '55 files.model.safetensors: got "x", need a SHA-256 (64 hexadecimal digits)',
    ),
    ("hybrid", {"extra": 1}, "54 extra: got an unknown field, need a field of Manifest"),
    ("hybrid", {"acam": [1]}, "49 acam: got a list, need a mapping"),
    ("hybrid", {"cnn/grey": "yes"}, '24 cnn.grey: got "yes", need true or false'),
    ("hybrid", {"cnn/layers": {}}, "26 cnn.layers: got a mapping, need a list"),
    ("hybrid", {"cnn/layers": []}, "26 cnn.layers: got 0 layers, need 1 to 64"),
    ("hybrid", {"cnn/layers/0": 7}, "27 cnn.layers.0: got 7, need a mapping"),
    ("hybrid", {"cnn/layers/0/op": GONE}, "27 cnn.layers.0.op: got nothing, need one of conv, dense"),
    ("hybrid", {"cnn/layers/0/op": "pool"}, '28 cnn.layers.0.op: got "pool", need one of conv, dense'),
    (
        "hybrid",
        {"cnn/layers/0/stride": 0},
        "34 cnn.layers.0.stride: got 0, need a whole number from 1 to 255",
    ),
    ("mbi", {"mbi/pixel_thresholds": "a"}, '23 mbi.pixel_thresholds: got "a", need a list'),
    (
        "mbi",
        {"mbi/pixel_thresholds": [1, 2, 300]},
        "26 mbi.pixel_thresholds.2: got 300, need a whole number from 0 to 255",
    ),
    ("mbi", {"mbi/glimpses": []}, "33 mbi.glimpses: got 0 glimpses, need 1 to 256"),
    ("mbi", {"mbi/glimpses/1": []}, "40 mbi.glimpses.1: got 0 patches, need 1 to 64"),
    (
        "mbi",
        {"mbi/glimpses/0/0/pol": 1},
        "37 mbi.glimpses.0.0.pol: got an unknown field, need one of row, col, pool",
    ),
    (
        "cascade",
        {"cascade/thresholds": [1, 2, -1]},
        "56 cascade.thresholds.2: got -1, need a whole number from 0 to 2.14748e+09",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "lines"), FIELDS)
def test_field(tmp_path: Path, kind: str, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, kind, changes, lines)


BLOCKS = [
    ("hybrid", {"cnn": GONE}, "1 cnn: got nothing, need a block (kind hybrid)"),
    ("hybrid", {"cnn": None}, "17 cnn: got nothing, need a block (kind hybrid)"),
    ("hybrid", {"acam": GONE}, "1 acam: got nothing, need a block (kind hybrid)"),
    ("hybrid", {"mbi": PARTS["mbi"].copy().manifest["mbi"]}, "54 mbi: got a block, need none (kind hybrid)"),
    ("mbi", {"acam": PARTS["hybrid"].copy().manifest["acam"]}, "52 acam: got a block, need none (kind mbi)"),
    (
        "mbi",
        {"cascade": {"thresholds": [1, 2, 3], "abort": "after_all"}},
        "52 cascade: got a block, need none (kind mbi)",
    ),
    (
        "cascade",
        {"mbi": GONE, "cascade": GONE},
        """1 mbi: got nothing, need a block (kind cascade, head argmax)
        1 cascade: got nothing, need a block (kind cascade, head argmax)""",
    ),
    (
        "cascade",
        {"acam": PARTS["cascade_acam"].copy().manifest["acam"]},
        "95 acam: got a block, need none (kind cascade, head argmax)",
    ),
    ("cascade_acam", {"acam": GONE}, "1 acam: got nothing, need a block (kind cascade, head acam)"),
    (
        "hybrid",
        {"cnn/head": "argmax"},
        """25 cnn.head: got "argmax", need "acam" (kind hybrid)
        38 cnn.layers.1: got 32 outputs, need 3, as dataset.n_classes""",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "lines"), BLOCKS)
def test_blocks_of_a_kind(tmp_path: Path, kind: str, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, kind, changes, lines)


NETWORK = [
    (
        {"cnn/layers/0/kernel": 99},
        "27 cnn.layers.0: got a kernel larger than its padded input, need a smaller one",
    ),
    (
        {"cnn/layers/0/max_pool": 9},
        "27 cnn.layers.0: got a pooling window larger than 4 x 4 x 4, need a smaller one",
    ),
    (
        {"cnn/layers/1/in_height": 5},
        """38 cnn.layers.1: got an input of 4 x 5 x 4, need 4 x 4 x 4 (from conv1)
        50 acam.n_features: got 32, need 40, the outputs of conv2""",
    ),
    (
        {"cnn/layers/1/name": "conv1"},
        "38 cnn.layers.1.name: got conv1 again, need another name for each layer",
    ),
    (
        {"cnn/layers/1/padding": 3},
        """46 cnn.layers.1.padding: got 3, need at most 2 (kernel - 1)
        50 acam.n_features: got 32, need 128, the outputs of conv2""",
    ),
    (
        {"cnn/input/channels": 3},
        """19 cnn.input.channels: got 3, need 1 (grey: true)
        27 cnn.layers.0: got an input of 1 x 8 x 8, need 3 x 8 x 8 (from cnn.input)""",
    ),
    ({"cnn/input/offset": 100}, "22 cnn.input.offset: got inputs -100 … 155, need -128 … 127 (int8)"),
    ({"acam/n_features": 7}, "50 acam.n_features: got 7, need 32, the outputs of conv2"),
    ({"acam/n_classes": 4}, "52 acam.n_classes: got 4, need 3, as dataset.n_classes"),
    (
        {"acam/n_rows": 65_536, "acam/n_features": 10**6},
        """49 acam: got 65536000000 cells, need at most 100000000
        50 acam.n_features: got 1000000, need 32, the outputs of conv2""",
    ),
    (
        {
            "cnn/layers/0/out_channels": 65_536,
            "cnn/layers/1/in_channels": 65_536,
            "cnn/layers/1/out_channels": 65_536,
        },
        """38 cnn.layers.1: got 38654705664 weights, need at most 100000000
        50 acam.n_features: got 32, need 1048576, the outputs of conv2""",
    ),
]


@pytest.mark.parametrize(("changes", "lines"), NETWORK)
def test_network(tmp_path: Path, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, "hybrid", changes, lines)


def test_layers_too_large_together(tmp_path: Path) -> None:
    side = {"in_height": 4096, "in_width": 4096, "padding": 127, "kernel": 255, "stride": 1}
    layer = {
        "name": "a",
        "op": "conv",
        "in_channels": 8,
        "out_channels": 64,
        "relu": False,
        "max_pool": 1,
        **side,
    }
    shape = {"channels": 8, "height": 4096, "width": 4096, "offset": 128, "shift": 0}
    check(
        tmp_path,
        "hybrid",
        {"cnn/layers": [layer], "cnn/input": shape, "cnn/grey": False},
        f"""27 cnn.layers.0: got {4096**2 * 64} values, need at most 100000000
        27 cnn.layers.0: got {4096**2 * 64 * 8 * 255**2} multiply-accumulates, need at most 1000000000000
        39 acam.n_features: got 32, need {4096**2 * 64}, the outputs of a""",
    )


LOGITS = [
    (
        {"cnn/layers/2/relu": True},
        "94 cnn.layers.2.relu: got true, need false (an argmax head ends at the accumulators)",
    ),
    ({"cnn/layers/2/out_features": 4}, "90 cnn.layers.2: got 4 outputs, need 3, as dataset.n_classes"),
    ({"cnn/layers/2/in_features": 4}, "90 cnn.layers.2: got an input of 4, need 32 (from conv2)"),
    (
        {"cnn/layers/2": GONE, "cnn/layers/1/max_pool": 2},
        """79 cnn.layers.1: got 32 outputs, need 3, as dataset.n_classes
        89 cnn.layers.1.max_pool: got 2, need 1 (an argmax head ends at the accumulators)""",
    ),
]


@pytest.mark.parametrize(("changes", "lines"), LOGITS)
def test_network_that_ends_in_logits(tmp_path: Path, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, "cascade", changes, lines)


TABLES = [
    (
        "mbi",
        {"mbi/pixel_thresholds": [1, 2]},
        "23 mbi.pixel_thresholds: got 2 thresholds, need 3 (pixel_bits 2)",
    ),
    (
        "mbi",
        {"mbi/pixel_thresholds": [2, 2, 3]},
        "23 mbi.pixel_thresholds: got one not above the one before, need ascending thresholds",
    ),
    ("mbi", {"mbi/hidden_bits": 13}, "27 mbi.hidden_bits: got 13, need a multiple of n_tables, 3"),
    ("mbi", {"mbi/value_bits": 4}, "31 mbi.value_bits: got 4, need more than 4 (hidden_bits / n_tables)"),
    (
        "mbi",
        {"mbi/glimpses/1": [{"row": 0, "col": 0, "pool": 1}]},
        "40 mbi.glimpses.1: got 1 patches, need 2, as in the first glimpse",
    ),
    ("mbi", {"mbi/patch_size": 255}, "17 mbi: got keys of 260112 bits, need at most 65536"),
    ("mbi", {"mbi/n_classes": 5}, "29 mbi.n_classes: got 5, need 3, as dataset.n_classes"),
    (
        "cascade",
        {"cascade/thresholds": [1]},
        "53 cascade.thresholds: got 1 thresholds, need 3, one a glimpse",
    ),
    (
        "cascade",
        {"mbi/image/height": 9},
        "18 mbi.image: got 9 x 8, need 8 x 8, as cnn.input (one image serves both)",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "lines"), TABLES)
def test_tables(tmp_path: Path, kind: str, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, kind, changes, lines)


def test_faults_of_fields_and_of_agreement_come_together(tmp_path: Path) -> None:
    check(
        tmp_path,
        "cascade",
        {"dataset/split": 1, "mbi/value_bits": 1, "cascade/abort": "never"},
        """8 dataset.split: got 1, need some text, at most 10,000 characters
        31 mbi.value_bits: got 1, need more than 4 (hidden_bits / n_tables)
        57 cascade.abort: got "never", need one of first_far, after_all""",
    )


def test_bad_yaml_is_one_line(tmp_path: Path) -> None:
    write_folder(tmp_path, PARTS["mbi"])
    (tmp_path / "manifest.yaml").write_text("kind: [mbi")
    with pytest.raises(WorkloadError, match=r"^[^\n]*manifest\.yaml:\d+: got [^\n]*, need valid YAML$"):
        load_workload(tmp_path)
