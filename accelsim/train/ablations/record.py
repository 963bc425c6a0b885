"""What an ablation found, as one JSON file; `report.py` renders it and nothing else does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from accelsim.errors import DataError
from accelsim.report.files import write_files, write_json
from accelsim.train.ablations import ABLATIONS, Ablation

SCHEMA_VERSION = 1

VALIDATED = "validation_images"
"""Key of a record's sizes: images that an accuracy was measured on."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Histogram:
    """edges: [n + 1], ascending; shares: [n], their sum is at most 1."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    edges: list[float]
    shares: list[float]


@dataclass(frozen=True)
class Record:
    """One ablation's figures.

    Attributes:
        command: that makes it again.
        sizes: what was reduced: images fitted and validated on, epochs, …
        rows: one for each variant and seed: the ablation's columns and `seed`; accuracies are fractions.
        facts: figures that belong to all rows (the teacher's accuracy, …).
        seconds: of computation, also of stages that were taken over from an earlier run.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    name: str
    command: str
    dataset: str
    sizes: dict[str, Any]
    quick: bool
    seconds: float
    device: str
    versions: dict[str, str]
    rows: list[Row]
    facts: dict[str, Any] = field(default_factory=dict)
    histogram: Histogram | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def ablation(self) -> Ablation:
        return ABLATIONS[self.name]

    @property
    def seeds(self) -> list[int]:
        """Each once, ascending."""
        return sorted({row["seed"] for row in self.rows})


class _Need(NamedTuple):
    words: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


_SHARE = _Need("a number from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)
_NEED: dict[str, _Need] = {
    "factor": _Need("a word, a number or nothing", lambda value: value is None or isinstance(value, str | int | float)),
    "accuracy": _SHARE,
    "share": _SHARE,
    "number": _Need("a number", _number),
}
"""What a row may hold, by the kind of its column."""


def save(record: Record, folder: Path) -> Path:
    """Write `NAME.json` into `folder`, made when absent, and say where it is.

    Raises:
        OutputError: if it cannot be written; an earlier file is then untouched.
    """
    (path,) = write_files(folder, {f"{record.name}.json": lambda target: write_json(asdict(record), target)})
    return path


def load(path: Path) -> Record:
    """Read a record, checked.

    Raises:
        DataError: if it is none.
    """
    try:
        record = TypeAdapter(Record).validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path}: {where}: {first['msg']}, need a record of accelsim train ablate") from error
    _check(record, path)
    return record


def _check(record: Record, path: Path) -> None:
    if record.schema_version != SCHEMA_VERSION:
        raise DataError(f"{path}: got schema_version {record.schema_version}, need {SCHEMA_VERSION}")
    if record.name not in ABLATIONS:
        raise DataError(f"{path}: got the ablation {record.name!r}, need one of {', '.join(ABLATIONS)}")
    kinds = {column.key: column.kind for column in record.ablation.columns} | {"seed": "number"}
    plot, n_images = record.ablation.plot, record.sizes.get(VALIDATED, 1)
    kinds |= {plot.x: "number"} if plot.kind == "lines" and kinds[plot.x] == "factor" else {}
    if not isinstance(n_images, int) or n_images < 1:
        raise DataError(f"{path}: sizes.{VALIDATED}: got {n_images!r}, need a whole number above 0")
    for index, row in enumerate(record.rows):
        absent = set(kinds) - set(row)
        if absent:
            raise DataError(f"{path}: row {index} has no {', '.join(sorted(absent))}")
        for key, kind in kinds.items():
            need = _NEED[kind]
            if not need.holds(row[key]):
                raise DataError(f"{path}: row {index}: {key}: got {row[key]!r}, need {need.words}")
    if not record.rows:
        raise DataError(f"{path}: got no rows, need at least one")
    found = record.histogram
    if found and not (len(found.edges) == len(found.shares) + 1 and found.edges == sorted(found.edges)):
        raise DataError(f"{path}: histogram: got {len(found.edges)} edges, need ascending ones, one more than shares")
