"""Every number of a spec with a source, what it can move, and which of its parts are ideal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim import yamlfile
from accelsim.constants import Constant, assumed_without_range, constants
from accelsim.ideal import blocks, ideal_parts, ideal_spec
from accelsim.spec import Spec, load_spec
from tests.dataflows import chips

ROW: dict[str, Any] = {
    **{"q_match_fc": 60.0, "q_mismatch_fc": 10.0, "cell_ff": 75.0, "sense_ff": 5.0},
    **{"cell_spread_rel": 0.01, "segment_gain_rel": 0.01, "segment_offset_v": 0.002},
}
ROW["sources"] = {field: {"basis": "assumed", "text": "for a test"} for field in ROW}
ROW["sources"]["segment_offset_v"]["range"] = [0, 0.004]
ROW["sources"]["cell_ff"]["basis"] = "published"


def loaded(folder: Path, data: dict[str, Any]) -> Spec:
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(data), encoding="utf-8")
    return load_spec(path)


def by_path(spec: Spec) -> dict[str, Constant]:
    return {known.path: known for known in constants(spec)}


def test_constants_and_what_they_move(tmp_path: Path) -> None:
    data = chips.spec_data("hybrid", acam={"row": ROW})
    data["instances"]["acam"]["sources"]["match_pj"]["range"] = [0.1, 0.2]
    found = by_path(loaded(tmp_path, data))
    match = found["instances.acam.match_pj"]
    assert (match.value, match.ends, match.effect, match.instance) == (0.16, (0.1, 0.2), "price", "acam")
    assert found["instances.acam.mismatch_pj"].ends == (0.036, 0.036)
    effects = {
        "instances.acam.leakage_uw": "price",
        "instances.acam.bias_uw": "price",
        "instances.engine.clock_pj_per_pe": "price",
        "instances.acam.pulse_pj": "programming",
        "instances.acam.pulse_ns": "behaviour",
        "instances.acam.search_ns": "behaviour",
        "instances.acam.row.cell_ff": "behaviour",
        "clocks.engine.clock_mhz": "behaviour",
        "dies.acam.temperature_k": "behaviour",
    }
    assert {path: found[path].effect for path in effects} == effects
    offset = found["instances.acam.row.segment_offset_v"]
    assert (offset.value, offset.ends, offset.instance) == (0.002, (0, 0.004), "")


def test_every_source_of_a_number_is_found_once(tmp_path: Path) -> None:
    data = chips.spec_data("cascade", acam={"row": ROW})

    def sourced(part: dict[str, Any]) -> int:
        """Fields that hold a number and have a source, at any depth."""
        mine = [name for name in part.get("sources", {}) if isinstance(part.get(name), int | float)]
        inner = [value for name, value in part.items() if name != "sources" and isinstance(value, dict)]
        return len(mine) + sum(sourced(value) for value in inner)

    paths = [known.path for known in constants(loaded(tmp_path, data))]
    assert len(paths) == len(set(paths)) == sourced(data)


def test_assumed_quantities_without_a_range(tmp_path: Path) -> None:
    data = chips.spec_data("hybrid", acam={"row": ROW})
    before = assumed_without_range(loaded(tmp_path, data))
    assert "instances.acam.row.segment_offset_v" not in before  # has a range
    assert "instances.acam.row.cell_ff" not in before  # is published
    assert "instances.acam.n_segments" not in before  # is a choice
    data["instances"]["acam"]["sources"]["search_ns"]["range"] = [10, 20]
    assert set(before) - set(assumed_without_range(loaded(tmp_path, data))) == {"instances.acam.search_ns"}


def test_ideal_parts_and_the_chip_without_imperfections(tmp_path: Path) -> None:
    ideal = chips.spec(tmp_path, "hybrid")
    assert ideal_spec(ideal) is None
    assert {name.split(".")[0] for name in ideal_parts(ideal)} == {"acam", "sense", "wta"}
    spec = loaded(tmp_path, chips.spec_data("hybrid", acam={"row": ROW}))
    assert set(ideal_parts(ideal)) - set(ideal_parts(spec)) == {"acam.row"}
    stripped = ideal_spec(spec)
    assert stripped is not None
    assert stripped.instances == ideal.instances
    assert spec.instances["acam"].row is not None  # the spec itself is as it was
    assert blocks("cnn_engine") == []
