"""Train a surrogate or a target: `python train.py surrogate=...`."""

import hydra
from omegaconf import DictConfig

from naa_lightning.entry import launch, one_line_errors


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    """Run one job; a sweep optimises what it returns, the accuracy on held-out images."""
    with one_line_errors():
        from naa_lightning.run import train_classifier  # noqa: PLC0415 - heavy: not before the configuration is composed

        return train_classifier(config)


if __name__ == "__main__":
    launch(main)
