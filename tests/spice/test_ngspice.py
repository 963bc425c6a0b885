"""The runner: what counts as a run, and what is said when there is none."""

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import OutputError
from accelsim.spice.ngspice import Deck, Ngspice, SpiceError, Waves, find
from tests.spice.parts import pretend

DECK = Deck("rc", ("v1 a 0 1", "r1 a b 1k", "c1 b 0 1p"), "tran 1n 10n", ("v(b)",), 10e-9)
ROWS = "".join(f"{t}e-9 {t}\\n" for t in range(11))


def run(folder: Path, script: str) -> Waves:
    return Ngspice(pretend(folder, script)).run(DECK)


def test_data_that_reach_the_end_are_read(tmp_path: Path) -> None:
    waves = run(tmp_path, f"printf '{ROWS}' > data.txt")
    assert waves.x[-1] == 10e-9
    assert waves.y["v(b)"].tolist() == list(range(11))


def test_exit_0_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"^ngspice: rc: got no data, need v\(b\)\nno such vector$"):
        run(tmp_path, "echo no such vector")


def test_a_truncated_transient_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"^ngspice: rc: got data up to 4e-09, need up to 1e-08"):
        run(tmp_path, "printf '0 0\\n4e-9 1\\n' > data.txt; echo timestep too small")


def test_a_missing_vector_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"^ngspice: rc: got 0 vectors, need 1 of finite numbers$"):
        run(tmp_path, "printf '0\\n1e-8\\n' > data.txt")


def test_not_a_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match="need 1 of finite numbers"):
        run(tmp_path, "printf '0 nan\\n1e-8 1\\n' > data.txt")


def test_no_rows_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"^ngspice: rc: got"), pytest.warns(UserWarning, match="no data"):
        run(tmp_path, ": > data.txt")


def test_another_exit_status_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"^ngspice: rc: got exit status 1, need 0\nunknown model$"):
        run(tmp_path, "echo unknown model >&2; exit 1")


def test_a_run_that_does_not_end_is_an_error(tmp_path: Path) -> None:
    ngspice = Ngspice(pretend(tmp_path, "exec sleep 60"), time_limit_s=0.5)
    with pytest.raises(SpiceError, match=r"got no end in 0\.5 s"):
        ngspice.run(DECK)


def test_old_data_do_not_count(tmp_path: Path) -> None:
    """With a folder that keeps decks, a second run that fails must not read what the first one left."""
    kept = tmp_path / "kept"
    good = pretend(tmp_path, f"printf '{ROWS}' > data.txt")
    Ngspice(good, kept).run(DECK)
    assert (kept / "rc" / "deck.sp").read_text() == DECK.text()
    with pytest.raises(SpiceError, match="got no data"):
        Ngspice(pretend(tmp_path, ":"), kept).run(DECK)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(OutputError, match="--keep-decks"):
        Ngspice(pretend(tmp_path, ":"), tmp_path / "kept").run(DECK)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r'^--ngspice: got ".*none", need a program$'):
        find(tmp_path / "none")
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(SpiceError, match="need the version of ngspice"):
        Ngspice(other)


def test_an_empty_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find(None) is None


def test_waves_by_hand() -> None:
    """A line that falls from 1 V at 2 ns to 0 at 4 ns; a source that delivers 1 mA from 0 to 10 ns: 5 pC in 5 ns."""
    x = np.array([0.0, 2e-9, 4e-9, 10e-9])
    waves = Waves(x, {"v(a)": np.array([1.0, 1.0, 0.0, 0.0]), "i(v)": np.full(4, -1e-3)})
    assert waves.crossing("v(a)", 0.25) == pytest.approx(3.5e-9)
    assert waves.at("v(a)", 3e-9) == pytest.approx(0.5)
    assert waves.charge("i(v)", 1e-9, 6e-9) == pytest.approx(5e-12)
    with pytest.raises(SpiceError, match="need a fall through -1 V"):
        waves.crossing("v(a)", -1.0)
