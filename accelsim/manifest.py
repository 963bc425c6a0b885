"""The manifest of a workload folder as models (docs/workload-format.md), and the sizes that follow from them.

The models bound every field; what fields must agree on is in `manifest_check.py`. The network is in `manifest_cnn.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from accelsim.manifest_cnn import Cnn
from accelsim.manifest_field import (
    LIST,
    Block,
    Classes,
    Distance,
    Name,
    Offset,
    Sha256,
    Side,
    Text,
    Window,
    length,
    scalar,
)

SPLIT_COLUMNS = 32


class Dataset(Block):
    """What was recorded: `n_inputs` inputs of the split, with labels below `n_classes`.

    In a shape-only workload, how many inputs may be run: all alike, and without labels.
    """

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


Glimpse = Annotated[tuple[Patch, ...], LIST, length(1, 64, "patches")]
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
    glimpses: Annotated[tuple[Glimpse, ...], LIST, length(1, 256, "glimpses")]

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
    """`manifest.yaml`. Which of the last four blocks are there depends on `kind`; shapes alone have no `files`."""

    schema_version: Literal[1]
    name: Name
    kind: Literal["hybrid", "mbi", "cascade", "cnn"]
    content: Literal["recorded", "shapes"] = "recorded"
    method: Name
    description: Text
    dataset: Dataset
    training: dict[str, Annotated[Any, AfterValidator(scalar)]]
    accuracy: Accuracy
    files: Files | None = None
    cnn: Cnn | None = None
    acam: Acam | None = None
    mbi: Mbi | None = None
    cascade: Cascade | None = None

    @property
    def hashes(self) -> dict[str, str]:
        """Array file → its SHA-256; a shape-only workload has none."""
        return {} if self.files is None else self.files.model_dump(by_alias=True)
