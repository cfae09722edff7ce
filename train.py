"""Train a surrogate or a target: `python train.py surrogate=...`."""

import hydra
from omegaconf import DictConfig

from naa_lightning.cli.entry import launch, one_line_errors
from naa_lightning.config.hydra_versions import MAIN_OPTIONS


@hydra.main(config_path="conf", config_name="train", **MAIN_OPTIONS)
def main(config: DictConfig) -> float:
    """Run one job; a sweep optimises what it returns, the accuracy on test images."""
    with one_line_errors():
        # Loaded step by step: most takes seconds, and a mistake is told before.
        from naa_lightning.config.training_experiment import compose_training_run  # noqa: PLC0415

        experiment = compose_training_run(config)
        from naa_lightning.runs.training import run_training  # noqa: PLC0415

        return run_training(experiment)


if __name__ == "__main__":
    launch(main)
