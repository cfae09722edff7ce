from typing import Any

import pytest
from omegaconf import OmegaConf

from naa_lightning.training import standard_recipe
from tests.experiments import ROOT


def test_numbers_are_those_of_the_configuration() -> None:
    written: Any = OmegaConf.create((ROOT / "conf" / "training" / "standard.yaml").read_text())
    recipe = standard_recipe()
    for name in ("start", "epochs", "optimizer", "learning_rate", "momentum", "weight_decay", "schedule", "warmup"):
        assert getattr(recipe, name) == written[name]
    assert vars(recipe.augmentation) == pytest.approx(dict(written.augmentation))
    assert vars(recipe.loss) == dict(written.loss)
