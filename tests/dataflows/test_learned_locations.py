"""Learned locations: what the value rows say decides where the next glimpse looks, when, and what it takes."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from accelsim import run as running
from accelsim.errors import DataError, SpecError
from accelsim.run import RunOptions, correct_answers, simulate
from accelsim.workload import load_workload
from tests.dataflows import by_hand, chips
from tests.dataflows.hand_counts import DECIDED, admitted, cascade, lookups, reloads
from tests.dataflows.test_hand_ledger import check
from tests.dataflows.test_hand_timelines import LOOKUP_SIZES, lookup_spans, run, spans
from tests.dataflows.test_line import block
from tests.mbi_lines import LINE, TRANSFER
from tests.workload import builders
from tests.workload.parts import Built

SIZES: dict[str, Any] = {"n_inputs": 40, "depth": 3, "n_tables": 2, "branches": 4, "location_bits": 3}
# Keys of a patch, a hidden and a location split.
ROOM: dict[str, dict[str, Any]] = {"arrays": {"n_splits": 3, "count": 768}, "adc": {"n_adcs": 6}}
IMPERFECT: dict[str, dict[str, Any]] = {
    "arrays": {**ROOM["arrays"], "line": block(LINE)},
    "adc": {**ROOM["adc"], "n_bits": 6, "transfer": block(TRANSFER, noise_sigma_v=0.05)},
}


def given(monkeypatch: pytest.MonkeyPatch, parts: Built) -> None:
    """Any `--data-root` holds the images that the workload was made from."""
    monkeypatch.setattr(running, "load_images", lambda workload, root, n_inputs: parts.images[:n_inputs])


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("residency", ["resident", "reloaded"])
def test_every_count_is_that_of_plain_loops(tmp_path: Path, residency: str, weighted: bool) -> None:
    """Coordinates of six bits take 16 + 8 + 4 + 2 + 1 columns of weight 2 and one of weight 1 each: two arrays."""
    parts = builders.mbi(5, n_inputs=6, side=12, location_bits=6, location_weighted=weighted)
    patch_bits, hidden_bits = 2 * 2 * 2 * 2, 12
    arrays, location_cells, key_bits = (4, 64, 12) if weighted else (2, 0, 0)
    fields = {"passes": arrays // 2, "rounds": arrays // 2}
    hand = [admitted("pixels", 12, 24) + lookups(parts, i, 3, arrays, **fields) + DECIDED for i in range(6)]
    key_bits += patch_bits + hidden_bits
    for i, one in enumerate(hand):
        if residency == "reloaded":
            one.update(reloads(parts, i, key_bits, patch_bits + hidden_bits + location_cells))
    # Inputs look at places that do not cost the same.
    assert any(len({one[f"pixels.read@glimpse{g}"] for one in hand}) > 1 for g in (2, 3))
    check(tmp_path, parts, hand, {"controller": {"residency": residency}})


def test_thermometer_columns(tmp_path: Path) -> None:
    """Coordinates of three bits take seven columns each, one array for both."""
    parts = builders.mbi(1, n_inputs=6, side=12, location_bits=3, metric="manhattan")
    hand = [admitted("pixels", 12, 24) + lookups(parts, i, 3, 3, passes=2, rounds=2) + DECIDED for i in range(6)]
    for i, one in enumerate(hand):
        one.update(reloads(parts, i, key_bits=16 + 12 + 6, cells=8 * 3 + 12 + 14))
    check(tmp_path, parts, hand, {"arrays": {"metric": "manhattan"}, "controller": {"residency": "reloaded"}})


def test_the_next_glimpse_waits_for_the_value_row(tmp_path: Path) -> None:
    """The row that holds its location is read, then it is extracted while the votes are added."""
    built = builders.write_mbi(tmp_path / "w", **LOOKUP_SIZES, n_inputs=1, location_bits=2, location_weighted=False)
    timeline = run(chips.chip(tmp_path, "mbi"), load_workload(tmp_path / "w"), 1)
    admit = 4
    words = [by_hand.pixels(built, 0, g, 8).words for g in range(2)]
    load, extract = zip(*((max(n, 1), 2 + max(n, 1) - 1) for n in words), strict=True)
    first, first_end = lookup_spans(admit + extract[0], 2)
    located = first_end - 1
    assert first[-2][::2] == ("values.read", located)
    second, second_end = lookup_spans(located + max(extract[1], 1), 2)
    assert spans(timeline, 0) == [
        ("admission.admit", 0, admit),
        ("pixels.load", admit, admit + load[0]),
        ("extractor.extract", admit, admit + extract[0]),
        *first,
        ("pixels.load", located, located + load[1]),
        ("extractor.extract", located, located + extract[1]),
        *second,
        ("vote.decide", second_end, second_end + ceil(1 + 2)),
    ]


def test_the_first_table_says_where_and_the_others_are_searched_meanwhile(tmp_path: Path) -> None:
    sizes = {**LOOKUP_SIZES, "n_tables": 2, "branches": 8}
    builders.write_mbi(tmp_path / "w", **sizes, n_inputs=1, location_bits=2, location_weighted=False)
    timeline = run(chips.chip(tmp_path, "mbi"), load_workload(tmp_path / "w"), 1)
    found = spans(timeline, 0)
    reads = [end for name, _, end in found if name == "values.read"]
    extracts = [start for name, start, _ in found if name == "extractor.extract"]
    assert extracts[1] == reads[0] < reads[1]


@pytest.mark.parametrize("slots", [(2, 2, 2, 2), (8, 3, 2, 5)])
def test_two_slots_are_enough_for_many_tables(tmp_path: Path, slots: tuple[int, int, int, int]) -> None:
    """What a value row said is held until the glimpse there is extracted; nothing else waits in a circle."""
    parts = builders.mbi(1, n_inputs=3, n_tables=6, hidden_bits=6, location_bits=2, n_glimpses=4)
    builders.write_folder(tmp_path / "w", parts)
    names = ("pixels", "extractor", "values", "controller")
    changes = {name: {"slots": n} for name, n in zip(names, slots, strict=True)}
    done = simulate(chips.spec(tmp_path, "mbi", **{**ROOM, **changes}), load_workload(tmp_path / "w"), RunOptions(3))
    assert done.chips[0].columns["predicted"].tolist() == parts.predicted.tolist()


@pytest.mark.parametrize("n_tables", [1, 2, 3])
@pytest.mark.parametrize("role", ["extractor", "controller"])
def test_one_slot_is_enough_when_inputs_overlap(tmp_path: Path, role: str, n_tables: int) -> None:
    """Slots go to the inputs in order; by the rule first_come, which is refused, such chips can stand still."""
    parts = builders.mbi(1, n_inputs=8, n_tables=n_tables, hidden_bits=6, location_bits=2, n_glimpses=4)
    builders.write_folder(tmp_path / "w", parts)
    changes: dict[str, dict[str, Any]] = {**ROOM, "admission": {"max_inputs_in_flight": 4}, role: {"slots": 1}}
    done = simulate(chips.spec(tmp_path, "mbi", **changes), load_workload(tmp_path / "w"), RunOptions(8))
    assert done.chips[0].columns["predicted"].tolist() == parts.predicted.tolist()
    changes[role] = {"slots": 1, "rule": "first_come"}
    with pytest.raises(SpecError, match=rf'instances\.{role}\.rule: got "first_come", need in_order'):
        chips.spec(tmp_path, "mbi", **changes)


def test_pixels_and_recordings_give_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = builders.write_mbi(tmp_path / "w", seed=3, **SIZES)
    given(monkeypatch, parts)
    spec, workload = chips.spec(tmp_path, "mbi", **ROOM), load_workload(tmp_path / "w")
    recorded = simulate(spec, workload, RunOptions(40))
    seen = simulate(spec, workload, RunOptions(40, data_root=tmp_path))
    assert recorded.chips[0].columns["predicted"].tolist() == parts.predicted.tolist()
    assert seen.timeline_sha256 == recorded.timeline_sha256
    assert seen.chips[0].ledger == recorded.chips[0].ledger
    for name, column in recorded.chips[0].columns.items():
        assert column.tolist() == seen.chips[0].columns[name].tolist(), name


def test_off_the_recorded_locations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message at the first departure of an input that is reported; from pixels nothing is off."""
    parts = builders.mbi(3, **SIZES)
    given(monkeypatch, parts)
    there = parts.evaluation["locations"][17, 1].tolist()
    parts.evaluation["locations"][17, 1, 0] ^= 1
    builders.write_folder(tmp_path / "w", parts)
    spec, workload = chips.spec(tmp_path, "mbi", **ROOM), load_workload(tmp_path / "w")
    recorded = parts.evaluation["locations"][17, 1].tolist()
    with pytest.raises(DataError) as caught:
        simulate(spec, workload, RunOptions(18))
    assert str(caught.value) == (
        f"--data-root: got none, need the folder of generated: glimpse 2 of input 17 is at location {there}, "
        f"and what it sees was recorded in {tmp_path / 'w'} at {recorded}"
    )
    simulate(spec, workload, RunOptions(17))
    simulate(spec, workload, RunOptions(18, data_root=tmp_path))


