"""Circuits behind the analog models, for ngspice: the runner, our own transistor card, and the decks."""
