"""A generated workload with the geometry of the hybrid's paper, for timing and energy alone.

*Source*: arXiv 2502.10089 (CNN reconstructed from its parameter count and feature shape). *Not modelled*: accuracy,
which has no meaning here. numpy only; the same seed gives the same bytes anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from accelsim.datasets import N_CLASSES
from accelsim.train.mbi_tables import Bits, Ints
from accelsim.train.raw_draws import RawDraws
from accelsim.train.save import save_workload
from accelsim.train.stages import Arrays

HYBRID_INPUTS = 256
N_FEATURES = 784
PRUNED_SHARE = 0.8
FEATURE_FLIPS = 0.25
"""Share of an input's binary features that differ from its class's template."""
MULTIPLIER_SHIFT = 24

HYBRID_LAYERS: tuple[dict[str, Any], ...] = tuple(
    {
        "name": name,
        "op": "conv",
        "in_channels": channels[0],
        "out_channels": channels[1],
        "in_height": side,
        "in_width": side,
        "kernel": 3,
        "stride": stride,
        "padding": padding,
        "relu": True,
        "max_pool": 1,
    }
    for name, channels, side, stride, padding in (
        ("conv1", (1, 32), 32, 2, 0),
        ("conv2", (32, 128), 15, 2, 0),
        ("conv3", (128, 256), 7, 1, 1),
        ("head", (256, 16), 7, 1, 1),
    )
)


def dense_macs(layer: dict[str, Any]) -> int:
    """Multiply-accumulates of one conv layer, padding included."""
    side = (layer["in_height"] + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1
    return int(side**2 * layer["out_channels"] * layer["in_channels"] * layer["kernel"] ** 2)


def _layer_arrays(draws: RawDraws, layer: dict[str, Any]) -> Arrays:
    """Bell-shaped int8 weights, the PRUNED_SHARE nearest zero made zero; multipliers that keep the spread."""
    shape = (layer["out_channels"], layer["in_channels"], layer["kernel"], layer["kernel"])
    n_weights = int(np.prod(shape))
    weights = draws.below(256, 4 * n_weights).reshape(4, -1).sum(axis=0) // 4 - 127
    weights[np.argsort(np.abs(weights), kind="stable")[: round(PRUNED_SHARE * n_weights)]] = 0
    # Uncorrelated inputs of one spread give the accumulator that spread times the root of the summed squares.
    gain = 1 / np.sqrt(np.maximum((weights.reshape(shape[0], -1) ** 2).sum(axis=1), 1))
    return {
        "weight": weights.reshape(shape).astype(np.int8),
        "bias": (draws.below(2001, shape[0]) - 1000).astype(np.int32),
        "multiplier": np.round(gain * 2**MULTIPLIER_SHIFT).astype(np.int32),
        "shift": np.full(shape[0], MULTIPLIER_SHIFT, np.uint8),
    }


def _recorded(draws: RawDraws, thresholds: Ints, templates: Bits) -> Arrays:
    """The arrays of `eval.safetensors`: each input's binary features are near one class's template."""
    n = HYBRID_INPUTS
    bits = templates[draws.below(N_CLASSES, n)] ^ draws.flips(FEATURE_FLIPS, n, N_FEATURES)
    above, below = (draws.below(127, n * N_FEATURES).reshape(n, -1) for _ in range(2))
    matches = (bits[:, None] == templates).sum(axis=2)
    dense = np.array([dense_macs(layer) for layer in HYBRID_LAYERS])
    nonzero_share = (1 - PRUNED_SHARE) * (0.4 + 0.2 * draws.fractions(n, len(dense)))
    # Any value 0 … 127 on the right side of the threshold.
    features = np.where(bits == 1, thresholds + 1 + above % (127 - thresholds), below % (thresholds + 1))
    return {
        "features": features.astype(np.int8),
        "nonzero_macs": (dense * nonzero_share).astype(np.int64),
        "labels": matches.argmax(axis=1).astype(np.uint8),
    }


def generate_paper_hybrid(out: Path, seed: int) -> None:
    """Write the hybrid paper's geometry, with random weights and templates, to the folder `out`."""
    draws = RawDraws(seed)
    model = {
        f"{layer['name']}.{part}": array
        for layer in HYBRID_LAYERS
        for part, array in _layer_arrays(draws, layer).items()
    }
    templates = draws.flips(0.5, N_CLASSES, N_FEATURES)
    thresholds = 20 + draws.below(41, N_FEATURES)
    model |= {
        "thresholds": thresholds.reshape(-1, 1).astype(np.int16),
        "template_low": templates,
        "template_high": templates,
        "row_class": np.arange(N_CLASSES, dtype=np.uint8),
    }
    manifest = {
        "schema_version": 1,
        "name": "paper_hybrid",
        "kind": "hybrid",
        "method": "paper_geometry",
        "description": (
            "Generated network with the geometry of arXiv 2502.10089, reconstructed: four 3x3 convolutions, "
            "369,360 parameters and 18,128,160 multiply-accumulates, 80 % of the weights zero, then 784 "
            "binary features against 10 templates. Weights, features and templates are random; labels are "
            "what the templates answer, so accuracy carries no meaning."
        ),
        "dataset": {"name": "generated", "split": "none", "n_inputs": HYBRID_INPUTS, "n_classes": N_CLASSES},
        "training": {"command": f"accelsim train paper-hybrid --seed {seed}", "seed": seed},
        "accuracy": {"measured": None, "note": "labels are the templates' own answers"},
        "cnn": {
            "input": {"channels": 1, "height": 32, "width": 32, "offset": 128, "shift": 0},
            "grey": True,
            "head": "acam",
            "layers": list(HYBRID_LAYERS),
        },
        "acam": {"n_features": N_FEATURES, "n_rows": N_CLASSES, "n_classes": N_CLASSES, "feature_levels": 2},
    }
    save_workload(out, manifest, model, _recorded(draws, thresholds, templates))
