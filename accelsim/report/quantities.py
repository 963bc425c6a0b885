"""Times and energies as text."""

from __future__ import annotations

_SI = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """A time with the unit that reads best."""
    scale, unit = next((pair for pair in _SI if abs(value) >= pair[0]), _SI[-1])
    return f"{value / scale:,.4g} {unit}"


def picojoules(value: float) -> str:
    """An energy in pJ: four digits below 10, one decimal below a million, whole above."""
    if abs(value) < 10:
        return f"{value:.4g}"
    return f"{value:,.1f}" if abs(value) < 1e6 else f"{value:,.0f}"
