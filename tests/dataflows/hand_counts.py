"""Ledgers of one input on the tiny chips, part by part: counts as arithmetic on the geometry of the workload.

What depends on data comes from the loops of `by_hand.py`; nothing comes from accelsim.
"""

from __future__ import annotations

from collections import Counter
from math import ceil

from tests.dataflows import by_hand
from tests.workload.parts import Built
from tests.workload.table_parts import location_columns

Hand = Counter[str]  # "instance.action@phase" → count of one input

CONV_MACS = 2 * 4 * 9  # two channels of 2 x 2 outputs, nine weights each
CHANNEL_BITS = 32 + 32 + 8  # bias, multiplier, shift; a layer that ends at its accumulators has the bias alone
CONV_BITS = 2 * (9 * 8 + CHANNEL_BITS)

# Address bits of the tiny chips' memories: 4096 bytes in words of 64 bits.
ADDRESS_BITS = {"buffer": 9, "pixels": 9, "weights": 9, "tables": 9}


def with_riders(hand: Hand, address_bits: dict[str, int] = ADDRESS_BITS) -> Hand:
    """And what comes along with other actions: level shifters of memories, pumps of arrays, the bus of converters."""
    found = Hand(hand)
    for site, count in hand.items():
        (instance, _, action), phase = site.partition("@")[0].partition("."), site.partition("@")[2]
        if action in ("read", "write") and instance in address_bits:
            data = 64 if action == "write" else 0
            found[f"{instance}.level_shift@{phase}"] += count * (address_bits[instance] + data)
        if (instance, action) == ("arrays", "compare"):
            found[f"arrays.boost@{phase}"] += count
        if (instance, action) == ("adc", "convert"):
            found[f"adc.bus@{phase}"] += count
    return found


def admitted(memory: str, side: int, words: int) -> Hand:
    """An image of side x side bytes is received, and written as so many words."""
    return Hand({"admission.receive@admit": side * side * 8, f"{memory}.write@admit": words})


def conv(built: Built, number: int, side: int) -> Hand:
    """The one convolution, in one tile: 3 x 3, two channels, 2 x 2 outputs, from side x side bytes."""
    nonzero = int(built.evaluation["nonzero_macs"][number, 0])
    return Hand(
        {
            "weights.read@conv1": ceil(CONV_BITS / 64),
            "buffer.read@conv1": ceil(side * side * 8 / 64),
            "engine.mac@conv1": nonzero,
            "engine.mac_gated@conv1": CONV_MACS - nonzero,
            "engine.weight_fill@conv1": 2 * 9,
            "engine.input_fill@conv1": side * side,
            "engine.psum_move@conv1": 8,
            "post.requantise@conv1": 8,
            "buffer.write@conv1": ceil(8 * 8 / 64),
        }
    )


def match(
    built: Built, number: int, readout: str = "analog_wta", *, features: int = 8, thresholds: int = 1, wake: int = 1
) -> Hand:
    """Five templates in an array of eight segments of eight cells; the unused cells of their rows match."""
    found, rows, cells = by_hand.matched(built, number), 5, 8 * 8
    hits = sum(found.matches) + rows * (cells - features)
    bits = features * {1: 1, 2: 2}[thresholds]  # two levels are a bit, three are two
    steps = features - max(found.matches) + 1  # the reference falls from full scale to the winner's count
    counts = {
        "buffer.read": ceil((features + features * thresholds) * 8 / 64),  # features and thresholds, a byte each
        "binariser.compare": features * thresholds,
        "binariser.latch": bits,
        "link.bit": bits,
        "link.level_shift": bits,
        "sync.transfer": bits,
        "driver.drive": found.driven,
        "acam.match": hits,
        "acam.mismatch": rows * cells - hits,
        "acam.combine": rows * 8,
        "acam.wake": wake,
        "wta.wake": wake,
    }
    counts |= {
        "analog_wta": {"wta.decide": 1, "sense.sense": rows, "sense.wake": wake},
        "compare_tree": {"wta.decide": rows - 1},
        "ramp": {"wta.ramp_step": steps, "sense.sense": rows * steps, "sense.wake": wake},
    }[readout]
    return Hand({f"{site}@match": count for site, count in counts.items()})


