"""A student that begins as the network of a workload, in the place of random weights.

A workload holds integers (docs/workload-format.md); the float network is found from them:

- one step of an activation may stand for any real number, so each layer's is chosen, except where a layer is added:
  there multipliers fix it;
- each output channel's weights are scaled to length 1, as batch norm ignores it. A layer's weights then have an rms of
  1 / sqrt(fan-in), proportional to that of fresh ones, so that pruning by magnitude keeps small layers denser, as it
  does after training from random weights;
- the zeros of a pruned network stay zeros;
- batch norm's statistics are those of fitted images, its scale and bias what makes the layer the workload's again. The
  float network differs by the rounding and clipping of int8 alone.

The softmax layer is fitted to the features of all fitted images (logistic regression), also where the workload has one:
its own has lost the scale of its logits, which a teacher's answers need.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from accelsim.errors import RangeError
from accelsim.manifest_cnn import Cnn, ConvLayer, DenseLayer
from accelsim.train.augment import INPUT_OFFSET, INPUT_SCALE
from accelsim.train.networks import IMAGE_SIDE, TOPOLOGIES, ConvSpec, Student, Topology, topology
from accelsim.train.prune import mask_of, pruned_layers
from accelsim.train.quantise import Scales
from accelsim.workload import Workload, load_workload

STATISTICS_IMAGES = 5000
"""Images that batch norm's statistics are taken from; assumed: enough for means and variances."""
STEP = 1 / 64
"""What one step of an activation stands for where it may be chosen; assumed: activations then reach about 2."""
LEAST_LENGTH = 1e-12
"""Of a channel's weights, in the place of 0 where it has none."""
FIT_WEIGHT = 450.0
"""Weight of the images' mean loss beside the half square of the (scaled) softmax weights in the logistic regression;
of 45, 450 and 4,500 the best on the validation images of CIFAR-10 (89.60, 89.64 and 89.52 %), from `cifar10_hybrid`."""
UNTRAINED = "paper_geometry"
"""Method of generated workloads."""


def load_start(folder: Path, layers: Topology) -> Workload:
    """The workload whose network a student of topology `layers` begins as.

    Raises:
        WorkloadError: if it is not a valid workload folder.
        RangeError: if it is not trained, or its network is another one.
    """
    workload = load_workload(folder)
    kind, method = workload.manifest.kind, workload.manifest.method
    if kind not in ("hybrid", "cnn") or workload.shapes_only or method == UNTRAINED:
        got = f"of kind {kind} and method {method}"
        raise RangeError(f"--start: got {folder}, {got}, need a trained workload of kind hybrid or cnn")
    found, wanted = _spelled(workload.cnn), [_words(spec, last=spec is layers[-1]) for spec in layers]
    if found != wanted:
        raise RangeError(f"--start: got {folder}, {_difference(workload.cnn, found, wanted)}")
    seen = workload.cnn.input
    if (seen.height, seen.width, seen.offset, seen.shift) != (IMAGE_SIDE, IMAGE_SIDE, INPUT_OFFSET, 0):
        need = f"{IMAGE_SIDE} x {IMAGE_SIDE} pixels less {INPUT_OFFSET}"
        raise RangeError(f"--start: got {folder}, which sees other inputs, need {need}")
    return workload


def _spelled(cnn: Cnn) -> list[str]:
    """The layers in words, without the last one of a network that has an argmax head: that is fitted anew."""
    layers = cnn.layers[:-1] if cnn.head == "argmax" else cnn.layers
    return [_words(layer, last=layer is layers[-1]) for layer in layers]


def _words(layer: ConvSpec | ConvLayer | DenseLayer, *, last: bool) -> str:
    """A layer's geometry; whether the last one has a ReLU is the head's affair, and the student's is taken."""
    if isinstance(layer, DenseLayer):
        return f"{layer.name}: {layer.in_features} to {layer.out_features} features"
    source = layer.source if isinstance(layer, ConvSpec) else layer.input_from
    joins = f", from {source}" if source else ""
    joins += f", plus {layer.add}" if layer.add else ""
    joins += ", ReLU" if layer.relu and not last else ""
    pool = 1 if isinstance(layer, ConvSpec) else layer.max_pool
    joins += f", max-pooling {pool}" if pool > 1 else ""
    size = f"{layer.in_channels} to {layer.out_channels} channels, kernel {layer.kernel}, stride {layer.stride}"
    return f"{layer.name}: {size}, padding {layer.padding}{joins}"


