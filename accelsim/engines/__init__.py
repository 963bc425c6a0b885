"""Engines turn job tables into timelines. Each has `run(chunks, …)`; all give equal times for every table."""
