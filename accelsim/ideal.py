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
    """`instance.block` of every imperfection that a part of this chip could have and that no figure of it holds.

    The spec leaves its block out, or the block is one of `unused_blocks`.
    """
    unused = unused_blocks(spec)
    return [
        f"{name}.{block}"
        for name, instance in spec.instances.items()
        for block in blocks(instance.component)
        if getattr(instance, block) is None or f"{name}.{block}" in unused
    ]


def unused_blocks(spec: Spec) -> list[str]:
    """`instance.block` of every imperfection block that is there and that the read-out of an ACAM does not use.

    In a ramp the sense amplifiers are the comparators, and its clock strobes them; else those of `wta` decide, and the
    sense amplifiers restore full swings.
    """
    if "wta" not in spec.instances:
        return []
    ramp = spec.instances["wta"].readout == "ramp"
    idle = (("wta", "comparators"), ("wta", "settling")) if ramp else (("sense", "comparators"),)
    return [f"{name}.{block}" for name, block in idle if getattr(spec.instances[name], block) is not None]


def ideal_spec(spec: Spec) -> Spec | None:
    """The same chip with every imperfection block removed; None where it has none."""
    instances = {}
    for name, instance in spec.instances.items():
        present = [block for block in blocks(instance.component) if getattr(instance, block) is not None]
        instances[name] = instance.model_copy(update=dict.fromkeys(present)) if present else instance
    changed = any(instances[name] is not instance for name, instance in spec.instances.items())
    return spec.model_copy(update={"instances": instances}) if changed else None
