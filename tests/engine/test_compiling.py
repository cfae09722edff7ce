"""Compiled networks against the networks as they were."""

import copy
import shutil

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.engine import Engine, compile_submodules
from naa_lightning.models import Classifier

LABELS = torch.tensor([0, 3])
IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.compiled: bool | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        self.compiled = torch.compiler.is_compiling()
        outputs: Tensor = self.inner(inputs) + inputs
        return outputs


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def classifier(layer: str) -> Classifier:
    return Classifier(network(), mean=[0.5] * 3, std=[0.5] * 3, layer=layer).eval().requires_grad_(False)


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("layer", ["1", "1.inner", "1.inner.1"])
def test_passes_stop_and_gradients_flow_as_before(layer: str) -> None:
    plain = classifier(layer)
    compiled = copy.deepcopy(plain)
    compile_submodules(compiled, "default")

    def score(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, LABELS, reduction="none")

    torch.testing.assert_close(compiled.features(IMAGES), plain.features(IMAGES))
    expected = plain.layer_gradient(IMAGES, score)
    torch.testing.assert_close(compiled.layer_gradient(IMAGES, score), expected)
    gradients = []
    for model in (plain, compiled):
        point = IMAGES.clone().requires_grad_()
        gradients.append(torch.autograd.grad((model.features(point) * expected).sum(), point)[0])
    torch.testing.assert_close(gradients[1], gradients[0])
    assert [block.compiled for block in compiled.network[1:3]] == [layer == "1", True]  # type: ignore[index]


def test_nothing_is_compiled_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda forward, **_: compiled.append(forward))
    Engine().optimise(classifier("1"), IMAGES)
    assert compiled == []


def test_the_parts_around_the_attacked_layer_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []

    def compiled(forward: object, *, mode: str, dynamic: bool) -> object:
        modes.append((mode, dynamic))
        return forward

    monkeypatch.setattr(torch, "compile", compiled)
    Engine(compile="reduce-overhead").optimise(classifier("1.inner.0"), IMAGES)
    # convolution 0, inner.0, inner.1, block 2, pooling and flattening
    assert modes == [("reduce-overhead", False)] * 6
