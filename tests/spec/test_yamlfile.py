"""The YAML dialect: what it reads, where it says things are, what it refuses and how."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import SpecError, WorkloadError
from accelsim.yamlfile import dump, read, read_text, read_value

SCALARS = {
    "1": 1,
    "-17": -17,
    "+3": 3,
    "0x1F": 31,
    "0o17": 15,
    "017": 17,
    "1.5": 1.5,
    "1e-3": 0.001,
    "-.5": -0.5,
    "5.": 5.0,
    ".inf": math.inf,
    "true": True,
    "False": False,
    "~": None,
    "null": None,
    "": None,
    "yes": "yes",
    "on": "on",
    "1:30": "1:30",
    "2024-01-01": "2024-01-01",
    "1_000": "1_000",
    "'1'": "1",
    '"true"': "true",
    "0.16 pJ": "0.16 pJ",
}

REFUSED = {
    "": "f.yaml:1: got an empty file, need a mapping (key: value)",
    "---": "f.yaml:1: got an empty file, need a mapping (key: value)",
    "[1]": "f.yaml:1: got a list, need a mapping (key: value)",
    "\nword": 'f.yaml:1: got "word", need a mapping (key: value)',
    "a: 1\nb: &x 1": "f.yaml:2 b: got the anchor &x, need a plain value",
    "a: 1\nb: *x": "f.yaml:2 b: got the alias *x, need the value written out",
    "a: {<<: {b: 1}}": "f.yaml:1 a: got the merge key <<, need the fields written out",
    "a: !!str 1": "f.yaml:1 a: got the tag tag:yaml.org,2002:str, need a plain value",
    "a: !python/object 1": "f.yaml:1 a: got the tag !python/object, need a plain value",
    "1: a": "f.yaml:1: got the key 1, need a name",
    "a: {true: 1}": "f.yaml:1 a: got the key true, need a name",
    "? [a]\n: b": "f.yaml:1: got a list or mapping as a key, need a name",
    "a: 1\n---\nb: 2": "f.yaml:2: got a second document, need one document a file",
    "a: 1\nb:\n  c: 1\n  c: 2\na: 3": (
        "f.yaml:4 b.c: got the key again (first on line 3), need it once\n"
        "f.yaml:5 a: got the key again (first on line 1), need it once"
    ),
    "a: 1\nb: \x07": "f.yaml:2: got character U+0007, need printable text",
    "a: " + "1" * 41: f'f.yaml:1 a: got "{"1" * 41}", need a number of fewer digits',
    "[" * 30: "f.yaml:1: got more than 20 levels, need flatter data",
    "a: b: c": "f.yaml:1: got a fault (mapping values are not allowed in this context), need valid YAML",
}


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_follow_the_core_schema(text: str) -> None:
    value = read_value(text, "x")
    assert value == SCALARS[text]
    assert type(value) is type(SCALARS[text])


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_name_line_and_path(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(text, "f.yaml")
    assert str(caught.value) == REFUSED[text]


def test_lines_of_every_path() -> None:
    document = read_text("a: 1\nb:\n  c: [1,\n    {d: 2}]\n  e: {f: 3}\n", "f.yaml")
    assert document.data == {"a": 1, "b": {"c": [1, {"d": 2}], "e": {"f": 3}}}
    assert document.lines == {
        "a": 1,
        "b": 2,
        "b.c": 3,
        "b.c.0": 3,
        "b.c.1": 4,
        "b.c.1.d": 4,
        "b.e": 5,
        "b.e.f": 5,
    }


def test_an_absent_path_is_placed_at_what_surrounds_it() -> None:
    document = read_text("a: 1\nb:\n  c: 1\n", "f.yaml")
    assert [document.where(path) for path in ("b.c", "b.x.y", "x")] == ["f.yaml:3", "f.yaml:2", "f.yaml:1"]


def test_the_caller_chooses_the_error() -> None:
    with pytest.raises(WorkloadError):
        read_text("", "f.yaml", WorkloadError)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xff\n", "{path}:2: got byte 0xff, need UTF-8 text"),
        (b"#" * (2**20 + 1), "{path}: got more than 1048576 bytes, need a smaller file"),
        (b"a: [" + b"1," * 100_000 + b"]", "{path}:1: got more than 100000 values, need a smaller file"),
    ],
)
def test_bad_files(tmp_path, raw: bytes, message: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        read(path)
    assert str(caught.value) == message.format(path=path)


def test_files_that_cannot_be_read(tmp_path) -> None:
    for path, reason in ((tmp_path, "is a directory"), (tmp_path / "none.yaml", "no such file or directory")):
        with pytest.raises(SpecError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: got {reason}, need a readable file"


def test_a_byte_order_mark_is_no_fault(tmp_path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path).data == {"a": 1}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(SpecError):
        read_text(raw.decode("latin-1"), "f.yaml")


characters = st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85")
printable = st.text(characters) | st.sampled_from(list(SCALARS))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | printable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(printable, plain, max_size=5))
def test_dump_reads_back_as_the_same_data(data) -> None:
    assert read_text(dump(data) or "{}", "f.yaml").data == data
