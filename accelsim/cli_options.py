"""Options that several commands share, as typer reads them, and help in sections."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Annotated, Any

from accelsim.errors import UsageError
from accelsim.process import at_once

with at_once():
    import typer
    from typer.core import TyperCommand, TyperGroup


class SectionedCommand(TyperCommand):
    """A command whose help lists its options under their `rich_help_panel`, those without one last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """In the order of the declaration."""
        entries = [(_section(param), param.get_help_record(ctx)) for param in self.get_params(ctx)]
        _write_sections(formatter, entries, "Options")


class SectionedGroup(TyperGroup):
    """A group whose help lists its commands under their `rich_help_panel`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """In the order of the declaration."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        width = formatter.width - 6 - max(len(name) for name, _ in found)
        entries = [
            (getattr(command, "rich_help_panel", None), (name, command.get_short_help_str(width)))
            for name, command in found
            if command is not None and not command.hidden
        ]
        _write_sections(formatter, entries, "Commands")


def _section(param: Any) -> Any:
    unnamed = "Arguments" if param.param_type_name == "argument" else None
    return getattr(param, "rich_help_panel", None) or unnamed


def _write_sections(formatter: Any, entries: Sequence[tuple[Any, tuple[str, str] | None]], rest: str) -> None:
    named = dict.fromkeys(str(section) for section, _ in entries if section is not None)
    for title in (*named, rest):
        rows = [entry for section, entry in entries if entry is not None and (section or rest) == title]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


SEED_MAX = 2**32 - 1
"""Of a seed: training multiplies it, and its draws take 64 bits."""


def ranged(least: float, most: float = inf) -> dict[str, Any]:
    """Of `typer.Option`: a finite number in a range; others are refused with what was got."""
    need = f"at least {least}" if most == inf else f"{least} to {most}"

    def within(param: typer.CallbackParam, value: float | None) -> float | None:
        if value is None or (isfinite(value) and least <= value <= most):
            return value
        raise UsageError(f"{param.opts[0]}: got {value}, need {need}")

    return {"callback": within}


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
Chips = Annotated[int, typer.Option(help="Chips in the population (1 to 10000).", **ranged(1, 10_000))]
Seed = Annotated[int, typer.Option(help="Key of every random draw.", **ranged(0, SEED_MAX))]
Age = Annotated[
    float, typer.Option("--age-s", metavar="T", help="Seconds since the analog memories were written (drift).")
]
ArrivalsText = Annotated[str, typer.Option(metavar="WHEN", help="back-to-back, interval:NS or poisson:PER_S.")]
ResultFolder = Annotated[
    Path | None,
    typer.Option(parser=folder, metavar="DIR", help="Folder for results [default: runs/SPEC-WORKLOAD]."),
]
