"""Energy of the same circuit at another node and supply: three rules that disagree, side by side.

- `square_law`: (to/from)², the projection of arXiv 2307.07631, Table I, which says nothing of the supply.
- `stillmaker_baas`: E ∝ a V² + b V + c, with fitted coefficients of each node.
- `node_v2`: E ∝ node · V², capacitance taken as proportional to the feature size.

*Source*: Stillmaker and Baas, Integration 58, 2017, with the coefficients of Accelergy-Project/hwcomponents@e67d7f1,
hwcomponents/scaling/techscaling.py; nodes above 130 nm go by the square root of the node, as there.
*Valid for*: 7 to 180 nm. Between two nodes of the table energy is linear in the node (that file's own interpolation
runs from the wrong end). Supplies above the minimum of a node's parabola, 0.16 to 0.59 V: below it the energy would
rise as the supply falls. `square_law` and `node_v2` are rules of thumb and know no limits.
*Not modelled*: leakage, which follows none of them.
"""

from __future__ import annotations

from math import sqrt

from accelsim.errors import RangeError

# Node in nm → a, b, c of E = a V² + b V + c, in units that only ratios need.
COEFFICIENTS = {
    130: (7.171, -6.709, 2.904),
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.103, -0.362, 0.2767),
    32: (0.9559, -0.7823, 0.471),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}
SMALLEST_NM, LARGEST_NM = min(COEFFICIENTS), max(COEFFICIENTS)
EXTRAPOLATED_NM = 180  # the paper's own range ends there; its row for it is not in the file

# The supply at which that file compares two nodes unless told otherwise.
COMMON_V = 0.8


def square_law(from_nm: float, to_nm: float) -> float:
    """Energy at `to_nm` over energy at `from_nm`: (to/from)².

    Raises:
        RangeError: if a node is not positive.
    """
    _positive(from_nm=from_nm, to_nm=to_nm)
    return (to_nm / from_nm) ** 2


def node_v2(from_nm: float, to_nm: float, from_v: float, to_v: float) -> float:
    """Energy at `to_nm` and `to_v` over energy at `from_nm` and `from_v`: (to/from) (to_v/from_v)².

    Raises:
        RangeError: if a node or a supply is not positive.
    """
    _positive(from_nm=from_nm, to_nm=to_nm, from_v=from_v, to_v=to_v)
    return to_nm / from_nm * (to_v / from_v) ** 2


def stillmaker_baas(from_nm: float, to_nm: float, from_v: float = COMMON_V, to_v: float | None = None) -> float:
    """Energy at `to_nm` and `to_v` over energy at `from_nm` and `from_v` (module docstring).

    Args:
        to_v: None for `from_v`, one supply for both nodes.

    Raises:
        RangeError: if a node or a supply is outside what the coefficients hold for.
    """
    return _energy(to_nm, from_v if to_v is None else to_v) / _energy(from_nm, from_v)


def lowest_v(node_nm: float) -> float:
    """Supply in V below which the coefficients of a node mean nothing: the minimum -b/2a of its parabola.

    Raises:
        RangeError: if the node is outside 7 to 180 nm.
    """
    minima = (-COEFFICIENTS[near][1] / (2 * COEFFICIENTS[near][0]) for near in _neighbours(node_nm))
    return max(minima)


def _energy(node_nm: float, v: float) -> float:
    """Relative energy at a node and a supply."""
    least = lowest_v(node_nm)
    if v < least:
        raise RangeError(f"supply at {node_nm:g} nm: got {v:g} V, need at least {least:.3f} V")
    small, large = _neighbours(node_nm)
    at_small, at_large = _parabola(small, v), _parabola(large, v)
    if node_nm > large:
        return at_large * sqrt(node_nm / large)
    share = (node_nm - small) / (large - small) if large > small else 0.0
    return at_small + share * (at_large - at_small)


def _parabola(node_nm: int, v: float) -> float:
    a, b, c = COEFFICIENTS[node_nm]
    return a * v * v + b * v + c


def _neighbours(node_nm: float) -> tuple[int, int]:
    """The nodes of the table below and above, twice the same where there is only one."""
    if not SMALLEST_NM <= node_nm <= EXTRAPOLATED_NM:
        raise RangeError(f"node: got {node_nm:g} nm, need {SMALLEST_NM} to {EXTRAPOLATED_NM} nm")
    below = [node for node in COEFFICIENTS if node <= node_nm]
    above = [node for node in COEFFICIENTS if node >= node_nm]
    return max(below), min(above, default=LARGEST_NM)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise RangeError(f"{name}: got {value:g}, need a positive number")
