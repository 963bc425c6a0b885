"""The architecture spec: one chip, one YAML file, checked as a whole and then frozen.

`load_spec` reads, applies `--set` overrides, fills in what memories take from tables, and validates; every fault is
reported at once, in file order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from accelsim import faults, yamlfile
from accelsim.components import COMPONENTS
from accelsim.errors import Problem, SpecError
from accelsim.spec_check import cross_check, delay_check
from accelsim.spec_model import ROLES, Role, Spec, json_schema
from accelsim.spec_tables import cycle_check, read_tables

__all__ = ["ROLES", "Role", "Spec", "json_schema", "load_spec", "not_charged", "spec_sha256"]


def load_spec(path: Path | str, overrides: Sequence[str] = ()) -> Spec:
    """Reads and checks a spec.

    Args:
        overrides: `dotted.path=value` each, as given to `--set`.

    Raises:
        SpecError: with every fault of the file and of the overrides.
    """
    filled = read_tables(yamlfile.read(path, SpecError), overrides)
    document = filled.document
    try:
        spec, found = Spec.model_validate(document.data), []
    except ValidationError as exc:
        spec, found = None, faults.problems(exc, document, json_schema())
    specific = [*filled.problems, *cross_check(document)]
    found = [p for p in found if p.path not in filled.absent and not _explained(p.path, specific)] + specific
    if spec is not None and not found:
        found = delay_check(spec, document) + cycle_check(spec, document)
    if spec is None or found:
        raise SpecError(_in_file_order(found, document))
    return spec


def _explained(path: str, problems: Sequence[Problem]) -> bool:
    """Whether a problem already covers `path`: at that path, or about the component of its instance."""
    for problem in problems:
        parent, _, field = problem.path.rpartition(".")
        if path == problem.path or (field == "component" and path.startswith(f"{parent}.")):
            return True
    return False


def _in_file_order(problems: Sequence[Problem], document: yamlfile.Document) -> list[Problem]:
    return sorted(problems, key=lambda p: (document.is_overridden(p.path), document.line(p.path)))


def spec_sha256(spec: Spec) -> str:
    """SHA-256 of the spec as canonical JSON: what it says, whatever the layout of its file."""
    text = json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def not_charged(spec: Spec) -> list[str]:
    """`instance.action` of every action, write or static power whose unit is 0, in file order."""
    names = []
    for name, instance in spec.instances.items():
        component = COMPONENTS[instance.component]
        charged = {**component.actions, **component.programming}
        charged.update({static: power.field for static, power in component.statics.items()})
        names += [f"{name}.{action}" for action, field in charged.items() if getattr(instance, field) == 0]
    return names
