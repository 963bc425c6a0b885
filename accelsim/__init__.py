"""accelsim: latency, energy and accuracy of content-addressable and compute-in-memory edge chips.

Not Accel-Sim, the GPU simulator. Start at `accelsim.run.simulate` or the command `accelsim run`.
"""

__version__ = "0.1.0"
