"""Quantisation-aware fine-tuning: a student that computes with the numbers that its int8 network will have.

Batch norm is folded into weights and biases, which are trained on as they are. Forward, weights are rounded per
channel and each layer's output to int8 at its scale (as `quantise.py` does it); backward both pass their gradient
straight through, the output's only where it was not clipped. Scales start from post-training quantisation and are
learned with the rest: the gradient of a scale is that of LSQ (Esser et al., arXiv 1902.08153), which follows from the
straight-through rounding alone. What remains between these numbers and the integers is the rounding of float32 sums
and of the multipliers.

A `QuantisedStudent` takes the student's place wherever features or logits are wanted, so the softmax loss and the
template match (`acam_training.py`) both fine-tune it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from accelsim.train.augment import INPUT_SCALE
from accelsim.train.integer_network import ACTIVATION_MAX, ACTIVATION_MIN, FloatLayer, IntegerLayer
from accelsim.train.networks import Student
from accelsim.train.quantise import WEIGHT_MAX, Scales, float_layers, quantise, quantise_weights, scaled

LEAST = 1e-12
"""Scale of a channel without weights, as in `quantise.py`."""


class QuantisedStudent(nn.Module):  # type: ignore[misc, unused-ignore]
    """A student in fake int8.

    Attributes:
        weights, biases: by layer, the softmax layer's among them; batch norm folded.
        first: [n_layers] logarithms of the output scales at the start; moved: what training has added to them.
        masks: buffers `mask_<layer>` as the student's.
    """

    def __init__(self, student: Student, calibration: Tensor) -> None:
        """calibration: [n, channels, 32, 32] int8, the integer network's input."""
        super().__init__()
        self.layers, self.n_classes = student.layers, student.n_classes
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        shapes = float_layers(student)
        scales = [layer.scale for layer in quantise(shapes[:-1], calibration, INPUT_SCALE)]
        for layer in shapes:
            self.weights[layer.name] = nn.Parameter(layer.weight.float())
            self.biases[layer.name] = nn.Parameter(layer.bias.float())
            self.register_buffer(f"mask_{layer.name}", self._mask(student, layer))
        self._shapes = [replace(layer, weight=torch.empty_like(layer.weight)) for layer in shapes]
        self.register_buffer("first", torch.tensor(scales).log())
        self.moved = nn.Parameter(torch.zeros(len(scales)))

    @staticmethod
    def _mask(student: Student, layer: FloatLayer) -> Tensor:
        if layer.final or not student.pruned:
            return torch.ones_like(layer.weight, dtype=torch.float32)
        mask: Tensor = getattr(student, f"mask_{layer.name}").clone()
        return mask

    @property
    def scales(self) -> Tensor:
        """[n_layers] what one step of each layer's output is."""
        return (self.first + self.moved).exp()

    def features(self, x: Tensor) -> Tensor:
        """x [n, channels, 32, 32] -> [n, 784], channel-first, whole multiples of the last scale.

        In float32 also under autocast: bfloat16 would round the integers' products once more.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._features(x.float())

    def _features(self, x: Tensor) -> Tensor:
        outputs: dict[str, Tensor] = {}
        steps: dict[str, Tensor] = {}
        y, step = x, torch.tensor(INPUT_SCALE)
        for spec, scale in zip(self.layers, self.scales, strict=True):
            y, step = (y, step) if spec.source is None else (outputs[spec.source], steps[spec.source])
            weight, bias = self._rounded(spec.name, step, per_channel=True)
            y = nn.functional.conv2d(y, weight, bias, spec.stride, spec.padding)
            y = y if spec.add is None else y + outputs[spec.add]
            y, step = _to_int8(y, scale, 0 if spec.relu else ACTIVATION_MIN), scale
            outputs[spec.name], steps[spec.name] = y, step
        return y.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, channels, 32, 32] -> logits [n, n_classes]."""
        weight, bias = self._rounded(self._shapes[-1].name, self.scales[-1], per_channel=False)
        return nn.functional.linear(self.features(x), weight, bias)

    def _rounded(self, name: str, input_step: Tensor, *, per_channel: bool) -> tuple[Tensor, Tensor]:
        """A layer's weights as int8 can hold them, and biases as accumulators can; its own keep the gradient."""
        weight, bias = self.weights[name] * getattr(self, f"mask_{name}"), self.biases[name]
        largest = weight.detach().abs().flatten(1).amax(1) if per_channel else weight.detach().abs().max()
        step = (largest.double() / WEIGHT_MAX).clamp(min=LEAST)
        rounded = _round_to(bias, step * input_step.detach())
        return _round_to(weight, step.reshape(-1, *[1] * (weight.ndim - 1))), rounded

    def integer_layers(self) -> list[IntegerLayer]:
        """What a chip runs, the softmax layer last."""
        scales, found = Scales(INPUT_SCALE), list[IntegerLayer]()
        outputs = dict(zip((spec.name for spec in self.layers), self.scales.tolist(), strict=True))
        for shape in self._shapes:
            weight = self.weights[shape.name].detach() * getattr(self, f"mask_{shape.name}")
            layer = replace(shape, weight=weight.double(), bias=self.biases[shape.name].detach().double())
            scale_in = scales.of(layer.source)
            integers, bias, scale_weight = quantise_weights(layer, scale_in)
            integer = IntegerLayer(layer, integers, bias, None, None)
            if not layer.final:
                scale_skip = None if layer.add is None else scales.of(layer.add)
                integer = scaled(integer, scale_in * scale_weight, scale_skip, outputs[layer.name])
                scales.keep(layer.name, integer.scale)
            found.append(integer)
        return found


def _round_to(x: Tensor, step: Tensor) -> Tensor:
    """x rounded to multiples of `step` (float64, as the integers are found), straight through."""
    return x + ((x / step).round() * step - x).detach().to(x.dtype)


def _to_int8(y: Tensor, scale: Tensor, least: int) -> Tensor:
    """y rounded (halves up) to `least` … 127 steps of `scale`, straight through."""
    steps = (y / scale).clamp(least, ACTIVATION_MAX)
    return (steps + ((steps + 0.5).floor() - steps).detach()) * scale