def lookups(built: Built, number: int, entered: int, arrays: int = 2, passes: int = 1, rounds: int = 1) -> Hand:
    """`entered` glimpses of resident tables, two conversions an array; a key fills `arrays`, compared in `passes`."""
    mbi = built.manifest["mbi"]
    patch_bits = len(mbi["glimpses"][0]) * mbi["patch_size"] ** 2 * mbi["pixel_bits"]
    key_bits = patch_bits + mbi["hidden_bits"] + location_columns(mbi)
    hand = Hand()
    for g, found in enumerate(by_hand.glimpses(built, number)[:entered]):
        keys, pixels = sum(found.nodes), by_hand.pixels(built, number, g, 64 // 8)
        counts = {
            "pixels.read": pixels.words,
            "extractor.add": pixels.adds,
            "extractor.quantise": pixels.comparisons,
            "controller.node": len(found.nodes),
            "controller.descriptor_read": len(found.nodes),
            "controller.level_shift": len(found.nodes) * key_bits,
            "controller.query_bit": key_bits,  # the register is loaded once a glimpse
            "arrays.query_toggle": found.toggles,
            "arrays.compare": keys * arrays,
            "arrays.precharge": keys * arrays,
            "arrays.wake": keys * passes,
            "adc.convert": keys * arrays * 2,
            "adc.wake": keys * rounds,
            "scan.multiply": keys * arrays,
            "scan.add": keys * (arrays * 2 - 1),
            "scan.compare": keys,
            "values.read": mbi["n_tables"] * ceil(mbi["value_bits"] / 32),
            "vote.add": mbi["n_tables"] * mbi["n_classes"],
        }
        hand.update({f"{site}@glimpse{g + 1}": count for site, count in counts.items()})
    return hand


def reloads(built: Built, number: int, key_bits: int, cells: int) -> Hand:
    """What fetching and writing the visited nodes adds when the arrays do not hold all keys."""
    hand = Hand()
    for g, found in enumerate(by_hand.glimpses(built, number)):
        hand[f"tables.read@glimpse{g + 1}"] = sum(ceil(n * key_bits / 64) for n in found.nodes)
        hand[f"arrays.write@glimpse{g + 1}"] = sum(n * cells for n in found.nodes)
    return hand


def dense(built: Built, number: int, phase: str) -> Hand:
    """The dense layer from eight values to three logits of 32 bits, in one tile, and the largest of them."""
    nonzero = int(built.evaluation["nonzero_macs"][number, 1])
    return Hand(
        {
            "weights.read@fc": ceil(3 * (8 * 8 + 32) / 64),
            "buffer.read@fc": ceil(8 * 8 / 64),
            "engine.mac@fc": nonzero,
            "engine.mac_gated@fc": 3 * 8 - nonzero,
            "engine.weight_fill@fc": 3 * 8,
            "engine.input_fill@fc": 8,
            "engine.psum_move@fc": 3,
            "buffer.write@fc": ceil(3 * 32 / 64),  # accumulators of 32 bits
            f"buffer.read@{phase}": ceil(3 * 32 / 64),
            f"vote.compare@{phase}": 3 - 1,
        }
    )


DECIDED = Hand({"vote.compare@decide": 3 - 1})  # three classes
# The largest of three sums, the second largest, and the margin: added to that one, and compared.
BY_MARGIN = Hand({"vote.compare@decide": (3 - 1) + (3 - 2) + 1, "vote.add@decide": 1})


def cascade(built: Built, number: int) -> Hand:
    """Lookups with a comparison of each glimpse's distance, and what a far input adds: all of the CNN."""
    n_glimpses, far = by_hand.entered(built, number)
    hand = admitted("pixels", 4, 4) + lookups(built, number, n_glimpses)  # four image rows, a word each
    by_margin = "margin" in built.manifest["cascade"]
    if by_margin:
        hand += BY_MARGIN
    else:
        hand.update({f"scan.compare@glimpse{g + 1}": 1 for g in range(n_glimpses)})
    if not far:
        return hand if by_margin else hand + DECIDED
    hand.update({"pixels.read@fallback": 4, "buffer.write@fallback": ceil(16 * 8 / 64)})
    hand.update(conv(built, number, 4))
    if built.manifest["cnn"]["head"] == "acam":
        return hand + match(built, number)
    return hand + dense(built, number, "fallback")
