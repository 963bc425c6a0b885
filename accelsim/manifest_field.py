"""What the blocks of a manifest share: types of fields (names, texts, bounded sizes, lists), and what a fault is."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from accelsim.component import MODEL
from accelsim.yamlfile import show

ItemT = TypeVar("ItemT")


def length(low: int, high: int, what: str) -> AfterValidator:
    """Validator of a list with `low` to `high` items, called `what` in messages."""

    def check(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
        if not low <= len(items) <= high:
            raise ValueError(f"got {len(items)} {what}, need {low} to {high}")
        return items

    return AfterValidator(check)


def scalar(value: Any) -> Any:
    """The value, unless it holds others."""
    if isinstance(value, (dict, list)):
        raise ValueError(f"got {show(value)}, need a single value")
    return value


LIST = Field(strict=False)  # YAML gives lists, the models hold tuples; what is in them stays strict

_NAME = Field(
    pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$",
    description="a name (letters, digits, underscores; a letter first; at most 64)",
)
_TEXT = Field(min_length=1, max_length=10_000, description="some text, at most 10,000 characters")
Name = Annotated[str, _NAME]
Text = Annotated[str, _TEXT]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="a SHA-256 (64 hexadecimal digits)")]
Classes = Annotated[int, Field(ge=2, le=256)]
Side = Annotated[int, Field(ge=1, le=4096)]
Window = Annotated[int, Field(ge=1, le=255)]
Offset = Annotated[int, Field(ge=-4096, le=4096)]
Distance = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Block(BaseModel):
    """A mapping of the manifest: frozen, strict, no unknown key."""

    model_config = MODEL


class Fault(NamedTuple):
    """A problem whose place is a path of the manifest; `hint` is a suggestion, or ""."""

    path: str
    got: str
    need: str
    hint: str = ""
