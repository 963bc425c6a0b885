"""What does not fit a chip: the whole message, for every capacity."""

from pathlib import Path
from typing import Any

import pytest

from accelsim.chip import Chip, Instance
from accelsim.clock import Clocks
from accelsim.components import COMPONENTS
from accelsim.errors import WorkloadError
from accelsim.spec import Spec
from accelsim.workload import Workload, load_workload, require_fit
from accelsim.workload_fit import fit_problems
from tests.workload.builders import shapes, write_cascade, write_cnn, write_folder, write_hybrid, write_mbi

# Role → component, and the fields that fitting depends on: each just large enough for `workloads`.
ROOM: dict[str, tuple[str, dict[str, Any]]] = {
    "admission": ("admission", {"max_inputs_in_flight": 1}),
    "buffer": ("sram_buffer", {"n_bytes": 8 * 8 + 4 * 4 * 4}),
    # Behind the weights of a channel lie its bias, multiplier and shift: 4 + 4 + 1 bytes.
    "weights": ("weight_store", {"n_bytes": 4 * 9 + 2 * 4 * 9 + (4 + 2) * 9, "encoding": "dense"}),
    "engine": (
        "cnn_engine",
        {"n_pe_rows": 4, "n_pe_cols": 2, "weight_tile_bytes": 72, "input_tile_bytes": 432, "psum_tile_bytes": 288},
    ),
    "acam": ("acam_array", {"n_rows": 5, "n_segments": 4, "segment_cells": 8}),
    "driver": ("column_driver", {"n_columns": 32}),
    "wta": ("winner_take_all", {"n_inputs_max": 5}),
    "pixels": ("sram_buffer", {"n_bytes": 64, "port_bits": 64}),
    "controller": (
        "lut_controller",
        {"residency": "resident", "descriptor_bytes": 9 * 48 // 8, "descriptor_bits": 48},
    ),
    "tables": ("weight_store", {"n_bytes": 36 * 28 // 8 + 36 * 28 // 8}),
    "arrays": (
        "distance_array",
        {"n_rows": 8, "n_cols": 32, "n_splits": 2, "count": 10, "metric": "circuit"},
    ),
    "values": ("value_memory", {"n_bytes": 36 * 32 // 8, "word_bits": 32, "count": 1}),
    "vote": ("vote", {"n_classes_max": 3}),
}
DOOR = ("admission",)
CNN = ("buffer", "weights", "engine")
VOTE = ("vote",)
ACAM = ("acam", "driver", "wta")
MBI = ("pixels", "controller", "tables", "arrays", "values", "vote")
ROLES = {
    "hybrid": DOOR + CNN + ACAM,
    "mbi": DOOR + MBI,
    "cascade": DOOR + MBI + CNN,
    "cascade_acam": DOOR + MBI + CNN + ACAM,
    "cnn": DOOR + CNN + VOTE,
    "cnn_shapes": DOOR + CNN + VOTE,
}


def chip(kind: str, **changes: Any) -> Chip:
    """A chip of `ROLES[kind]`; a change is `role__field=value`. Fields that fitting ignores are not there."""
    instances = {}
    for role in ROLES[kind]:
        component, fields = ROOM[role]
        given = {name.split("__")[1]: value for name, value in changes.items() if name.split("__")[0] == role}
        spec = COMPONENTS[component].spec.model_construct(component=component, **{**fields, **given})
        instances[role] = Instance(role, COMPONENTS[component], spec, 1, 1)
    spec = Spec.model_construct(kind=kind.partition("_")[0], name="chip")
    return Chip(spec, Clocks.from_mhz({"clock": 1}), instances)


def limit(most: int, field: str) -> str:
    return f", need at most {most} (instances.{field} of chip)"


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workload]:
    folder = tmp_path_factory.mktemp("workloads")
    write_hybrid(folder / "hybrid")
    write_mbi(folder / "mbi")
    write_cascade(folder / "cascade", channels=(2,))
    write_cascade(folder / "cascade_acam", head="acam")
    write_cnn(folder / "cnn", channels=(2,), n_classes=3)
    write_folder(folder / "cnn_shapes", shapes(batch=2))
    return {name: load_workload(folder / name) for name in ROLES}


def messages(workload: Workload, chip: Chip) -> list[str]:
    return [str(problem).removeprefix(f"{workload.folder} ") for problem in fit_problems(workload, chip)]


@pytest.mark.parametrize("kind", ["hybrid", "mbi", "cascade", "cascade_acam"])
def test_fits_exactly(workloads: dict[str, Workload], kind: str) -> None:
    room = {"buffer__n_bytes": 128, "weights__n_bytes": 200}
    require_fit(workloads[kind], chip(kind, **(room if kind == "cascade" else {})))


HYBRID = [
    (
        {"buffer__n_bytes": 127},
        ["cnn.layers.0: got 128 bytes of input and output of conv1" + limit(127, "buffer.n_bytes")],
    ),
    (
        {"buffer__n_bytes": 95},
        [
            "cnn.layers.0: got 128 bytes of input and output of conv1" + limit(95, "buffer.n_bytes"),
            "cnn.layers.1: got 96 bytes of input and output of conv2" + limit(95, "buffer.n_bytes"),
        ],
    ),
    # Three in flight: the 8 x 8 images of the other two wait beside what the layers need.
    ({"admission__max_inputs_in_flight": 3, "buffer__n_bytes": 128 + 2 * 64}, []),
    (
        {"admission__max_inputs_in_flight": 3, "buffer__n_bytes": 128 + 2 * 64 - 1},
        [
            "cnn.layers.0: got 256 bytes of input and output of conv1 and 2 more images in flight"
            + limit(255, "buffer.n_bytes")
        ],
    ),
    (
        {"admission__max_inputs_in_flight": 2, "buffer__n_bytes": 96 + 64 - 1},
        [
            f"cnn.layers.{i}: got {n_bytes} bytes of input and output of conv{i + 1} and 1 more image in flight"
            + limit(159, "buffer.n_bytes")
            for i, n_bytes in ((0, 192), (1, 160))
        ],
    ),
    (
        {"weights__n_bytes": 161},
        ["cnn.layers: got 162 bytes of weights (dense)" + limit(161, "weights.n_bytes")],
    ),
    ({"acam__n_rows": 4}, ["acam.n_rows: got 5" + limit(4, "acam.n_rows")]),
    ({"wta__n_inputs_max": 4}, ["acam.n_rows: got 5" + limit(4, "wta.n_inputs_max")]),
    (
        {"acam__segment_cells": 7, "driver__n_columns": 31},
        [
            "acam.n_features: got 32" + limit(28, "acam.n_segments x instances.acam.segment_cells"),
            "acam.n_features: got 32" + limit(31, "driver.n_columns"),
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), HYBRID)
def test_hybrid(workloads: dict[str, Workload], changes: dict[str, Any], expected: list[str]) -> None:
    assert messages(workloads["hybrid"], chip("hybrid", **changes)) == expected


def test_run_length_encoding_counts(workloads: dict[str, Workload]) -> None:
    # Each non-zero weight takes 8 + 2 bits; four zeros that the 2 bits cannot say take an entry more.
    n_entries = 0
    for name in ("conv1.weight", "conv2.weight"):
        run = 0
        for weight in workloads["hybrid"].model[name].ravel():
            n_entries += run // 4 + 1 if weight else 0
            run = 0 if weight else run + 1
    n_bytes = -(-n_entries * 10 // 8) + (4 + 2) * 9
    fields = {"weights__encoding": "run_length", "weights__index_bits": 2}
    assert messages(workloads["hybrid"], chip("hybrid", weights__n_bytes=n_bytes, **fields)) == []
    assert messages(workloads["hybrid"], chip("hybrid", weights__n_bytes=n_bytes - 1, **fields)) == [
        f"cnn.layers: got {n_bytes} bytes of weights (run_length)" + limit(n_bytes - 1, "weights.n_bytes")
    ]


def test_cnn(workloads: dict[str, Workload]) -> None:
    """Two channels of 4 x 4 from an image of 8 x 8, and three logits: the vote unit must have room for them."""
    n_bytes = 2 * 9 + 3 * 32 + 2 * 9 + 3 * 4  # weights; bias, multiplier and shift; biases alone of the last layer
    assert messages(workloads["cnn"], chip("cnn", weights__n_bytes=n_bytes)) == []
    assert messages(workloads["cnn"], chip("cnn", weights__n_bytes=n_bytes - 1, vote__n_classes_max=2)) == [
        f"cnn.layers: got {n_bytes} bytes of weights (dense)" + limit(n_bytes - 1, "weights.n_bytes"),
        "dataset.n_classes: got 3" + limit(2, "vote.n_classes_max"),
    ]


def test_layer_shapes_in_a_batch_of_two(workloads: dict[str, Workload]) -> None:
    """Each layer alone, twice; weights once: 8 x 27, of two groups 6 x 2, and 3 x 20, with their constants."""
    largest, n_bytes = 2 * (3 * 36 + 8 * 9), 8 * 27 + 6 * 2 + 3 * 20 + (8 + 6) * 9 + 3 * 4
    fields = {"weights__n_bytes": n_bytes, "buffer__n_bytes": largest}
    assert messages(workloads["cnn_shapes"], chip("cnn", **fields)) == []
    fields = {"weights__n_bytes": n_bytes - 1, "buffer__n_bytes": largest - 1}
    assert messages(workloads["cnn_shapes"], chip("cnn", **fields)) == [
        f"cnn.layers.0: got {largest} bytes of input and output of conv1 for 2 images"
        + limit(largest - 1, "buffer.n_bytes"),
        f"cnn.layers: got {n_bytes} bytes of weights (dense)" + limit(n_bytes - 1, "weights.n_bytes"),
    ]


def test_layer_shapes_in_a_run_length_store(workloads: dict[str, Workload]) -> None:
    """As many entries as are expected: n (1 - z) / (1 - z^4) with runs of up to four zeros, 10 bits each."""
    layers = ((8 * 27, 0.5), (6 * 2, 0.9), (3 * 20, 0.0))
    bits = sum(round(n * (1 - z) / (1 - z**4)) * 10 for n, z in layers) + ((8 + 6) * 9 + 3 * 4) * 8
    fields: dict[str, Any] = {"weights__encoding": "run_length", "weights__index_bits": 2, "buffer__n_bytes": 1000}
    n_bytes = -(-bits // 8)
    assert messages(workloads["cnn_shapes"], chip("cnn", weights__n_bytes=n_bytes, **fields)) == []
    assert messages(workloads["cnn_shapes"], chip("cnn", weights__n_bytes=n_bytes - 1, **fields)) == [
        f"cnn.layers: got {n_bytes} bytes of weights (run_length)" + limit(n_bytes - 1, "weights.n_bytes")
    ]


def test_tile_buffers(workloads: dict[str, Workload]) -> None:
    """Both layers have rows of 4 partial sums of 4 bytes; conv2 has 4 x 9 weights a channel, and sees 3 x 4 x 4."""
    fields: dict[str, Any] = {"weight_tile_bytes": 36, "psum_tile_bytes": 16, "input_tile_bytes": 48}
    assert messages(workloads["hybrid"], chip("hybrid", **{f"engine__{name}": n for name, n in fields.items()})) == []
    for name, layers, need in (
        ("weight_tile_bytes", (1,), "at least 36 (one output channel of layer conv2)"),
        ("psum_tile_bytes", (0, 1), "at least 16 (1 output rows of one channel of layer conv{})"),
        ("input_tile_bytes", (1,), "at least 48 (inputs of 1 output rows of layer conv2)"),
    ):
        room = fields[name] - 1
        found = messages(workloads["hybrid"], chip("hybrid", **{f"engine__{name}": room}))
        got = f"got {name} {room} (instances.engine of chip)"
        assert found == [f"cnn.layers.{i}: {got}, need {need.format(i + 1)}" for i in layers]


TABLES = [
    ({"pixels__n_bytes": 63}, ["mbi.image: got 64 bytes of pixels" + limit(63, "pixels.n_bytes")]),
    # Rows start at a word: 8 pixels take 3 words of 24 bits, or one of 128.
    ({"pixels__port_bits": 24, "pixels__n_bytes": 8 * 3 * 3}, []),
    (
        {"pixels__port_bits": 24, "pixels__n_bytes": 71},
        ["mbi.image: got 72 bytes of pixels" + limit(71, "pixels.n_bytes")],
    ),
    ({"pixels__port_bits": 128, "pixels__n_bytes": 8 * 16, "admission__max_inputs_in_flight": 1}, []),
    (
        {"pixels__port_bits": 128, "pixels__n_bytes": 2 * 8 * 16 - 1, "admission__max_inputs_in_flight": 2},
        ["mbi.image: got 256 bytes of pixels (2 images in flight)" + limit(255, "pixels.n_bytes")],
    ),
    ({"vote__n_classes_max": 2}, ["mbi.n_classes: got 3" + limit(2, "vote.n_classes_max")]),
    (
        {"values__n_bytes": 143},
        [
            "mbi.value_bits: got 36 value rows of 28 bits"
            + limit(35, "values.n_bytes x instances.values.count")
        ],
    ),
    # 9 nodes of 4 keys: two lie in the 8 rows of a set, so 5 sets of 2 arrays.
    (
        {"arrays__count": 8},
        ["keys: got 5 sets of arrays for all keys" + limit(4, "arrays.count / instances.arrays.n_splits")],
    ),
    # One array a key: both splits of a key go into it, a row each, so 9 x 8 rows are 9 sets of 8 rows.
    (
        {"arrays__count": 8, "arrays__n_splits": 1},
        ["keys: got 9 sets of arrays for all keys" + limit(8, "arrays.count / instances.arrays.n_splits")],
    ),
    ({"controller__residency": "reloaded", "arrays__count": 2}, []),
    (
        {"controller__residency": "reloaded", "arrays__count": 2, "arrays__n_rows": 3},
        [
            "keys: got 2 sets of arrays for the largest node"
            + limit(1, "arrays.count / instances.arrays.n_splits")
        ],
    ),
    (
        {"controller__descriptor_bytes": 53},
        [
            "node_start: got 9 nodes"
            + limit(8, "controller.descriptor_bytes / instances.controller.descriptor_bits")
        ],
    ),
    # 36 keys of 28 bits and as many value rows of 28 bits
    ({"tables__n_bytes": 251}, ["keys: got 252 bytes of keys and values" + limit(251, "tables.n_bytes")]),
]


@pytest.mark.parametrize(("changes", "expected"), TABLES)
def test_mbi(workloads: dict[str, Workload], changes: dict[str, Any], expected: list[str]) -> None:
    assert messages(workloads["mbi"], chip("mbi", **changes)) == expected


def test_pixels_that_lie_in_two_splits(tmp_path: Path) -> None:
    write_mbi(tmp_path, pixel_bits=3, n_patches=1)
    assert messages(load_workload(tmp_path), chip("mbi", arrays__metric="manhattan")) == [
        "mbi.pixel_bits: got 3, need a divisor of 32 (instances.arrays.metric manhattan of chip)"
    ]


def test_a_location_in_the_key_takes_a_split_of_its_own(tmp_path: Path) -> None:
    """Three splits in sets of two arrays: two rows a key, so 9 nodes of 4 keys take a set of 8 rows each."""
    write_mbi(tmp_path, location_bits=5)
    workload = load_workload(tmp_path)
    n_bytes = 36 * (16 + 12 + 10) // 8 + 36 * (4 + 24 + 10) // 8
    room = {"tables__n_bytes": n_bytes, "values__word_bits": 38, "values__n_bytes": 36 * 38 // 8}
    assert messages(workload, chip("mbi", **room, arrays__count=18)) == []
    assert messages(workload, chip("mbi", **room)) == [
        "keys: got 9 sets of arrays for all keys" + limit(5, "arrays.count / instances.arrays.n_splits")
    ]
    assert messages(workload, chip("mbi", **room, arrays__n_splits=3, arrays__count=15)) == []


def test_kind(workloads: dict[str, Workload]) -> None:
    assert messages(workloads["hybrid"], chip("mbi")) == ["kind: got hybrid, need mbi (chip is of kind mbi)"]


def test_cascade_without_an_acam(workloads: dict[str, Workload]) -> None:
    assert messages(workloads["cascade_acam"], chip("cascade")) == [
        "cnn.head: got acam, need argmax (chip has nothing that matches templates)"
    ]


def test_logits_take_four_bytes(workloads: dict[str, Workload]) -> None:
    changes = {"buffer__n_bytes": 2 * 4 * 4 + 3 * 4 - 1, "weights__n_bytes": 1000}
    assert messages(workloads["cascade"], chip("cascade", **changes))[-1] == (
        "cnn.layers.1: got 44 bytes of input and output of fc" + limit(43, "buffer.n_bytes")
    )


def test_everything_comes_in_one_error(workloads: dict[str, Workload]) -> None:
    small = chip("cascade_acam", pixels__n_bytes=1, buffer__n_bytes=100, acam__n_rows=1)
    folder = workloads["cascade_acam"].folder
    with pytest.raises(WorkloadError) as caught:
        require_fit(workloads["cascade_acam"], small)
    assert str(caught.value).splitlines() == [
        f"{folder} mbi.image: got 64 bytes of pixels" + limit(1, "pixels.n_bytes"),
        f"{folder} cnn.layers.0: got 128 bytes of input and output of conv1" + limit(100, "buffer.n_bytes"),
        f"{folder} acam.n_rows: got 5" + limit(1, "acam.n_rows"),
    ]
