"""A compute-in-memory macro as its paper presents it: an energy an operation and a throughput, nothing else.

*Source*: arXiv 2307.07631, Table I, compares with three macros by their published TOPS/W: an inference is 2
operations a multiply-accumulate (one multiplication, one addition) at 1 / (TOPS/W) pJ each. *Valid for*: the
precision, supply and node that the published figure belongs to. It is a peak: all rows and columns are in use. *Not
modelled*: weights that do not fit the macro and are written again for each layer, activations going to and fro,
layers that leave rows or columns unused, accuracy. A whole chip around the macro costs more. """

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accelsim.component import Component, Delay, NonNegative, Op, OpResult, OrderedSpec, per_input
from accelsim.errors import RangeError
from accelsim.rng import Draws


class CimMacroSpec(OrderedSpec):
    """One macro.

    Attributes:
        weight_bits: precision of the weights that the figures hold for; nothing is computed from it.
        ops_per_mac: operations that the published TOPS/W counts for a multiply-accumulate.
        op_pj: energy of an operation: 1 / (TOPS/W).
        ops_per_cycle: operations in a cycle of its clock: published GOPS / clock.
    """

    component: Literal["cim_macro"]
    weight_bits: Annotated[int, Field(ge=1, le=64)]
    ops_per_mac: Annotated[int, Field(ge=1, le=1024)]
    op_pj: NonNegative
    ops_per_cycle: Annotated[int, Field(ge=1, le=10**9)]


def compute(spec: CimMacroSpec, state: None, x: int, draws: Draws) -> OpResult:
    """A layer of `x` multiply-accumulates, the same for every input (`[1]`, which broadcasts); zeros save nothing.

    Raises:
        RangeError: if there is nothing to compute.
    """
    if x < 1:
        raise RangeError(f"cim_macro: got {x} multiply-accumulates, need at least 1")
    ops = x * spec.ops_per_mac
    return OpResult(None, {"op": per_input(1, ops)}, per_input(1, -(-ops // spec.ops_per_cycle) - 1))


CIM_MACRO = Component(
    name="cim_macro",
    spec=CimMacroSpec,
    ops={"compute": Op(lambda spec: Delay(cycles=1))},
    actions={"op": "op_pj"},
)
