"""A thousand damaged copies of the shipped specs: each is refused with problems or is a chip, nothing else."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from accelsim.chip import build_chip
from accelsim.errors import SpecError
from accelsim.spec import load_spec, not_charged, spec_sha256
from accelsim.yamlfile import read

from .editing import SMALL

SPECS = [SMALL, *sorted((Path(__file__).parents[2] / "arch_specs").glob("*.yaml"))]
N_MUTATIONS = 1000
MAX_SECONDS = 2.0

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


def _outcome(path: Path, overrides: Sequence[str] = ()) -> str:
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
    return "chip"


@pytest.mark.parametrize("base", SPECS, ids=lambda path: path.stem)
def test_damaged_specs(base: Path, tmp_path: Path) -> None:
    original = base.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "x.yaml"
    counts = {"refused": 0, "chip": 0}
    for seed in range(N_MUTATIONS // len(SPECS) + 1):
        rng = random.Random(f"{base.stem} {seed}")
        lines = list(original)
        for _ in range(rng.choice((1, 1, 1, 3))):
            lines = rng.choice(MUTATORS)(lines, rng) or [""]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        began = time.process_time()
        counts[_outcome(path)] += 1
        assert time.process_time() - began < MAX_SECONDS, seed
    assert min(counts.values()) > 0


def test_damaging_overrides() -> None:
    lines = read(SMALL).lines
    counts = {"refused": 0, "chip": 0}
    for seed in range(N_MUTATIONS // 4):
        rng = random.Random(seed)
        counts[_outcome(SMALL, [f"{rng.choice(list(lines))}={rng.choice(JUNK)}"])] += 1
    assert min(counts.values()) > 0


def test_a_flood_of_unknown_fields_is_refused_quickly(tmp_path: Path) -> None:
    original = SMALL.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "x.yaml"
    for seed in range(10):
        path.write_text("\n".join(_flood(list(original), random.Random(seed))), encoding="utf-8")
        began = time.process_time()
        assert _outcome(path) == "refused"
        assert time.process_time() - began < 2 * MAX_SECONDS
