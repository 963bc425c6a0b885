"""A thousand damaged copies of the shipped specs: each is refused with problems or is a chip, nothing else.

What is still a chip runs a tiny workload, or says in one message of its own why it cannot.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from accelsim.chip import build_chip
from accelsim.errors import AccelsimError, InvariantError, SpecError
from accelsim.run import RunOptions, simulate
from accelsim.spec import load_spec, not_charged, spec_sha256
from accelsim.units import is_physical
from accelsim.workload import Workload, load_workload
from accelsim.yamlfile import read
from tests.workload.builders import shapes, write_cascade, write_cnn, write_folder, write_hybrid, write_mbi

from .editing import SMALL

SPECS = [SMALL, *sorted((Path(__file__).parents[2] / "arch_specs").glob("*.yaml"))]
N_MUTATIONS = 1000
MAX_SECONDS = 2.0
MAX_JOBS = 1000  # of the tiny workload on any chip

JUNK = (
    *("-1", "0", "-0.0", "1e300", "1e-300", "5e-324", "9" * 30, "9" * 5000, "1e999", ".inf", "-.inf", ".nan"),
    *("null", "true", "yes", "''", "'x'", "0.16 pJ", "[]", "[1, 2]", "{}", "{a: {b: c}}", "&a 1", "*a", "!!int 3"),
    *("2024-01-01", "0x10", "1_000", "|", ">", "- 1", "?", "@", "`", "%", "\t", "ﬁ", "\u2028", "\ud7ff", "\0"),
)

Lines = list[str]


def _drop(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    return lines[:at] + lines[at + 1 :]


def _duplicate(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    return [*lines[:at], lines[at], *lines[at:]]


def _swap(lines: Lines, rng: random.Random) -> Lines:
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def _rename(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    key, colon, rest = lines[at].partition(":")
    lines[at] = key[:-1] + rng.choice(("", "x", ".", " ", "'")) + colon + rest
    return lines


def _junk(lines: Lines, rng: random.Random) -> Lines:
    at = rng.choice([i for i, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")] or [0])
    lines[at] = lines[at].partition(":")[0] + ": " + rng.choice(JUNK)
    return lines


def _indent(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(("  ", "    ", "\t")) + lines[at] if rng.random() < 0.5 else lines[at].lstrip()
    return lines


def _truncate(lines: Lines, rng: random.Random) -> Lines:
    text = "\n".join(lines)
    return text[: rng.randrange(len(text))].split("\n")


def _binary(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    noise = "".join(chr(rng.randrange(256)) for _ in range(rng.randrange(1, 40)))
    return [*lines[:at], lines[at] + noise, *lines[at + 1 :]]


def _nest(lines: Lines, rng: random.Random) -> Lines:
    at = rng.randrange(len(lines))
    bracket = rng.choice("[{")
    deep = lines[at].partition(":")[0] + ": " + bracket * rng.choice((5, 25, 10_000))
    return [*lines[:at], deep, *lines[at + 1 :]]


def _bomb(lines: Lines, rng: random.Random) -> Lines:
    levels = [f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]" for i in range(1, 12)]
    return ["b0: &b0 [lol, lol, lol]", *levels, *lines]


def _flood(lines: Lines, rng: random.Random) -> Lines:
    at = rng.choice([i for i, line in enumerate(lines) if line.rstrip().endswith(":")])
    indent = " " * (len(lines[at]) - len(lines[at].lstrip()) + 2)
    return lines[: at + 1] + [f"{indent}extra_{i}: {i}" for i in range(20_000)] + lines[at + 1 :]


MUTATORS: tuple[Callable[[Lines, random.Random], Lines], ...] = (
    *(_drop, _duplicate, _swap, _rename, _rename, _junk, _junk, _junk, _junk, _indent),
    *(_truncate, _binary, _nest, _bomb),
)


Workloads = dict[str, Workload]


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> Workloads:
    """One of each kind that fits every chip here before it is damaged."""
    folder = tmp_path_factory.mktemp("workloads")
    write_hybrid(folder / "hybrid", n_inputs=2, side=4, channels=(2,))
    write_mbi(folder / "mbi", n_inputs=2, side=4, n_glimpses=2, n_tables=2, branches=3)
    write_cascade(folder / "cascade", n_inputs=2, side=4, channels=(2,), n_glimpses=2, n_tables=2, branches=3)
    write_cnn(folder / "cnn", n_inputs=2, side=4, channels=(2,))
    write_folder(folder / "shapes", shapes(n_inputs=2))
    loaded = {kind: load_workload(folder / kind) for kind in ("hybrid", "mbi", "cascade", "cnn")}
    return loaded | dict.fromkeys(("row_stationary", "cim"), load_workload(folder / "shapes"))


def _outcome(workloads: Workloads, path: Path, overrides: Sequence[str] = ()) -> str:
    try:
        spec = load_spec(path, overrides)
    except SpecError as exc:
        return "refused" if str(exc) else "refused without a word"
    chip = build_chip(spec)
    for instance in chip.instances.values():
        for op in instance.component.ops:
            assert 1 <= instance.interval(op) <= instance.latency(op)
            assert instance.slack_ns(op) >= 0
    assert len(spec_sha256(spec)) == 64
    assert all("." in name for name in not_charged(spec))
    assert len(chip.services) == len(chip.instances)
    try:
        run = simulate(spec, workloads[spec.kind], RunOptions(1))
    except InvariantError:
        raise
    except AccelsimError as exc:
        return "stopped" if str(exc) else "stopped without a word"
    assert run.chips[0].n_jobs <= MAX_JOBS
    return "ran"


@pytest.mark.parametrize("base", SPECS, ids=lambda path: path.stem)
def test_damaged_specs(workloads: Workloads, base: Path, tmp_path: Path) -> None:
    original = base.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "x.yaml"
    counts = {"refused": 0, "stopped": 0, "ran": 0}
    least = N_MUTATIONS // len(SPECS) + 1
    for seed in range(N_MUTATIONS):
        if seed >= least and min(counts["refused"], counts["ran"]) > 0:
            break  # few copies of a spec that charges little still run: go on until one does
        rng = random.Random(f"{base.stem} {seed}")
        lines = list(original)
        for _ in range(rng.choice((1, 1, 1, 3))):
            lines = rng.choice(MUTATORS)(lines, rng) or [""]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        began = time.process_time()
        counts[_outcome(workloads, path)] += 1
        assert time.process_time() - began < MAX_SECONDS, seed
    assert min(counts["refused"], counts["ran"]) > 0


def test_damaging_overrides(workloads: Workloads) -> None:
    lines = read(SMALL).lines
    counts = {"refused": 0, "stopped": 0, "ran": 0}
    for seed in range(N_MUTATIONS // 4):
        rng = random.Random(seed)
        counts[_outcome(workloads, SMALL, [f"{rng.choice(list(lines))}={rng.choice(JUNK)}"])] += 1
    assert min(counts["refused"], counts["ran"]) > 0


# What a field may hold by its type, but seldom should; a spec says itself what it cannot.
WHOLE = (1, 2, 3, 5, 7, 12, 64, 1000, 4096, 10**5, 10**6, 10**9, 10**12)
REAL = (1e-300, 1e-9, 0.1, 1, 7.3, 1e3, 1e6, 1e9, 1e12, 1e15)
WORDS = ("in_order", "first_come", "resident", "reloaded", "streamed", "dense", "run_length", "circuit", "manhattan")
WORDS += ("compare_tree", "ramp", "analog_wta", "charge_share", "adc_per_segment", "current_sum")


def _extreme(path: str, value: object, rng: random.Random) -> object:
    if isinstance(value, str):
        return rng.choice(WORDS)
    if isinstance(value, bool):
        return "false" if value else "true"
    return rng.choice(WHOLE + REAL if is_physical(path) else WHOLE)


def _values(data: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Dotted path → value of every field that has a number, a word or a truth value, sources aside."""
    found: dict[str, object] = {}
    for key, value in data.items():
        if isinstance(value, dict) and key != "sources":
            found |= _values(value, f"{prefix}{key}.")
        elif isinstance(value, int | float | str) and key not in ("component", "die", "clock", "description", "name"):
            found[f"{prefix}{key}"] = value
    return found


@pytest.mark.parametrize("base", SPECS, ids=lambda path: path.stem)
def test_extreme_but_possible_values(workloads: Workloads, base: Path) -> None:
    values = _values(read(base).data)
    counts = {"refused": 0, "stopped": 0, "ran": 0}
    for seed in range(N_MUTATIONS // len(SPECS)):
        rng = random.Random(f"{base.stem} {seed}")
        edits = [(path, _extreme(path, values[path], rng)) for path in rng.sample(list(values), rng.choice((1, 2, 5)))]
        began = time.process_time()
        counts[_outcome(workloads, base, [f"{path}={value}" for path, value in edits])] += 1
        assert time.process_time() - began < MAX_SECONDS, edits
    assert min(counts["refused"], counts["ran"]) > 0


def test_a_flood_of_unknown_fields_is_refused_quickly(workloads: Workloads, tmp_path: Path) -> None:
    original = SMALL.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "x.yaml"
    for seed in range(10):
        path.write_text("\n".join(_flood(list(original), random.Random(seed))), encoding="utf-8")
        began = time.process_time()
        assert _outcome(workloads, path) == "refused"
        assert time.process_time() - began < 2 * MAX_SECONDS
