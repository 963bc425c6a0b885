"""The files of a run: `summary.json`, `inputs.parquet`, `energy.csv`, `report.md`.

Each is written whole under a temporary name; only when all are on disk are they renamed, so that a run that fails or is
stopped leaves earlier results as they were.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, fields
from errno import EISDIR
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accelsim.account import LedgerRow
from accelsim.errors import OutputError
from accelsim.report.ledger import mean_ledger
from accelsim.report.markdown import report
from accelsim.run import ChipRun, Run


def require_writable(folder: Path, option: str = "--out") -> None:
    """Checks that an option's folder can be made and written, before anything long is begun; leaves nothing behind.

    Raises:
        OutputError: if it cannot be used.
    """
    real = Path(os.path.realpath(folder))
    made: list[Path] = []
    try:
        for path in reversed([path for path in (real, *real.parents) if not path.exists()]):
            path.mkdir()
            made.append(path)
        probe = real / f".accelsim-{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{option} {folder}: got {error.strerror}, need a folder that can be written"
        ) from error
    finally:
        for path in reversed(made):
            with suppress(OSError):  # somebody else may have put something there meanwhile
                path.rmdir()


def write_run(run: Run, summary: dict[str, Any], folder: Path) -> list[Path]:
    """Writes the four files into `folder`, which is made where it is missing.

    Returns:
        Their paths.

    Raises:
        OutputError: if one of them cannot be written; earlier results are then untouched.
    """
    ledger = mean_ledger(run)
    return write_files(
        folder,
        {
            "summary.json": lambda path: write_json(summary, path),
            "inputs.parquet": lambda path: _write_inputs(run, path),
            "energy.csv": lambda path: _write_energy(ledger, path),
            "report.md": lambda path: write_text(report(summary, ledger), path),
        },
    )


def write_files(folder: Path, writers: Mapping[str, Callable[[Path], None]]) -> list[Path]:
    """Writes files into `folder`, which is made where it is missing: all of them, or none.

    Args:
        writers: name of a file → what writes it at a path.

    Returns:
        Their paths.

    Raises:
        OutputError: if one of them cannot be written; earlier files are then untouched.
    """
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in (folder / name for name in writers):
            if target.is_dir():  # else found when some of the files have been renamed
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        for name, write in writers.items():
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            made.append(temporary)
            write(temporary)
        for name, temporary in zip(writers, made, strict=True):
            temporary.replace(folder / name)
    except OSError as error:
        raise OutputError(
            f"{folder}: got {error.strerror or error}, need room and permission to write"
        ) from error
    finally:
        for temporary in made:
            temporary.unlink(missing_ok=True)
    return [folder / name for name in writers]


def write_json(data: dict[str, Any], path: Path) -> None:
    """Writes JSON that has no NaN and no infinity."""
    write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Writes UTF-8 text."""
    path.write_text(text, encoding="utf-8")


def _write_inputs(run: Run, path: Path) -> None:
    tables = [_inputs_table(run, index, chip) for index, chip in enumerate(run.chips)]
    pq.write_table(pa.concat_tables(tables), path, compression="zstd")


def _inputs_table(run: Run, index: int, chip: ChipRun) -> Any:
    tick_hz, c = run.chip.clocks.tick_hz, chip.columns
    meaningful = run.workload.manifest.accuracy.measured is not None
    correct = pa.array(c["correct"]) if meaningful else pa.nulls(len(c["correct"]), pa.bool_())
    return pa.table(
        {
            "chip": np.full(len(c["input"]), index, dtype=np.int32),
            "input": c["input"],
            "label": c["label"],
            "predicted": c["predicted"],
            "correct": correct,
            "covered": c["covered"],
            "tied": c["tied"],
            "arrival_s": c["arrival_ticks"] / tick_hz,
            "start_s": c["start_ticks"] / tick_hz,
            "end_s": c["end_ticks"] / tick_hz,
            "latency_s": (c["end_ticks"] - c["start_ticks"]) / tick_hz,
            "response_s": (c["end_ticks"] - c["arrival_ticks"]) / tick_hz,
            "energy_dynamic_pj": c["energy_dynamic_pj"],
            "energy_static_pj": c["energy_static_pj"],
            "energy_pj": c["energy_dynamic_pj"] + c["energy_static_pj"],
        }
    )


def _write_energy(ledger: Sequence[LedgerRow], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(LedgerRow)])
        for row in ledger:
            writer.writerow(astuple(row))
