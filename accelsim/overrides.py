"""`--set path=value`: changes to a spec before it is checked; a changed number's source says what it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from accelsim.errors import Problem, SpecError
from accelsim.faults import did_you_mean, nearest
from accelsim.units import is_physical
from accelsim.yamlfile import Document, read_value, show

SOURCES = "sources"


def apply_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """A copy of the document with every `path=value` applied.

    A value is a YAML scalar, or a flow list or mapping. A path must be there already. Sources cannot be set: only
    `edited: was …` is true of a number that was changed here.

    Raises:
        SpecError: with every override that has no `=`, an unknown path, bad YAML, or an earlier one's path, or that
            would change a source.
    """
    data = copy.deepcopy(document.data)
    found: list[Problem] = []
    paths: list[str] = []
    for override in overrides:
        path, equals, text = override.partition("=")
        path = path.strip()
        try:
            if not equals:
                raise SpecError([Problem("--set", "", f'"{override}"', "path=value")])
            if path in paths:
                raise SpecError([Problem("--set", path, "the path again", "it once")])
            value = read_value(text, f"--set {path}")
            if SOURCES in path.split(".") or _has_sources(value):
                raise SpecError([Problem("--set", path, "a source", "a value; its source will say what it was")])
            _set(data, path, value)
            paths.append(path)
        except SpecError as exc:
            found += exc.problems
    if found:
        raise SpecError(found)
    return replace(document, data=data, overridden=tuple(paths))


def _set(data: dict[str, Any], path: str, value: Any) -> None:
    trail = _find(data, path.split("."))
    if trail is None:
        hint = did_you_mean(_full_path(data, path))
        raise SpecError([Problem("--set", path, "an unknown path", "a path of the spec", hint)])
    parent, key = trail[-1]
    _edit_source(trail, parent[key], value)
    parent[key] = value


def _find(data: dict[str, Any], names: Sequence[str]) -> list[tuple[dict[str, Any], str]] | None:
    """Every mapping on the way and the key taken in it, or None where the way ends early."""
    trail = []
    here: Any = data
    for name in names:
        if not isinstance(here, dict) or name not in here:
            return None
        trail.append((here, name))
        here = here[name]
    return trail


def _edit_source(trail: Sequence[tuple[dict[str, Any], str]], old: Any, new: Any) -> None:
    """Rewrites the source of the field on the trail, if it has one or now needs one."""
    for depth, (mapping, field) in enumerate(trail):
        sources = mapping.get(SOURCES)
        if not isinstance(sources, dict):
            continue
        entry = sources.get(field)
        if entry is None and not (is_physical(field) and old is None and new is not None):
            continue  # a block inside may have sources of its own
        inside = "".join(f"{name} " for _, name in trail[depth + 1 :])
        was = show(old).strip('"') + _cited(entry)
        sources[field] = {"basis": "edited", "text": f"edited: {inside}was {was}"}
        return


def _has_sources(value: Any) -> bool:
    """Whether a mapping has sources at any depth."""
    if isinstance(value, dict):
        return SOURCES in value or any(_has_sources(inner) for inner in value.values())
    return isinstance(value, list) and any(_has_sources(inner) for inner in value)


def _cited(entry: Any) -> str:
    if isinstance(entry, dict) and {"basis", "text"} <= set(entry):
        return f" ({entry['basis']}: {entry['text']})"
    return ""


def _full_path(data: dict[str, Any], path: str) -> str:
    """The path of the spec that ends in `path`, or the one most like it."""
    known = list(_paths(data, ""))
    ending = [name for name in known if name.endswith(f".{path}")]
    return ending[0] if ending else nearest(path, known)


def _paths(data: dict[str, Any], prefix: str) -> Iterator[str]:
    for key, value in data.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
