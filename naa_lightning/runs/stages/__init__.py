"""The stages of a run, one a file; `naa_lightning.runs.pipeline` joins them."""
