"""What a run says of its networks before it uses them."""

import re
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

from naa_lightning.attacks.attack import Attack
from naa_lightning.callbacks.model_summary import ModelSummary
from naa_lightning.config.attack import compose_attack
from naa_lightning.models import Classifier
from naa_lightning.modules.crafting import AttackModule
from tests.callbacks.test_running_mean import QUIET
from tests.experiments import attack_run


class Other(LightningModule):
    """Works on what it has, as the modules do that measure images."""

    title = "measuring"

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def predict_step(self, batch: Any, batch_idx: int) -> None: ...


def printed(module: LightningModule, depth: int, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed where a module predicts."""
    module.predict_step = lambda *_: None  # type: ignore[method-assign]
    Trainer(callbacks=[ModelSummary(depth)], **QUIET).predict(module, DataLoader(TensorDataset(torch.zeros(1))))
    return capsys.readouterr().out


def crafting(classifier: Classifier) -> AttackModule:
    attack: Attack = compose_attack(attack_run("attack=mim").attack)
    return AttackModule(surrogate=classifier, attack=attack, seed=0, batch_size=1, title="crafting it")


def test_layers_are_listed_with_their_parameters(tiny: Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(crafting(tiny), 3, capsys)
    assert text.startswith("crafting it\n")
    rows = {words[2]: words[6] for line in text.splitlines() if len(words := line.split()) > 6 and words[1] == "|"}
    assert rows["surrogate.network.conv1"] == str(3 * 8 * 9 + 8)
    assert rows["surrogate.network.fc"] == str(16 * 10 + 10)
    total = sum(parameter.numel() for parameter in tiny.parameters())
    assert re.search(rf"^{total / 1000:.1f} K\s+Total params$", text, re.MULTILINE)


def test_levels_below_are_left_out(tiny: Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(crafting(tiny), 1, capsys)
    assert "| surrogate " in text
    assert "network" not in text


def test_nothing_is_said_of_what_only_measures(tiny: Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(Other(tiny), 3, capsys) == ""
