"""Reading `manifest.yaml`: every fault of its fields, and of what they must agree on, in one message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from math import gcd, prod
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from accelsim import faults, yamlfile
from accelsim.errors import Problem, WorkloadError
from accelsim.manifest import Acam, Accuracy, Cascade, Dataset, Manifest, Mbi
from accelsim.manifest_cnn import Cnn, ConvLayer, DenseLayer, Shape

MAX_VALUES = 10**8  # of an activation, of a layer's weights, of the templates
MAX_MACS = 10**12  # of a layer, an input
MAX_KEY_BITS = 65_536

NEEDED_BLOCKS = {
    "hybrid": ("cnn", "acam"),
    "mbi": ("mbi",),
    "cascade": ("cnn", "mbi", "cascade"),
    "cnn": ("cnn",),
}
OPTIONAL_BLOCKS = ("cnn", "acam", "mbi", "cascade")

ModelT = TypeVar("ModelT", bound=BaseModel)


class Fault(NamedTuple):
    """A problem whose place is a path of the manifest."""

    path: str
    got: str
    need: str


class Blocks(NamedTuple):
    """The blocks that are valid in themselves: their agreement can be checked while others are not."""

    dataset: Dataset | None
    cnn: Cnn | None
    acam: Acam | None
    mbi: Mbi | None
    cascade: Cascade | None


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`.

    Raises:
        WorkloadError: with all its faults, in the order of their lines.
    """
    document = yamlfile.read(path, WorkloadError)
    found = [Problem(document.where(fault.path), *fault) for fault in _agreement_faults(document.data)]
    try:
        manifest = Manifest.model_validate(document.data)
    except ValidationError as exc:
        found += faults.problems(exc, document, _schema())
    if found:
        raise WorkloadError(sorted(found, key=lambda problem: document.line(problem.path)))
    return manifest


@cache
def _schema() -> dict[str, Any]:
    """JSON Schema of a manifest whose optional blocks are just blocks (to the model, null is "absent")."""
    schema = Manifest.model_json_schema()
    for name in ("files", *OPTIONAL_BLOCKS):
        schema["properties"][name] = schema["properties"][name]["anyOf"][0]
    return schema


def _valid(model: type[ModelT], value: object) -> ModelT | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _agreement_faults(data: dict[str, Any]) -> Iterator[Fault]:
    blocks = Blocks(
        _valid(Dataset, data.get("dataset")),
        _valid(Cnn, data.get("cnn")),
        _valid(Acam, data.get("acam")),
        _valid(Mbi, data.get("mbi")),
        _valid(Cascade, data.get("cascade")),
    )
    yield from _presence_faults(data, blocks.cnn)
    content = data.get("content", "recorded")
    if content in ("recorded", "shapes"):
        yield from _content_faults(data, blocks.cnn, content == "shapes")
    if blocks.cnn:
        yield from _cnn_faults(blocks.cnn)
        yield from _layer_faults(blocks.cnn)
        if content == "recorded":
            yield from _chain_faults(blocks.cnn)
    if blocks.mbi:
        yield from _mbi_faults(blocks.mbi)
    yield from _class_faults(blocks)
    yield from _feature_faults(blocks)
    yield from _cascade_faults(blocks)


def _presence_faults(data: dict[str, Any], cnn: Cnn | None) -> Iterator[Fault]:
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in NEEDED_BLOCKS:
        return
    need = {"hybrid": "acam", "cnn": "argmax"}.get(kind)
    if cnn and need and cnn.head not in (need, "none"):
        yield Fault("cnn.head", f'"{cnn.head}"', f'"{need}" (kind {kind})')
    needed, why = NEEDED_BLOCKS[kind], f"kind {kind}"
    if kind == "cascade" and cnn and cnn.head == "acam":
        needed, why = (*needed, "acam"), "kind cascade, head acam"
    elif kind == "cascade" and cnn:
        why = "kind cascade, head argmax"
    for name in OPTIONAL_BLOCKS:
        present = data.get(name) is not None
        if name in needed and not present:
            yield Fault(name, "nothing", f"a block ({why})")
        open_question = name == "acam" and kind == "cascade" and cnn is None
        if name not in needed and present and not open_question:
            yield Fault(name, "a block", f"none ({why})")


