"""`naa-train`: trains a surrogate or a target."""

import hydra
from omegaconf import DictConfig

from naa_lightning.cli.entry import launch, one_line_errors
from naa_lightning.config.hydra_versions import MAIN_OPTIONS
from naa_lightning.shipped import CONF


@hydra.main(config_path=str(CONF), config_name="train", **MAIN_OPTIONS)
def run(config: DictConfig) -> float | None:
    """Run one job; a sweep optimises what it returns, which chooses the best epoch on the validation images."""
    with one_line_errors():
        # Loaded step by step: most takes seconds, and a mistake is told before.
        from naa_lightning.config.training_experiment import compose_training_run  # noqa: PLC0415

        experiment = compose_training_run(config)
        from naa_lightning.runs.training import run_training  # noqa: PLC0415

        return run_training(experiment)


def main() -> None:
    """Run the program."""
    launch(run)
