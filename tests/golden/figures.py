"""What golden tests pin, for every shipped spec and each workload that fits it.

`python -m tests.golden.figures` writes `figures.json` anew. A change there needs a line in CHANGELOG that says why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelsim.report.summary import summary
from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("figures.json")
N_INPUTS = 12
PAIRS = [
    ("hybrid_paper", "paper_hybrid"),
    ("hybrid_paper", "cifar10_hybrid"),
    ("hybrid_paper", "cifar10_hybrid_paper"),
    ("hybrid_physical", "paper_hybrid"),
    ("hybrid_physical", "cifar10_hybrid"),
    ("hybrid_physical", "cifar10_hybrid_paper"),
    ("mbi_paper", "paper_mbi"),
    ("mbi_paper", "mnist_mbi"),
    ("mbi_physical", "paper_mbi"),
    ("mbi_physical", "mnist_mbi"),
    ("mbi_paper", "mnist_mbi_half"),
    ("mbi_physical", "mnist_mbi_half"),
    ("mbi_paper", "mnist_mbi_paper"),
    ("full_chip", "mnist_cascade"),
    ("hybrid_digital_65nm", "paper_hybrid"),
    ("hybrid_digital_65nm", "cifar10_hybrid"),
    ("hybrid_digital_180nm", "paper_hybrid"),
    ("hybrid_digital_180nm", "cifar10_hybrid"),
    ("hybrid_digital_65nm", "cifar10_hybrid_paper"),
    ("hybrid_digital_180nm", "cifar10_hybrid_paper"),
    ("cnn_physical", "cifar10_softmax"),
    ("cnn_physical", "cifar10_cosine"),
    ("cnn_physical", "mnist_cnn"),
    ("teacher_physical", "resnet50_cifar_stem"),
    ("teacher_physical", "resnet50_imagenet_stem"),
    ("cim_mlp_28nm", "mlp_930k_shapes"),
    ("cim_resnet20_55nm", "resnet20_115m_shapes"),
    ("cim_lenet_65nm", "lenet_411k_shapes"),
    ("eyeriss", "alexnet_shapes"),
    ("eyeriss", "vgg16_shapes"),
]
STOPPED = {("mbi_physical", "mnist_mbi_paper")}
"""Pairs that fit and stop with a message: on an imperfect chip glimpses lead off the recorded locations, so pixels are
needed."""
GENERAL = ("teacher_physical", "cim_mlp_28nm", "cim_resnet20_55nm", "cim_lenet_65nm", "eyeriss")
"""Specs that take any network: pinned with those that they are there for."""
KEYS = (
    "accuracy",
    "coverage",
    "tie_rate",
    "n_jobs",
    "jobs_per_input_max",
    "tick_hz",
    "makespan_ticks",
    "timeline_sha256",
    "energy_pj",
    "energy_by_action_pj",
    "programming",
)


def figures(spec: str, workload: str) -> dict[str, Any]:
    """The pinned figures of one pair, as JSON gives them back."""
    spec_path = ROOT / "arch_specs" / f"{spec}.yaml"
    options = RunOptions(N_INPUTS)
    run = simulate(load_spec(spec_path), load_workload(ROOT / "workloads" / workload), options)
    whole = summary(run, command="", spec_path=str(spec_path), overrides=[])
    pinned: dict[str, Any] = json.loads(json.dumps({key: whole[key] for key in KEYS}))
    return pinned


def main() -> None:
    """Writes the file."""
    pinned = {f"{spec} on {workload}": figures(spec, workload) for spec, workload in PAIRS}
    FILE.write_text(json.dumps(pinned, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {FILE}; say in CHANGELOG.md what moved, and why")


if __name__ == "__main__":
    main()
