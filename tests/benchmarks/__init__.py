"""How fast crafting is, and in how much memory: `python -m tests.benchmarks`, from the repository's root."""
