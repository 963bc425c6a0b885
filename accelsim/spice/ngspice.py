"""Runs ngspice in batch mode and reads what it wrote.

ngspice is an option of accelsim, found by `--ngspice` or on the PATH. Its exit status says little: it is 0 when a
vector that was to be saved does not exist, or when a transient was given up. So a run counts only if its data file
is there, has every column, and reaches the last value of its sweep.

*Source:* behaviour of ngspice 39 (Debian 12, 39.3+ds-1), as met while the decks were made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import AccelsimError, OutputError

NOT_FOUND = "ngspice not found (Debian: apt-get install ngspice)"
TIME_LIMIT_S = 300.0
DATA_FILE = "data.txt"
REACHED_REL = 1e-6  # of its stop value: how near to it the last row of a sweep must come
SHOWN_LINES = 6  # of ngspice's own words in a message


class SpiceError(AccelsimError):
    """ngspice that failed, or did less than it was asked to."""


@dataclass(frozen=True)
class Deck:
    """A circuit and one analysis of it.

    Attributes:
        name: of its folder under `--keep-decks`; letters, digits, `-`, `.`.
        circuit: lines of the netlist, with model cards and sources.
        analysis: the command, as in `tran 50p 12n`.
        vectors: what is saved, as in `v(slp)`.
        stop: value of the sweep variable that the last row must reach (s for a transient, V for a DC sweep).
    """

    name: str
    circuit: tuple[str, ...]
    analysis: str
    vectors: tuple[str, ...]
    stop: float

    def text(self) -> str:
        """The file that ngspice reads."""
        control = [
            *(".control", "set num_threads=1", "set wr_singlescale", "set numdgt=9"),
            *(self.analysis, f"wrdata {DATA_FILE} {' '.join(self.vectors)}", "quit", ".endc", ".end"),
        ]
        return "\n".join([f"* accelsim {self.name}", *self.circuit, *control]) + "\n"


class Waves(NamedTuple):
    """What a run gave: the swept variable `[n]`, and each vector `[n]` float64 in SI units."""

    x: npt.NDArray[np.float64]
    y: dict[str, npt.NDArray[np.float64]]

    def at(self, vector: str, x: float) -> float:
        """Value of a vector at `x`, linear between rows."""
        return float(np.interp(x, self.x, self.y[vector]))

    def crossing(self, vector: str, level: float) -> float:
        """First x at which a vector falls through `level`.

        Raises:
            SpiceError: if it never does.
        """
        values = self.y[vector]
        below = np.flatnonzero((values[1:] <= level) & (values[:-1] > level))
        if not len(below):
            raise SpiceError(f"{vector}: got {values.min():.4g} V at the least, need a fall through {level:.4g} V")
        i = int(below[0])
        return float(np.interp(level, values[[i + 1, i]], self.x[[i + 1, i]]))

    def charge(self, source: str, start: float, end: float) -> float:
        """Integral of a source's current from `start` to `end`, of the sign that it delivers charge."""
        inside = (self.x > start) & (self.x < end)
        x = np.concatenate([[start], self.x[inside], [end]])
        return -float(np.trapezoid(np.interp(x, self.x, self.y[source]), x))


class Ngspice:
    """An ngspice program.

    Attributes:
        path: of the program.
        version: what it calls itself, as in `ngspice-39`.
    """

    def __init__(self, path: Path, keep: Path | None = None, time_limit_s: float = TIME_LIMIT_S) -> None:
        """Asks the program for its version.

        Args:
            keep: folder in which decks and what they gave are left.

        Raises:
            SpiceError: if it cannot be started or does not call itself ngspice.
        """
        self.path, self._keep, self._time_limit_s = path, keep, time_limit_s
        said = self._start(["--version"], Path.cwd()).stdout
        found = re.search(r"ngspice-[\w.+]+", said)
        if found is None:
            raise SpiceError(f"{path} --version: got {said.strip()[:80]!r}, need the version of ngspice")
        self.version = found[0]

    def run(self, deck: Deck) -> Waves:
        """Runs a deck in a folder of its own.

        Raises:
            SpiceError: if ngspice fails, writes no data, leaves out a vector or stops early.
            OutputError: if the folder to keep decks in cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="accelsim-") as scratch:
            folder = Path(scratch) if self._keep is None else self._keep / deck.name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / DATA_FILE).unlink(missing_ok=True)
                (folder / "deck.sp").write_text(deck.text(), encoding="utf-8")
            except OSError as error:
                raise OutputError(f"--keep-decks {folder}: got {error.strerror}, need a folder to write") from error
            done = self._start(["-n", "-b", "deck.sp"], folder)
            said = _last_words(done.stdout + done.stderr)
            if done.returncode:
                raise SpiceError(f"ngspice: {deck.name}: got exit status {done.returncode}, need 0\n{said}")
            return _read(deck, folder / DATA_FILE, said)

    def _start(self, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [str(self.path), *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._time_limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpiceError(f"ngspice: got no end in {self._time_limit_s:g} s, need one ({folder})") from error
        except OSError as error:
            raise SpiceError(f"{self.path}: got {error.strerror}, need an ngspice that starts") from error


def find(given: Path | None) -> Path | None:
    """The program: the one given, or the first on the PATH; None where there is none.

    Raises:
        SpiceError: if the given one is no program.
    """
    if given is None:
        found = shutil.which("ngspice")
        return None if found is None else Path(found)
    if not (given.is_file() and os.access(given, os.X_OK)):
        raise SpiceError(f'--ngspice: got "{given}", need a program')
    return given.resolve()


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-SHOWN_LINES:])


def _read(deck: Deck, path: Path, said: str) -> Waves:
    """The data of a deck, checked."""
    if not path.is_file():
        raise SpiceError(f"ngspice: {deck.name}: got no data, need {', '.join(deck.vectors)}\n{said}")
    try:
        table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise SpiceError(f"ngspice: {deck.name}: got data that are no table ({error})") from error
    if table.shape[1] != 1 + len(deck.vectors) or not np.isfinite(table).all():
        raise SpiceError(
            f"ngspice: {deck.name}: got {table.shape[1] - 1} vectors, need {len(deck.vectors)} of finite numbers"
        )
    x = table[:, 0]
    if not len(x) or x[-1] < deck.stop * (1 - REACHED_REL):
        last = f"{x[-1]:.6g}" if len(x) else "no row"
        raise SpiceError(f"ngspice: {deck.name}: got data up to {last}, need up to {deck.stop:.6g}\n{said}")
    return Waves(x, dict(zip(deck.vectors, table[:, 1:].T, strict=True)))
