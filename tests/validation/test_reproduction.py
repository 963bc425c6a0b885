"""`reports/reproduction.*` is what `accelsim reproduce` gives, and its key figures agree with arithmetic done here."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from accelsim.reproduce.command import JSON_FILE, PAGE_FILE, reproduce
from accelsim.reproduce.pages import page
from accelsim.reproduce.verdict import STATUSES

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"
REL = 1e-9  # of every float: sums over a ledger are correctly rounded, so only the last digits may move
AGAIN = "accelsim reproduce --out reports"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(reproduce(ROOT)))
    return found


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REPORTS / JSON_FILE).read_text(encoding="utf-8"))
    return found


def differences(path: str, got: Any, need: Any) -> list[str]:
    """Where two JSON values differ; floats by more than REL."""
    if isinstance(got, dict) and isinstance(need, dict) and got.keys() == need.keys():
        return [line for key in got for line in differences(f"{path}.{key}", got[key], need[key])]
    if isinstance(got, list) and isinstance(need, list) and len(got) == len(need):
        pairs = enumerate(zip(got, need, strict=True))
        return [line for place, pair in pairs for line in differences(f"{path}[{place}]", *pair)]
    if isinstance(got, float) and isinstance(need, float | int):
        return [] if math.isclose(got, need, rel_tol=REL) else [f"{path}: {got} is now {need}"]
    return [] if got == need else [f"{path}: {got} is now {need}"]


def claims(document: dict[str, Any], seed: str) -> dict[str, dict[str, Any]]:
    found = next(one["claims"] for one in document["seeds"] if one["id"] == seed)
    return {claim["id"]: claim for claim in found}


def test_committed_figures_are_those_of_the_command(made: dict[str, Any], committed: dict[str, Any]) -> None:
    found = differences("reproduction", committed, made)
    assert not found, f"make them anew ({AGAIN}):\n" + "\n".join(found[:20])


def test_committed_page_is_made_from_the_committed_figures(committed: dict[str, Any]) -> None:
    assert page(committed) == (REPORTS / PAGE_FILE).read_text(encoding="utf-8"), AGAIN


def test_every_claim_has_a_place_and_a_verdict(made: dict[str, Any]) -> None:
    for seed in made["seeds"]:
        ids = [claim["id"] for claim in seed["claims"]]
        assert len(set(ids)) == len(ids)
        for claim in seed["claims"]:
            assert claim["where"], claim["id"]
            assert claim["status"] in STATUSES, claim["id"]
            assert claim["verdict"].lower().startswith(STATUSES[claim["status"]]), claim["id"]
    counted = [claim["status"] for seed in made["seeds"] for claim in seed["claims"]]
    assert made["summary"] == {status: counted.count(status) for status in STATUSES}


def test_every_contradiction_is_explained_and_named_where_it_belongs(made: dict[str, Any]) -> None:
    known = {"000": [f"C{n}" for n in range(1, 9)], "004": [f"M{n}" for n in range(1, 12)]}
    for seed in made["seeds"]:
        explained = [one["id"] for one in seed["contradictions"]]
        assert explained[: len(known[seed["id"]])] == known[seed["id"]]
        assert {ref for claim in seed["claims"] for ref in claim["contradictions"]} <= set(explained)
        assert all(one["finding"] for one in seed["contradictions"])


def test_every_input_has_a_basis_and_a_source(made: dict[str, Any]) -> None:
    assert {one["basis"] for one in made["inputs"]} == {"published", "derived", "assumed", "definition"}
    assert all(one["name"] and one["source"] for one in made["inputs"])
    listed = {one["id"] for one in made["inputs"]}
    used = [claim["own"]["inputs"] for seed in made["seeds"] for claim in seed["claims"] if claim["own"]]
    explained = [one["inputs"] for seed in made["seeds"] for one in seed["contradictions"]]
    assert {key for keys in (*used, *explained) for key in keys} == listed


def test_hybrid_figures(made: dict[str, Any]) -> None:
    found = claims(made, "000")
    assert found["back_end"]["own"]["value"] == pytest.approx(10 * 784 * 185e-6)  # 1.4504 nJ
    assert found["back_end"]["status"] == "recomputes"
    assert found["back_end"]["paper"]["value"] == pytest.approx(1.4504)
    assert found["total"]["own"]["value"] == pytest.approx(96.23 + 1.45)  # 97.68 nJ
    assert found["total"]["status"] == "contradicts"
    assert found["total"]["paper"]["value"] == pytest.approx(96.23 + 1.4504, rel=1e-8)
    assert found["reduction"]["own"]["value"] == pytest.approx(78_060 / 97.68)  # 799.1
    assert found["reduction"]["own"]["low"] == pytest.approx(78_055 / 97.69)
    assert found["reduction"]["status"] == "contradicts"
    assert found["parameter_share"]["own"]["value"] == pytest.approx(100 * 0.380 / 26)
    assert found["parameter_share"]["status"] == "within_rounding"
    assert found["parameter_share_counted"]["own"]["value"] == pytest.approx(100 * 369_360 / 25_557_032)
    assert found["gap"]["own"]["value"] == pytest.approx(82.22 - 70.91)
    assert found["total"]["physical"]["value"] > found["total"]["paper"]["value"]
    assert "depends on where the class means are stored" in found["cosine"]["verdict"]
    assert "with their own" in found["cosine"]["verdict"]
    assert "streamed from DRAM" in found["reduction"]["verdict"]
    assert "without DRAM and staging" in found["reduction"]["verdict"]


def test_mbi_figures(made: dict[str, Any]) -> None:
    found = claims(made, "004")
    assert found["inference"]["own"]["value"] == pytest.approx(5 * 3.5 * 32 * 5 * 4.7e-3)  # 13.16 nJ
    assert found["inference"]["paper"]["value"] == pytest.approx(13.16)
    assert found["over_mlp"]["own"]["value"] == pytest.approx(32.94 / 13.16)  # 2.50
    assert found["over_resnet"]["own"]["value"] == pytest.approx(1050 / 13.16)  # 79.8
    assert found["over_mlp"]["status"] == found["over_resnet"]["status"] == "contradicts"
    table = (
        ("mlp", 930_816, 18.45, 28, 1e3),
        ("resnet", 114_947_584, 18.37, 55, 1e6),
        ("lenet", 411_240, 40.3, 65, 1e3),
    )
    for name, macs, tops, node, pj_a_unit in table:
        energy = 2 * macs / tops / pj_a_unit  # operations over TOPS/W are pJ
        assert found[f"{name}_energy"]["own"]["value"] == pytest.approx(energy)
        assert found[f"{name}_energy"]["paper"]["value"] == pytest.approx(energy, rel=1e-6)  # op_pj has six digits
        assert found[f"{name}_projected"]["own"]["value"] == pytest.approx(energy * (16 / node) ** 2)
    assert found["storage"]["paper"]["value"] == pytest.approx(200_323 * 31e-6)  # 6.21 MB
    assert found["step"]["own"]["value"] == pytest.approx(900 / 32)
    assert found["manhattan"]["own"]["value"] == sum((a ^ b) == abs(a - b) for a in range(4) for b in range(4))
    assert found["complete_table"]["own"]["value"] == pytest.approx(1568 * math.log10(2))


def test_node_factors_stand_side_by_side(made: dict[str, Any]) -> None:
    for one in made["projections"]:
        assert one["rules"]["square_law"]["factor"] == pytest.approx((16 / one["node_nm"]) ** 2)
    lenet = next(one for one in made["projections"] if one["node_nm"] == 65)
    at_16, at_65 = (a * 0.64 + b * 0.8 + c for a, b, c in ((0.2958, -0.1241, 0.03024), (3.755, -4.398, 1.975)))
    assert lenet["rules"]["stillmaker_baas"]["factor"] == pytest.approx(at_16 / at_65, rel=1e-5)
