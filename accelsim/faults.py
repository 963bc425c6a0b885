"""Pydantic's complaints about a document as `Problem`s: line, what stands there, what is needed, a guess.

What is needed is read from the model's JSON Schema, so every message about a field states its whole rule.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from accelsim.errors import Problem
from accelsim.yamlfile import Document, show

Schema = Mapping[str, Any]

SHORT_LIST = 12
MAX_PROBLEMS = 200

_GOT_NEED = re.compile(r"(?:(?P<what>[^:]+): )?got (?P<got>.+?), need (?P<need>.+)", re.DOTALL)
_NUMBER_UNIT = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Z]\w*)?\s*")


def problems(exc: ValidationError, document: Document, schema: Schema) -> list[Problem]:
    """The first 200 faults in `exc`, in pydantic's order; a misspelt field is one, not unknown and missing.

    Args:
        document: what was validated (all of it).
        schema: JSON Schema of the model.
    """
    found = [_problem(error, document, schema) for error in exc.errors(include_url=False)[:MAX_PROBLEMS]]
    claimed = {claim for _, claim in found if claim}
    return [problem for problem, _ in found if problem.got != "nothing" or problem.path not in claimed]


def did_you_mean(guess: str) -> str:
    """The hint for a guess, "" for none."""
    return f"did you mean {guess}?" if guess else ""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate most like `name`, or ""."""
    matches = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def one_of(names: Sequence[str]) -> str:
    """The names in words."""
    return names[0] if len(names) == 1 else "one of " + ", ".join(names)


def _problem(error: Mapping[str, Any], document: Document, schema: Schema) -> tuple[Problem, str]:
    """One fault, and the path of the missing field that an unknown one was probably meant to be."""
    path, node, around = _walk(schema, error["loc"])
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(path, around, document)
    if kind == "missing":
        return Problem(document.where(path), path, "nothing", need(node)), ""
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(path, node, value, document), ""
    if kind == "value_error":
        return _combination(path, str(error["ctx"]["error"]), document), ""
    got = f"{len(value)} entries" if kind in ("too_long", "too_short") else show(value)
    return Problem(document.where(path), path, got, need(node), _hint(path, node, value)), ""


def _walk(schema: Schema, loc: Sequence[str | int]) -> tuple[str, Schema, Schema]:
    """Dotted path of a pydantic location (without tags of unions), its schema, and the schema around it."""
    node = around = _resolve(schema, schema)
    names: list[str] = []
    for step in loc:
        if step == "[key]":
            return ".".join(names), _resolve(schema, around.get("propertyNames", {})), around
        if "discriminator" in node:
            node = _resolve(schema, {"$ref": node["discriminator"]["mapping"][step]})
            continue
        names.append(str(step))
        node = _block(schema, node)
        around, node = node, _resolve(schema, _child(node, step))
    return ".".join(names), node, around


def _resolve(schema: Schema, node: Schema) -> Schema:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _block(schema: Schema, node: Schema) -> Schema:
    """The mapping or list that a field holds which may be null as well."""
    options = (_resolve(schema, option) for option in node.get("anyOf", ()))
    return next((option for option in options if "properties" in option or "items" in option), node)


def _child(node: Schema, step: str | int) -> Schema:
    if isinstance(step, int):
        return _mapping(node.get("items"))
    properties = _mapping(node.get("properties"))
    named = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
    return _mapping(properties.get(step, named))


def _mapping(node: Any) -> Schema:
    return node if isinstance(node, Mapping) else {}


def _unknown(path: str, around: Schema, document: Document) -> tuple[Problem, str]:
    parent, _, name = path.rpartition(".")
    allowed = list(around.get("properties", {}))
    there = {child for child in allowed if f"{parent}.{child}".lstrip(".") in document.lines}
    meant = nearest(name, [field for field in allowed if field not in there])
    wanted = one_of(allowed) if len(allowed) <= SHORT_LIST else f"a field of {_title(around)}"
    problem = Problem(document.where(path), path, "an unknown field", wanted, did_you_mean(meant))
    return problem, f"{parent}.{meant}".lstrip(".") if meant else ""


def _title(node: Schema) -> str:
    tag = _mapping(_mapping(node.get("properties")).get("component")).get("const")
    return str(tag or node.get("title", "this mapping"))


def _wrong_tag(path: str, node: Schema, value: Any, document: Document) -> Problem:
    tag_name = node["discriminator"]["propertyName"]
    tags = list(node["discriminator"]["mapping"])
    path = f"{path}.{tag_name}"
    if tag_name not in value:
        return Problem(document.where(path), path, "nothing", one_of(tags))
    tag = value[tag_name]
    hint = did_you_mean(nearest(tag, tags)) if isinstance(tag, str) else ""
    return Problem(document.where(path), path, show(tag), one_of(tags), hint)


def _combination(path: str, message: str, document: Document) -> Problem:
    """A validator's `[what: ]got …, need …`, where `what` is a field or an expression of several."""
    parts = _GOT_NEED.fullmatch(message)
    if not parts:
        return Problem(document.where(path), path, "an impossible combination", message)
    got, what = parts["got"], parts["what"] or ""
    if f"{path}.{what}" in document.lines:
        path = f"{path}.{what}"
    elif what:
        got = f"{what} = {got}"
    return Problem(document.where(path), path, got, parts["need"])


def need(node: Schema) -> str:
    """The rule of a field in words, from its JSON Schema."""
    if "const" in node:
        return show(node["const"]).strip('"')
    if "enum" in node:
        return one_of([str(value) for value in node["enum"]])
    if "anyOf" in node:
        return " or ".join(need(option) for option in node["anyOf"])
    kind = node.get("type", "object")
    if kind in ("number", "integer"):
        return ("a number" if kind == "number" else "a whole number") + _bounds(node)
    if kind == "string":
        return str(node.get("description", "some text"))
    if kind == "object" and "maxProperties" in node:
        return f"a mapping of {node.get('minProperties', 0)} to {node['maxProperties']} entries"
    words = {"boolean": "true or false", "null": "null", "array": "a list"}
    return words.get(kind, "a mapping")


def _bounds(node: Schema) -> str:
    if "minimum" in node and "maximum" in node:
        return f" from {node['minimum']:g} to {node['maximum']:g}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {node[key]:g}" for key, sign in signs.items() if key in node]
    return " " + " and ".join(parts) if parts else ""


def _hint(path: str, node: Schema, value: Any) -> str:
    """A guess at what a value of the wrong kind was meant to be."""
    kinds = {option.get("type") for option in node.get("anyOf", [node])}
    if "integer" in kinds and isinstance(value, float) and value.is_integer():
        return f"did you mean {int(value)}?"
    if not isinstance(value, str):
        return ""
    if "enum" in node:
        return did_you_mean(nearest(value, [str(option) for option in node["enum"]]))
    number = _NUMBER_UNIT.fullmatch(value)
    if not kinds & {"number", "integer"} or not number:
        return ""
    unit = (number[2] or "").lower()
    if not unit or path.endswith(f"_{unit}"):
        return did_you_mean(number[1])
    return "a bare number, in the unit that ends the name"
