"""Agreement with values recorded from the authors' release (GOLDEN_NPZ names another recording)."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import Attack, Budget, CrossEntropy, Momentum, NeuronAttribution, Objective
from naa_lightning.attribution import path_gradient, path_points, unit_norm
from naa_lightning.models import Classifier
from tests.conftest import GoldenNetwork, shared

TOLERANCE = 1e-9
OBJECTIVES: dict[str, Objective] = {
    "mim": CrossEntropy(),
    "naa": NeuronAttribution(),
    "naa_gamma": NeuronAttribution(gamma=0.5),
}


class RecordedDraws:
    """Plays back the draws of the recording."""

    def __init__(self, golden: dict[str, Tensor]) -> None:
        self.noise = golden["naa/noise"]

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        assert purpose == "naa/noise"
        assert self.noise[index].shape == like.shape
        return self.noise[index]


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    path = os.environ.get("GOLDEN_NPZ")
    with np.load(Path(path) if path else shared("golden") / "tiny.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


@pytest.fixture(scope="module")
def surrogate(golden: dict[str, Tensor]) -> Classifier:
    network = GoldenNetwork().double()
    state = {key.removeprefix("model/"): value for key, value in golden.items() if key.startswith("model/")}
    network.load_state_dict(state)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="middle").double()


def test_golden_naa_weights(golden: dict[str, Tensor], surrogate: Classifier) -> None:
    points = path_points(golden["x"], 30, 0.1, RecordedDraws(golden))
    weights = unit_norm(path_gradient(surrogate, points, golden["y"]))
    torch.testing.assert_close(weights, golden["naa/weights"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_golden_images_after_every_step(name: str, golden: dict[str, Tensor], surrogate: Classifier) -> None:
    budget = Budget(eps="16/255", steps=10, step_size="1.6/255")
    attack = Attack(objective=OBJECTIVES[name], update=Momentum(decay=1.0), budget=budget)
    goal = attack.objective.prepare(surrogate, golden["x"], golden["y"], RecordedDraws(golden))
    steps = list(attack.steps(goal, golden["x"]))
    assert len(steps) == len(golden[f"{name}/adv"]) == 10
    for ours, theirs in zip(steps, golden[f"{name}/adv"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)
