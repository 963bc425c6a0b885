"""Renderings of a finished run: the summary, the files, the table on the terminal."""
