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
LOCATION_COORDINATES = 2


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
    """A square of (patch_size * pool)^2 pixels from its top-left corner, which may lie outside the image.

    With learned locations `row` and `col` are counted from the glimpse's centre pixel.
    """

    row: Offset
    col: Offset
    pool: Window


Glimpse = Annotated[tuple[Patch, ...], LIST, length(1, 64, "patches")]
PixelThreshold = Annotated[int, Field(ge=0, le=255)]


class Mbi(Block):
    """Lookup tables and the glimpses that query them.

    Attributes:
        locations: `fixed`, or `learned`: the value rows say where the next glimpse is.
        location_bits: of each of a learned location's two coordinates; None where locations are fixed.
        location_weighted: whether learned locations are a part of the key; None where locations are fixed.
    """

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
    locations: Literal["fixed", "learned"] = "fixed"
    location_bits: Annotated[int, Field(ge=1, le=8)] | None = None
    location_weighted: bool | None = None

    @property
    def learned(self) -> bool:
        """Whether the value rows say where the next glimpse is."""
        return self.locations == "learned"

    @property
    def n_patches(self) -> int:
        """Patches of a glimpse (all glimpses have as many)."""
        return len(self.glimpses[0])

    @property
    def patch_bits(self) -> int:
        """Bits of the patch part of a key."""
        return self.n_patches * self.patch_size**2 * self.pixel_bits

    @property
    def coordinate_bits(self) -> int:
        """Bits of a learned location's row or column; 0 where locations are fixed."""
        return self.location_bits or 0 if self.learned else 0

    @property
    def row_location_bits(self) -> int:
        """Bits of a value row's location, both coordinates."""
        return LOCATION_COORDINATES * self.coordinate_bits

    @property
    def key_location_bits(self) -> int:
        """Bits of the location part of a key."""
        return self.row_location_bits if self.location_weighted else 0

    @property
    def key_bits(self) -> int:
        """Bits of a stored key: the patch, hidden and location parts, without split padding."""
        return self.patch_bits + self.hidden_bits + self.key_location_bits

    @property
    def n_splits(self) -> int:
        """Splits of 32 columns a key takes; each part starts on a new one."""
        return sum(-(-bits // SPLIT_COLUMNS) for bits in (self.patch_bits, self.hidden_bits, self.key_location_bits))

    @property
    def write_bits(self) -> int:
        """Bits of the next hidden code that one table's winner writes."""
        return self.hidden_bits // self.n_tables


class Cascade(Block):
    """When the lookups are not to be trusted.

    Attributes:
        criterion: `distance`: the winners of a glimpse are too far; `margin`: the largest sum of votes does not lead
            the second largest by enough.
        thresholds: for distance, one a glimpse; else None.
        margin: the least lead that is trusted; None for distance.
    """

    criterion: Literal["distance", "margin"] = "distance"
    thresholds: Annotated[tuple[Distance, ...], LIST] | None = None
    abort: Literal["first_far", "after_all"]
    margin: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


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
