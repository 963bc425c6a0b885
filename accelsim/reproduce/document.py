"""The reproduction as one dictionary: `reproduction.json`. The pages are made from it and from nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from accelsim.reproduce.claims import Claim, Contradiction, Reading, Seed, Unchecked
from accelsim.reproduce.projections import projections
from accelsim.reproduce.quantity import Input, Quantity, in_unit
from accelsim.reproduce.simulations import SEED, NotRun, Runs
from accelsim.reproduce.verdict import (
    SAME,
    STATUSES,
    Difference,
    compare,
    compare_measured,
    distance_words,
    figure_words,
)

SCHEMA_VERSION = 1
PJ_PER_JOULE = 1e12
Document = dict[str, Any]


class InputList:
    """Every input of the arithmetic once, with a number."""

    def __init__(self) -> None:
        self._inputs: list[Input] = []

    def keys(self, inputs: tuple[Input, ...]) -> list[str]:
        """`i1`, `i2`, … of some inputs; new ones are added."""
        self._inputs += [one for one in inputs if one not in self._inputs]
        return [f"i{self._inputs.index(one) + 1}" for one in inputs]

    def entries(self) -> list[Document]:
        """All inputs."""
        return [
            {
                "id": f"i{number}",
                "name": one.name,
                "text": one.text,
                "value": in_unit(one.value, one.unit),
                "unit": one.unit,
                "basis": one.basis,
                "source": one.source,
            }
            for number, one in enumerate(self._inputs, 1)
        ]


def document(seeds: tuple[Seed, ...], runs: Runs) -> Document:
    """Everything that is said, from finished simulations."""
    inputs = InputList()
    parts = [_seed(seed, runs, inputs) for seed in seeds]
    counted = Counter(claim["status"] for part in parts for claim in part["claims"])
    return {
        "schema_version": SCHEMA_VERSION,
        "tolerance": {"same_relative": SAME, "seed": SEED},
        "summary": {status: counted[status] for status in STATUSES},
        "seeds": parts,
        "projections": projections(),
        "inputs": inputs.entries(),
        "simulations": [_simulation(one) for one in runs.all_simulated()],
        "not_there": runs.all_absent(),
    }


def _seed(seed: Seed, runs: Runs, inputs: InputList) -> Document:
    return {
        "id": seed.id,
        "title": seed.title,
        "what": seed.what,
        "claims": [_claim(claim, runs, inputs) for claim in seed.claims],
        "contradictions": [_contradiction(one, runs, inputs) for one in seed.contradictions],
    }


def _contradiction(one: Contradiction, runs: Runs, inputs: InputList) -> Document:
    keys = [key for quantity in one.uses for key in inputs.keys(quantity.inputs)]
    return {
        "id": one.id,
        "claim": one.claim,
        "finding": one.finding(runs),
        "inputs": list(dict.fromkeys(keys)),
    }


def _claim(claim: Claim, runs: Runs, inputs: InputList) -> Document:
    named = claim.published.inputs[0]
    own = None if isinstance(claim.own, Unchecked) else _own(claim.published, claim.own, inputs)
    readings = {
        "recipe": _recipe(claim, runs),
        "paper": _reading(claim, claim.paper, runs),
        "physical": _reading(claim, claim.physical, runs),
    }
    entry: Document = {
        "id": claim.id,
        "group": claim.group,
        "what": named.name,
        "where": named.source,
        "published": _number(claim.published),
        "own": own,
        **readings,
        "contradictions": list(claim.refs),
    }
    entry["status"] = _status(claim, entry)
    note = claim.note if isinstance(claim.note, str) else claim.note(runs)
    entry["verdict"] = _words(claim, entry, note)
    return entry


def _number(quantity: Quantity) -> Document:
    unit = quantity.inputs[0].unit
    low, value, high = (in_unit(x, unit) for x in (quantity.low, quantity.value, quantity.high))
    return {"text": quantity.text, "value": value, "low": low, "high": high, "unit": unit}


def _own(published: Quantity, computed: Quantity, inputs: InputList) -> Document:
    unit = published.inputs[0].unit
    found = compare(published, computed)
    low, value, high = (in_unit(x, unit) for x in (computed.low, computed.value, computed.high))
    return {
        "arithmetic": computed.text,
        "text": figure_words(computed.value, published),
        "value": value,
        "low": low,
        "high": high,
        "inputs": inputs.keys(computed.inputs),
        "bases": sorted({one.basis for one in computed.inputs}),
        "against": distance_words(computed.value, published.value, unit),
        **_difference(found),
    }


def _difference(found: Difference) -> Document:
    return {"status": found.status, "difference_rel": found.relative}


def _reading(claim: Claim, reading: Reading | None, runs: Runs) -> Document | None:
    if reading is None:
        return None
    try:
        figure = reading.figure(runs)
    except NotRun as missing:
        return {"what": reading.what, "text": "not yet run", "value": None, "comes_with": str(missing)}
    unit = claim.published.inputs[0].unit
    return {
        "what": reading.what,
        "text": figure_words(figure, claim.published),
        "value": in_unit(figure, unit),
        "against": distance_words(figure, claim.published.value, unit),
        "against_own": None if isinstance(claim.own, Unchecked) else distance_words(figure, claim.own.value, unit),
    }


def _recipe(claim: Claim, runs: Runs) -> Document | None:
    if claim.recipe is None:
        return None
    try:
        found = claim.recipe.figure(runs)
    except NotRun as missing:
        return {"what": claim.recipe.what, "text": "not yet run", "value": None, "comes_with": str(missing)}
    unit = claim.published.inputs[0].unit
    return {
        "what": claim.recipe.what,
        "text": figure_words(found.value, claim.published),
        "value": in_unit(found.value, unit),
        "low": in_unit(found.low, unit),
        "high": in_unit(found.high, unit),
        **_difference(compare_measured(claim.published, found.value, (found.low, found.high))),
    }


def _status(claim: Claim, entry: Document) -> str:
    recipe = entry["recipe"]
    if recipe and recipe["value"] is not None:
        return str(recipe["status"])
    return claim.own.status if isinstance(claim.own, Unchecked) else str(entry["own"]["status"])


def _words(claim: Claim, entry: Document, note: str) -> str:
    """The verdict: status, difference, what the simulations say, what has to be added."""
    status, own, recipe = entry["status"], entry["own"], entry["recipe"]
    first = STATUSES[status]
    if status in ("contradicts", "differs"):
        first += f", which {'give' if status == 'contradicts' else 'is'} {own['against']}"
    if recipe and recipe["value"] is not None:
        first += f": {recipe['text']} ({recipe['what']})"
    sentences = [first[0].upper() + first[1:]]
    if isinstance(claim.own, Unchecked) and not status.startswith("measured"):
        sentences[0] += f": {claim.own.reason}"
    if own and "assumed" in own["bases"] and status in ("recomputes", "within_rounding"):
        sentences[0] += ", with assumed inputs"
    for mode in ("paper", "physical"):
        if (reading := entry[mode]) and reading["value"] is not None:
            sentences.append(f"{mode.capitalize()} mode: {_mode_words(reading)}")
    if note:
        sentences.append(note.rstrip("."))
    return ". ".join(sentences) + "."


def _mode_words(reading: Document) -> str:
    if reading["against_own"] == "the same" and reading["against"] != "the same":
        return "the same as its own inputs give"
    return str(reading["against"]) if reading["against"] != "the same" else "the same as published"


def _simulation(one: Any) -> Document:
    return {
        "pair": one.pair.name,
        "n_inputs": one.pair.n_inputs,
        "seed": SEED,
        "energy_pj": one.joules() * PJ_PER_JOULE,
        "static_pj": one.static_joules() * PJ_PER_JOULE,
        "latency_s": one.latency_s,
        "energy_share_by_basis": one.shares_by_basis(),
        "not_charged": one.not_charged,
        "spec_sha256": one.spec_sha256,
        "workload_sha256": one.workload_sha256,
    }
