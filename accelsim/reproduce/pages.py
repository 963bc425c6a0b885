"""The reproduction as a page (`reproduction.md`), made from the dictionary of `document.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accelsim.report.markdown import bullets, table
from accelsim.reproduce.claims import GROUPS
from accelsim.reproduce.verdict import STATUSES

Document = dict[str, Any]

INTRODUCTION = """\
Every number that the two papers behind this simulator claim: as printed; as its own published inputs give it, by
exact arithmetic; as simulated here by the paper's accounting (*paper mode*: `hybrid_paper.yaml`, `mbi_paper.yaml`);
and as simulated with every block charged (*physical mode*). Made by `accelsim reproduce`; a test holds this page to
what the command gives.

Paper mode reproduces a claim and is not physics: it charges what the paper charges. Where its constant was fitted to
a claim, its agreement is by construction, and the line says so. Physical mode is a chip that somebody would have to
build, with other nodes and all blocks, so its distance from a claim is no error of either."""

TOLERANCE = """\
**How a verdict is found.** A printed figure stands for an interval of half its last digit either way (a count is
exact). A computed figure *recomputes* if it lies in that interval; it agrees *within rounding* if the interval that
the rounding of its inputs leaves open meets it; otherwise the claim *contradicts* its own inputs, or, where inputs had
to be reconstructed, *differs* from the reconstruction. A simulation is "the same" up to a relative {same:g}. A
figure of our own training agrees if the claim meets its 95 % interval (of a share Wilson's, of a gain that of two
shares; a percentile has none). Simulations use seed {seed} and the
numbers of inputs given below."""


def page(document: Document) -> str:
    """The whole page, in Markdown."""
    parts = [
        "# Reproduction: every number of two papers",
        INTRODUCTION,
        "## Summary",
        _summary(document),
        "Claims that their own published inputs contradict:",
        bullets(_contradicted(document)),
        TOLERANCE.format(same=document["tolerance"]["same_relative"], seed=document["tolerance"]["seed"]),
        *(part for seed in document["seeds"] for part in _seed(seed)),
        "## Projections to 16 nm",
        _projections(document),
        "## Inputs of the arithmetic",
        _inputs(document),
        "## Simulations",
        _simulations(document),
        *_not_there(document),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(document: Document) -> str:
    seeds = document["seeds"]
    rows = []
    for status, words in STATUSES.items():
        counts = [sum(claim["status"] == status for claim in seed["claims"]) for seed in seeds]
        if total := document["summary"][status]:
            rows.append((words, *(str(count) for count in counts), str(total)))
    totals = [len(seed["claims"]) for seed in seeds]
    rows.append(("**all**", *(str(count) for count in totals), str(sum(totals))))
    headings = ("verdict", *(seed["title"].partition(":")[0] for seed in seeds), "both")
    claims = [claim for seed in seeds for claim in seed["claims"]]
    figures = {(claim["what"], claim["published"]["text"]) for claim in claims}
    again = f"{len(claims) - len(figures)} lines look at a figure a second time, from reconstructed inputs."
    return f"{table(headings, rows, right=len(seeds) + 1)}\n\n{again}"


def _contradicted(document: Document) -> Iterator[str]:
    for seed in document["seeds"]:
        for claim in seed["claims"]:
            if claim["status"] == "contradicts":
                own, refs = claim["own"], ", ".join(claim["contradictions"])
                printed = f"{claim['published']['text']} printed"
                yield f"{claim['what']}: {printed}, {own['text']} = {own['arithmetic']} ({own['against']}; {refs})"


def _seed(seed: Document) -> Iterator[str]:
    yield f"## {seed['title']}"
    yield f"Read from seed {seed['id']}: {seed['what']}."
    for group in GROUPS:
        claims = [claim for claim in seed["claims"] if claim["group"] == group]
        yield f"### {group.capitalize()}"
        headings = ("claim", "published", "its own inputs give", "paper mode", "physical mode", "verdict")
        yield table(headings, [_row(claim) for claim in claims])
    yield "### Contradictions"
    yield bullets(_finding(one) for one in seed["contradictions"])


def _finding(one: Document) -> str:
    inputs = f" [{' '.join(one['inputs'])}]" if one["inputs"] else ""
    return f"**{one['id']}**, {one['claim']}. {one['finding']}{inputs}"


def _row(claim: Document) -> tuple[str, ...]:
    refs = f" ({', '.join(claim['contradictions'])})" if claim["contradictions"] else ""
    name = f"`{claim['id']}` {claim['what']}{refs}<br>*{claim['where']}*"
    modes = (_mode(claim[mode]) for mode in ("paper", "physical"))
    return (name, claim["published"]["text"], _own(claim), *modes, claim["verdict"])


def _own(claim: Document) -> str:
    own = claim["own"]
    if own is None:
        return "–"
    how = f" = {own['arithmetic']}" if own["arithmetic"] != own["text"] else ""
    return f"**{own['text']}**{how}<br>{' '.join(own['inputs'])} ({', '.join(own['bases'])})"


def _mode(reading: Document | None) -> str:
    return "–" if reading is None else f"**{reading['text']}**<br>{reading['what']}"


def _projections(document: Document) -> str:
    rows = []
    for one in document["projections"]:
        square, fitted = one["rules"]["square_law"], one["rules"]["stillmaker_baas"]
        cells = [f"`{one['design']}`, {one['node_nm']} nm", f"{one['energy_nj']:,.2f}", f"{one['printed_16_nj']:,.2f}"]
        for rule in (square, fitted):
            cells += [f"{rule['factor']:.4f}", f"{rule['energy_nj']:,.2f}", f"{rule['over_mbi']:,.2f}x"]
        rows.append(cells)
    headings = ("design", "nJ", "printed at 16 nm", "(16/n)²", "nJ", "over MBI", "Stillmaker-Baas", "nJ", "over MBI")
    common_v = document["projections"][0]["common_v"]
    text = (
        "arXiv 2307.07631 projects the energies of other designs by the square of the nodes. The fit of "
        f"Stillmaker and Baas (2017; both nodes at {common_v:g} V; published CMOS logic, not these macros) "
        "gives other factors. Ratios are to the printed energy of MBI. Neither rule covers converters or "
        "leakage."
    )
    return f"{text}\n\n{table(headings, rows, right=len(headings) - 1)}"


def _inputs(document: Document) -> str:
    rows = [(one["id"], one["name"], one["text"], one["basis"], one["source"]) for one in document["inputs"]]
    counted = [one["basis"] for one in document["inputs"]]
    shares = ", ".join(f"{counted.count(basis)} {basis}" for basis in dict.fromkeys(counted))
    return f"{len(rows)}: {shares}.\n\n" + table(("", "input", "value", "basis", "source"), rows)


def _simulations(document: Document) -> str:
    rows = []
    for one in document["simulations"]:
        shares = sorted(one["energy_share_by_basis"].items(), key=lambda item: -item[1])
        text = ", ".join(f"{share:.1%} {basis}" for basis, share in shares if share)
        energies = (f"{one['energy_pj']:,.1f}", f"{one['static_pj']:,.1f}", f"{one['latency_s'] * 1e6:,.2f}")
        rows.append((f"`{one['pair']}`", str(one["n_inputs"]), *energies, text))
    headings = ("spec and workload", "inputs", "pJ an inference", "of it static", "µs", "unit energies rest on")
    return table(headings, rows)


def _not_there(document: Document) -> Iterator[str]:
    if document["not_there"]:
        yield "## Not yet there"
        yield bullets(f"`{pair}`: {reason}" for pair, reason in document["not_there"].items())
