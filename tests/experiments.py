"""Running experiments inside a test process."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from naa_lightning.composition import compose_attack_run, compose_training_run
from naa_lightning.run import run_attack, run_training

ROOT = Path(__file__).parents[1]


def composed(*overrides: str, program: str = "attack") -> DictConfig:
    """Compose a program's configuration as its command line would, with `run` as the run's folder."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(program, overrides=list(overrides), return_hydra_config=True)
    config.hydra.runtime.output_dir = "run"
    HydraConfig.instance().set_config(config)
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return config


def attack(folder: Path, *overrides: str) -> float | None:
    """Run an attack on the digits in `folder`, by default with the first 20 images and no logger."""
    logger = [] if any(override.startswith("logger=") for override in overrides) else ["~logger"]
    return run_attack(
        compose_attack_run(
            composed(
                "experiment=digits",
                *logger,
                "callbacks=training",
                "data.limit=20",
                "data.batch_size=8",
                "report.attention_images=0",
                f"paths.run_dir={folder}",
                *overrides,
            )
        )
    )


def train(folder: Path, *overrides: str) -> float:
    """Train a network, by default without a logger."""
    return run_training(
        compose_training_run(composed("~logger", f"paths.run_dir={folder}", *overrides, program="train"))
    )


def adversarial_files(folder: Path) -> dict[str, bytes]:
    """The adversarial images of a run, by name."""
    return {path.name: path.read_bytes() for path in sorted((folder / "adversarial").glob("*.png"))}
