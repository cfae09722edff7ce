"""Several processes that share a run, and stopping them in order."""
