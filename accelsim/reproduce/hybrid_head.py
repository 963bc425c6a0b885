"""The cosine head against the match on the ACAM: what each takes, by where the head's class means are stored.

cnn_physical keeps them in the memory of the whole network's weights, and a read costs what that memory's size makes it
cost. The same head with a memory that is as large as its class means is computed from the same CACTI table.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim import cacti
from accelsim.cacti import Point
from accelsim.reproduce import hybrid_inputs as i
from accelsim.reproduce.hybrid_contradictions import BACK_END
from accelsim.reproduce.quantity import shown
from accelsim.reproduce.simulations import JOULES_PER_PJ, Runs
from accelsim.reproduce.verdict import distance_words

LEAST_BYTES = 512  # smallest memory of the table


@dataclass(frozen=True)
class Compared:
    """Energies in J an input; the head's are with the class means in the network's memory and in their own.

    Attributes:
        own: the memory of their own.
        n_reads: words of class means that are read.
        network_reads_j, own_reads_j: reads of the class means, of the head's dynamic energy.
        network_j, own_j: the head's dynamic energy: cosine layer and argmax.
        match_j: the match's, from the features in the buffer to the class.
        network_leak_j, own_leak_j: leakage of the class means' memory over the time of an input (of the network's
            memory their share of its bytes).
        back_end_leak_j: leakage, clocks and biases of the back end over that time.
        added_clock_j, added_s: how much longer the engine runs because of the head, and its clock in that time.
    """

    own: Point
    n_reads: float
    network_reads_j: float
    own_reads_j: float
    network_j: float
    own_j: float
    match_j: float
    network_leak_j: float
    own_leak_j: float
    back_end_leak_j: float
    added_clock_j: float
    added_s: float

    @property
    def network_x(self) -> float:
        """Head over match, dynamic, class means in the network's memory."""
        return self.network_j / self.match_j

    @property
    def own_x(self) -> float:
        """Head over match, dynamic, class means in a memory of their own."""
        return self.own_j / self.match_j

    @property
    def static_x(self) -> tuple[float, float]:
        """Both with leakage."""
        return self._static_x(0.0)

    @property
    def clocked_x(self) -> tuple[float, float]:
        """Both with leakage and the engine's clock over the head's time."""
        return self._static_x(self.added_clock_j)

    def _static_x(self, clock_j: float) -> tuple[float, float]:
        match = self.match_j + self.back_end_leak_j
        heads = (self.network_j + self.network_leak_j, self.own_j + self.own_leak_j)
        return (heads[0] + clock_j) / match, (heads[1] + clock_j) / match


def compared(runs: Runs) -> Compared:
    """Reads the head's and the match's energy from the ledgers of two networks of one topology, each on its chip."""
    head, match = runs.energy("cnn_physical", "cifar10_cosine"), runs.energy("hybrid_physical", "cifar10_hybrid")
    chip = runs.chip("cnn_physical")
    store = chip["weights"].spec
    network = Point(store.table.cell, chip.spec.dies[store.die].node_nm, store.n_bytes, store.word_bits)
    n_reads = head.count("weights.read", phase="cosine")
    held = n_reads * store.word_bits / 8
    own = network._replace(n_bytes=max(LEAST_BYTES, 1 << (int(held) - 1).bit_length()))
    network_reads_j = n_reads * head.unit_joules("weights.read")
    own_reads_j = n_reads * float(cacti.figure("read_pj", own)) * JOULES_PER_PJ
    network_j = head.phase_joules("cosine", "decide")
    leak_j = head.joules("weights.leakage")
    return Compared(
        own,
        n_reads,
        network_reads_j,
        own_reads_j,
        network_j,
        network_j - network_reads_j + own_reads_j,
        match.phase_joules("match"),
        leak_j * held / store.n_bytes,
        leak_j * _leakage_mw(own) / _leakage_mw(network),
        match.static_joules(*BACK_END),
        head.joules("engine.clock") - match.joules("engine.clock"),
        head.input_s() - match.input_s(),
    )


def _leakage_mw(point: Point) -> float:
    return float(cacti.figure("sub_threshold_mw", point) + cacti.figure("gate_mw", point))


def where_it_depends(runs: Runs) -> str:
    """On what the ratio depends, with the ratios."""
    one = compared(runs)
    with_network, with_own = one.static_x
    clocked = [f"{ratio:.3g}x" for ratio in one.clocked_x]
    return (
        "The answer depends on where the class means are stored, and on what static energy is counted. "
        f"Of the head's {_nj(one.network_j)} the {one.n_reads:,.0f} reads of class means from the network's weight "
        f"memory are {_nj(one.network_reads_j)}; from a memory of their own ({one.own}, "
        f"{float(cacti.figure('read_pj', one.own)):g} pJ a read) they are {_nj(one.own_reads_j)}. Dynamic energy over "
        f"the match's {_nj(one.match_j)}: {_against(one.network_x)} with the network's memory, {_against(one.own_x)} "
        f"with their own. With leakage over the time of an input ({_nj(one.back_end_leak_j)} of the ACAM's side, "
        f"{_nj(one.network_leak_j)} of the class means' share of the network's memory, {_nj(one.own_leak_j)} of their "
        f"own): {_against(with_network)} and {_against(with_own)}. The head also keeps the engine "
        f"{one.added_s * 1e6:.1f} µs longer, and its clock takes {_nj(one.added_clock_j)} in that time: "
        f"with that {clocked[0]} and {clocked[1]}."
    )


def _against(ratio: float) -> str:
    words = distance_words(ratio, i.COSINE.value, "x")
    return f"{ratio:.3g}x ({words}{' than the claim' if words.endswith(('more', 'less')) else ''})"


def _nj(joules: float) -> str:
    return shown(joules, "nJ", 1)
