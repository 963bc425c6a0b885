"""Ablation "prototypes": tables and keys a glimpse, flat or as trees of two levels, at the same comparisons."""

from __future__ import annotations

from accelsim.train.ablations.bench import Bench, Found
from accelsim.train.ablations.prototype_bench import PrototypeBench, words
from accelsim.train.ablations.record import Row
from accelsim.train.mbi_model import TableShape

TABLES = (1, 2, 4, 7, 14)
COMPARISONS = (56, 112, 224)
"""Of a glimpse."""
TREE_TABLES = 7
FLAT, TREE = "flat", "trees of two levels"


def measure(bench: Bench) -> Found:
    """Each number of tables at each number of comparisons, and trees for one number of tables."""
    prototypes = PrototypeBench(bench)
    variants = [(tables, TableShape(n // tables, 0)) for tables in TABLES for n in COMPARISONS]
    keys = [n // TREE_TABLES for n in COMPARISONS]
    variants += [(TREE_TABLES, TableShape(-(-n // 2), n // 2)) for n in keys]
    rows = [_row(prototypes, *variant) for variant in variants]
    names = ("fitted_images", "vote_images", "validation_images", "table_epochs", "copies")
    sizes = {name: getattr(prototypes.sizes, name) for name in names}
    return Found(prototypes.title, sizes, rows)


def _row(prototypes: PrototypeBench, tables: int, shape: TableShape) -> Row:
    n_glimpses = len(prototypes.geometry(tables).glimpses)
    return {
        "kind": TREE if shape.then else FLAT,
        "tables": tables,
        "keys": words(shape),
        "comparisons": n_glimpses * tables * shape.comparisons,
        "validation_accuracy": prototypes.tables(tables, shape).figures["accuracy"],
        "seed": prototypes.seed,
    }
