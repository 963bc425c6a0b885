"""What the circuit checks work with: the simulator, the card, and the parameters of the shipped specs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelsim.charge_row import ChargeRow
from accelsim.components.acam_array import AcamArraySpec
from accelsim.components.distance_array import DistanceArraySpec
from accelsim.errors import UsageError
from accelsim.spec import Spec, load_spec
from accelsim.spice.array_deck import Array
from accelsim.spice.card import Card, Probe
from accelsim.spice.ngspice import Ngspice
from accelsim.sum_line import SumLine

MBI, HYBRID = "mbi_physical", "hybrid_physical"


@dataclass
class Bench:
    """The circuit checks' setting.

    Attributes:
        full: whether the long checks are made as well.
        arrays, line, boost_v: the array of the MBI chip, its electrical parameters, the boosted gate level.
        acam, row: the array of the hybrid chip and its charge-type row.
        fitted: what the checks fitted, for `--save-calibration`.
    """

    ngspice: Ngspice
    card: Card
    probe: Probe
    full: bool
    arrays: DistanceArraySpec
    line: SumLine
    boost_v: float
    acam: AcamArraySpec
    row: ChargeRow
    fitted: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, specs: Path, ngspice: Ngspice, card: Card, probe: Probe, full: bool) -> Bench:
        """From the shipped specs in the folder `specs`."""
        mbi, hybrid = (load_spec(specs / f"{name}.yaml") for name in (MBI, HYBRID))
        arrays, acam = mbi.instances["arrays"], hybrid.instances["acam"]
        line, row = _present(mbi, "arrays", "line"), _present(hybrid, "acam", "row")
        boost_v = mbi.dies[arrays.die].supplies_v["boost"]
        return cls(ngspice, card, probe, full, arrays, line, boost_v, acam, row)

    def array(self, wire_ff: float) -> Array:
        """The array with this much wire at each bit line."""
        return Array(self.card, self.arrays, self.line, self.boost_v, wire_ff)


def _present(spec: Spec, instance: str, block: str) -> Any:
    """A block of an instance.

    Raises:
        UsageError: if the spec leaves it out.
    """
    found = getattr(spec.instances[instance], block)
    if found is None:
        raise UsageError(f"{spec.name}: got no instances.{instance}.{block}, need it to draw its circuit")
    return found
