"""The committed example runs: which they are, and `python -m tests.reports [NAME…]`, which makes them again.

Each is one `accelsim run`; of its files `inputs.parquet` is left out (a row an input and chip). The physical chips with
imperfections are populations; the cascade, whose chips differ in time, a small one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.readme import REPORTS, ROOT, accelsim

KEPT = ("summary.json", "energy.csv", "report.md")

# Spec, workload → options of the run.
RUNS: dict[tuple[str, str], str] = {
    ("hybrid_paper", "cifar10_hybrid"): "--inputs 10000",
    ("hybrid_paper", "cifar10_hybrid_paper"): "--inputs 10000",
    ("hybrid_physical", "cifar10_hybrid"): "--inputs 10000 --chips 20",
    ("hybrid_digital_65nm", "cifar10_hybrid"): "--inputs 10000",
    ("hybrid_digital_180nm", "cifar10_hybrid"): "--inputs 10000",
    ("cnn_physical", "cifar10_softmax"): "--inputs 10000",
    ("teacher_physical", "resnet50_imagenet_stem"): "--inputs 4",
    ("mbi_paper", "mnist_mbi"): "--inputs 10000",
    ("mbi_physical", "mnist_mbi"): "--inputs 10000 --chips 20",
    ("full_chip", "mnist_cascade"): "--inputs 10000 --chips 4",
    ("cim_mlp_28nm", "mlp_930k_shapes"): "--inputs 4",
    ("cim_resnet20_55nm", "resnet20_115m_shapes"): "--inputs 4",
    ("cim_lenet_65nm", "lenet_411k_shapes"): "--inputs 4",
    ("eyeriss", "alexnet_shapes"): "--inputs 4",
}


def make(spec: str, workload: str) -> None:
    """Runs one and replaces its committed files.

    Raises:
        RuntimeError: with what accelsim said, if it failed.
    """
    folder = REPORTS.parent / f"{spec}-{workload}"
    files = (f"arch_specs/{spec}.yaml", f"workloads/{workload}")
    with tempfile.TemporaryDirectory(dir=ROOT) as out:
        done = accelsim("run", *files, *RUNS[spec, workload].split(), "--out", out)
        if done.returncode:
            raise RuntimeError(done.stderr)
        folder.mkdir(exist_ok=True)
        for name in KEPT:
            text = (Path(out) / name).read_text(encoding="utf-8").replace(out, str(folder.relative_to(ROOT)))
            (folder / name).write_text(text, encoding="utf-8")
    print(f"wrote {folder.relative_to(ROOT)}", flush=True)


def main(names: list[str]) -> None:
    """Makes those named (a spec, or spec-workload), or all; removes what is no longer one of them."""
    for spec, workload in RUNS:
        if not names or {spec, f"{spec}-{workload}"} & set(names):
            make(spec, workload)
    kept = {f"{spec}-{workload}" for spec, workload in RUNS}
    for folder in REPORTS.parent.iterdir():
        if folder.is_dir() and (folder / "summary.json").is_file() and folder.name not in kept:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
