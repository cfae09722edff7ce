"""Sweeps and searches: their jobs' names, watching and reporting; `hydra_plugins/` holds the launchers."""
