"""`accelsim validate`: check, write, print; the exit code says whether anything failed."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from accelsim import __version__
from accelsim.errors import UsageError
from accelsim.report.files import require_writable, write_files, write_json, write_text
from accelsim.validate.report import calibration, document, page, print_document
from accelsim.validate.suite import Circuits, validate

PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Request:
    """What the user asked for, as typed."""

    root: Path
    spice: bool
    require_spice: bool
    circuits: Circuits
    save_calibration: Path | None
    out: Path


def run(request: Request) -> int:
    """Makes the checks, writes `validation.json` and `validation.md`, prints them.

    Returns:
        The exit code: 1 if a check failed, or was skipped although it was required.

    Raises:
        AccelsimError: whatever is wrong with the request, before anything is written.
    """
    _require_meaning(request)
    specs, workloads = (_folder(request.root, name) for name in ("arch_specs", "workloads"))
    require_writable(request.out)
    if request.save_calibration is not None:
        require_writable(request.save_calibration.parent)
    told = Console(stderr=True)
    with told.status("validating") as status:
        outcome = validate(specs, workloads, request.circuits if request.spice else None, status.update)
    data = document(outcome, shlex.join(["accelsim", *sys.argv[1:]]), __version__)
    written = write_files(
        request.out,
        {
            "validation.json": lambda path: write_json(data, path),
            "validation.md": lambda path: write_text(page(data), path),
        },
    )
    if request.save_calibration is not None and outcome.fitted:
        to = request.save_calibration
        written += write_files(to.parent, {to.name: lambda path: write_text(calibration(data), path)})
    print_document(data, Console())
    print("wrote " + ", ".join(str(path) for path in written))
    missed = data["tally"]["skipped"] and request.require_spice
    return FAILED if data["tally"]["failed"] or missed else PASSED


def _folder(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_dir():
        raise UsageError(f'--root: got "{root}", need a folder that has arch_specs and workloads')
    return path


def _require_meaning(request: Request) -> None:
    """Options of circuit simulation mean nothing without it.

    Raises:
        UsageError: naming the first one.
    """
    circuits = request.circuits
    given = {
        "--full": circuits.full,
        "--ngspice": circuits.ngspice,
        "--card": circuits.card,
        "--require-spice": request.require_spice,
        "--keep-decks": circuits.keep_decks,
        "--save-calibration": request.save_calibration,
    }
    for name, value in given.items():
        if value and not request.spice:
            raise UsageError(f"{name}: got no --spice, need it as well")