def _content_faults(data: dict[str, Any], cnn: Cnn | None, shapes: bool) -> Iterator[Fault]:
    """A shape-only workload has fractions of zeros in place of arrays, a recorded one arrays alone."""
    why = "content shapes" if shapes else "content recorded"
    kind = data.get("kind")
    if shapes and kind in list(NEEDED_BLOCKS) and kind != "cnn":
        yield Fault("kind", f'"{kind}"', f'"cnn" ({why})')
    if shapes and data.get("files") is not None:
        yield Fault("files", "a block", f"none ({why})")
    if not shapes and data.get("files") is None:
        yield Fault("files", "nothing", "a mapping")
    accuracy = _valid(Accuracy, data.get("accuracy"))
    if shapes and accuracy and accuracy.measured is not None:
        yield Fault("accuracy.measured", str(accuracy.measured), f"null ({why}: nothing is evaluated)")
    if cnn is None:
        return
    if not shapes and cnn.head == "none":
        yield Fault("cnn.head", '"none"', f"a head that decides ({why})")
    if not shapes and cnn.batch > 1:
        yield Fault("cnn.batch", str(cnn.batch), f"1 ({why})")
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        for name in ("activation_zeros", "weight_zeros"):
            fraction = getattr(layer, name)
            if shapes and fraction is None:
                yield Fault(f"{path}.{name}", "nothing", f"a number from 0 to 1 ({why})")
            if not shapes and fraction is not None:
                yield Fault(f"{path}.{name}", str(fraction), f"no such field ({why}: its arrays say so)")
        if not shapes and layer.mapping is not None:
            yield Fault(f"{path}.mapping", "a mapping", f"none ({why})")
        if not shapes and isinstance(layer, ConvLayer) and layer.groups > 1:
            yield Fault(f"{path}.groups", str(layer.groups), f"1 ({why})")


def _cnn_faults(cnn: Cnn) -> Iterator[Fault]:
    if cnn.grey and cnn.input.channels != 1:
        yield Fault("cnn.input.channels", str(cnn.input.channels), "1 (grey: true)")
    low, high = (0 - cnn.input.offset) >> cnn.input.shift, (255 - cnn.input.offset) >> cnn.input.shift
    if low < -128 or high > 127:
        yield Fault("cnn.input.offset", f"inputs {low} … {high}", "-128 … 127 (int8)")
    names = [layer.name for layer in cnn.layers]
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        if layer.name in names[:i]:
            yield Fault(f"{path}.name", f"{layer.name} again", "another name for each layer")
        if isinstance(layer, ConvLayer) and layer.padding >= layer.kernel:
            yield Fault(f"{path}.padding", str(layer.padding), f"at most {layer.kernel - 1} (kernel - 1)")
        if isinstance(layer, ConvLayer) and gcd(layer.in_channels, layer.out_channels) % layer.groups:
            channels = f"{layer.in_channels} and {layer.out_channels} channels"
            yield Fault(f"{path}.groups", str(layer.groups), f"a divisor of {channels}")
        sizes = [
            ("values", MAX_VALUES, cnn.batch * max(prod(layer.in_shape), prod(layer.conv_shape))),
            ("weights", MAX_VALUES, prod(layer.weight_shape)),
            ("multiply-accumulates", MAX_MACS, cnn.batch * layer.n_macs),
        ]
        for what, limit, size in sizes:
            if size > limit:
                yield Fault(path, f"{size} {what}", f"at most {limit}")
    last, path = cnn.layers[-1], f"cnn.layers.{len(cnn.layers) - 1}"
    if cnn.head == "argmax" and last.relu:
        yield Fault(f"{path}.relu", "true", "false (an argmax head ends at the accumulators)")
    if cnn.head == "argmax" and isinstance(last, ConvLayer) and last.max_pool > 1:
        yield Fault(f"{path}.max_pool", str(last.max_pool), "1 (an argmax head ends at the accumulators)")


def _chain_faults(cnn: Cnn) -> Iterator[Fault]:
    """Each layer's input is what the one before gives (after pooling), the first one's is the network's."""
    given, giver = cnn.input.shape, "cnn.input"
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        flat = isinstance(layer, DenseLayer)
        if min(given) >= 1 and (prod(given) != prod(layer.in_shape) if flat else given != layer.in_shape):
            got = f"an input of {prod(layer.in_shape) if flat else _times(layer.in_shape)}"
            yield Fault(path, got, f"{prod(given) if flat else _times(given)} (from {giver})")
        given, giver = layer.out_shape, layer.name


