"""LightningModules: what is done with a batch."""
