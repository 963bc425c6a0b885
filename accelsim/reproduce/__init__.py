"""`accelsim reproduce`: every number that the two papers claim, recomputed from its inputs and simulated.

Claims are data (`hybrid.py`, `mbi.py`), made of named inputs (`hybrid_inputs.py`, `mbi_inputs.py`); arithmetic keeps
the interval that rounding leaves open (`quantity.py`); simulations run the shipped specs (`simulations.py`).
"""