def _layer_faults(cnn: Cnn) -> Iterator[Fault]:
    """Kernel and pooling window fit into what they see."""
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        if min(layer.conv_shape) < 1:
            yield Fault(path, "a kernel larger than its padded input", "a smaller one")
        elif min(layer.out_shape) < 1:
            yield Fault(path, f"a pooling window larger than {_times(layer.conv_shape)}", "a smaller one")


def _times(shape: Shape) -> str:
    return " x ".join(str(side) for side in shape)


def _mbi_faults(mbi: Mbi) -> Iterator[Fault]:
    n_thresholds = 2**mbi.pixel_bits - 1
    if len(mbi.pixel_thresholds) != n_thresholds:
        got = f"{len(mbi.pixel_thresholds)} thresholds"
        yield Fault("mbi.pixel_thresholds", got, f"{n_thresholds} (pixel_bits {mbi.pixel_bits})")
    if any(low >= high for low, high in pairwise(mbi.pixel_thresholds)):
        yield Fault("mbi.pixel_thresholds", "one not above the one before", "ascending thresholds")
    if mbi.hidden_bits % mbi.n_tables:
        yield Fault("mbi.hidden_bits", str(mbi.hidden_bits), f"a multiple of n_tables, {mbi.n_tables}")
    elif mbi.value_bits <= mbi.write_bits:
        need = f"more than {mbi.write_bits} (hidden_bits / n_tables)"
        yield Fault("mbi.value_bits", str(mbi.value_bits), need)
    for g, patches in enumerate(mbi.glimpses):
        if len(patches) != mbi.n_patches:
            need = f"{mbi.n_patches}, as in the first glimpse"
            yield Fault(f"mbi.glimpses.{g}", f"{len(patches)} patches", need)
    if mbi.key_bits > MAX_KEY_BITS:
        yield Fault("mbi", f"keys of {mbi.key_bits} bits", f"at most {MAX_KEY_BITS}")


def _class_faults(blocks: Blocks) -> Iterator[Fault]:
    if blocks.dataset is None:
        return
    n_classes = blocks.dataset.n_classes
    for name, block in (("acam", blocks.acam), ("mbi", blocks.mbi)):
        if block and block.n_classes != n_classes:
            yield Fault(f"{name}.n_classes", str(block.n_classes), f"{n_classes}, as dataset.n_classes")
    if blocks.cnn and blocks.cnn.head == "argmax" and blocks.cnn.n_outputs != n_classes:
        path = f"cnn.layers.{len(blocks.cnn.layers) - 1}"
        yield Fault(path, f"{blocks.cnn.n_outputs} outputs", f"{n_classes}, as dataset.n_classes")


def _feature_faults(blocks: Blocks) -> Iterator[Fault]:
    if blocks.acam is None:
        return
    n_cells = blocks.acam.n_rows * blocks.acam.n_features
    if n_cells > MAX_VALUES:
        yield Fault("acam", f"{n_cells} cells", f"at most {MAX_VALUES}")
    if blocks.cnn and blocks.cnn.head == "acam" and blocks.cnn.n_outputs != blocks.acam.n_features:
        need = f"{blocks.cnn.n_outputs}, the outputs of {blocks.cnn.layers[-1].name}"
        yield Fault("acam.n_features", str(blocks.acam.n_features), need)


def _cascade_faults(blocks: Blocks) -> Iterator[Fault]:
    if blocks.mbi and blocks.cascade and len(blocks.cascade.thresholds) != len(blocks.mbi.glimpses):
        got = f"{len(blocks.cascade.thresholds)} thresholds"
        yield Fault("cascade.thresholds", got, f"{len(blocks.mbi.glimpses)}, one a glimpse")
    if blocks.mbi and blocks.cnn:
        image, network = (blocks.mbi.image.height, blocks.mbi.image.width), blocks.cnn.input.shape[1:]
        if image != network:
            need = f"{network[0]} x {network[1]}, as cnn.input (one image serves both)"
            yield Fault("mbi.image", f"{image[0]} x {image[1]}", need)
