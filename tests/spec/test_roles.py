"""Ways to match templates: all parts of one, none of the other, and one clear message for anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim import yamlfile
from accelsim.errors import SpecError
from accelsim.spec import load_spec
from tests.dataflows import chips

ANALOG = ("driver", "acam", "sense", "wta")
WAYS = "driver, acam, sense and wta, or matcher"


def problems(folder: Path, data: dict[str, Any]) -> list[str]:
    """Each problem from its path on; [] where the spec is a chip."""
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(data), encoding="utf-8")
    try:
        load_spec(path)
    except SpecError as exc:
        return [str(problem).partition(" ")[2] for problem in exc.problems]
    return []


def with_matcher(kind: str) -> dict[str, Any]:
    data = chips.spec_data(kind)
    data["instances"]["matcher"] = chips.spec_data("hybrid_digital")["instances"]["matcher"]
    return data


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        del data["instances"][name]
    return data


@pytest.mark.parametrize("kind", ["hybrid", "cascade"])
def test_either_way_is_a_chip_and_both_are_none(tmp_path: Path, kind: str) -> None:
    assert problems(tmp_path, chips.spec_data(kind)) == []
    assert problems(tmp_path, chips.spec_data(f"{kind}_digital")) == []
    assert problems(tmp_path, without(with_matcher(kind), *ANALOG)) == []
    assert problems(tmp_path, with_matcher(kind)) == [
        "instances.matcher: got driver, acam, sense, wta and matcher side by side, "
        f"need one way to match: {WAYS}"
    ]


@pytest.mark.parametrize("kind", ["hybrid", "cascade"])
def test_a_part_of_the_other_way(tmp_path: Path, kind: str) -> None:
    data = without(with_matcher(kind), "driver", "acam", "sense")
    assert problems(tmp_path, data) == [
        f"instances.matcher: got wta and matcher side by side, need one way to match: {WAYS}"
    ]
    data = without(chips.spec_data(kind), "driver", "wta")
    assert problems(tmp_path, data) == [
        "instances.driver: got nothing, need the column_driver of the chip",
        "instances.wta: got nothing, need the winner_take_all of the chip",
    ]


def test_no_way_at_all(tmp_path: Path) -> None:
    nothing = [f"instances: got nothing that matches templates, need {WAYS}"]
    assert problems(tmp_path, without(chips.spec_data("hybrid"), *ANALOG)) == nothing
    assert problems(tmp_path, without(chips.spec_data("cascade"), *ANALOG)) == nothing
    # A cascade without any part of it answers by its logits; its parts before the matching are of no use then.
    without_all = without(chips.spec_data("cascade"), *ANALOG, "binariser", "link", "sync")
    without_all["dies"].pop("acam")
    without_all["clocks"].pop("acam")
    assert problems(tmp_path, without_all) == []
    assert problems(tmp_path, without(chips.spec_data("cascade"), *ANALOG, "binariser", "link")) == [
        "instances.binariser: got nothing, need the binariser of the chip",
        *nothing,
    ]


def test_levels_are_made_for_the_matcher_too(tmp_path: Path) -> None:
    assert problems(tmp_path, without(chips.spec_data("cascade_digital"), "binariser")) == [
        "instances.binariser: got nothing, need the binariser of the chip"
    ]


def test_a_misspelt_way(tmp_path: Path) -> None:
    data = chips.spec_data("hybrid_digital")
    data["instances"]["machter"] = data["instances"].pop("matcher")
    (only,) = problems(tmp_path, data)
    assert only.startswith("instances.machter: got an unknown role, need a role of a hybrid chip: ")
    assert only.endswith("wta, matcher (did you mean matcher?)")


def test_the_matcher_needs_link_and_synchroniser_as_the_driver_does(tmp_path: Path) -> None:
    data = chips.spec_data("hybrid_digital", mhz=(100, 66))
    assert problems(tmp_path, without(data, "link", "sync")) == [
        "instances.link: got nothing, need a die_link, because binariser (die digital) and matcher (die acam) "
        "sit on different dies",
        "instances.sync: got nothing, need a synchroniser, because neither of the clocks engine (binariser) and acam "
        "(matcher) divides the other",
    ]
    same = without(chips.spec_data("hybrid_digital"), "link", "sync")
    same["instances"]["matcher"] |= {"die": "digital", "clock": "engine"}
    del same["dies"]["acam"], same["clocks"]["acam"]
    assert problems(tmp_path, same) == []
    wrong = chips.spec_data("hybrid_digital")
    wrong["instances"]["sync"]["clock"] = "engine"
    assert problems(tmp_path, wrong) == ['instances.sync.clock: got "engine", need acam, the clock of the matcher']


def test_clocks_of_the_link_are_told_once(tmp_path: Path) -> None:
    """Only the way that is there is looked at, so no partner is named twice."""
    data = chips.spec_data("hybrid_digital", mhz=(100, 66))
    data["instances"]["link"]["clock"] = "acam"
    assert problems(tmp_path, data) == [
        'instances.link.clock: got "acam" (66 MHz), need a divisor or multiple of 100 MHz, '
        "because it exchanges data with binariser (clock engine)"
    ]


def test_a_cim_chip_is_a_door_and_a_macro(tmp_path: Path) -> None:
    assert problems(tmp_path, chips.spec_data("cim")) == []
    assert problems(tmp_path, without(chips.spec_data("cim"), "macro")) == [
        "instances.macro: got nothing, need the cim_macro of the chip"
    ]
