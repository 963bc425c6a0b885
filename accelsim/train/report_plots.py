"""The plots of `reports/training.md`, as SVG files that come out the same from the same records."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from accelsim.train.ablations import Plot
from accelsim.train.ablations.record import Record
from accelsim.train.report_rows import Group, grouped, percent_of, text_of

# Okabe and Ito's palette, told apart also by those who see few colours; the markers differ as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH_IN, HEIGHT_IN = 6.4, 3.8
LONG_LABEL = 24
"""Characters of a label of which two stand side by side."""
STYLE: Any = {
    "svg.hashsalt": "accelsim",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def plots(record: Record) -> dict[str, Callable[[Path], None]]:
    """File name → what draws it at a path: the ablation's plot, and its histogram where it has one."""
    found = {f"{record.name}.svg": lambda path: _draw(path, lambda axes: _plot(axes, record))}
    if record.histogram is not None:
        found[f"{record.name}-histogram.svg"] = lambda path: _draw(path, lambda axes: _histogram(axes, record))
    return found


def _draw(path: Path, draw: Callable[[Any], None]) -> None:
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
        try:
            draw(axes)
            figure.savefig(path, format="svg" if ".svg" in path.name else None, metadata=_no_date(path))
        finally:
            pyplot.close(figure)


def _no_date(path: Path) -> dict[str, None] | None:
    return {"Date": None} if ".svg" in path.name else None


def _plot(axes: Any, record: Record) -> None:
    plot, groups = record.ablation.plot, grouped(record)
    series: dict[str, list[Group]] = {}
    for group in groups:
        series.setdefault(_label(group, plot), []).append(group)
    axes.set_ylabel(plot.y_label)
    if plot.kind == "bars":
        _bars(axes, plot, series)
    else:
        _lines(axes, plot, series)
    axes.set_xlabel(plot.x_label)
    if len(series) > 1:
        where = {
            "loc": "lower center",
            "bbox_to_anchor": (0.5, 1.0),
            "ncols": 2 if max(map(len, series)) > LONG_LABEL else 3,
        }
        axes.legend(frameon=False, fontsize=8, **where)


def _label(group: Group, plot: Plot) -> str:
    headings = {column.key: column.heading for column in group.columns}
    found = {key: group.factors[key] for key in plot.series if group.factors[key] is not None}
    return ", ".join(
        value if isinstance(value, str) else f"{headings[key]} = {text_of(value)}" for key, value in found.items()
    )


def _lines(axes: Any, plot: Plot, series: dict[str, list[Group]]) -> None:
    for index, (label, groups) in enumerate(series.items()):
        points = sorted((group.mean(plot.x), group.values(plot.y)) for group in groups)
        x = [at for at, _ in points]
        y = [percent_of(found) for _, found in points]
        style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)], "markersize": 4}
        axes.plot(x, [sum(found) / len(found) for found in y], label=label, linewidth=1.2, **style)
        for at, found in zip(x, y, strict=True):
            if len(found) > 1:
                axes.plot([at, at], [min(found), max(found)], color=style["color"], linewidth=0.8)
    if plot.log_x:
        axes.set_xscale("log")
    ticks = sorted({group.mean(plot.x) for groups in series.values() for group in groups})
    if len(ticks) <= 8:
        axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
        axes.minorticks_off()


def _bars(axes: Any, plot: Plot, series: dict[str, list[Group]]) -> None:
    places = list(dict.fromkeys(text_of(group.factors[plot.x]) for groups in series.values() for group in groups))
    width = 0.8 / len(series)
    for index, (label, groups) in enumerate(series.items()):
        for group in groups:
            found = percent_of(group.values(plot.y))
            at = places.index(text_of(group.factors[plot.x])) + (index - (len(series) - 1) / 2) * width
            mean = sum(found) / len(found)
            axes.bar(at, mean, width * 0.92, color=COLOURS[index % len(COLOURS)], label=label, zorder=2)
            label = f"_{label}"  # in the legend once
            if len(found) > 1:
                axes.plot([at, at], [min(found), max(found)], color="black", linewidth=0.8, zorder=3)
    axes.set_xticks(range(len(places)), places, rotation=20 if len(places) > 5 else 0)
    axes.grid(axis="x", visible=False)
    heights = [value for groups in series.values() for group in groups for value in percent_of(group.values(plot.y))]
    spread = max(heights) - min(heights)
    # Bars that hardly differ are cut off below, and the axis says so.
    low = max(0.0, min(heights) - max(spread, 1.0))
    axes.set_ylim(low, min(100.0, max(heights) + 0.1 * max(spread, 1.0)))
    if low > 0:
        axes.set_ylabel(f"{plot.y_label} (from {low:.3g})")


def _histogram(axes: Any, record: Record) -> None:
    """A bar for each pair of edges, whatever their distance, and one for what lies above the last."""
    assert record.histogram is not None
    edges, shares = record.histogram.edges, record.histogram.shares
    names = [f"{100 * low:g} to {100 * high:g} %" for low, high in pairwise(edges)] + [f"above {100 * edges[-1]:g} %"]
    heights = percent_of([*shares, max(0.0, 1.0 - sum(shares))])
    bars = axes.bar(names, heights, color=COLOURS[0], zorder=2)
    axes.tick_params("x", labelsize="small")  # seven names side by side
    axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(record.ablation.histogram)
    axes.set_ylabel("share of the searches, %")
