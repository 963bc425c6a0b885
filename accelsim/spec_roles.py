"""Which instances a chip of a kind must have, may have, and may not have together. Checked on the raw document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from accelsim.errors import Problem
from accelsim.faults import did_you_mean, nearest
from accelsim.spec_model import LEVEL_ROLES, MATCHERS, ROLES
from accelsim.yamlfile import Document

_BOTH = set(MATCHERS[0]) | set(MATCHERS[1])


def role_problems(document: Document, kind: str, instances: Mapping[str, Any]) -> Iterator[Problem]:
    """Every instance is a role of this kind of chip, none is missing, and templates are matched in one way."""
    roles = ROLES[kind]
    used = [way for way in MATCHERS if any(name in instances for name in way)]
    # Levels are made for somebody to match: always in a hybrid, in a cascade where any part of it is there.
    matches = "binariser" in roles and (
        roles["binariser"].required or any(name in instances for name in (*LEVEL_ROLES, *_BOTH))
    )
    needed = {name: role for name, role in roles.items() if role.required}
    if matches:
        needed |= {name: role for name, role in LEVEL_ROLES.items() if role.required}
        needed |= used[0] if len(used) == 1 else {}
    missing = [name for name in needed if name not in instances]
    meant = set()
    for name in instances:
        if name not in roles:
            guess = nearest(name, missing) or nearest(name, sorted(set(roles) - set(instances)))
            meant.add(guess)
            need = f"a role of a {kind} chip: {', '.join(roles)}"
            path = f"instances.{name}"
            yield Problem(document.where(path), path, "an unknown role", need, did_you_mean(guess))
    for name in missing:
        if name not in meant:
            path = f"instances.{name}"
            need = f"the {needed[name].component} of the chip"
            yield Problem(document.where(path), path, "nothing", need)
    if matches and not used and not meant & _BOTH:
        yield Problem(document.where("instances"), "instances", "nothing that matches templates", _ways())
    if matches and len(used) > 1:
        yield _two_ways(document, instances)


def _two_ways(document: Document, instances: Collection[str]) -> Problem:
    here = [name for name in instances if name in _BOTH]
    path = f"instances.{here[-1]}"
    return Problem(document.where(path), path, f"{_listed(here)} side by side", f"one way to match: {_ways()}")


def _ways() -> str:
    return ", or ".join(_listed(way) for way in MATCHERS)


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
