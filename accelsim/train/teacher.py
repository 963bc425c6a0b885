"""The layer table of ResNet-50, the hybrid paper's teacher, on images of 32 x 32: a shape-only workload.

*Source*: He et al., CVPR 2016 (bottlenecks of 3, 4, 6 and 3 blocks). The stride of a stage lies in its first 3 x 3
convolution, as in torchvision ("v1.5"); the original has it in the 1 x 1 before, with fewer multiply-accumulates.
arXiv 2502.10089 names the network, but neither its stem nor the size of its input. Two stems bracket it:

- `imagenet`: 7 x 7, stride 2, then max pooling to a half: 83.4 M multiply-accumulates;
- `cifar`: 3 x 3, stride 1, no pooling, usual for small images: 1,298 M.

Inputs have three channels: the paper greys its images, but a network that was trained on colour before takes
three; with one, the first layer's work is a third. The ImageNet stem's pooling has 3 x 3 windows of stride 2, here
2 x 2: as many outputs, of three comparisons each in place of eight.
*Not in the table*: the additions of residual branches (1.8 M with the cifar stem, 0.1 % of the
multiply-accumulates), the average pooling before the last layer, and that a branch is kept meanwhile (the buffer
must have room for it). No zeros: no record of the teacher's activations or weights is known, so gating saves nothing
and the energy is an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from accelsim.train.save import save_shapes

Stem = Literal["imagenet", "cifar"]

SIDE = 32
N_CHANNELS = 3
N_CLASSES = 10
N_INPUTS = 16
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Channels inside the bottlenecks of a stage, and its blocks."""
EXPANSION = 4
NO_ZEROS = {"activation_zeros": 0.0, "weight_zeros": 0.0}

STEMS = {
    "imagenet": "the ImageNet stem (7 x 7, stride 2, then max pooling)",
    "cifar": "the stem for small images (3 x 3, stride 1)",
}


def generate_teacher(out: Path, stem: Stem) -> None:
    """Write the workload folder `out`.

    Raises:
        OutputError: if it cannot be written.
    """
    manifest = {
        "schema_version": 1,
        "name": f"resnet50_{stem}_stem",
        "kind": "cnn",
        "content": "shapes",
        "method": "layer_table",
        "description": (
            f"ResNet-50, the teacher of arXiv 2502.10089, on RGB images of 32 x 32 with {STEMS[stem]}; strides as "
            "in torchvision. Layer shapes alone: no weights, no zeros; residual additions and average pooling left out."
        ),
        "dataset": {"name": "none", "split": "none", "n_inputs": N_INPUTS, "n_classes": N_CLASSES},
        "training": {"command": f"accelsim train teacher --stem {stem}"},
        "accuracy": {"measured": None, "note": "not evaluated: shapes only"},
        "cnn": {
            "input": {"channels": N_CHANNELS, "height": SIDE, "width": SIDE, "offset": 128, "shift": 0},
            "grey": False,
            "head": "argmax",
            "layers": list(layers(stem)),
        },
    }
    save_shapes(out, manifest)


def layers(stem: Stem) -> Iterator[dict[str, Any]]:
    """All 54 layers as the manifest has them, in the order in which they run."""
    side = SIDE
    if stem == "imagenet":
        yield _conv("conv1", N_CHANNELS, 64, side, kernel=7, stride=2, max_pool=2)
        side //= 4
    else:
        yield _conv("conv1", N_CHANNELS, 64, side, kernel=3)
    n_in = 64
    for number, (width, n_blocks) in enumerate(STAGES, start=1):
        for block in range(n_blocks):
            name = f"layer{number}_{block}"
            stride = 2 if block == 0 and number > 1 else 1
            yield _conv(f"{name}_conv1", n_in, width, side)
            yield _conv(f"{name}_conv2", width, width, side, kernel=3, stride=stride)
            yield _conv(f"{name}_conv3", width, width * EXPANSION, side // stride)
            if block == 0:
                yield _conv(f"{name}_downsample", n_in, width * EXPANSION, side, stride=stride, relu=False)
            n_in, side = width * EXPANSION, side // stride
    yield {"name": "fc", "op": "dense", "in_features": n_in, "out_features": N_CLASSES, "relu": False, **NO_ZEROS}


def _conv(
    name: str,
    n_in: int,
    n_out: int,
    side: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    relu: bool = True,
    max_pool: int = 1,
) -> dict[str, Any]:
    """A square convolution, padded by half its kernel."""
    return {
        "name": name,
        "op": "conv",
        "in_channels": n_in,
        "out_channels": n_out,
        "in_height": side,
        "in_width": side,
        "kernel": kernel,
        "stride": stride,
        "padding": kernel // 2,
        "relu": relu,
        "max_pool": max_pool,
        **NO_ZEROS,
    }
