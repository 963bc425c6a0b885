"""What an ablation found, as one JSON file; `report.py` renders it and nothing else does."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelsim.errors import DataError
from accelsim.report.files import write_files, write_json
from accelsim.train.ablations import ABLATIONS, Ablation

SCHEMA_VERSION = 1

Row = dict[str, Any]


@dataclass(frozen=True)
class Histogram:
    """edges: [n + 1], ascending; shares: [n], their sum is at most 1."""

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
        data = json.loads(path.read_text(encoding="utf-8"))
        histogram = data.get("histogram")
        record = Record(**{**data, "histogram": histogram and Histogram(**histogram)})
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: got something else, need a record of accelsim train ablate ({error})") from error
    _check(record, path)
    return record


def _check(record: Record, path: Path) -> None:
    if record.schema_version != SCHEMA_VERSION:
        raise DataError(f"{path}: got schema_version {record.schema_version}, need {SCHEMA_VERSION}")
    if record.name not in ABLATIONS:
        raise DataError(f"{path}: got the ablation {record.name!r}, need one of {', '.join(ABLATIONS)}")
    needed = {column.key for column in record.ablation.columns} | {"seed"}
    for index, row in enumerate(record.rows):
        absent = needed - set(row)
        if absent:
            raise DataError(f"{path}: row {index} has no {', '.join(sorted(absent))}")
    if not record.rows:
        raise DataError(f"{path}: got no rows, need at least one")
