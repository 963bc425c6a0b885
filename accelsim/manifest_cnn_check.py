"""What the fields of a manifest's network must agree on: sizes, names, and which layer reads or adds which."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod

from accelsim.faults import SHORT_LIST, did_you_mean, nearest
from accelsim.manifest_cnn import Cnn, ConvLayer, DenseLayer, Shape
from accelsim.manifest_field import Fault

MAX_VALUES = 10**8  # of an activation, of a layer's weights, of the templates
MAX_MACS = 10**12  # of a layer, an input
REFERENCES = ("input_from", "add")  # fields that name an earlier layer


def cnn_faults(cnn: Cnn, recorded: bool) -> Iterator[Fault]:
    """Everything that the network's fields must agree on; only recorded layers must follow on each other."""
    yield from _size_faults(cnn)
    yield from _head_faults(cnn)
    yield from _window_faults(cnn)
    yield from _name_faults(cnn)
    yield from _chain_faults(cnn, recorded)
    yield from _added_faults(cnn)


def _size_faults(cnn: Cnn) -> Iterator[Fault]:
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


def _head_faults(cnn: Cnn) -> Iterator[Fault]:
    last, path = cnn.layers[-1], f"cnn.layers.{len(cnn.layers) - 1}"
    if cnn.head == "argmax" and last.relu:
        yield Fault(f"{path}.relu", "true", "false (an argmax head ends at the accumulators)")
    if cnn.head == "argmax" and isinstance(last, ConvLayer) and last.max_pool > 1:
        yield Fault(f"{path}.max_pool", str(last.max_pool), "1 (an argmax head ends at the accumulators)")


def _window_faults(cnn: Cnn) -> Iterator[Fault]:
    """Kernel and pooling window fit into what they see."""
    for i, layer in enumerate(cnn.layers):
        path = f"cnn.layers.{i}"
        if min(layer.conv_shape) < 1:
            yield Fault(path, "a kernel larger than its padded input", "a smaller one")
        elif min(layer.out_shape) < 1:
            yield Fault(path, f"a pooling window larger than {_times(layer.conv_shape)}", "a smaller one")


def _name_faults(cnn: Cnn) -> Iterator[Fault]:
    """What a layer reads or adds is the output of an earlier one."""
    names = [layer.name for layer in cnn.layers]
    for i, layer in enumerate(cnn.layers):
        for field in REFERENCES:
            name = getattr(layer, field)
            if name is None or name in names[:i]:
                continue
            what = "the layer itself" if name == layer.name else "a later layer" if name in names else "no layer's name"
            known = ", ".join(names[max(0, i - SHORT_LIST) : i])
            need = f"an earlier layer ({known})" if known else "no such field (no layer comes before the first)"
            yield Fault(f"cnn.layers.{i}.{field}", f"{name} ({what})", need, did_you_mean(nearest(name, names[:i])))


def _earlier(cnn: Cnn, layer: int, name: str) -> ConvLayer | DenseLayer | None:
    """The layer of that name before layer number `layer`; None where that is a fault of its own."""
    return next((other for other in cnn.layers[:layer] if other.name == name), None)


def _chain_faults(cnn: Cnn, recorded: bool) -> Iterator[Fault]:
    """Each layer's input is what the one it reads gives (after pooling), the first one's is the network's.

    In a shape-only workload only a layer that names the one it reads must fit it.
    """
    given, giver = cnn.input.shape, "cnn.input"
    for i, layer in enumerate(cnn.layers):
        read = _earlier(cnn, i, layer.input_from) if layer.input_from else None
        if read:
            given, giver = read.out_shape, read.name
        flat = isinstance(layer, DenseLayer)
        checked = read if layer.input_from else recorded
        if checked and min(given) >= 1 and (prod(given) != prod(layer.in_shape) if flat else given != layer.in_shape):
            got = f"an input of {prod(layer.in_shape) if flat else _times(layer.in_shape)}"
            yield Fault(f"cnn.layers.{i}", got, f"{prod(given) if flat else _times(given)} (from {giver})")
        given, giver = layer.out_shape, layer.name


def _added_faults(cnn: Cnn) -> Iterator[Fault]:
    """What is added is as large as what it is added to; an argmax head ends at its accumulators and adds nothing."""
    for i, layer in enumerate(cnn.layers):
        if layer.add is None:
            continue
        path, operand = f"cnn.layers.{i}.add", _earlier(cnn, i, layer.add)
        if cnn.ends_at_accumulators(i):
            yield Fault(path, layer.add, "no such field (an argmax head ends at the accumulators)")
        elif operand and min(*operand.out_shape, *layer.conv_shape) >= 1 and operand.out_shape != layer.conv_shape:
            need = f"{_times(layer.conv_shape)}, the outputs of {layer.name} before pooling"
            yield Fault(path, f"{layer.add}, which gives {_times(operand.out_shape)}", need)


def _times(shape: Shape) -> str:
    return " x ".join(str(side) for side in shape)
