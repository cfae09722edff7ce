"""Craft adversarial images on a surrogate and try them on targets: `python attack.py surrogate=... attack=...`."""

import hydra
from omegaconf import DictConfig

from naa_lightning.entry import launch, one_line_errors


@hydra.main(version_base="1.3", config_path="conf", config_name="attack")
def main(config: DictConfig) -> float | None:
    """Run one job; a sweep optimises what it returns, the mean black-box success rate."""
    with one_line_errors():
        from naa_lightning.run import attack  # noqa: PLC0415 - heavy: not before the configuration is composed

        return attack(config)


if __name__ == "__main__":
    launch(main)
