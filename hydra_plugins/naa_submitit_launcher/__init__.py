"""Launchers for `hydra/launcher=slurm` and `hydra/launcher=submitit_local`."""
