"""Small random networks with residual connections, and what they give for images; written apart from accelsim's own."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tests.workload.cnn_parts import Head, add_acam, add_layer, pooled
from tests.workload.parts import Array, Built, start


def conv(name: str, out: int, kernel: int = 3, stride: int = 1, padding: int = 1, **more: Any) -> dict[str, Any]:
    """A convolution without its input's shape, which `network` fills in; `more` as in a manifest."""
    geometry = {"kernel": kernel, "stride": stride, "padding": padding}
    return {"name": name, "op": "conv", "out_channels": out, **geometry, "relu": True, "max_pool": 1, **more}


# A block with a projection (it keeps the stem beside its own layers), one that adds its own input and pools, a 2 x 2
# convolution; of 8 x 8 pixels.
LAYERS = (
    conv("stem", 4),
    conv("down", 6, 1, 2, 0, relu=False),
    conv("res1", 6, stride=2, input_from="stem"),
    conv("res2", 6, add="down"),
    conv("res3", 6, add="res2", max_pool=2),
    conv("res4", 6, relu=False, add="res3"),
    conv("head", 5, 2, 1, 1, relu=False),
)


def network(
    seed: int = 0,
    layers: tuple[dict[str, Any], ...] = LAYERS,
    *,
    kind: str = "hybrid",
    n_inputs: int = 8,
    side: int = 8,
    colours: int = 1,
    n_classes: int = 3,
    images: Array | None = None,
) -> Built:
    """A workload of kind hybrid (ACAM head), or cnn (a dense layer `fc` that gives logits is put behind).

    Args:
        layers: as `conv` makes them.
        colours: 1 for grey, 3 for RGB images.
        images: `[n_inputs, side, side]` or `[n_inputs, side, side, 3]`; random ones unless given.
    """
    rng = np.random.default_rng(seed)
    if images is None:
        shape = (n_inputs, side, side) if colours == 1 else (n_inputs, side, side, colours)
        images = rng.integers(0, 256, shape, dtype=np.uint8)
    parts = start(kind, rng, images, n_classes)
    head: Head = "acam" if kind == "hybrid" else "argmax"
    fc = {"name": "fc", "op": "dense", "out_features": n_classes, "relu": False}
    outputs = _add_layers(parts, rng, [*layers, *([fc] if kind == "cnn" else [])], head, colours)
    if head == "acam":
        parts.predicted = add_acam(parts, rng, outputs, 5, n_classes, 2)
    else:
        parts.predicted = outputs.argmax(axis=1)
    return parts


def _add_layers(
    parts: Built, rng: np.random.Generator, layers: list[dict[str, Any]], head: Head, colours: int
) -> Array:
    side = parts.images.shape[1]
    x = (parts.images.reshape(len(parts.images), side, side, colours).astype(np.int16) - 128).astype(np.int8)
    x = x.transpose(0, 3, 1, 2)
    given: dict[str, Array] = {}
    table, counts = [], []
    for template in layers:
        x = given[template["input_from"]] if "input_from" in template else x
        layer = _with_input(template, x)
        flat = x.reshape(len(x), -1, 1, 1) if layer["op"] == "dense" else x
        n_out = layer.get("out_channels") or layer["out_features"]
        kernel = layer.get("kernel", 1)
        weight = rng.integers(-127, 128, (n_out, flat.shape[1], kernel, kernel), dtype=np.int8)
        keep = head == "argmax" and template is layers[-1]
        skip = given[layer["add"]] if "add" in layer else None
        y, n_macs = add_layer(parts, rng, layer, flat, weight, keep=keep, skip=skip)
        if layer["op"] == "dense":
            parts.model[f"{layer['name']}.weight"] = weight[:, :, 0, 0]
        x = y.astype(np.int32) if keep else pooled(y.astype(np.int8), layer.get("max_pool", 1))
        given[layer["name"]] = x
        table.append(layer)
        counts.append(n_macs)
    shape = {"channels": colours, "height": side, "width": side, "offset": 128, "shift": 0}
    parts.manifest["cnn"] = {"input": shape, "grey": colours == 1, "head": head, "layers": table}
    outputs = x.reshape(len(x), -1)
    parts.evaluation |= {"features": outputs, "nonzero_macs": np.stack(counts, axis=1).astype(np.int64)}
    return outputs


def _with_input(template: dict[str, Any], x: Array) -> dict[str, Any]:
    """The layer with the shape of its input, in the order in which manifests have it."""
    if template["op"] == "dense":
        shape: dict[str, int] = {"in_features": prod(x.shape[1:])}
    else:
        shape = dict(zip(("in_channels", "in_height", "in_width"), x.shape[1:], strict=True))
    first = {key: template[key] for key in ("name", "op")}
    return {**first, **shape, **{key: value for key, value in template.items() if key not in first}}
