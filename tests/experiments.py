"""Running experiments inside a test process."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from naa_lightning.config.attack_experiment import checked_attack_run, compose_attack_run
from naa_lightning.config.schema import AttackRun
from naa_lightning.config.training_experiment import TrainingExperiment, compose_training_run
from naa_lightning.runs.attack import run_attack
from naa_lightning.runs.training import run_training

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
NO_PICTURES = ("report.first_images=0", "report.extreme_images=0", "report.attention_images=0")


def presets(group: str) -> list[str]:
    """The names of a group of the configuration, sorted."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


# Presets of groups that both programs have, which are for training alone.
OF_TRAINING = {"experiment": ["cifar10_hardened", "digits_hardened"], "hparams_search": ["optuna_training"]}


def presets_of_attacks(group: str) -> list[str]:
    """The names of a group, without those that are for training alone."""
    return [name for name in presets(group) if name not in OF_TRAINING.get(group, [])]


# Not those that leave the network to the user.
_ANY_NETWORK = {"ensemble", "trained", "timm", "torchvision", "huggingface", "torch_hub", "python", "onnx", "exported"}
NETWORKS = sorted(set(presets("surrogate")) - _ANY_NETWORK)


def composed(*overrides: str, program: str = "attack") -> DictConfig:
    """Compose a program's configuration as its command line would, with `run` as the run's folder."""
    GlobalHydra.instance().clear()
    initialize_config_dir(str(CONF), version_base="1.3")  # and stays so, as in a program
    config = compose(program, overrides=list(overrides), return_hydra_config=True)
    config.hydra.runtime.output_dir = "run"
    HydraConfig.instance().set_config(config)
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return config


def attack_run(*overrides: str) -> AttackRun:
    """An attack's configuration as its command line would make it, nothing built of it."""
    return checked_attack_run(composed(*overrides))


def attack(folder: Path, *overrides: str) -> float | None:
    """Run an attack on the digits in `folder`, by default with the first 20 images, no logger and no pictures."""
    logger = [] if any(override.startswith("logger=") for override in overrides) else ["~logger"]
    return run_attack(
        compose_attack_run(
            composed(
                "experiment=digits",
                *logger,
                "callbacks=training",
                "data.limit=20",
                "data.batch_size=8",
                "preflight=false",  # takes a second; its own tests switch it on
                *NO_PICTURES,
                f"paths.run_dir={folder}",
                *overrides,
            )
        )
    )


def training(folder: Path, *overrides: str) -> TrainingExperiment:
    """Compose a training as its command line would, by default without a logger and progress bar."""
    shown = [f"~{group}" for group in ("logger", "callbacks") if not any(o.startswith(f"{group}=") for o in overrides)]
    models = f"paths.models_dir={folder / 'models'}"
    return compose_training_run(composed(*shown, f"paths.run_dir={folder}", models, *overrides, program="train"))


def train(folder: Path, *overrides: str) -> float:
    """Run a training in `folder`."""
    return run_training(training(folder, *overrides))


def adversarial_files(folder: Path) -> dict[str, bytes]:
    """The adversarial images of a run, by name."""
    return {path.name: path.read_bytes() for path in sorted((folder / "adversarial").glob("*.png"))}