def _difference(cnn: Cnn, found: list[str], wanted: list[str]) -> str:
    """What the network has and what it needs, in words."""
    for name in TOPOLOGIES:
        its = topology(name, cnn.input.channels)
        if found == [_words(spec, last=spec is its[-1]) for spec in its]:
            seen = "--grey" if cnn.input.channels == 1 else "--colour"
            return f"need --topology {name} {seen} for its network"
    which = next((pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]), None)
    got, need = which or (f"{len(found)} layers before the softmax layer", f"{len(wanted)}")
    return f"whose network has {got}, need {need}"


def start_student(workload: Workload, layers: Topology, n_classes: int, x: Tensor, labels: Tensor) -> Student:
    """The student of topology `layers`, in evaluation mode.

    x, labels: network inputs [n, channels, 32, 32] of the fitted images and their classes [n] int64.
    """
    student: Student = Student(layers, n_classes, 0).eval()
    scales = Scales(INPUT_SCALE)
    hooks = []
    student.pruned = was_pruned(workload)
    with torch.no_grad():
        for spec in layers:
            weight, bias, scale = _real(workload, spec, scales)
            length = weight.flatten(1).norm(dim=1).clamp(min=LEAST_LENGTH)
            student.convolutions[spec.name].weight.copy_(weight / length.reshape(-1, 1, 1, 1))
            if student.pruned and spec.name in pruned_layers(student):
                mask_of(student, spec.name).copy_(weight != 0)
            hooks.append(student.norms[spec.name].register_forward_pre_hook(_measure(length, bias)))
            scales.keep(spec.name, scale)
        student.features(x[:STATISTICS_IMAGES])
        for hook in hooks:
            hook.remove()
        features = torch.cat([student.features(batch) for batch in x.split(1000)])
    _fit_softmax(student.softmax, features, labels)
    return student


def was_pruned(workload: Workload) -> bool:
    """Whether zero weights of the workload's network are pruned ones."""
    return bool(workload.manifest.training.get("zeros"))


def _real(workload: Workload, spec: ConvSpec, scales: Scales) -> tuple[Tensor, Tensor, float]:
    """A layer's real weights [out, in, k, k] and biases [out], and what one step of its output stands for.

    Where the channels' ratios of a layer that is added differ (in our networks by rounding alone), the median counts.
    """
    keys = ("weight", "bias", "multiplier", "shift")
    weight, bias, multiplier, shift = (workload.model[f"{spec.name}.{key}"].astype(np.float64) for key in keys)
    scale = STEP
    if spec.add is not None:
        skip = workload.model[f"{spec.name}.skip_multiplier"].astype(np.float64)
        scale = scales.of(spec.add) * float(np.median(np.exp2(shift) / skip))
    scale_in = scales.of(spec.source)
    factor = multiplier / np.exp2(shift) * scale
    real = weight * (factor / scale_in).reshape(-1, 1, 1, 1)
    return torch.from_numpy(real).float(), torch.from_numpy(bias * factor).float(), scale


def _measure(length: Tensor, bias: Tensor) -> Any:
    """A hook before a batch norm that sets it from what it is given: with weights `length` times as long, and `bias`,
    the convolution's output would be what the batch norm gives."""

    def measured(norm: Any, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), correction=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(length * (variance + norm.eps).sqrt())
        norm.bias.copy_(bias + length * mean)

    return measured


def _fit_softmax(softmax: nn.Linear, features: Tensor, labels: Tensor) -> None:
    from sklearn.linear_model import LogisticRegression

    scale = features.square().mean().sqrt().clamp(min=LEAST_LENGTH)
    found = LogisticRegression(C=FIT_WEIGHT / len(labels), max_iter=200).fit((features / scale).numpy(), labels.numpy())
    with torch.no_grad():
        softmax.weight.copy_(torch.from_numpy(found.coef_) / scale)
        softmax.bias.copy_(torch.from_numpy(found.intercept_))
