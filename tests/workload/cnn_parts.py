"""A small random CNN with ACAM templates, and what it gives for images; written apart from accelsim's own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tests.workload.parts import Array, Built

Head = Literal["acam", "argmax"]


def add_cnn(
    parts: Built,
    rng: np.random.Generator,
    channels: tuple[int, ...],
    max_pool: int,
    head: Head,
    dense: int | None,
) -> Array:
    """Adds layers; what they give for the images, `[n_inputs, n_outputs]` int8 features or int32 logits."""
    x = (parts.images.astype(np.int16) - 128).astype(np.int8)[:, None]
    layers: list[dict[str, Any]] = []
    counts = []
    for i, n_out in enumerate(channels):
        _, n_in, height, width = x.shape
        layer = {"name": f"conv{i + 1}", "op": "conv", "in_channels": n_in, "out_channels": n_out}
        layer |= {
            "in_height": height,
            "in_width": width,
            "kernel": 3,
            "stride": 2 if i == 0 else 1,
            "padding": 1,
        }
        layer |= {"relu": i + 1 < len(channels), "max_pool": max_pool if i == 0 else 1}
        weight = rng.integers(-127, 128, (n_out, n_in, 3, 3), dtype=np.int8)
        y, n_macs = add_layer(parts, rng, layer, x, weight, keep=False)
        x = pooled(y.astype(np.int8), layer["max_pool"])
        layers.append(layer)
        counts.append(n_macs)
    if dense is not None:
        flat = x.reshape(len(x), -1, 1, 1)
        layer = {
            "name": "fc",
            "op": "dense",
            "in_features": flat.shape[1],
            "out_features": dense,
            "relu": False,
        }
        weight = rng.integers(-127, 128, (dense, flat.shape[1], 1, 1), dtype=np.int8)
        y, n_macs = add_layer(parts, rng, layer, flat, weight, keep=head == "argmax")
        x = y.astype(np.int32 if head == "argmax" else np.int8)
        parts.model["fc.weight"] = weight[:, :, 0, 0]
        layers.append(layer)
        counts.append(n_macs)
    side = parts.images.shape[1]
    shape = {"channels": 1, "height": side, "width": side, "offset": 128, "shift": 0}
    parts.manifest["cnn"] = {"input": shape, "grey": True, "head": head, "layers": layers}
    outputs = x.reshape(len(x), -1)
    parts.evaluation |= {"features": outputs, "nonzero_macs": np.stack(counts, axis=1).astype(np.int64)}
    return outputs


def add_layer(
    parts: Built,
    rng: np.random.Generator,
    layer: dict[str, Any],
    x: Array,
    weight: Array,
    *,
    keep: bool,
    skip: Array | None = None,
) -> tuple[Array, Array]:
    """Adds one layer's arrays; output before pooling (accumulators when `keep`) and non-zero MACs.

    `skip`, shaped as the output, is added before the one rounding.
    """
    stride, padding = layer.get("stride", 1), layer.get("padding", 0)
    name, n_out = layer["name"], len(weight)
    weight[rng.random(weight.shape) < 0.5] = 0
    bias = rng.integers(-1000, 1000, n_out, dtype=np.int32)
    acc = _correlate(x, weight, stride, padding) + bias.reshape(-1, 1, 1)
    n_macs = _correlate(x != 0, weight != 0, stride, padding).sum(axis=(1, 2, 3))
    parts.model |= {f"{name}.weight": weight, f"{name}.bias": bias}
    if keep:
        return acc, n_macs
    shift = rng.integers(14, 18, n_out)
    gain = np.maximum(40 * 2.0**shift / np.maximum(acc.std(axis=(0, 2, 3)), 1), 1)
    multiplier = np.round(gain).astype(np.int32)
    parts.model |= {f"{name}.multiplier": multiplier, f"{name}.shift": shift.astype(np.uint8)}
    scale, places = multiplier.astype(np.int64).reshape(-1, 1, 1), shift.reshape(-1, 1, 1)
    y = acc * scale + (1 << (places - 1))
    if skip is not None:
        skip_scale = np.round(rng.uniform(0.3, 1.5, n_out) * 2.0**shift).astype(np.int32)
        parts.model[f"{name}.skip_multiplier"] = skip_scale
        y = y + skip * skip_scale.astype(np.int64).reshape(-1, 1, 1)
    return np.clip(y >> places, 0 if layer["relu"] else -128, 127), n_macs


def _correlate(x: Array, weight: Array, stride: int, padding: int) -> Array:
    """`[n, c, h, w]` and `[o, c, k, k]` → `[n, o, h', w']` int64, summed over the kernel's positions."""
    kernel = weight.shape[2]
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    height, width = ((side - kernel) // stride + 1 for side in padded.shape[2:])
    total = np.zeros((len(x), len(weight), height, width), dtype=np.int64)
    for i in range(kernel):
        for j in range(kernel):
            window = padded[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
            total += np.einsum(
                "nchw,oc->nohw", window[:, :, :height, :width], weight[:, :, i, j].astype(np.int64)
            )
    return total


def pooled(y: Array, size: int) -> Array:
    rows, cols = y.shape[2] // size, y.shape[3] // size
    whole = y[:, :, : rows * size, : cols * size]
    windows: Array = whole.reshape(*y.shape[:2], rows, size, cols, size)
    largest: Array = windows.max(axis=(3, 5))
    return largest


def add_acam(
    parts: Built, rng: np.random.Generator, features: Array, n_rows: int, n_classes: int, feature_levels: int
) -> Array:
    """Adds templates; `[n_inputs]` the class of the row with the most matching cells."""
    n_features = features.shape[1]
    thresholds = np.sort(rng.integers(-60, 60, (n_features, feature_levels - 1)), axis=1)
    bounds = np.sort(rng.integers(0, feature_levels, (2, n_rows, n_features), dtype=np.uint8), axis=0)
    row_class = rng.integers(0, n_classes, n_rows, dtype=np.uint8)
    parts.model |= {"thresholds": thresholds.astype(np.int16), "row_class": row_class}
    parts.model |= {"template_low": bounds[0], "template_high": bounds[1]}
    parts.manifest["acam"] = {
        "n_features": n_features,
        "n_rows": n_rows,
        "n_classes": n_classes,
        "feature_levels": feature_levels,
    }
    levels = (features[:, :, None] > thresholds).sum(axis=2)[:, None]
    matches = ((bounds[0] <= levels) & (levels <= bounds[1])).sum(axis=2)
    predicted: Array = row_class[matches.argmax(axis=1)].astype(np.int64)
    return predicted
