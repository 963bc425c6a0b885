"""How long 1,000 inputs of every shipped workload take, from reading the spec to the finished run.

    PYTHONPATH=. python benchmarks/run_speed.py [n_inputs]

At least ten jobs an input and the order of admissions are asserted, so that a fast run is a real one. Times depend on
the machine; compare runs on one.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec
from accelsim.workload import load_workload
from tests.golden.figures import PAIRS, ROOT


def main() -> None:
    """Prints a line for each spec and workload."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for spec_name, workload_name in PAIRS:
        began = time.perf_counter()
        spec = load_spec(ROOT / "arch_specs" / f"{spec_name}.yaml")
        workload = load_workload(ROOT / "workloads" / workload_name)
        n_inputs = min(wanted, workload.n_inputs)
        run = simulate(spec, workload, RunOptions(n_inputs))
        took = time.perf_counter() - began
        (chip,) = run.chips
        assert chip.n_jobs >= n_inputs * 10
        assert all(a <= b for a, b in pairwise(chip.columns["start_ticks"]))
        pair = f"{spec_name} on {workload_name}"
        print(f"{pair:38} {n_inputs:6,} inputs {chip.n_jobs:10,} jobs {took:7.1f} s {chip.n_jobs / took:9,.0f} jobs/s")


if __name__ == "__main__":
    main()
