"""What the fields of a manifest's lookup tables and of its cascade must agree on (docs/workload-format.md)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from accelsim.manifest import Cascade, Mbi
from accelsim.manifest_cnn import Cnn
from accelsim.manifest_field import Fault

MAX_KEY_BITS = 65_536


def mbi_faults(mbi: Mbi) -> Iterator[Fault]:
    """Everything that the fields of the tables and glimpses must agree on."""
    n_thresholds = 2**mbi.pixel_bits - 1
    if len(mbi.pixel_thresholds) != n_thresholds:
        got = f"{len(mbi.pixel_thresholds)} thresholds"
        yield Fault("mbi.pixel_thresholds", got, f"{n_thresholds} (pixel_bits {mbi.pixel_bits})")
    if any(low >= high for low, high in pairwise(mbi.pixel_thresholds)):
        yield Fault("mbi.pixel_thresholds", "one not above the one before", "ascending thresholds")
    yield from _location_faults(mbi)
    yield from _row_faults(mbi)
    for g, patches in enumerate(mbi.glimpses):
        if len(patches) != mbi.n_patches:
            need = f"{mbi.n_patches}, as in the first glimpse"
            yield Fault(f"mbi.glimpses.{g}", f"{len(patches)} patches", need)
    if mbi.key_bits > MAX_KEY_BITS:
        yield Fault("mbi", f"keys of {mbi.key_bits} bits", f"at most {MAX_KEY_BITS}")


def _location_faults(mbi: Mbi) -> Iterator[Fault]:
    fields = (("location_bits", "a whole number from 1 to 8"), ("location_weighted", "true or false"))
    for name, need in fields:
        value = getattr(mbi, name)
        if mbi.learned and value is None:
            yield Fault(f"mbi.{name}", "nothing", f"{need} (locations learned)")
        if not mbi.learned and value is not None:
            yield Fault(f"mbi.{name}", str(value).lower(), "no such field (locations fixed)")


def _row_faults(mbi: Mbi) -> Iterator[Fault]:
    """A value row holds its bits of the hidden code, its location where that is learned, and something of the class."""
    least = mbi.write_bits + mbi.row_location_bits
    if mbi.hidden_bits % mbi.n_tables:
        yield Fault("mbi.hidden_bits", str(mbi.hidden_bits), f"a multiple of n_tables, {mbi.n_tables}")
    elif mbi.value_bits <= least:
        parts = "hidden_bits / n_tables" + (" + 2 location_bits" if mbi.row_location_bits else "")
        yield Fault("mbi.value_bits", str(mbi.value_bits), f"more than {least} ({parts})")


def cascade_faults(cascade: Cascade, mbi: Mbi | None) -> Iterator[Fault]:
    """Everything that the criterion of a cascade asks of its other fields, and of the tables."""
    why = f"(criterion {cascade.criterion})"
    needed = {"distance": ("thresholds", "a list"), "margin": ("margin", "a whole number from 1 to 2.14748e+09")}
    for criterion, (name, need) in needed.items():
        there = getattr(cascade, name) is not None
        if criterion == cascade.criterion and not there:
            yield Fault(f"cascade.{name}", "nothing", f"{need} {why}")
        if criterion != cascade.criterion and there:
            yield Fault(f"cascade.{name}", "a value", f"no such field {why}")
    if cascade.criterion == "margin" and cascade.abort != "after_all":
        yield Fault("cascade.abort", f'"{cascade.abort}"', f'"after_all" {why}')
    if mbi and cascade.criterion == "margin" and mbi.decision != "vote":
        yield Fault("mbi.decision", f'"{mbi.decision}"', '"vote" (cascade.criterion margin)')
    if mbi and cascade.thresholds is not None and cascade.criterion == "distance":
        n_thresholds, n_glimpses = len(cascade.thresholds), len(mbi.glimpses)
        if n_thresholds != n_glimpses:
            yield Fault("cascade.thresholds", f"{n_thresholds} thresholds", f"{n_glimpses}, one a glimpse")


def image_faults(mbi: Mbi, cnn: Cnn) -> Iterator[Fault]:
    """In a cascade one image serves the glimpses and the network."""
    image, network = (mbi.image.height, mbi.image.width), cnn.input.shape[1:]
    if image != network:
        need = f"{network[0]} x {network[1]}, as cnn.input (one image serves both)"
        yield Fault("mbi.image", f"{image[0]} x {image[1]}", need)
