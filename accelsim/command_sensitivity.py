"""`accelsim sensitivity`: load, move every constant over its range, write, print."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from accelsim.command_run import Conditions, Subject, command, load, progress_bar, results_folder
from accelsim.report.files import require_writable, write_files, write_json, write_text
from accelsim.report.sensitivity import as_json, as_markdown, print_tornado
from accelsim.sensitivity import Study, runs_needed, tornado


def run(what: Subject, how: Conditions, metric: str, out: Path | None) -> None:
    """Makes the study and reports it.

    Raises:
        AccelsimError: whatever is wrong with the request, before anything is written.
    """
    spec, workload = load(what)
    study = Study(what.spec, what.overrides, spec, workload, how.options(workload), metric)
    folder = out or results_folder(spec, workload)
    require_writable(folder)
    with progress_bar("simulations", runs_needed(study.moving())) as advance:
        found = tornado(study, advance)
    typed = command()
    written = write_files(
        folder,
        {
            "sensitivity.json": lambda path: write_json(as_json(study, found, typed), path),
            "sensitivity.md": lambda path: write_text(as_markdown(study, found, typed), path),
        },
    )
    print_tornado(study, found, Console())
    print("wrote " + ", ".join(str(path) for path in written))
