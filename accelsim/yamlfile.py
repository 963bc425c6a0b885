"""Reading and writing YAML: plain data with the line of every path. The only file that imports yaml.

The dialect is small on purpose. Scalars follow the YAML 1.2 core schema: `true`, `false`, `null`, integers,
floats such as `1e-3`; no yes/no, no base-60 numbers, no dates. Refused are anchors and aliases, merge keys,
tags, duplicate keys and several documents, which let a file mean what it does not show, and large files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from accelsim.errors import Problem, ProblemsError, SpecError

MAX_BYTES = 2**20
MAX_DEPTH = 20
MAX_NODES = 100_000
MAX_DUPLICATES = 50

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# libyaml where it is built in (ten times faster); both give the same events.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """One file, read.

    Attributes:
        name: the file as the user named it.
        data: its mapping, plain Python values.
        lines: dotted path (`dies.acam.node_nm`, list items by number) → line of its key or item, from 1.
        overridden: paths whose value does not come from the file but from `--set`.
    """

    name: str
    data: dict[str, Any]
    lines: Mapping[str, int]
    overridden: Collection[str] = ()

    def line(self, path: str) -> int:
        """Line of `path`, or of the nearest thing around it that is there."""
        while path not in self.lines and path:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def is_overridden(self, path: str) -> bool:
        """Whether `path` or something around it comes from `--set`."""
        return any(f"{path}.".startswith(f"{name}.") for name in self.overridden)

    def where(self, path: str) -> str:
        """`file:line` of `path`, or of the nearest thing around it that is there; or `--set`."""
        return "--set" if self.is_overridden(path) else f"{self.name}:{self.line(path)}"


def read(path: Path | str, error: type[ProblemsError] = SpecError) -> Document:
    """The mapping in a YAML file.

    Raises:
        error: if the file cannot be read, is over 1 MiB, is not UTF-8, or as `read_text` says.
    """
    name = str(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise error([Problem(name, "", (exc.strerror or str(exc)).lower(), "a readable file")]) from exc
    if len(raw) > MAX_BYTES:
        raise error([Problem(name, "", f"more than {MAX_BYTES} bytes", "a smaller file")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise error([Problem(f"{name}:{line}", "", f"byte 0x{raw[exc.start]:02x}", "UTF-8 text")]) from exc
    return read_text(text, name, error)


def read_text(text: str, name: str, error: type[ProblemsError] = SpecError) -> Document:
    """The mapping in YAML text; `name` stands for the file in messages.

    Raises:
        error: on bad syntax, anything outside the dialect, more than 20 levels or 100,000 values, or if the
            document is no mapping.
    """
    data, lines = _load(text, name, error)
    if not isinstance(data, dict):
        got = "an empty file" if data is None else show(data)
        raise error([Problem(f"{name}:1", "", got, "a mapping (key: value)")])
    return Document(name, data, lines)


def read_value(text: str, name: str, error: type[ProblemsError] = SpecError) -> Any:
    """One value in YAML, as in `--set path=value`: a scalar, or a flow list or mapping.

    Raises:
        error: as `read_text` says, with `name` alone as the place.
    """
    try:
        return _load(text, name, error)[0]
    except error as exc:
        raise error([replace(problem, where=name) for problem in exc.problems]) from exc


def dump(data: Any) -> str:
    """YAML text that `read_text` reads back as the same data, innermost lists and mappings on one line."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return text


def show(value: object) -> str:
    """A value as the user would recognise it, on one short line, for messages."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]


class _Dumper(yaml.SafeDumper):
    """Quotes what the YAML 1.2 core schema (or 1.1) would not read as a string; writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"(?:{_FLOAT.pattern})$"), list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"(?:{_OCTAL.pattern})$"), ["0"])


def _load(text: str, name: str, error: type[ProblemsError]) -> tuple[Any, dict[str, int]]:
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise error([Problem(f"{name}:{line}", "", f"character U+{ord(bad.group()):04X}", "printable text")])
    builder = _Builder(name, error, iter(yaml.parse(text, Loader=_PARSER)))
    try:
        return builder.document(), builder.lines
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
        raise error([Problem(f"{name}:{line}", "", f"a fault ({exc.problem})", "valid YAML")]) from exc


