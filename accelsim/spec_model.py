"""What a spec file may say: models, and the roles of each kind of chip. More rules: `spec_check.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from accelsim.component import MODEL, Positive, Source
from accelsim.components import COMPONENTS
from accelsim.leakage import LeakageLaw

if TYPE_CHECKING:
    InstanceSpec = Any
else:
    InstanceSpec = Annotated[
        reduce(or_, (component.spec for component in COMPONENTS.values())), Field(discriminator="component")
    ]

MAX_NAMES = 16
NAME = r"^[a-z][a-z0-9_]{0,63}$"
Name = Annotated[
    str, Field(pattern=NAME, description="a name (lower-case letters, digits, underscores; a letter first)")
]


class Role(NamedTuple):
    """What an instance name stands for in a chip of one kind: its component, and whether it must be there."""

    component: str
    required: bool = True


_MBI = {
    "admission": Role("admission"),
    "pixels": Role("sram_buffer"),
    "extractor": Role("glimpse_extractor"),
    "controller": Role("lut_controller"),
    "tables": Role("weight_store"),
    "arrays": Role("distance_array"),
    "adc": Role("adc"),
    "scan": Role("minimum_scan"),
    "values": Role("value_memory"),
    "vote": Role("vote"),
}
_CNN = {
    "buffer": Role("sram_buffer"),
    "weights": Role("weight_store"),
    "engine": Role("cnn_engine"),
    "post": Role("post_unit"),
}
_LEVELS = {
    "binariser": Role("binariser"),
    "sync": Role("synchroniser", required=False),
    "link": Role("die_link", required=False),
}
_ANALOG = {
    "driver": Role("column_driver"),
    "acam": Role("acam_array"),
    "sense": Role("sense_amps"),
    "wta": Role("winner_take_all"),
}
_DIGITAL = {"matcher": Role("digital_matcher")}
_CIM = {
    "admission": Role("admission"),
    "macro": Role("cim_macro"),
}
_ROW_STATIONARY = {
    "admission": Role("admission"),
    "dram": Role("dram_port"),
    "sync": Role("synchroniser", required=False),
    "buffer": Role("sram_buffer"),
    "engine": Role("row_stationary_engine"),
}



def _optional(roles: Mapping[str, Role]) -> dict[str, Role]:
    return {name: role._replace(required=False) for name, role in roles.items()}


# Kind of chip → role = instance name → its component. `sync` and `link` are needed where clocks and dies
# ask for them; templates are matched by all roles of one of MATCHERS, and a cascade may have none of these roles.
ROLES: Mapping[str, Mapping[str, Role]] = {
    "hybrid": {"admission": Role("admission"), **_CNN, **_LEVELS, **_optional(_ANALOG | _DIGITAL)},
    "mbi": _MBI,
    "cascade": {**_MBI, **_CNN, **_optional(_LEVELS | _ANALOG | _DIGITAL)},
    "cnn": {"admission": Role("admission"), **_CNN, "vote": Role("vote")},
    "row_stationary": _ROW_STATIONARY,
    "cim": _CIM,
}
LEVEL_ROLES: Mapping[str, Role] = _LEVELS
MATCHERS: Sequence[Mapping[str, Role]] = (_ANALOG, _DIGITAL)


class Die(BaseModel):
    """One piece of silicon: one node, one temperature, one set of supplies.

    Attributes:
        leakage: how leakage changes with `temperature_k`; needed where `accounting` is physical.
    """

    model_config = MODEL
    node_nm: Positive
    temperature_k: Positive
    supplies_v: Annotated[dict[Name, Positive], Field(min_length=1, max_length=MAX_NAMES)]
    leakage: LeakageLaw | None = None
    sources: dict[str, Source]


class Clock(BaseModel):
    """One clock; a whole number of hertz, at most 1 THz."""

    model_config = MODEL
    clock_mhz: Annotated[float, Field(gt=0, le=1e6)]
    sources: dict[str, Source]


class Spec(BaseModel):
    """An architecture spec.

    Attributes:
        name: the chip's name.
        kind: which dataflow runs on it, and so which roles it must have (`ROLES`).
        accounting: `paper-claim` charges what the paper charges; `physical` every block that the chip needs.
        dies, clocks, instances: name → what it is; an instance's name is its role.
    """

    model_config = MODEL
    schema_version: Literal[1]
    name: Name
    kind: Literal["hybrid", "mbi", "cascade", "cnn", "row_stationary", "cim"]
    accounting: Literal["paper-claim", "physical"]
    description: Annotated[str, Field(min_length=1)]
    dies: Annotated[dict[Name, Die], Field(min_length=1, max_length=MAX_NAMES)]
    clocks: Annotated[dict[Name, Clock], Field(min_length=1, max_length=MAX_NAMES)]
    instances: Annotated[dict[str, InstanceSpec], Field(min_length=1, max_length=64)]


@cache
def json_schema() -> dict[str, Any]:
    """JSON Schema of a spec file (rules between fields, and what a `table` fills in, are `load_spec`'s alone)."""
    return Spec.model_json_schema()
