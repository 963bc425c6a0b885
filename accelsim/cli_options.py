"""Options that several commands share, as typer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from accelsim.errors import UsageError
from accelsim.process import at_once

with at_once():
    import typer


def folder(name: str) -> Path:
    """An output folder as typed: an empty name would mean the working folder."""
    if not name:
        raise UsageError('--out: got "", need a folder')
    return Path(name)


Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value, as in instances.acam.match_pj=0.2."),
]
SpecFile = Annotated[Path, typer.Argument(help="Architecture spec (YAML).")]
WorkloadFolder = Annotated[
    Path | None,
    typer.Argument(help="Workload folder; the shipped default of the chip's kind unless given."),
]
Inputs = Annotated[int | None, typer.Option(help="Inputs to classify [default: 256, or all if fewer].")]
Chips = Annotated[int, typer.Option(min=1, max=10_000, help="Chips in the population.")]
Seed = Annotated[int, typer.Option(min=0, help="Key of every random draw.")]
Age = Annotated[
    float, typer.Option("--age-s", metavar="T", help="Seconds since the analog memories were written (drift).")
]
ArrivalsText = Annotated[str, typer.Option(metavar="WHEN", help="back-to-back, interval:NS or poisson:PER_S.")]
ResultFolder = Annotated[
    Path | None,
    typer.Option(parser=folder, metavar="DIR", help="Folder for results [default: runs/SPEC-WORKLOAD]."),
]