class _Builder:
    """Plain data from a stream of parse events."""

    def __init__(self, name: str, error: type[ProblemsError], events: Iterator[Any]) -> None:
        self.name = name
        self.error = error
        self.events = events
        self.lines: dict[str, int] = {}
        self.duplicates: list[Problem] = []
        self.n_nodes = 0

    def document(self) -> Any:
        """The only document's value, None where there is none."""
        next(self.events)  # the start of the stream
        data = None
        if isinstance(next(self.events), yaml.DocumentStartEvent):
            data = self.value(next(self.events), "", 1)
            next(self.events)  # the end of the document
            after = next(self.events)
            if isinstance(after, yaml.DocumentStartEvent):
                raise self.refusal(after, "", "a second document", "one document a file")
        if self.duplicates:
            raise self.error(self.duplicates)
        return data

    def value(self, event: Any, path: str, depth: int) -> Any:
        """The value that begins with `event`; its line is recorded by whoever knows its key."""
        self.check(event, path, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path, depth)
        return self.mapping(path, depth)

    def check(self, event: Any, path: str, depth: int) -> None:
        """Refuses a node outside the dialect or the limits."""
        self.n_nodes += 1
        if isinstance(event, yaml.AliasEvent):
            raise self.refusal(event, path, f"the alias *{event.anchor}", "the value written out")
        if event.anchor is not None:
            raise self.refusal(event, path, f"the anchor &{event.anchor}", "a plain value")
        if event.tag is not None:
            raise self.refusal(event, path, f"the tag {event.tag}", "a plain value")
        if depth > MAX_DEPTH:
            raise self.refusal(event, "", f"more than {MAX_DEPTH} levels", "flatter data")
        if self.n_nodes > MAX_NODES:
            raise self.refusal(event, "", f"more than {MAX_NODES} values", "a smaller file")

    def scalar(self, event: Any, path: str) -> Any:
        """A string, number, truth value or null."""
        if not event.implicit[0]:
            return event.value
        try:
            return _plain(event.value)
        except ValueError:
            raise self.refusal(event, path, show(event.value), "a number of fewer digits") from None

    def sequence(self, path: str, depth: int) -> list[Any]:
        items: list[Any] = []
        for event in self.until(yaml.SequenceEndEvent):
            below = _join(path, str(len(items)))
            self.lines[below] = event.start_mark.line + 1
            items.append(self.value(event, below, depth + 1))
        return items

    def mapping(self, path: str, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in self.until(yaml.MappingEndEvent):
            key = self.key(event, path, depth)
            below = _join(path, key)
            line = event.start_mark.line + 1
            if key in data:
                got = f"the key again (first on line {self.lines[below]})"
                self.duplicates.append(Problem(f"{self.name}:{line}", below, got, "it once"))
                if len(self.duplicates) >= MAX_DUPLICATES:
                    raise self.error(self.duplicates)
            self.lines[below] = line
            data[key] = self.value(next(self.events), below, depth + 1)
        return data

    def key(self, event: Any, path: str, depth: int) -> str:
        """A mapping key, which must be a string."""
        self.check(event, path, depth)
        if not isinstance(event, yaml.ScalarEvent):
            raise self.refusal(event, path, "a list or mapping as a key", "a name")
        if event.value == "<<" and event.implicit[0]:
            raise self.refusal(event, path, "the merge key <<", "the fields written out")
        key = self.scalar(event, path)
        if not isinstance(key, str):
            raise self.refusal(event, path, f"the key {show(key)}", "a name")
        return key

    def until(self, end: type[Any]) -> Iterator[Any]:
        """Events that begin the items of a collection, up to its end."""
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def refusal(self, event: Any, path: str, got: str, need: str) -> ProblemsError:
        line = event.start_mark.line + 1
        return self.error([*self.duplicates, Problem(f"{self.name}:{line}", path, got, need)])


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _plain(text: str) -> Any:
    """A scalar without quotes, by the YAML 1.2 core schema.

    Raises:
        ValueError: if it is an integer too long to be meant.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            return _whole(text, base)
    if _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text.replace(".", "", 1) if _INFINITE.fullmatch(text) else text)
    return text


def _whole(text: str, base: int) -> int:
    if len(text) > 40:
        raise ValueError(text)
    return int(text.replace("0o", "").replace("0x", "") if base != 10 else text, base)
