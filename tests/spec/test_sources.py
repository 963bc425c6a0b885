"""Sources and dies: nested blocks have sources of their own, values lie in their ranges, dies carry instances."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from accelsim import yamlfile
from accelsim.errors import SpecError
from accelsim.spec import Spec, load_spec
from tests.dataflows import chips

SOURCE = {"basis": "assumed", "text": "for a test"}


def spec() -> dict[str, Any]:
    return copy.deepcopy(chips.spec_data("hybrid"))


def load(folder: Path, data: dict[str, Any], *overrides: str) -> Spec:
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(data), encoding="utf-8")
    return load_spec(path, overrides)


def refused(folder: Path, data: dict[str, Any], *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(folder, data, *overrides)
    return [f"{p.path}: got {p.got}, need {p.need}" + (f" ({p.hint})" if p.hint else "") for p in caught.value.problems]


def test_a_nested_block_has_sources_of_its_own(tmp_path: Path) -> None:
    data = spec()
    law = data["dies"]["acam"]["leakage"]
    del law["sources"]["reference_k"]
    assert refused(tmp_path, data) == [
        "dies.acam.leakage.sources.reference_k: got nothing, need the basis and text of its number"
    ]
    law["sources"]["reference_kk"] = SOURCE
    assert refused(tmp_path, data) == [
        "dies.acam.leakage.sources.reference_kk: got the source of no field, need the name of a field "
        "(did you mean reference_k?)"
    ]


def test_a_nested_block_without_sources(tmp_path: Path) -> None:
    data = spec()
    del data["dies"]["acam"]["leakage"]["sources"]
    assert refused(tmp_path, data) == ["dies.acam.leakage.sources: got nothing, need a mapping"]


def test_a_misspelt_field_of_a_nested_block(tmp_path: Path) -> None:
    data = spec()
    law = data["dies"]["acam"]["leakage"]
    law["devise"] = law.pop("device")
    assert refused(tmp_path, data) == [
        "dies.acam.leakage.devise: got an unknown field, need one of reference_k, device, node_nm, sources "
        "(did you mean device?)"
    ]


def test_an_edited_number_of_a_nested_block_says_so(tmp_path: Path) -> None:
    found = load(tmp_path, spec(), "dies.acam.leakage.reference_k=350").dies["acam"].leakage
    assert found is not None
    assert found.sources["reference_k"].text == "edited: was 300 (assumed: for a test)"
    assert found.sources["reference_k"].basis == "edited"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ([0.2, 0.3], "instances.acam.match_pj: got 0.16, need 0.2 to 0.3, the range its source states"),
        ([0.1, 0.15], "instances.acam.match_pj: got 0.16, need 0.1 to 0.15, the range its source states"),
        ([0.3, 0.1], "instances.acam.sources.match_pj.range: got 0.3 to 0.1, need the lower end first"),
    ],
)
def test_a_value_lies_in_its_range(tmp_path: Path, limits: list[float], message: str) -> None:
    data = spec()
    data["instances"]["acam"]["sources"]["match_pj"] = SOURCE | {"range": limits}
    assert refused(tmp_path, data) == [message]


def test_the_ends_of_a_range_are_in_it(tmp_path: Path) -> None:
    for limits in ([0.16, 0.2], [0.1, 0.16], [0.16, 0.16]):
        data = spec()
        data["instances"]["acam"]["sources"]["match_pj"] = SOURCE | {"range": limits}
        assert load(tmp_path, data).instances["acam"].sources["match_pj"].range == tuple(limits)


def test_a_value_of_a_nested_block_lies_in_its_range(tmp_path: Path) -> None:
    data = spec()
    data["dies"]["acam"]["leakage"]["sources"]["reference_k"] = SOURCE | {"range": [320, 360]}
    assert refused(tmp_path, data) == [
        "dies.acam.leakage.reference_k: got 300, need 320 to 360, the range its source states"
    ]


def test_a_die_without_instances(tmp_path: Path) -> None:
    data = spec()
    data["dies"]["spare"] = copy.deepcopy(data["dies"]["acam"])
    need = "an instance whose die is this one"
    assert refused(tmp_path, data) == [f"dies.spare: got a die without instances, need {need}"]


def test_where_a_die_leaks_its_law_must_be_known(tmp_path: Path) -> None:
    data = spec()
    del data["dies"]["acam"]["leakage"]
    assert refused(tmp_path, data) == ["dies.acam.leakage: got nothing, need the law that the leakage of sync follows"]
    for name, instance in data["instances"].items():
        if instance["die"] == "acam":
            instance["leakage_uw"] = 0
            instance["sources"]["leakage_uw"] = {"basis": "not_charged", "text": f"{name}: for a test"}
    assert load(tmp_path, data).dies["acam"].leakage is None


@pytest.mark.parametrize("path", ["temperature_k", "leakage.reference_k"])
@pytest.mark.parametrize("kelvin", [299, 401])
def test_temperatures_beyond_the_tables(tmp_path: Path, path: str, kelvin: int) -> None:
    need = "300 to 400, the kelvins of the leakage tables"
    assert refused(tmp_path, spec(), f"dies.acam.{path}={kelvin}") == [f"dies.acam.{path}: got {kelvin}, need {need}"]


def test_a_node_without_a_leakage_table(tmp_path: Path) -> None:
    assert refused(tmp_path, spec(), "dies.acam.leakage.node_nm=180") == [
        "dies.acam.leakage.node_nm: got 180, need 65, 45, 32, 22: a node of the leakage tables"
    ]


def test_gate_leakage_is_part_of_leakage(tmp_path: Path) -> None:
    data = spec()
    data["instances"]["post"]["gate_leakage_uw"] = 1.5
    data["instances"]["post"]["sources"]["gate_leakage_uw"] = SOURCE
    assert refused(tmp_path, data) == [
        "instances.post.gate_leakage_uw: got 1.5, need at most leakage_uw 1.0, which holds it"
    ]
