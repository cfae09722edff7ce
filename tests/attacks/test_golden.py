"""Agreement with values recorded from the authors' release.

The recording is checked whole where it is there (GOLDEN_NPZ names another one), and in any clone as golden_small.npz,
which is cut to one image and three steps. To be small it says how far images have moved instead of where they are,
rounded to 2^-36, and its noise is rounded to 2^-27.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    Ascent,
    Attack,
    AttackContext,
    Budget,
    CrossEntropy,
    FeatureDisruption,
    FeatureImportance,
    Momentum,
    NeuronAttribution,
    Objective,
    PatchWise,
    RepresentationDistortion,
    Update,
)
from naa_lightning.attribution import unit_norm
from naa_lightning.models import Classifier
from tests.conftest import GoldenNetwork, shared, showing

TOLERANCE = 1e-9
ATTACKS: dict[str, tuple[Objective, Update]] = {
    "mim": (CrossEntropy(), Momentum()),
    "nrdm": (RepresentationDistortion(), Momentum()),
    "fda": (FeatureDisruption(), Momentum()),
    "fia": (FeatureImportance(), Momentum()),
    "naa": (NeuronAttribution(), Momentum()),
    "naa_gamma": (NeuronAttribution(gamma=0.5), Momentum()),
    "naa_pi": (NeuronAttribution(), PatchWise(amplification=2.5, projection=0.5, kernel=3, decay=1.0)),
}


class RecordedDraws:
    """Plays back the draws of the recording."""

    def __init__(self, golden: dict[str, Tensor]) -> None:
        self.normals = {
            "naa/noise": golden["naa/noise"],
            "nrdm/start": ((golden["nrdm/start"] - golden["x"]) / (0.1 / 255))[None],
        }
        self.uniforms = {"fia/mask": 1 - golden["fia/masks"]}  # 0 is kept and 1 is not, whatever the probability

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        assert self.normals[purpose][index].shape == like.shape
        return self.normals[purpose][index]

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        assert self.uniforms[purpose][index].shape == like.shape
        return self.uniforms[purpose][index]

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("no recorded attack mixes images")


@pytest.fixture(scope="module", params=["small", "full"])
def golden(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    if request.param == "full":
        path = os.environ.get("GOLDEN_NPZ")
        return arrays(Path(path) if path else shared("golden") / "tiny.npz")
    small = arrays(Path(__file__).with_name("golden_small.npz"))
    for name in ATTACKS:
        small[f"{name}/adv"] = small["nrdm/start" if name == "nrdm" else "x"] + small.pop(f"{name}/change")
    return small


def arrays(path: Path) -> dict[str, Tensor]:
    with np.load(path) as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


@pytest.fixture(scope="module")
def surrogate(golden: dict[str, Tensor]) -> Classifier:
    network = GoldenNetwork().double()
    state = {key.removeprefix("model/"): value for key, value in golden.items() if key.startswith("model/")}
    network.load_state_dict(state)
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="middle").double()


@pytest.mark.parametrize("name", ["naa", "fia"])
def test_golden_weights(name: str, golden: dict[str, Tensor], surrogate: Classifier) -> None:
    """The score -sum(y w) has the gradient -w at the attacked layer."""
    context = AttackContext(surrogate, golden["x"], golden["y"], RecordedDraws(golden), lambda images, number: images)
    prepared = ATTACKS[name][0].prepare(context)
    features = surrogate.features(golden["x"]).detach().requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "features", lambda self, images: features)
        (gradient,) = torch.autograd.grad(prepared.score(golden["x"], showing(golden["x"])).sum(), features)
    torch.testing.assert_close(-gradient, golden[f"{name}/weights"], rtol=0, atol=TOLERANCE)
    assert prepared.gradient_evaluations == 30
    if prepared.path_gradient is not None:
        torch.testing.assert_close(unit_norm(prepared.path_gradient), golden[f"{name}/weights"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ATTACKS)
def test_golden_images_after_every_step(name: str, golden: dict[str, Tensor], surrogate: Classifier) -> None:
    objective, update = ATTACKS[name]
    budget = Budget(eps="16/255", steps=10, step_size="1.6/255")
    attack = Attack(objective=objective, update=update, budget=budget)
    steps = list(Ascent(attack, surrogate, golden["x"], golden["y"], RecordedDraws(golden)).steps())
    recorded = golden[f"{name}/adv"]
    assert len(steps) == 10
    assert len(recorded) >= 3
    for ours, theirs in zip(steps, recorded, strict=False):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)
