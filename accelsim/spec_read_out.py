"""Rules that join an analog CAM with its read-out and its die: volts of the rows, and who may be specified in volts."""

from __future__ import annotations

from accelsim.charge_row import line_v
from accelsim.components.acam_array import comparator_volts_per_count
from accelsim.errors import Problem
from accelsim.spec_model import Spec
from accelsim.yamlfile import Document


def read_out_problems(spec: Spec, document: Document) -> list[Problem]:
    """Searches and rows above the supply, and blocks in volts of read-outs whose rows have none."""
    if "acam" not in spec.instances:
        return []
    return _search_problems(spec, document) + _swing_problems(spec, document) + _volts_problems(spec, document)


def _search_problems(spec: Spec, document: Document) -> list[Problem]:
    """No search puts more across a device than the die has; that the cell keeps it below is the spec's word."""
    array = spec.instances["acam"]
    supply_v = max(spec.dies[array.die].supplies_v.values())
    if array.device is None or array.device.search_v <= supply_v:
        return []
    path = "instances.acam.device.search_v"
    need = f"at most {supply_v:g} V, the highest supply of die {array.die}"
    return [Problem(document.where(path), path, f"{array.device.search_v:g} V", need)]


def _swing_problems(spec: Spec, document: Document) -> list[Problem]:
    """A row whose cells all match stays within the supply."""
    array = spec.instances["acam"]
    if array.row is None:
        return []
    segment_v = line_v(array.row, array.segment_cells, array.segment_cells)
    full_v = segment_v * (array.n_segments if array.combine == "current_sum" else 1)
    supply_v = max(spec.dies[array.die].supplies_v.values())
    if full_v <= supply_v:
        return []
    path = "instances.acam.row"
    got = f"{full_v:.3g} V where all cells match (combine {array.combine})"
    need = f"at most {supply_v:g} V, the highest supply of die {array.die}"
    return [Problem(document.where(path), path, got, need)]


def _volts_problems(spec: Spec, document: Document) -> list[Problem]:
    """What `wta` and `sense` are told in volts needs rows whose counts are worth some."""
    array = spec.instances["acam"]
    if comparator_volts_per_count(array) is not None:
        return []
    if array.row is None:
        got, need = "a block in volts", "instances.acam.row as well, which says how many volts a count is worth"
    else:
        got = "a block in volts with combine adc_per_segment"
        need = "none, as the sums of the segments are digital, or another combine"
    blocks = (("wta", "comparators"), ("wta", "settling"), ("sense", "comparators"))
    paths = [
        f"instances.{name}.{block}" for name, block in blocks if getattr(spec.instances[name], block) is not None
    ]
    return [Problem(document.where(path), path, got, need) for path in paths]
