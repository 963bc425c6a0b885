"""Residual connections in a manifest and its arrays, and on a chip: every fault's whole message, and what is held."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.chip import build_chip
from accelsim.errors import WorkloadError
from accelsim.layer_weights import channel_bits
from accelsim.spec import load_spec
from accelsim.workload import Workload, fit_problems, load_workload
from tests.dataflows import chips
from tests.test_run_command import accelsim
from tests.workload import builders, residual_parts
from tests.workload.parts import Built
from tests.workload.test_damage import survives
from tests.workload.test_fit import DOOR, ROLES, ROOM, chip, limit, messages
from tests.workload.test_manifest import GONE
from tests.workload.test_manifest_shapes import faults

SPECS = Path(__file__).parents[2] / "arch_specs"
PARTS = {"hybrid": residual_parts.network(), "cnn": residual_parts.network(kind="cnn")}
SHAPES = builders.shapes(head="none")
WHERE = {name: i for i, name in enumerate(layer["name"] for layer in PARTS["cnn"].manifest["cnn"]["layers"])}
NAME = "a name (letters, digits, underscores; a letter first; at most 64) or null"
NONE_BEFORE = "no such field (no layer comes before the first)"

REFERENCES = [
    # layer, field, value, got, need
    ("stem", "input_from", "res1", "res1 (a later layer)", NONE_BEFORE),
    ("stem", "add", "stem", "stem (the layer itself)", NONE_BEFORE),
    ("stem", "add", "input", "input (no layer's name)", NONE_BEFORE),
    ("down", "input_from", "input", "input (no layer's name)", "an earlier layer (stem)"),
    ("down", "input_from", "down", "down (the layer itself)", "an earlier layer (stem)"),
    ("res1", "input_from", "steam", "steam (no layer's name)", "an earlier layer (stem, down) (did you mean stem?)"),
    ("res2", "add", "res3", "res3 (a later layer)", "an earlier layer (stem, down, res1) (did you mean res1?)"),
    ("res2", "add", "fc", "fc (a later layer)", "an earlier layer (stem, down, res1)"),
]


@pytest.mark.parametrize(("layer", "field", "value", "got", "need"), REFERENCES)
def test_what_is_named_is_an_earlier_layer(
    tmp_path: Path, layer: str, field: str, value: str, got: str, need: str
) -> None:
    path = f"cnn.layers.{WHERE[layer]}.{field}"
    found = faults(tmp_path, PARTS["cnn"], {path.replace(".", "/"): value})
    assert found == [f"{path}: got {got}, need {need}"]


BEFORE = "need 6 x 4 x 4, the outputs of"
FITTING = [
    ({"input_from": "down"}, "cnn.layers.2: got an input of 4 x 8 x 8, need 6 x 4 x 4 (from down)"),
    ({"add": "stem"}, f"cnn.layers.2.add: got stem, which gives 4 x 8 x 8, {BEFORE} res1 before pooling"),
    ({"input_from": GONE}, "cnn.layers.2: got an input of 4 x 8 x 8, need 6 x 4 x 4 (from down)"),
    ({"add": ""}, f'cnn.layers.2.add: got "", need {NAME}'),
    ({"input_from": ["stem"]}, f"cnn.layers.2.input_from: got a list, need {NAME}"),
]


@pytest.mark.parametrize(("changes", "message"), FITTING)
def test_shapes_agree(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    found = faults(tmp_path, PARTS["hybrid"], {f"cnn/layers/2/{field}": value for field, value in changes.items()})
    assert found == [message]


def test_pooling_comes_after_the_addition(tmp_path: Path) -> None:
    """What is added is the other layer's pooled output, as large as this one's before its pooling."""
    need = "6 x 2 x 2, the outputs of res4 before pooling"
    assert faults(tmp_path, PARTS["hybrid"], {"cnn/layers/5/add": "res2"}) == [
        f"cnn.layers.5.add: got res2, which gives 6 x 4 x 4, need {need}"
    ]


def test_an_argmax_head_adds_nothing(tmp_path: Path) -> None:
    path = f"cnn.layers.{WHERE['fc']}.add"
    assert faults(tmp_path, PARTS["cnn"], {path.replace(".", "/"): "head"}) == [
        f"{path}: got head, need no such field (an argmax head ends at the accumulators)"
    ]


def test_in_shapes_only_what_is_named_must_agree(tmp_path: Path) -> None:
    """Layers of a table need not chain; one that names its input, or what it adds, must fit it."""
    assert faults(tmp_path, SHAPES, {"cnn/layers/1/input_from": "conv1", "cnn/layers/2/add": "conv2"}) == [
        "cnn.layers.1: got an input of 4 x 4 x 4, need 8 x 3 x 3 (from conv1)",
        "cnn.layers.2.add: got conv2, which gives 6 x 2 x 2, need 3 x 1 x 1, the outputs of fc before pooling",
    ]


@pytest.mark.parametrize("shapes_only", [False, True])
def test_any_names_load_or_are_refused(tmp_path: Path, shapes_only: bool) -> None:
    """Layers that read and add what they like, themselves, later ones, or what does not exist."""
    loaded = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        parts = (SHAPES if shapes_only else PARTS["cnn"]).copy()
        layers = parts.manifest["cnn"]["layers"]
        words = [*(layer["name"] for layer in layers), "input", "", "res9", None, 7]
        for _ in range(int(rng.integers(1, 4))):
            layer, field = layers[int(rng.integers(len(layers)))], str(rng.choice(["input_from", "add"]))
            layer[field] = words[int(rng.integers(len(words)))]
        loaded += survives(builders.write_folder(tmp_path / str(seed), parts))
    assert 0 < loaded < 75


def array_faults(folder: Path, parts: Built) -> list[str]:
    builders.write_folder(folder, parts)
    with pytest.raises(WorkloadError) as caught:
        load_workload(folder)
    return [line.partition("model.safetensors")[2].lstrip(": ") for line in str(caught.value).splitlines()]


def test_a_multiplier_exactly_where_something_is_added(tmp_path: Path) -> None:
    parts = PARTS["hybrid"].copy()
    parts.model["res1.skip_multiplier"] = parts.model.pop("res2.skip_multiplier")
    assert array_faults(tmp_path, parts) == [
        "res2.skip_multiplier: got nothing, need int32 [6]",
        'got an unknown array "res1.skip_multiplier", need only arrays of the workload format',
    ]


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.ones(5, np.int32), "int32 [5], need int32 [6]"),
        (np.ones(6, np.int64), "int64 [6], need int32 [6]"),
        (np.array([1, 2, 3, 0, 5, 6], np.int32), f"0 at [3], need 1 … {2**31 - 1}"),
    ],
)
def test_multipliers(tmp_path: Path, value: np.ndarray, got: str) -> None:
    parts = PARTS["hybrid"].copy()
    parts.model["res3.skip_multiplier"] = value
    assert array_faults(tmp_path, parts) == [f"res3.skip_multiplier: got {got}"]


def test_a_cascade_takes_grey_images(tmp_path: Path) -> None:
    changes = {"cnn/input/channels": 3, "cnn/layers/0/in_channels": 3, "cnn/grey": False}
    assert "cnn.input.channels: got 3, need 1 (one grey image serves lookup and network)" in faults(
        tmp_path, builders.cascade(), changes
    )


# What the buffer holds while each layer of the network runs, in bytes: its input and output, and what is kept.
STEM, BLOCK, POOLED, HEAD = 4 * 8 * 8, 6 * 4 * 4, 6 * 2 * 2, 5 * 3 * 3
HELD = {
    "stem": 8 * 8 + STEM,
    "down": STEM + BLOCK,
    "res1": STEM + BLOCK + BLOCK,  # its output beside what res2 will add
    "res2": BLOCK + BLOCK,  # reads res1, and writes where down was
    "res3": BLOCK + POOLED,  # adds what it reads
    "res4": POOLED + POOLED,  # needs what it adds to the end, for it is its input
    "head": POOLED + HEAD,
}


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    return load_workload(builders.write_folder(tmp_path_factory.mktemp("workload"), PARTS["hybrid"]))


def fits(workload: Workload, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[str]:
    monkeypatch.setitem(ROOM, "post", ("post_unit", {"add_pj": 1.0}))
    tiles = dict.fromkeys(("weight_tile_bytes", "input_tile_bytes", "psum_tile_bytes"), 10_000)
    monkeypatch.setitem(ROOM, "engine", ("cnn_engine", {"n_pe_rows": 4, "n_pe_cols": 2, **tiles}))
    monkeypatch.setitem(ROLES, "hybrid", (*DOOR, "buffer", "weights", "engine", "post", "acam", "driver", "wta"))
    room = {"weights__n_bytes": 10_000, "buffer__n_bytes": 10_000, "acam__segment_cells": 64, "driver__n_columns": 64}
    return messages(workload, chip("hybrid", **{**room, **changes}))


def test_the_buffer_holds_what_is_still_needed(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(workload, monkeypatch, buffer__n_bytes=max(HELD.values())) == []
    for smaller in {n - 1 for n in HELD.values()}:
        kept = {"res1": ", outputs kept of down"}
        assert fits(workload, monkeypatch, buffer__n_bytes=smaller) == [
            f"cnn.layers.{WHERE[name]}: got {n} bytes of input and output of {name}{kept.get(name, '')}"
            + limit(smaller, "buffer.n_bytes")
            for name, n in HELD.items()
            if n > smaller
        ]


def test_beside_what_waits(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"admission__max_inputs_in_flight": 2, "buffer__n_bytes": HELD["res1"] + 8 * 8 - 1}
    what = "bytes of input and output of res1, outputs kept of down and 1 more image in flight"
    message = f"cnn.layers.2: got {HELD['res1'] + 64} {what}" + limit(HELD["res1"] + 63, "buffer.n_bytes")
    assert fits(workload, monkeypatch, **changes) == [message]


def held(cnn: Any) -> list[int]:
    """By going through the layers: what is there, and who still reads or adds it; a pooled or read operand stays."""
    names = [layer.name for layer in cnn.layers]
    users: dict[str, list[int]] = {name: [] for name in names}
    for i, layer in enumerate(cnn.layers):
        before = layer.input_from or (names[i - 1] if i else None)
        for name in {before, layer.add} - {None}:
            users[name].append(i)
    sizes = []
    for i, layer in enumerate(cnn.layers):
        before = layer.input_from or (names[i - 1] if i else None)
        there = {name for name in names[:i] if any(user >= i for user in users[name])} - {before}
        if layer.add in there and max(users[layer.add]) == i and layer.out_shape == layer.conv_shape:
            there.remove(layer.add)
        outputs = {other.name: prod(other.out_shape) for other in cnn.layers}
        sizes.append(prod(layer.in_shape) + outputs[layer.name] + sum(outputs[name] for name in there))
    return sizes


@pytest.mark.parametrize("seed", range(8))
def test_what_is_kept_in_random_networks(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of one shape that read and add whatever came before."""
    rng = np.random.default_rng(seed)
    layers = []
    for i in range(8):
        pool = int(rng.integers(1, 3)) if i == 7 else 1
        names = {field: f"l{rng.integers(i)}" for field in ("input_from", "add") if i and rng.random() < 0.5}
        layers.append(residual_parts.conv(f"l{i}", 2, max_pool=pool, **names))
    built = residual_parts.network(seed, tuple(layers), side=4, n_inputs=2)
    workload = load_workload(builders.write_folder(tmp_path, built))
    sizes = held(workload.cnn)
    found = fits(workload, monkeypatch, buffer__n_bytes=1)
    assert [int(message.split()[2]) for message in found if message.startswith("cnn.layers.")] == sizes


