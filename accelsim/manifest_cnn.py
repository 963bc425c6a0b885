"""The network of a manifest, and the sizes that follow from it (docs/workload-format.md).

Shapes are (channels, height, width).
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, prod
from typing import Annotated, Literal

from pydantic import Field

from accelsim.manifest_field import LIST, Block, Name, Side, Window, length
from accelsim.units import exact

Shape = tuple[int, int, int]
Channels = Annotated[int, Field(ge=1, le=65_536)]
Features = Annotated[int, Field(ge=1, le=10**7)]
Batch = Annotated[int, Field(ge=1, le=1024)]
Zeros = Annotated[float, Field(ge=0, le=1)]

PIXEL_BITS = WEIGHT_BITS = 8
BIAS_BITS, MULTIPLIER_BITS, SHIFT_BITS = 32, 32, 8  # of an output channel
NETWORK_INPUT = -1  # what the first layer reads, where layers are named by their numbers
LOGIT_BYTES = 4  # an argmax layer's outputs stay int32


class CnnInput(Block):
    """The network's input: x = (pixel - offset) >> shift, int8."""

    channels: Channels
    height: Side
    width: Side
    offset: Annotated[int, Field(ge=0, le=255)]
    shift: Annotated[int, Field(ge=0, le=7)]

    @property
    def shape(self) -> Shape:
        return (self.channels, self.height, self.width)


class RowStationaryMapping(Block):
    """How a row-stationary engine runs a layer, in the names of Eyeriss (Chen et al., JSSC 52(1) 2017, Table III).

    Attributes:
        n: images in a pass; e: output rows of a PE set; p, q: filters and channels of a PE.
        r, t: PE sets with different channels, and with different filters.
    """

    n: Batch
    e: Side
    p: Channels
    q: Channels
    r: Channels
    t: Channels


class LayerBlock(Block):
    """What a convolution and a dense layer share.

    Attributes:
        input_from: the earlier layer whose output is this one's input; None is the layer before it.
        add: the earlier layer whose output is added to this one's, before it is pooled.
        activation_zeros, weight_zeros: in a shape-only workload, the fractions of input values and of weights that
            are zero; None in a recorded one, whose arrays say so.
        mapping: on a row-stationary engine; None lets the quickest one be found.
    """

    name: Name
    input_from: Name | None = None
    add: Name | None = None
    activation_zeros: Zeros | None = None
    weight_zeros: Zeros | None = None
    mapping: RowStationaryMapping | None = None


class ConvLayer(LayerBlock):
    """A convolution, requantised and pooled over `max_pool` x `max_pool` windows.

    Attributes:
        groups: groups of channels that do not see each other (shape-only workloads; 1 elsewhere).
    """

    op: Literal["conv"]
    in_channels: Channels
    out_channels: Channels
    in_height: Side
    in_width: Side
    kernel: Window
    stride: Window
    padding: Annotated[int, Field(ge=0, le=255)]
    groups: Channels = 1
    relu: bool
    max_pool: Window

    @property
    def in_shape(self) -> Shape:
        return (self.in_channels, self.in_height, self.in_width)

    @property
    def conv_shape(self) -> Shape:
        """Shape of the accumulators, before pooling; a side below 1 means that the kernel does not fit."""
        border = 2 * self.padding - self.kernel
        height, width = ((side + border) // self.stride + 1 for side in self.in_shape[1:])
        return (self.out_channels, height, width)

    @property
    def out_shape(self) -> Shape:
        channels, height, width = self.conv_shape
        return (channels, height // self.max_pool, width // self.max_pool)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates of one input, padding included."""
        return prod(self.conv_shape) * prod(self.weight_shape[1:])


class DenseLayer(LayerBlock):
    """A fully connected layer; a shape before it is flattened channel-first."""

    op: Literal["dense"]
    in_features: Features
    out_features: Features
    relu: bool

    @property
    def in_shape(self) -> Shape:
        return (self.in_features, 1, 1)

    @property
    def conv_shape(self) -> Shape:
        """The same as `out_shape`: nothing is pooled."""
        return self.out_shape

    @property
    def out_shape(self) -> Shape:
        return (self.out_features, 1, 1)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.out_features, self.in_features)

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates of one input."""
        return self.in_features * self.out_features


Layer = Annotated[ConvLayer | DenseLayer, Field(discriminator="op")]


class Cnn(Block):
    """The network.

    Attributes:
        head: `acam`: the last layer's output is the features; `argmax`: its accumulators are the logits; `none`
            (shape-only workloads): its output is written back, and nothing is decided.
        batch: images that make one input of a run; each fetched weight serves them all (shape-only workloads; 1
            elsewhere).
    """

    input: CnnInput
    grey: bool
    head: Literal["acam", "argmax", "none"]
    batch: Batch = 1
    layers: Annotated[tuple[Layer, ...], LIST, length(1, 64, "layers")]

    @property
    def n_outputs(self) -> int:
        """Values the network gives: features (pooled), or logits."""
        last = self.layers[-1]
        return prod(last.conv_shape if self.head == "argmax" else last.out_shape)

    def ends_at_accumulators(self, layer: int) -> bool:
        """Whether layer number `layer` is the last one of an argmax head: neither requantised nor pooled."""
        return self.head == "argmax" and layer == len(self.layers) - 1

    def source(self, layer: int) -> int:
        """Number of the layer whose output layer number `layer` reads, or NETWORK_INPUT."""
        name = self.layers[layer].input_from
        return layer - 1 if name is None else self._number(name)

    def added(self, layer: int) -> int | None:
        """Number of the layer whose output is added to that of layer number `layer`."""
        name = self.layers[layer].add
        return None if name is None else self._number(name)

    def _number(self, name: str) -> int:
        return [layer.name for layer in self.layers].index(name)

    def last_use(self, layer: int) -> int:
        """Number of the last layer that reads or adds what layer number `layer` gives; its own if none does."""
        later = range(layer + 1, len(self.layers))
        return max((i for i in later if layer in (self.source(i), self.added(i))), default=layer)

    def adds_in_place(self, layer: int) -> bool:
        """Whether layer number `layer` may write its outputs over those that are added to it.

        An output takes the place of its own operand when nothing is pooled and nobody needs the operand any more.
        """
        added, shape = self.added(layer), self.layers[layer]
        if added is None or added == self.source(layer) or shape.out_shape != shape.conv_shape:
            return False
        return self.last_use(added) == layer

    def kept(self, layer: int) -> list[int]:
        """Earlier layers whose outputs need room while layer number `layer` runs, besides its own input and output."""
        in_place = self.added(layer) if self.adds_in_place(layer) else None
        others = (i for i in range(layer) if i not in (self.source(layer), in_place))
        return [i for i in others if self.last_use(i) >= layer]

    def expected_nonzero_macs(self, layer: int) -> int:
        """Multiply-accumulates of one input with no zero operand, in layer number `layer` of a shape-only workload.

        Zeros of activations and of weights are taken as independent; rounded to the nearest whole number, half up.
        """
        shape = self.layers[layer]
        kept = (1 - exact(shape.activation_zeros or 0)) * (1 - exact(shape.weight_zeros or 0))
        return floor(self.batch * shape.n_macs * kept + Fraction(1, 2))
