"""Sweeps and searches: the names, launching, watching and reporting of their jobs."""
