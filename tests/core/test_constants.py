"""Every number of a spec with a source, what it can move, and which of its parts are ideal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim import yamlfile
from accelsim.chip import build_chip
from accelsim.chip_run import RunOptions
from accelsim.constants import Constant, assumed_without_range, constants
from accelsim.ideal import blocks, ideal_parts, ideal_spec, unused_blocks
from accelsim.report.overview import overview
from accelsim.sensitivity import Study
from accelsim.spec import Spec, load_spec
from tests.components import acam_blocks
from tests.dataflows import chips
from tests.dataflows.test_imperfect_acam import SETTLING, small_row, sourced

HYBRID = Path(__file__).parents[2] / "arch_specs/hybrid_physical.yaml"
COMPARATORS = {"offset_v": 0.0025, "noise_v": 0.0, "sources": {}}

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


def test_polynomials_and_tables_are_quantities_too(tmp_path: Path) -> None:
    """No tornado can move them, so an assumed one is listed; the same when published is not."""
    device = sourced(acam_blocks.device(relaxation=acam_blocks.RELAXATION))
    array = {"cell": "9T4R", "device": device, "window": sourced(acam_blocks.window())}
    paths = {f"instances.acam.device.relaxation.{field}" for field in ("age_s", "sigma_siemens")}
    spec = loaded(tmp_path, chips.spec_data("hybrid", acam=array))
    assert paths <= set(assumed_without_range(spec))
    assert not paths & set(by_path(spec))
    for source in device["relaxation"]["sources"].values():
        source["basis"] = "published"
    spec = loaded(tmp_path, chips.spec_data("hybrid", acam=array))
    assert not paths & set(assumed_without_range(spec))


def test_areas_are_never_simulated_again(tmp_path: Path) -> None:
    """No figure of a run depends on one: it has a range here, and is neither moved nor missed."""
    data = chips.spec_data("hybrid", acam={"area_um2": 1000.0})
    unranged = loaded(tmp_path, data)
    assert "instances.acam.area_um2" not in assumed_without_range(unranged)
    data["instances"]["acam"]["sources"]["area_um2"]["range"] = [900, 1200]
    data["instances"]["acam"]["sources"]["search_ns"]["range"] = [10, 20]
    spec = loaded(tmp_path, data)
    assert by_path(spec)["instances.acam.area_um2"].effect == "area"
    workload: Any = None  # its images are not looked at
    for metric in ("energy", "latency"):
        study = Study(tmp_path / "chip.yaml", [], spec, workload, RunOptions(1), metric)
        assert [known.path for known in study.moving()] == ["instances.acam.search_ns"]


def test_every_block_of_an_instance_is_removed() -> None:
    spec = load_spec(HYBRID)
    present = [
        (name, block)
        for name, instance in spec.instances.items()
        for block in blocks(instance.component)
        if getattr(instance, block) is not None
    ]
    assert {("acam", "device"), ("acam", "window"), ("acam", "row")} <= set(present)
    assert {("wta", "comparators"), ("wta", "settling")} <= set(present)
    stripped = ideal_spec(spec)
    assert stripped is not None
    assert [part for part in present if getattr(stripped.instances[part[0]], part[1]) is not None] == []
    assert {f"{name}.{block}" for name, block in present} <= set(ideal_parts(stripped))
    assert ideal_spec(stripped) is None


def test_blocks_that_the_read_out_does_not_use_are_ideal(tmp_path: Path) -> None:
    """A tree or an analog circuit has comparators of its own, a ramp those of the sense amplifiers."""
    blocks_of_wta = {"comparators": sourced(COMPARATORS), "settling": sourced(SETTLING)}
    sense = {"comparators": sourced(COMPARATORS)}
    for readout, unused in (
        ("analog_wta", ["sense.comparators"]),
        ("compare_tree", ["sense.comparators"]),
        ("ramp", ["wta.comparators", "wta.settling"]),
    ):
        wta = {"readout": readout, **blocks_of_wta}
        spec = chips.spec(tmp_path, "hybrid", acam={"row": sourced(small_row())}, wta=wta, sense=sense)
        assert unused_blocks(spec) == unused
        all_of_them = ["sense.comparators", "wta.comparators", "wta.settling"]
        assert [part for part in all_of_them if part in ideal_parts(spec)] == unused
        grouped = "sense (comparators)" if readout != "ramp" else "wta (comparators, settling)"
        assert f"specified but not used by this read-out: {grouped}" in overview("chip.yaml", build_chip(spec))
    plain = chips.spec(tmp_path, "hybrid")
    assert unused_blocks(plain) == unused_blocks(chips.spec(tmp_path, "mbi")) == []
    assert "not used by this read-out" not in overview("chip.yaml", build_chip(plain))


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
