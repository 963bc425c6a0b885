"""Transistor cards: our own, and the one a user points at.

Ours is generic and free of licences: BSIM4 (level 54) with our own round numbers, two pairs. `core` stands for a 16 nm
low-standby-power class at 0.9 V (a minimum device of 32 x 16 nm: threshold 0.34 V, about 27 uA on and 27 pA off);
`thick` for a thick-oxide 180 nm class at 3 V (420 x 350 nm, threshold 0.65 V). Nothing in it is a foundry's.
BSIM4's own defaults for lpe0, pscbe1, pscbe2, pdiblc1 and pdiblc2 are meant for long channels and would make these
currents 20 times too high, so the card states them. Gate and band-to-band tunnelling are off.

A user's card is included by its path, never copied; a result names its sha256. It takes the place of the `core` pair.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accelsim.errors import UsageError
from accelsim.spice.ngspice import Deck, Ngspice, SpiceError

_STATED = (
    "lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9"
    " pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10"
    " agidl=0 igcmod=0 igbmod=0 capmod=2"
)
_CORE = "toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5"
_THICK = "toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4"


def _model(name: str, channel: str, vth0: float, u0: float, rest: str) -> str:
    return f".model {name} {channel} level=54 version=4.8 vth0={vth0} u0={u0} {rest} {_STATED}"


OWN_CARD = "\n".join(
    (
        _model("core_n", "nmos", 0.34, 0.0181, _CORE),
        _model("core_p", "pmos", -0.34, 0.0075, _CORE),
        _model("thick_n", "nmos", 0.65, 0.040, _THICK),
        _model("thick_p", "pmos", -0.65, 0.012, _THICK),
    )
)


@dataclass(frozen=True)
class Pair:
    """An NMOS and a PMOS model with the minimum device that decks are drawn with.

    Attributes:
        nmos, pmos: model names.
        width_nm, length_nm: of the minimum device.
        drain_nm: length of its source and drain areas, for the junctions.
        supply_v: the highest voltage it is meant for.
    """

    nmos: str
    pmos: str
    width_nm: float
    length_nm: float
    drain_nm: float
    supply_v: float


@dataclass(frozen=True)
class Card:
    """Model cards as decks use them.

    Attributes:
        name: `own`, or the file's path.
        lines: what a deck has to hold: the models themselves, or an include.
        core, thick: the pairs.
        sha256: of the text of the models.
    """

    name: str
    lines: tuple[str, ...]
    core: Pair
    thick: Pair
    sha256: str


@dataclass(frozen=True)
class Probe:
    """A minimum core device at full supply: NMOS current in A, on and off, and both thresholds (magnitudes, V).

    The threshold is where the saturated current is 100 nA x W/L.
    """

    on_a: float
    off_a: float
    vth_n_v: float
    vth_p_v: float


_CORE_PAIR = Pair("core_n", "core_p", 32, 16, 40, 0.9)
_THICK_PAIR = Pair("thick_n", "thick_p", 420, 350, 480, 3.0)


def own_card() -> Card:
    """The card kept in the project."""
    digest = hashlib.sha256(OWN_CARD.encode()).hexdigest()
    return Card("own", tuple(OWN_CARD.splitlines()), _CORE_PAIR, _THICK_PAIR, digest)


def user_card(path: Path) -> Card:
    """A file with one NMOS and one PMOS model of level 54, drawn at our core pair's size and supply.

    Raises:
        UsageError: if it cannot be read or does not hold exactly one of each.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f'--card: got "{path}" ({error.strerror}), need a file of models') from error
    text = content.decode("utf-8", errors="replace")
    names = {kind: _names(text, kind) for kind in ("nmos", "pmos")}
    if any(len(found) != 1 for found in names.values()):
        got = "; ".join(f"{kind}: {', '.join(found) or 'none'}" for kind, found in names.items())
        raise UsageError(f"--card {path}: got {got}; need one .model of each kind")
    core = Pair(names["nmos"][0], names["pmos"][0], *_size(_CORE_PAIR))
    lines = (f'.include "{path.resolve()}"', *OWN_CARD.splitlines()[2:])
    return Card(str(path), lines, core, _THICK_PAIR, hashlib.sha256(content).hexdigest())


def _size(pair: Pair) -> tuple[float, float, float, float]:
    return pair.width_nm, pair.length_nm, pair.drain_nm, pair.supply_v


def _names(text: str, kind: str) -> list[str]:
    return re.findall(rf"^\s*\.model\s+(\S+)\s+{kind}\b", text, flags=re.IGNORECASE | re.MULTILINE)


def probe(ngspice: Ngspice, card: Card) -> Probe:
    """One sweep of each core device, which also shows that this ngspice runs the card.

    Raises:
        SpiceError: if the currents are not those of a switch.
    """
    pair = card.core
    size = f"w={pair.width_nm}n l={pair.length_nm}n"
    deck = Deck(
        name="probe",
        circuit=(
            *card.lines,
            f"vdn dn 0 {pair.supply_v}",
            f"vwell well 0 {pair.supply_v}",
            "vdp dp 0 0",
            "vg g 0 0",
            "egp gp 0 well g 1",
            f"mn dn g 0 0 {pair.nmos} {size}",
            f"mp dp gp well well {pair.pmos} {size}",
        ),
        analysis=f"dc vg 0 {pair.supply_v} {pair.supply_v / 100:g}",
        vectors=("i(vdn)", "i(vdp)"),
        stop=pair.supply_v,
    )
    waves = ngspice.run(deck)
    nmos, pmos = -waves.y["i(vdn)"], waves.y["i(vdp)"]
    reference = 100e-9 * pair.width_nm / pair.length_nm
    if not (0 < nmos[0] < reference < nmos[-1] and 0 < pmos[0] < reference < pmos[-1]):
        raise SpiceError(
            f"{card.name}: got {nmos[-1]:.3g} and {pmos[-1]:.3g} A on, {nmos[0]:.3g} and {pmos[0]:.3g} A off, "
            f"need transistors of {reference:.3g} A in between"
        )
    vth = [float(np.interp(np.log(reference), np.log(currents), waves.x)) for currents in (nmos, pmos)]
    return Probe(float(nmos[-1]), float(nmos[0]), *vth)
