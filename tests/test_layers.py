"""Imports point one way: a module imports its own layer or those below it, and some arrows are forbidden besides."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "accelsim"

# Module or package → layer. A new one must be given its layer here.
LAYERS = {
    **dict.fromkeys(("errors", "units", "jobs", "process", "scaling"), 0),
    **dict.fromkeys(("component", "clock", "rng", "yamlfile", "faults", "arrivals", "timing", "template"), 1),
    **dict.fromkeys(("cacti", "leakage"), 1),
    **dict.fromkeys(("charge_row", "acam_window", "rram", "sum_line"), 1),
    **dict.fromkeys(("acam_cells", "acam_rows", "comparator"), 1),
    **dict.fromkeys(("key_layout", "array_cells"), 1),
    **dict.fromkeys(("components", "spice", "mapping"), 2),
    **dict.fromkeys(("constants", "ideal", "spec_read_out"), 3),
    **dict.fromkeys(("spec_model", "spec_check", "spec_crossings", "spec_roles", "spec_tables"), 3),
    **dict.fromkeys(("overrides", "spec", "chip"), 3),
    **dict.fromkeys(("manifest_field", "manifest_cnn", "manifest_cnn_check", "layer_weights", "layer_tiles"), 3),
    **dict.fromkeys(("manifest", "manifest_check", "manifest_mbi_check"), 3),
    **dict.fromkeys(("workload_arrays", "workload_fit", "workload", "datasets"), 3),
    "dataflows": 5,
    "engines": 6,
    "account": 7,
    **dict.fromkeys(("chip_run", "run", "recost", "report", "sensitivity", "command_run", "command_sensitivity"), 8),
    **dict.fromkeys(("train", "reproduce", "validate"), 9),
    **dict.fromkeys(("cli", "cli_options", "cli_train", "cli_train_options", "cli_train_studies"), 10),
}

# Third-party package → the only modules or packages that may import it.
RESERVED = {
    "yaml": {"yamlfile"},
    "simpy": {"engines.events"},
    "typer": {"cli", "cli_options", "cli_train", "cli_train_options", "cli_train_studies"},
    "torch": {"train"},
    "torchvision": {"train", "datasets"},
}

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
)


class Import(NamedTuple):
    """`name` without `accelsim.`; `inner` whether it is ours; `at_load` whether loading the module runs it."""

    name: str
    inner: bool
    at_load: bool


def imports(module: str) -> Iterator[Import]:
    """Every import in a module."""
    path = PACKAGE / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {inner for node in ast.walk(tree) if _runs_later(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        for name in _names(node):
            yield Import(name.removeprefix("accelsim."), name.startswith("accelsim."), node not in later)


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "imports are absolute"
    names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name.removeprefix("accelsim.") in MODULES else str(node.module) for name in names]


def layer(module: str) -> int:
    package = module.partition(".")[0]
    assert package in LAYERS, f"{module}: give it a layer in tests/test_layers.py"
    return LAYERS[package]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    package = module.partition(".")[0]
    for name, inner, at_load in imports(module):
        if not inner:
            continue
        assert layer(name) <= layer(module), f"{module} imports {name}"
        if package == "components" and module != "components":
            assert not name.startswith("components"), f"{module} imports {name}"
        if package == "engines":
            assert layer(name) == 0 or name.startswith("engines"), f"{module} imports {name}"
        if name.startswith("train") and package != "train":
            assert module in {"cli_train", "cli_train_studies"}, f"{module} imports {name}"
            assert not at_load, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_reserved_packages(module: str) -> None:
    for name, inner, _ in imports(module):
        allowed = RESERVED.get(name.partition(".")[0], {module})
        assert inner or {module, module.partition(".")[0]} & allowed, f"{module} imports {name}"


def test_the_command_line_loads_next_to_nothing() -> None:
    loaded, ahead = {"cli"}, ["cli"]
    while ahead:
        found = {name for name, inner, at_load in imports(ahead.pop()) if inner and at_load} - loaded
        ahead += sorted(found)
        loaded |= found
    assert loaded == {"cli", "cli_options", "cli_train", "cli_train_options", "cli_train_studies", "errors", "process"}


def test_no_cycles() -> None:
    graph = {module: {name for name, _, at_load in imports(module) if at_load} & set(MODULES) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for name in graph[module]:
                visit(name, (*trail, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())
