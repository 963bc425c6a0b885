"""Faults of learned locations and of the criterion of a cascade: the whole message, with its line."""

from pathlib import Path
from typing import Any

import pytest

from accelsim.manifest import Mbi
from accelsim.workload import load_workload
from tests.workload.builders import cascade, mbi, write_folder
from tests.workload.test_manifest import GONE, PARTS, change, check

FIXED = {"mbi/location_bits": 3, "mbi/location_weighted": False}
PARTS |= {  # where `check` takes them from
    "learned": mbi(location_bits=3),
    "margin": cascade(margin=3),
}

LOCATIONS = [
    (
        "learned",
        {"mbi/location_bits": GONE, "mbi/location_weighted": GONE},
        """17 mbi.location_bits: got nothing, need a whole number from 1 to 8 (locations learned)
        17 mbi.location_weighted: got nothing, need true or false (locations learned)""",
    ),
    (
        "mbi",
        FIXED,
        """52 mbi.location_bits: got 3, need no such field (locations fixed)
        53 mbi.location_weighted: got false, need no such field (locations fixed)""",
    ),
    (
        "learned",
        {"mbi/locations": "fixed"},
        """53 mbi.location_bits: got 3, need no such field (locations fixed)
        54 mbi.location_weighted: got true, need no such field (locations fixed)""",
    ),
    (
        "learned",
        {"mbi/locations": "learnt"},
        '52 mbi.locations: got "learnt", need one of fixed, learned (did you mean learned?)',
    ),
    ("learned", {"mbi/location_bits": 9}, "53 mbi.location_bits: got 9, need a whole number from 1 to 8 or null"),
    ("learned", {"mbi/location_bits": 0}, "53 mbi.location_bits: got 0, need a whole number from 1 to 8 or null"),
    ("learned", {"mbi/location_weighted": 1}, "54 mbi.location_weighted: got 1, need true or false or null"),
    (
        "learned",
        {"mbi/value_bits": 4 + 6},
        "31 mbi.value_bits: got 10, need more than 10 (hidden_bits / n_tables + 2 location_bits)",
    ),
]

CRITERIA = [
    (
        "cascade",
        {"cascade/criterion": "margins"},
        '58 cascade.criterion: got "margins", need one of distance, margin (did you mean margin?)',
    ),
    ("cascade", {"cascade/thresholds": GONE}, "52 cascade.thresholds: got nothing, need a list (criterion distance)"),
    ("cascade", {"cascade/margin": 2}, "58 cascade.margin: got a value, need no such field (criterion distance)"),
    (
        "cascade",
        {"cascade/criterion": "margin"},
        """52 cascade.margin: got nothing, need a whole number from 1 to 2.14748e+09 (criterion margin)
        53 cascade.thresholds: got a value, need no such field (criterion margin)
        57 cascade.abort: got "first_far", need "after_all" (criterion margin)""",
    ),
    ("margin", {"cascade/margin": 0}, "54 cascade.margin: got 0, need a whole number from 1 to 2.14748e+09 or null"),
    (
        "margin",
        {"cascade/margin": 2.0},
        "54 cascade.margin: got 2.0, need a whole number from 1 to 2.14748e+09 or null (did you mean 2?)",
    ),
    ("margin", {"mbi/decision": "last"}, '30 mbi.decision: got "last", need "vote" (cascade.criterion margin)'),
    (
        "margin",
        {"cascade/abort": "first_far"},
        '55 cascade.abort: got "first_far", need "after_all" (criterion margin)',
    ),
]


@pytest.mark.parametrize(("kind", "changes", "lines"), LOCATIONS + CRITERIA)
def test_faults(tmp_path: Path, kind: str, changes: dict[str, Any], lines: str) -> None:
    check(tmp_path, kind, changes, lines)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("mbi", {"mbi/locations": "fixed"}), ("cascade", {"cascade/criterion": "distance"})],
)
def test_what_is_meant_when_nothing_is_said_may_be_said(tmp_path: Path, kind: str, changes: dict[str, Any]) -> None:
    parts = PARTS[kind].copy()
    for path, value in changes.items():
        change(parts.manifest, path, value)
    load_workload(write_folder(tmp_path, parts))


def test_sizes_of_a_key_with_a_location() -> None:
    """12 + 16 bits and twice 3 bits, each part on a split of its own; unweighted locations are in the rows alone."""
    for weighted, key_bits, n_splits in ((True, 34, 3), (False, 28, 2)):
        parts = mbi(location_bits=3, location_weighted=weighted)
        found = Mbi.model_validate(parts.manifest["mbi"])
        assert (found.key_bits, found.n_splits, found.row_location_bits) == (key_bits, n_splits, 6)
    fixed = Mbi.model_validate(mbi().manifest["mbi"])
    assert (fixed.key_bits, fixed.n_splits, fixed.row_location_bits, fixed.learned) == (28, 2, 0, False)