def test_an_imperfect_chip_needs_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything runs; with pixels its chips differ, and its ideal sibling answers as recorded."""
    parts = builders.write_mbi(tmp_path / "w", seed=3, **SIZES)
    spec, workload = chips.spec(tmp_path, "mbi", **IMPERFECT), load_workload(tmp_path / "w")
    need = (
        "--data-root: got none, need the folder of generated: tiny_mbi is not ideal (arrays.line, adc.transfer), "
        f"so its winners may lead off the learned locations that {tmp_path / 'w'} was recorded at"
    )
    with monkeypatch.context() as patch:
        patch.setattr(running, "ChipRunner", None)
        for attempt in (simulate, correct_answers):
            with pytest.raises(DataError) as caught:
                attempt(spec, workload, RunOptions(40, n_chips=2))
            assert str(caught.value) == need
    given(monkeypatch, parts)
    done = simulate(spec, workload, RunOptions(40, n_chips=2, data_root=tmp_path))
    answers = [chip.columns["predicted"].tolist() for chip in done.chips]
    assert answers[0] != answers[1] != parts.predicted.tolist()
    reads = [
        [row.count for row in chip.ledger if (row.instance, row.action) == ("pixels", "read")] for chip in done.chips
    ]
    assert reads[0] != reads[1]  # they look elsewhere
    object.__setattr__(workload.manifest.accuracy, "measured", 0.5)
    assert done.ideal_correct == int((parts.predicted == parts.evaluation["labels"]).sum())


def test_fixed_locations_need_no_pixels_on_an_imperfect_chip(tmp_path: Path) -> None:
    builders.write_mbi(tmp_path / "w", seed=3, n_inputs=4)
    simulate(chips.spec(tmp_path, "mbi", **IMPERFECT), load_workload(tmp_path / "w"), RunOptions(4))


@pytest.mark.parametrize("head", ["argmax", "acam"])
@pytest.mark.parametrize("location_bits", [None, 2])
def test_cascade_by_margin(tmp_path: Path, head: Any, location_bits: int | None) -> None:
    """Every count: every input is voted on, and those whose class leads by less than the margin fall back."""
    sizes = {**LOOKUP_SIZES, "margin": 4, "channels": (2,), "location_bits": location_bits, "location_weighted": False}
    built = builders.cascade(**sizes, n_inputs=12, head=head)
    assert 0 < built.far.sum() < 12
    hand = [cascade(built, i) for i in range(12)]
    done = check(tmp_path, built, hand, {})
    assert done.columns["covered"].tolist() == (~built.far).tolist()
    assert done.columns["predicted"].tolist() == built.predicted.tolist()


def test_timeline_of_the_margin(tmp_path: Path) -> None:
    """Two comparisons for the largest sum, one for the second largest, an addition, and a comparison of the two."""
    built = builders.write_cascade(tmp_path / "w", seed=3, **LOOKUP_SIZES, n_inputs=8, margin=5)
    chip = chips.chip(tmp_path, "cascade")
    timeline = run(chip, load_workload(tmp_path / "w"), 8)
    assert 0 < built.far.sum() < 8
    for number in range(8):
        found = spans(timeline, number)
        decides = [span for span in found if span[0] == "vote.decide"]
        voted = max(end for name, _, end in found if name == "vote.accumulate")
        assert decides[0][1:] == (voted, voted + 1 + 2 + 1 + 1 + 1)
        after = [span for span in found if span[1] >= decides[0][2]]
        assert (after[0][0] == "pixels.load" and after[0][1] == decides[0][2]) if built.far[number] else not after
