"""`accelsim train ablate`: measure one ablation and write its record."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from accelsim.errors import UsageError
from accelsim.report.files import require_writable
from accelsim.train.ablations import ABLATIONS
from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.record import Record, save
from accelsim.train.provenance import made_by, versions
from accelsim.train.stages import Stages


@dataclass(frozen=True)
class AblateOptions:
    """The command's options; run_dir: where stages are kept."""

    name: str
    data_root: Path
    download: bool
    quick: bool
    seed: int
    out: Path
    run_dir: Path

    @property
    def command(self) -> str:
        """What makes the record again; the data lie elsewhere on another machine."""
        quick = ["--quick"] if self.quick else []
        return shlex.join(["accelsim", "train", "ablate", self.name, "--seed", str(self.seed), *quick])


def ablate(options: AblateOptions) -> Path:
    """Measure, write `NAME.json` into `out`, and say where it is.

    Raises:
        UsageError: if there is no such ablation.
        DataError: if the data set is not there.
        OutputError: if a stage or the record cannot be written.
    """
    if options.name not in ABLATIONS:
        raise UsageError(f'ablate: got "{options.name}", need one of {", ".join(ABLATIONS)}')
    require_writable(options.out)
    module = import_module(f"accelsim.train.ablations.{ABLATIONS[options.name].module}")
    stages = Stages(options.run_dir, {"quick": options.quick, "seed": options.seed})
    bench = Bench(options.data_root, options.download, options.quick, options.seed, stages)
    found: Found = module.measure(bench)
    record = Record(
        name=options.name,
        command=options.command,
        dataset=found.dataset,
        sizes=found.sizes,
        quick=options.quick,
        seconds=round(bench.seconds, 1),
        device=made_by(stages)["device"],
        versions=versions(),
        rows=found.rows,
        facts=found.facts,
        histogram=found.histogram,
    )
    return save(record, options.out)
