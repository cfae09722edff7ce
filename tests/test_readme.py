"""The README and the guide say what is there."""

import re
import shlex
from pathlib import Path

import pytest

from naa_lightning.attacks import Attack
from naa_lightning.config.attack import compose_attack
from naa_lightning.config.models import compose_surrogate, compose_targets
from naa_lightning.config.training_experiment import compose_training_run
from naa_lightning.exports import FORMATS
from naa_lightning.models import ClassifierSource
from naa_lightning.models.torchvision_model import TorchvisionModel
from tests.attacks.test_every_attack import ATTACKS, configured
from tests.experiments import ROOT, attack_run, composed

README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "your_own.md").read_text(encoding="utf-8")


def commands(program: str, page: str = README) -> list[list[str]]:
    lines = re.findall(rf"(?<=    )(?:python {program}\.py|naa-{program}) .*", page.replace("\\\n", ""))
    lines = [line.replace(f"naa-{program}", f"python {program}.py") for line in lines]
    return [
        shlex.split(line, comments=True)[2:] for line in lines if "--config-dir" not in line and "--help" not in line
    ]


COMMANDS = commands("attack")
OWN = commands("attack", GUIDE)


def test_every_attack_is_listed_with_its_cost() -> None:
    listed = dict(
        re.findall(r"`([a-z_]+)` (\d+)", README.partition("### The attacks")[2].partition("Parts recombine")[0])
    )
    assert listed == {name: str(configured(name).gradient_evaluations) for name in ATTACKS}
    assert f"one of the {len(ATTACKS)} [below]" in README


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_compose(words: list[str]) -> None:
    """Of a sweep, the first choices."""
    sweep = "-m" in words or any(word.startswith("experiment=") for word in words)
    words = [word for word in words if word != "-m"]
    words = [word.split(",")[0] if sweep else word for word in words if word not in ("--cfg", "job")]
    assert isinstance(compose_attack(attack_run(*words).attack), Attack)


@pytest.mark.parametrize("words", OWN, ids=" ".join)
def test_commands_of_the_guide_describe_models(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but those of transformers, which are described by their files."""
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.startswith(("trust=[", "adversarial_dir=")):
            Path(word.partition("=")[2].strip("[]")).mkdir(parents=True)
    run = attack_run(*words)
    assert isinstance(compose_attack(run.attack), Attack)
    if run.craft and run.surrogate is not None and "surrogate=huggingface" not in words:
        surrogate = compose_surrogate(run.surrogate)
        assert isinstance(surrogate, ClassifierSource)
        asked = {target.name for target in compose_targets(run, [surrogate])}
        assert asked == {surrogate.name, *(node["name"] for node in run.targets.values())}


def test_formats_of_the_guide_are_those_of_exports() -> None:
    assert set(re.findall(r"--to (\w+)", GUIDE)) == FORMATS.keys()


def test_there_are_commands_to_compose() -> None:
    assert len(OWN) >= 15
    assert len(COMMANDS) >= 10
    assert len(commands("train")) >= 3


@pytest.mark.parametrize("words", commands("train"), ids=" ".join)
def test_commands_that_train_compose(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchvisionModel, "check_published_weights", lambda _: None)
    experiment = compose_training_run(composed(*words, program="train"))
    assert experiment.plan.recipe.epochs > 1
