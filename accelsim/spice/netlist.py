"""Lines of a netlist: minimum transistors, sources that step, numbers as ngspice reads them."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.spice.card import Pair

EDGE_NS = 0.05
"""Rise and fall time of a driven node unless a deck says otherwise. Our own choice; the papers give none."""


def transistor(
    name: str, nodes: str, pair: Pair, channel: str, *, count: int = 1, width: float = 1.0, vth_v: float = 0.0
) -> str:
    """A transistor of minimum length.

    Args:
        nodes: drain, gate, source and bulk.
        channel: `n` or `p`.
        count: identical ones in parallel.
        width: in minimum widths.
        vth_v: shift of its threshold magnitude (a positive one makes it slower).
    """
    model = pair.nmos if channel == "n" else pair.pmos
    w, drain = pair.width_nm * width, pair.drain_nm
    area, edge = w * drain * 1e-6, 2 * (w + drain) * 1e-3  # in um^2 and um
    shift = "" if vth_v == 0 else f" delvto={vth_v if channel == 'n' else -vth_v:.6g}"
    junctions = f"as={area:.6g}p ad={area:.6g}p ps={edge:.6g}u pd={edge:.6g}u"
    return f"m{name} {nodes} {model} w={w:g}n l={pair.length_nm:g}n {junctions} m={count}{shift}"


def capacitor(name: str, node: str, value_ff: float) -> str:
    """A capacitor to ground."""
    return f"c{name} {node} 0 {value_ff:.8g}f"


def resistor(name: str, nodes: str, ohm: float) -> str:
    """A resistor."""
    return f"r{name} {nodes} {ohm:.8g}"


def steps(
    name: str, node: str, start_v: float, changes: Sequence[tuple[float, float]], edge_ns: float = EDGE_NS
) -> str:
    """A source that begins at `start_v` and steps, from `ns` on, to `V`, one `(ns, V)` after the other."""
    points, level = [f"0 {start_v:g}"], start_v
    for at_ns, to_v in changes:
        points += [f"{at_ns:g}n {level:g}", f"{at_ns + edge_ns:g}n {to_v:g}"]
        level = to_v
    return f"v{name} {node} 0 pwl({' '.join(points)})"
