"""The manifest of a workload folder as models (docs/workload-format.md), and the sizes that follow from them.

The models bound every field; what fields must agree on is in `manifest_check.py`.
Shapes are (channels, height, width).
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from accelsim.component import MODEL
from accelsim.yamlfile import show

Shape = tuple[int, int, int]
ItemT = TypeVar("ItemT")

SPLIT_COLUMNS = 32
PIXEL_BITS = WEIGHT_BITS = 8
LOGIT_BYTES = 4  # an argmax layer's outputs stay int32


def _length(low: int, high: int, what: str) -> AfterValidator:
    def check(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
        if not low <= len(items) <= high:
            raise ValueError(f"got {len(items)} {what}, need {low} to {high}")
        return items

    return AfterValidator(check)


def _scalar(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        raise ValueError(f"got {show(value)}, need a single value")
    return value


LIST = Field(strict=False)  # YAML gives lists, the models hold tuples; what is in them stays strict

_NAME = Field(
    pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$",
    description="a name (letters, digits, underscores; a letter first; at most 64)",
)
_TEXT = Field(min_length=1, max_length=10_000, description="some text, at most 10,000 characters")
Name = Annotated[str, _NAME]
Text = Annotated[str, _TEXT]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="a SHA-256 (64 hexadecimal digits)")]
Classes = Annotated[int, Field(ge=2, le=256)]
Channels = Annotated[int, Field(ge=1, le=65_536)]
Features = Annotated[int, Field(ge=1, le=10**7)]
Side = Annotated[int, Field(ge=1, le=4096)]
Window = Annotated[int, Field(ge=1, le=255)]
Offset = Annotated[int, Field(ge=-4096, le=4096)]
Distance = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Block(BaseModel):
    """A mapping of the manifest: frozen, strict, no unknown key."""

    model_config = MODEL


class Dataset(Block):
    """What was recorded: `n_inputs` inputs of the split, with labels below `n_classes`."""

    name: Text
    split: Text
    n_inputs: Annotated[int, Field(ge=1, le=10**7)]
    n_classes: Classes


class Accuracy(Block):
    """Fraction right on the recorded inputs with ideal parts; None when labels carry no meaning."""

    measured: Annotated[float, Field(ge=0, le=1)] | None
    note: Text


class Files(Block):
    """sha256 of the two array files, lower-case hexadecimal."""

    model: Sha256 = Field(alias="model.safetensors")
    evaluation: Sha256 = Field(alias="eval.safetensors")


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


class ConvLayer(Block):
    """A convolution, requantised and pooled over `max_pool` x `max_pool` windows."""

    name: Name
    op: Literal["conv"]
    in_channels: Channels
    out_channels: Channels
    in_height: Side
    in_width: Side
    kernel: Window
    stride: Window
    padding: Annotated[int, Field(ge=0, le=255)]
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
        return (self.out_channels, self.in_channels, self.kernel, self.kernel)

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates of one input, padding included."""
        return prod(self.conv_shape) * prod(self.weight_shape[1:])


class DenseLayer(Block):
    """A fully connected layer; a shape before it is flattened channel-first."""

    name: Name
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
    """The network. `head: acam`: its last output is the features; `argmax`: its accumulators, the logits."""

    input: CnnInput
    grey: bool
    head: Literal["acam", "argmax"]
    layers: Annotated[tuple[Layer, ...], LIST, _length(1, 64, "layers")]

    @property
    def n_outputs(self) -> int:
        """Values the network gives: features (pooled), or logits."""
        last = self.layers[-1]
        return prod(last.conv_shape if self.head == "argmax" else last.out_shape)

    def ends_at_accumulators(self, layer: int) -> bool:
        """Whether layer number `layer` is the last one of an argmax head: neither requantised nor pooled."""
        return self.head == "argmax" and layer == len(self.layers) - 1


class Acam(Block):
    """Templates: `n_rows` rows of `n_features` cells, each with `feature_levels` levels."""

    n_features: Annotated[int, Field(ge=1, le=10**6)]
    n_rows: Annotated[int, Field(ge=1, le=65_536)]
    n_classes: Classes
    feature_levels: Annotated[int, Field(ge=2, le=256)]


class Image(Block):
    """Pixels of one channel."""

    height: Side
    width: Side


class Patch(Block):
    """A square of (patch_size * pool)^2 pixels from its top-left corner, which may lie outside the image."""

    row: Offset
    col: Offset
    pool: Window


Glimpse = Annotated[tuple[Patch, ...], LIST, _length(1, 64, "patches")]
PixelThreshold = Annotated[int, Field(ge=0, le=255)]


class Mbi(Block):
    """Lookup tables and the glimpses that query them."""

    image: Image
    patch_size: Window
    pixel_bits: Annotated[int, Field(ge=1, le=8)]
    pixel_thresholds: Annotated[tuple[PixelThreshold, ...], LIST]
    hidden_bits: Annotated[int, Field(ge=1, le=65_536)]
    n_tables: Annotated[int, Field(ge=1, le=1024)]
    n_classes: Classes
    decision: Literal["vote", "last"]
    value_bits: Annotated[int, Field(ge=1, le=65_536)]
    metric: Literal["circuit", "manhattan"]
    glimpses: Annotated[tuple[Glimpse, ...], LIST, _length(1, 256, "glimpses")]

    @property
    def n_patches(self) -> int:
        """Patches of a glimpse (all glimpses have as many)."""
        return len(self.glimpses[0])

    @property
    def patch_bits(self) -> int:
        """Bits of the patch part of a key."""
        return self.n_patches * self.patch_size**2 * self.pixel_bits

    @property
    def key_bits(self) -> int:
        """Bits of a stored key: the patch part and the hidden part, without split padding."""
        return self.patch_bits + self.hidden_bits

    @property
    def n_splits(self) -> int:
        """Splits of 32 columns a key takes; the hidden part starts on a new one."""
        return -(-self.patch_bits // SPLIT_COLUMNS) - (-self.hidden_bits // SPLIT_COLUMNS)

    @property
    def write_bits(self) -> int:
        """Bits of the next hidden code that one table's winner writes."""
        return self.hidden_bits // self.n_tables


class Cascade(Block):
    """When a lookup is too far to be trusted: one threshold a glimpse."""

    thresholds: Annotated[tuple[Distance, ...], LIST]
    abort: Literal["first_far", "after_all"]


class Manifest(Block):
    """`manifest.yaml`. Which of the last four blocks are there depends on `kind`."""

    schema_version: Literal[1]
    name: Name
    kind: Literal["hybrid", "mbi", "cascade"]
    method: Name
    description: Text
    dataset: Dataset
    training: dict[str, Annotated[Any, AfterValidator(_scalar)]]
    accuracy: Accuracy
    files: Files
    cnn: Cnn | None = None
    acam: Acam | None = None
    mbi: Mbi | None = None
    cascade: Cascade | None = None
