"""LightningModules: the work on one batch of images."""
