"""Edits a spec's text line by line, named by dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from accelsim.yamlfile import read

SMALL = Path(__file__).parent / "data" / "hybrid.yaml"


def edited(edits: Mapping[str, str | None], base: Path = SMALL) -> str:
    """The text of `base` with the line of each path replaced (keeping its indent), or dropped for None."""
    lines = base.read_text(encoding="utf-8").splitlines()
    where = read(base).lines
    for path, text in edits.items():
        old = lines[where[path] - 1]
        indent = old[: len(old) - len(old.lstrip())]
        lines[where[path] - 1] = "\0" if text is None else indent + text
    return "\n".join(line for line in lines if line != "\0") + "\n"


def without(role: str, base: Path = SMALL) -> str:
    """The text of `base` without one instance."""
    lines = base.read_text(encoding="utf-8").splitlines()
    first = read(base).lines[f"instances.{role}"] - 1
    rest = (i for i in range(first + 1, len(lines)) if not lines[i].startswith("    "))
    return "\n".join(lines[:first] + lines[next(rest, len(lines)) :]) + "\n"
