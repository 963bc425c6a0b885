"""The ledger of a run's inputs; with several chips, the mean over the chips."""

from __future__ import annotations

import math
from dataclasses import replace

from accelsim.account import STATIC, LedgerRow
from accelsim.run import Run


def mean_ledger(run: Run) -> list[LedgerRow]:
    """One row a site: counts and energies are means over the chips, 0 on chips where nothing was counted there."""
    if len(run.chips) == 1:
        return run.chips[0].ledger
    first: dict[tuple[str, str, str], LedgerRow] = {}
    counts: dict[tuple[str, str, str], list[float]] = {}
    for chip in run.chips:
        for row in chip.ledger:
            site = (row.instance, row.action, row.phase)
            first.setdefault(site, row)
            counts.setdefault(site, []).append(row.count)
    rows = []
    for site, row in first.items():
        count = math.fsum(counts[site]) / len(run.chips)
        rows.append(replace(row, count=count, energy_pj=count * row.unit_pj))
    order = {name: index for index, name in enumerate(run.chip.instances)}
    return sorted(rows, key=lambda row: (row.phase == STATIC, order[row.instance]))
