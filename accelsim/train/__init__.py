"""The seeds' training methods (torch). The simulator never imports this package; only the command line does, lazily.

Importing the package itself does not import torch: `save` and the greyscale conversion work without it.
"""
