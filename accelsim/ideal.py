"""What of a chip is ideal: imperfection blocks that a spec leaves out, and the same chip without any.

A component's spec declares its imperfections as optional nested blocks (`Imperfection` in `component.py`).
"""

from __future__ import annotations

from accelsim.components import COMPONENTS
from accelsim.spec_check import block_model
from accelsim.spec_model import Spec


def blocks(component: str) -> list[str]:
    """Fields of a component's spec that hold an imperfection block, in the order they are declared."""
    fields = COMPONENTS[component].spec.model_fields
    return [name for name, field in fields.items() if block_model(field)]


def ideal_parts(spec: Spec) -> list[str]:
    """`instance.block` of every imperfection that a part of this chip could have and that the spec leaves out."""
    return [
        f"{name}.{block}"
        for name, instance in spec.instances.items()
        for block in blocks(instance.component)
        if getattr(instance, block) is None
    ]


def ideal_spec(spec: Spec) -> Spec | None:
    """The same chip with every imperfection block removed; None where it has none."""
    instances = {}
    for name, instance in spec.instances.items():
        present = [block for block in blocks(instance.component) if getattr(instance, block) is not None]
        instances[name] = instance.model_copy(update=dict.fromkeys(present)) if present else instance
    changed = any(instances[name] is not instance for name, instance in spec.instances.items())
    return spec.model_copy(update={"instances": instances}) if changed else None