def test_constants_of_what_is_added_are_stored(workload: Workload) -> None:
    bits = {layer.name: channel_bits(workload, layer) for layer in workload.cnn.layers}
    plain = 32 + 32 + 8
    assert bits == {name: plain + 32 * (name in ("res2", "res3", "res4")) for name in bits}


@pytest.mark.parametrize("kind", ["row_stationary", "cim"])
def test_chips_that_cannot_add_say_so(tmp_path: Path, kind: str) -> None:
    """They run layers whose input is another one's, since they read every input from outside or not at all."""
    parts = SHAPES.copy()
    third = {**builders.SHAPES[0], "name": "again", "in_channels": 8, "in_height": 3, "in_width": 3, "stride": 1}
    parts.manifest["cnn"]["layers"].append({**third, "input_from": "conv1"})
    workload = load_workload(builders.write_folder(tmp_path / "reads", parts))
    assert fit_problems(workload, chips.chip(tmp_path, kind)) == []
    parts.manifest["cnn"]["layers"][3]["add"] = "conv1"
    builders.write_folder(tmp_path / "adds", parts)
    done = accelsim("run", tmp_path / "chip.yaml", tmp_path / "adds", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    need = f"no such field (tiny_{kind} is of kind {kind}: nothing there adds the outputs of two layers)"
    assert done.stderr.strip() == f"{tmp_path / 'adds'} cnn.layers.3.add: got conv1, need {need}"


def test_a_post_unit_without_an_adder_says_so(tmp_path: Path, workload: Workload) -> None:
    """An older spec, which does not have the field."""
    need = "no such field (tiny_hybrid has no instances.post.add_pj: nothing there adds the outputs of two layers)"
    small = chips.chip(tmp_path, "hybrid", post={"add_pj": None})
    assert messages(workload, small) == [
        f"cnn.layers.{i}.add: got {name}, need {need}" for i, name in ((3, "down"), (4, "res2"), (5, "res3"))
    ]


@pytest.mark.parametrize(("colours", "n_bytes"), [(1, 66_560), (3, 68_608)])
def test_32_channels_of_32_x_32_fill_64_kib(tmp_path: Path, colours: int, n_bytes: int) -> None:
    """A block with a projection to half the sides: it fits exactly when no other image is in the chip."""
    layers = [
        residual_parts.conv("stem", 32, in_channels=colours, in_height=32, in_width=32),
        residual_parts.conv("down", 64, 1, 2, 0, in_channels=32, in_height=32, in_width=32),
        residual_parts.conv("a", 64, 3, 2, 1, in_channels=32, in_height=32, in_width=32, input_from="stem"),
        residual_parts.conv("b", 64, in_channels=64, in_height=16, in_width=16, add="down"),
    ]
    parts = builders.shapes(head="none")
    parts.manifest["cnn"]["input"] |= {"channels": colours, "height": 32, "width": 32}
    parts.manifest["cnn"]["layers"] = [{**layer, "activation_zeros": 0.5, "weight_zeros": 0.0} for layer in layers]
    loaded, path = load_workload(builders.write_folder(tmp_path, parts)), SPECS / "cnn_physical.yaml"
    assert n_bytes == 32 * 32**2 + 2 * 64 * 16**2 + colours * 32**2
    (message,) = messages(loaded, build_chip(load_spec(path)))
    assert message.startswith(
        f"cnn.layers.2: got {n_bytes} bytes of input and output of a, outputs kept of down and 1 more"
    )
    alone = load_spec(path, ["instances.admission.max_inputs_in_flight=1"])
    assert messages(loaded, build_chip(alone)) == []


@pytest.mark.parametrize("name", ["hybrid_physical", "full_chip"])
def test_the_price_of_adding_is_that_of_a_quarter_of_a_multiplication(name: str) -> None:
    """Horowitz: 3.1 pJ x 8/32 and 0.1 pJ, where requantising takes 3.1 and 0.1 pJ."""
    post = load_spec(SPECS / f"{name}.yaml").instances["post"]
    assert post.add_pj == pytest.approx(post.requantise_pj * (3.1 / 4 + 0.1) / (3.1 + 0.1), rel=2e-3)
