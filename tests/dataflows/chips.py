"""Small chips for tests: every number is chosen to be easy to add up by hand.

`chip("hybrid", acam={"search_ns": 30})` builds one with changes. Unit energies differ, so that a wrong action shows.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from accelsim import yamlfile
from accelsim.chip import Chip, build_chip
from accelsim.spec import Spec, load_spec
from accelsim.units import is_physical

ENGINE, ACAM = "engine", "acam"  # clocks: 100 MHz (1 tick) and 50 MHz (2 ticks)

# Leakage holds at the temperature of the dies.
LAW = {
    "reference_k": 300,
    "device": "LSTP",
    "node_nm": 65,
    "sources": {field: {"basis": "assumed", "text": "for a test"} for field in ("reference_k", "node_nm")},
}

GATED = {"bias_uw": 2.0, "bias_gated": True, "wake_ns": 5, "wake_pj": 0.5}


def _instance(component: str, clock: str = ENGINE, die: str = "digital", **fields: Any) -> dict[str, Any]:
    service = {} if component == "admission" else {"rule": "in_order", "servers": 1, "slots": 2}
    common = {"component": component, "die": die, "clock": clock, "count": 1, "area_um2": None, "leakage_uw": 1.0}
    return {**common, **service, **fields}


def _admission() -> dict[str, Any]:
    return _instance("admission", max_inputs_in_flight=1, receive_bits_per_cycle=64, receive_pj=0.01)


def _memory(n_bytes: int, read_pj: float) -> dict[str, Any]:
    fields = {"n_bytes": n_bytes, "port_bits": 64, "access_ns": 10, "read_pj": read_pj, "write_pj": 2 * read_pj}
    return _instance("sram_buffer", **fields, level_shift_pj=0.003, clock_pj=0.5)


def _store(read_pj: float) -> dict[str, Any]:
    return _instance(
        "weight_store",
        kind="sram",
        residency="resident",
        n_bytes=4096,
        word_bits=64,
        words_per_cycle=1,
        access_ns=10,
        read_pj=read_pj,
        write_pj=3.0,
        write_ns=25,
        level_shift_pj=0.004,
        encoding="dense",
        index_bits=0,
        clock_pj=0.5,
    )


CNN: dict[str, dict[str, Any]] = {
    "buffer": _memory(4096, 0.7),
    "weights": _store(0.9),
    "engine": _instance(
        "cnn_engine",
        n_pe_rows=2,
        n_pe_cols=2,
        weight_tile_bytes=256,
        input_tile_bytes=256,
        psum_tile_bytes=1024,
        pipeline_cycles=3,
        zero_gating=True,
        mac_pj=0.11,
        mac_gated_pj=0.05,
        weight_fill_pj=0.017,
        input_fill_pj=0.019,
        psum_move_pj=0.023,
        clock_pj_per_pe=1.5,
        clock_gated=False,
    ),
    "post": _instance(
        "post_unit", lanes=2, pipeline_cycles=2, requantise_pj=0.13, pool_pj=0.03, add_pj=0.041, clock_pj=0.5
    ),
}

BACK: dict[str, dict[str, Any]] = {
    "binariser": _instance("binariser", lanes=16, compare_pj=0.02, latch_pj=0.01, clock_pj=0.5),
    "link": _instance("die_link", bits_per_cycle=16, latency_ns=4, bit_pj=0.17, level_shift_pj=0.19),
    "sync": _instance("synchroniser", ACAM, "acam", stages=2, transfer_pj=0.015, clock_pj=3.0),
    "driver": _instance("column_driver", ACAM, "acam", n_columns=64, settle_ns=12, drive_pj=0.3),
    "acam": _instance(
        "acam_array",
        ACAM,
        "acam",
        n_rows=8,
        n_segments=8,
        segment_cells=8,
        combine="charge_share",
        cell="6T4R",
        match_pj=0.16,
        mismatch_pj=0.036,
        combine_pj=0.08,
        search_ns=15.15,
        combine_ns=10,
        pulse_pj=10.0,
        pulses_per_device=10,
        pulse_ns=50,
        **GATED,
    ),
    "sense": _instance("sense_amps", ACAM, "acam", sense_pj=0.085, sense_ns=8, **GATED),
    "wta": _instance(
        "winner_take_all",
        ACAM,
        "acam",
        readout="analog_wta",
        n_inputs_max=8,
        decide_pj=0.4,
        decide_ns=21,
        ramp_step_cycles=2,
        ramp_step_pj=0.06,
        **GATED,
    ),
}

# In place of everything from the driver on.
DIGITAL: dict[str, dict[str, Any]] = {
    **{name: BACK[name] for name in ("binariser", "link", "sync")},
    "matcher": _instance(
        "digital_matcher",
        ACAM,
        "acam",
        n_bytes=64,
        word_bits=16,
        group_bits=4,
        words_per_cycle=1,
        n_rows_max=8,
        access_ns=12,
        pipeline_cycles=3,
        read_pj=0.37,
        write_pj=0.41,
        level_shift_pj=0.0013,
        load_pj=0.011,
        compare_pj=0.0021,
        count_pj=0.0043,
        accumulate_pj=0.051,
        maximum_pj=0.063,
        clock_pj=0.7,
        clock_gated=True,
        memory_leakage_uw=0.25,
    ),
}

LOOKUP: dict[str, dict[str, Any]] = {
    "pixels": _memory(4096, 0.25),
    "extractor": _instance(
        "glimpse_extractor", pixels_per_cycle=4, pipeline_cycles=2, add_pj=0.012, quantise_pj=0.014, clock_pj=0.5
    ),
    "controller": _instance(
        "lut_controller",
        residency="resident",
        route_cycles=2,
        node_pj=0.6,
        query_bit_pj=0.002,
        level_shift_pj=0.0015,
        descriptor_bytes=1024,
        descriptor_bits=48,
        descriptor_read_pj=0.45,
        descriptor_write_pj=0.55,
        descriptor_leakage_uw=0.75,
        clock_pj=0.5,
    ),
    "tables": _store(0.35),
    "arrays": _instance(
        "distance_array",
        count=256,
        n_rows=8,
        n_cols=32,
        n_splits=2,
        metric="circuit",
        reset_ns=1,
        precharge_ns=3,
        evaluate_ns=26,
        share_ns=1,
        sample_ns=1,
        row_write_ns=10,
        compare_pj=0.21,
        precharge_pj=0.31,
        boost_pj=0.029,
        query_toggle_pj=0.007,
        write_pj=0.004,
        **GATED,
    ),
    "adc": _instance(
        "adc", n_bits=5, n_adcs=4, conversions_per_compare=2, convert_ns=6, convert_pj=0.254, bus_pj=0.033, **GATED
    ),
    "scan": _instance(
        "minimum_scan", accumulate_cycles=1, multiply_pj=0.028, add_pj=0.009, compare_pj=0.008, clock_pj=0.5
    ),
    "values": _instance(
        "value_memory", n_bytes=4096, word_bits=32, access_ns=10, read_pj=1.1, write_pj=1.2, clock_pj=0.5
    ),
    "vote": _instance("vote", n_classes_max=16, add_pj=0.0065, compare_pj=0.0055, clock_pj=0.5),
}

ROW_STATIONARY: dict[str, dict[str, Any]] = {
    "dram": _instance("dram_port", ACAM, word_bits=32, access_ns=60, read_pj=0.8, write_pj=0.9, clock_pj=0.5),
    "buffer": _memory(4096, 0.7),
    "engine": _instance(
        "row_stationary_engine",
        n_pe_rows=4,
        n_pe_cols=4,
        word_bits=16,
        filter_words=16,
        input_words=4,
        psum_words=4,
        bus_words=4,
        pipeline_cycles=3,
        stall_rel=0.25,
        zero_gating=True,
        mac_pj=0.11,
        mac_gated_pj=0.05,
        clock_pj_per_pe=1.5,
        clock_gated=False,
    ),
}

INSTANCES: dict[str, dict[str, dict[str, Any]]] = {
    "hybrid": {"admission": _admission(), **CNN, **BACK},
    "mbi": {"admission": _admission(), **LOOKUP},
    "cnn": {"admission": _admission(), **CNN, "vote": LOOKUP["vote"]},
    "row_stationary": {"admission": _admission(), **ROW_STATIONARY},
    "cascade": {"admission": _admission(), **LOOKUP, **CNN, **BACK},
    "hybrid_digital": {"admission": _admission(), **CNN, **DIGITAL},
    "cascade_digital": {"admission": _admission(), **LOOKUP, **CNN, **DIGITAL},
    "cim": {
        "admission": _admission(),
        "macro": _instance("cim_macro", weight_bits=8, ops_per_mac=2, op_pj=0.05, ops_per_cycle=24),
    },
}


def _sources(fields: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        name: {"basis": "assumed" if value else "not_charged", "text": "for a test"}
        for name, value in fields.items()
        if is_physical(name) and value is not None
    }


def spec_data(kind: str, mhz: tuple[float, float] = (100, 50), **changes: dict[str, Any]) -> dict[str, Any]:
    """A whole spec as plain data; `mhz` are the engine and the ACAM clock, `changes` instance → fields."""
    instances = copy.deepcopy(INSTANCES[kind])
    for name, fields in changes.items():
        instances[name].update(fields)
    for fields in instances.values():
        fields["sources"] = _sources(fields)
    used = {fields["die"] for fields in instances.values()}
    dies = {
        name: {"node_nm": node, "temperature_k": 300, "supplies_v": {"core": 1.0}}
        for name, node in (("digital", 65), ("acam", 180))
        if name in used
    }
    sourced = {
        name: {
            **die,
            "sources": {field: {"basis": "assumed", "text": "for a test"} for field in die},
            "leakage": copy.deepcopy(LAW),
        }
        for name, die in dies.items()
    }
    clocks = {
        name: {"clock_mhz": value, "sources": {"clock_mhz": {"basis": "assumed", "text": "for a test"}}}
        for name, value in ((ENGINE, mhz[0]), (ACAM, mhz[1]))
        if any(fields["clock"] == name for fields in instances.values())
    }
    return {
        "schema_version": 1,
        "name": f"tiny_{kind}",
        "kind": kind.removesuffix("_digital"),
        "accounting": "physical",
        "description": "a small chip for tests",
        "dies": sourced,
        "clocks": clocks,
        "instances": instances,
    }


def spec(folder: Path, kind: str, mhz: tuple[float, float] = (100, 50), **changes: dict[str, Any]) -> Spec:
    """The spec, written to a file and read back as a user's would be."""
    path = folder / "chip.yaml"
    path.write_text(yamlfile.dump(spec_data(kind, mhz, **changes)), encoding="utf-8")
    return load_spec(path)


def chip(folder: Path, kind: str, mhz: tuple[float, float] = (100, 50), **changes: dict[str, Any]) -> Chip:
    """The chip of `spec`."""
    return build_chip(spec(folder, kind, mhz, **changes))
