"""Figures of arXiv 2502.10089 (the hybrid classifier) and of what is needed to check them.

Places name sections of the summary that this project started from ("seed 000"); its abstract was read at arxiv.org. The
body of the paper was not available. Every figure is rounded to its printed digits unless it is a count.
"""

from __future__ import annotations

from accelsim.reproduce import networks
from accelsim.reproduce.quantity import count, given

ABSTRACT = "abstract of arXiv 2502.10089"
QUICK = "Quick Facts, Executive Summary"
KEY = "Key Results"
ONBOARDING = "Architecture Onboarding"

# ---- energy ------------------------------------------------------------------
TOTAL = given("energy of a classification", "97.52", "nJ", f"{QUICK}, {KEY}, Critical path")
FRONT = given("energy of the CNN front end", "96.23", "nJ", f"Critical path; {ABSTRACT}")
BACK = given("energy of a template match", "1.45", "nJ", f"{KEY}, Critical path; {ABSTRACT}")
TEACHER = given("energy of the teacher", "78.06", "µJ", ABSTRACT)
CELL = given("energy of an ACAM cell and operation", "185", "fJ", "Mechanism 3, Experiment 3, Next Check 2")
REDUCTION = given("reduction of energy against the teacher", "792", "x", f"{QUICK}, {KEY}; {ABSTRACT}")
MAC_REDUCTION = given(
    "reduction of multiply-accumulates against the teacher", "800", "x", "public summary of arXiv 2502.10089", half="50"
)
COSINE = given("energy of cosine similarity over feature count on the ACAM", "5.6", "x", KEY)

# ---- accuracy ----------------------------------------------------------------
SOFTMAX = given("accuracy of the student with its softmax layer", "82.22", "%", f"{QUICK}, {KEY}")
SOFTMAX_ROUNDED = given("accuracy of the compressed student", "82", "%", "Foundational Learning")
ONE_TEMPLATE = given("accuracy of one binary template a class", "70.91", "%", f"{KEY}, Design tradeoffs")
TWO_TEMPLATES = given("accuracy of two templates a class", "71.64", "%", "Design tradeoffs")
THREE_TEMPLATES = given("accuracy of three templates a class", "71.60", "%", "Design tradeoffs")
PLATEAU = given("plateau of accuracy, whatever the number of templates", "71", "%", "Failure signatures")
GAP = given("accuracy lost between softmax student and ACAM", "11", "points", "Open Question 1")
RECOVERED = given("accuracy that distillation with a curriculum recovers", "6", "points", "Mechanism 1")
WORST_CLASS = given("accuracy of the worst classes", "60", "%", "Failure signatures (Fig. 7)", half="5")
BEST_CLASS = given("accuracy of the best classes", "80", "%", "Failure signatures (Fig. 7)", half="5")

# ---- size --------------------------------------------------------------------
TEACHER_PARAMETERS = given("parameters of the teacher", "26", "M", "Foundational Learning")
STUDENT_PARAMETERS = given("parameters of the student", "380", "K", "Method Summary", half="5")
PARAMETER_SHARE = given("parameters of the student over those of the teacher", "1.45", "%", f"{QUICK}, {KEY}")
SPARSITY = given("weights pruned to zero", "80", "%", "Method Summary, Critical path")
WEIGHT_BITS = given("precision of the network", "8", "bit", "Method Summary, Critical path", exact=True)
FEATURES = given("features", "784", "", ONBOARDING, exact=True)
TEMPLATES = given("templates", "10", "", ONBOARDING, exact=True)
SIDE = given("side of the input image", "32", "", ONBOARDING, exact=True)
FILTERS_1 = given("filters of the first layer", "32", "", ONBOARDING, exact=True)
FILTERS_2 = given("filters of the second layer", "128", "", ONBOARDING, exact=True)
FILTERS_3 = given("filters of the third layer", "256", "", ONBOARDING, exact=True)
FILTERS_HEAD = given("filters of the reduction head", "16", "", ONBOARDING, exact=True)
MOST_TEMPLATES = given("templates a class, at most", "3", "", "Design tradeoffs", exact=True)
MEMORY_FACTOR = given("memory of three templates a class over one", "3", "x", "Design tradeoffs")
CELL_DEVICES = given("RRAM devices in a 6T4R cell", "4", "", "Design tradeoffs", exact=True)
CELL_DEVICES_DENSE = given("RRAM devices in a 3T1R cell", "1", "", "Design tradeoffs", exact=True)
ALPHA = given("weight of the soft labels in distillation", "0.5", "", "Experiment 1")
TEMPERATURE = given("temperature of distillation", "3", "", "Experiment 1")

# ---- to check them -----------------------------------------------------------
LAST_SIDE = count(
    "side of the last feature map", 7, "reconstructed: 784 features in 16 maps are 49 places", "derived"
)
STUDENT_MACS = networks.STUDENT.macs()
STUDENT_ALL = networks.STUDENT.parameters()
HEAD_ALL = networks.STUDENT_HEAD.parameters()
HEAD_MACS = networks.STUDENT_HEAD.macs()
TEACHER_ALL = networks.TEACHER_IMAGENET.parameters()
TEACHER_MACS_224 = networks.TEACHER_IMAGENET.macs()
TEACHER_MACS_STRIDED = networks.TEACHER_STRIDED.macs()
TEACHER_MACS_DENSE = networks.TEACHER_DENSE.macs()
WHOLE = count("all weights", 1, "definition")
CHANNELS = given("inputs of an RGB image over a grey one", "3", "x", "Open Question 3", exact=True)

MATCH = given(
    "energy of a matching TXL cell", "0.16", "pJ", "arXiv 2410.03414, same group, 180 nm, 3 V, 66 MHz"
)
MISMATCH = given(
    "energy of a mismatching TXL cell", "0.036", "pJ", "arXiv 2410.03414, same group, 180 nm, 3 V, 66 MHz"
)
MAC_45NM = given(
    "energy of an int8 multiply-accumulate at 45 nm, arithmetic alone",
    "0.23",
    "pJ",
    "Horowitz, ISSCC 2014: 0.2 pJ multiply + 0.03 pJ add, 0.9 V",
)
TEMPLATE_WORD = count("bits of a word of the template memory", 64, "assumed: the port of the CACTI table", "assumed")
WORD_READ = given(
    "energy of reading 64 bits of 1 KiB of SRAM at 45 nm",
    "0.787",
    "pJ",
    "CACTI 7 (HewlettPackard/cacti@1ffd8df), 45 nm LOP, 350 K",
    basis="derived",
)
BIT_COUNT = given(
    "energy of an XNOR and its share of the count at 45 nm",
    "4",
    "fJ",
    "assumed: one bit of a 16-bit adder of 50 fJ (Horowitz, ISSCC 2014) and a gate",
    basis="assumed",
)
