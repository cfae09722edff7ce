"""Agreement with the package torchattack, and with the papers' loops where that package leaves them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torchattack
from scipy import ndimage, stats
from torch import Tensor

from naa_lightning.attacks import (
    Admix,
    Attack,
    BlackBoxFeature,
    Budget,
    CrossEntropy,
    DiverseInput,
    DoubleAdversarialAttribution,
    FeatureImportance,
    Momentum,
    Nesterov,
    PerturbationDecay,
    ScaleInvariant,
    TranslationInvariant,
    VarianceTuned,
)
from naa_lightning.models import Classifier

TOLERANCE = 1e-12
LABELS = torch.tensor([0, 3, 6, 9])
settings = pytest.mark.parametrize(
    ("eps", "steps", "decay"), [(16 / 255, 10, 1.0), (8 / 255, 5, 0.5), (0.3, 3, 0.0)], ids=str
)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 3, 9, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class SharedDraws:
    """Draws from torch's one generator, as torchattack does."""

    uniform_like: Callable[[Tensor], Tensor] = torch.rand_like

    def normal(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return torch.randn_like(like)

    def uniform(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.uniform_like(like)

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        raise AssertionError("no such attack here")


def theirs(name: str, surrogate: Classifier, images: Tensor, **options: Any) -> Tensor:
    """A torchattack's images, from a fixed seed."""
    torch.manual_seed(1)
    kind = getattr(torchattack, name)
    attack = kind(surrogate.network, normalize=surrogate.preprocess, device=torch.device("cpu"), **options)
    crafted: Tensor = attack(images, LABELS)
    return crafted.detach()


def ours(attack: Attack, surrogate: Classifier, images: Tensor, draws: SharedDraws | None = None) -> Tensor:
    """Our images, from the same seed."""
    torch.manual_seed(1)
    return attack(surrogate, images, LABELS, draws or SharedDraws())


def assert_same(crafted: Tensor, expected: Tensor, clean: Tensor) -> None:
    assert not torch.equal(crafted, clean)
    torch.testing.assert_close(crafted, expected, rtol=0, atol=TOLERANCE)


@settings
@pytest.mark.parametrize("targeted", [False, True])
def test_mim_is_torchattacks_mifgsm(
    eps: float, steps: int, decay: float, targeted: bool, tiny: Classifier, images: Tensor
) -> None:
    """Torchattack changes a perturbation where we change the image, and averages its loss over the batch.

    The first is a matter of rounding; the second, a factor 1 / B of the gradient, drops out when it is normalised.
    """
    attack = Attack(
        objective=CrossEntropy(),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
        targeted=targeted,
    )
    expected = theirs("MIFGSM", tiny, images, eps=eps, steps=steps, decay=decay, targeted=targeted)
    assert_same(ours(attack, tiny, images), expected, images)


@pytest.mark.parametrize(("eps", "steps", "decay"), [(16 / 255, 10, 0.0), (0.3, 3, 0.0), (8 / 255, 1, 1.0)], ids=str)
def test_nim_is_torchattacks_nifgsm_without_memory(
    eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor
) -> None:
    """Torchattack adds decay times the gradient where the paper adds decay times the accumulated gradient."""
    attack = Attack(objective=CrossEntropy(), update=Nesterov(decay=decay), budget=Budget(eps=eps, steps=steps))
    assert_same(ours(attack, tiny, images), theirs("NIFGSM", tiny, images, eps=eps, steps=steps, decay=decay), images)


def loss_gradient(surrogate: Classifier, image: Tensor, label: Tensor) -> Tensor:
    point = image.clone().requires_grad_()
    loss = -surrogate(point[None])[0].log_softmax(0)[label]
    return torch.autograd.grad(loss, point)[0]


def clipped(image: Tensor, clean: Tensor, eps: float) -> Tensor:
    return torch.minimum(torch.maximum(image, clean - eps), clean + eps).clamp(0, 1)


@settings
def test_nim_is_the_papers_loop(eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor) -> None:
    attack = Attack(objective=CrossEntropy(), update=Nesterov(decay=decay), budget=Budget(eps=eps, steps=steps))
    alpha, expected = eps / steps, []
    for clean, label in zip(images, LABELS, strict=True):
        x, g = clean, torch.zeros_like(clean)
        for _ in range(steps):
            gradient = loss_gradient(tiny, x + alpha * decay * g, label)
            g = decay * g + gradient / gradient.abs().mean()
            x = clipped(x + alpha * g.sign(), clean, eps)
        expected.append(x)
    assert_same(ours(attack, tiny, images), torch.stack(expected), images)


def papers_kernel(side: int) -> Tensor:
    """The kernel of TI-FGSM's release."""
    row = stats.norm.pdf(np.linspace(-3, 3, side))
    kernel = np.outer(row, row)
    return torch.from_numpy(kernel / kernel.sum())


@settings
@pytest.mark.parametrize("side", [5, 15])
def test_tim_without_momentum_is_torchattacks_tifgsm(
    eps: float, steps: int, decay: float, side: int, tiny: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torchattack forgets its momentum at every step, whatever the decay, and has the root of another kernel."""
    monkeypatch.setattr(torchattack.TIFGSM, "get_kernel", lambda self: papers_kernel(side).expand(3, 1, -1, -1))
    attack = Attack(
        objective=CrossEntropy(),
        update=Momentum(decay=0),
        budget=Budget(eps=eps, steps=steps),
        smoothing=TranslationInvariant(kernel=side),
    )
    assert_same(ours(attack, tiny, images), theirs("TIFGSM", tiny, images, eps=eps, steps=steps, decay=decay), images)


@settings
def test_tim_is_the_papers_loop(eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor) -> None:
    attack = Attack(
        objective=CrossEntropy(),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
        smoothing=TranslationInvariant(kernel=7),
    )
    kernel, expected = papers_kernel(7).numpy()[None], []
    for clean, label in zip(images, LABELS, strict=True):
        x, g = clean, torch.zeros_like(clean)
        for _ in range(steps):
            plain = loss_gradient(tiny, x, label)
            gradient = torch.from_numpy(ndimage.convolve(plain.numpy(), kernel, mode="constant"))
            g = decay * g + gradient / gradient.abs().mean()
            x = clipped(x + eps / steps * g.sign(), clean, eps)
        expected.append(x)
    assert_same(ours(attack, tiny, images), torch.stack(expected), images)


@settings
def test_dim_at_probability_0_is_torchattacks_difgsm(
    eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor
) -> None:
    """At other probabilities they differ: torchattack has one draw for a batch, pads with black, does not shrink."""
    attack = Attack(
        objective=CrossEntropy(),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
        transforms=[DiverseInput(probability=0)],
    )
    expected = theirs("DIFGSM", tiny, images, eps=eps, steps=steps, decay=decay, diversity_prob=0)
    assert_same(ours(attack, tiny, images), expected, images)


@settings
@pytest.mark.parametrize("radius", [1.5, 0.4])
def test_vmim_is_torchattacks_vmifgsm(
    eps: float, steps: int, decay: float, radius: float, tiny: Classifier, images: Tensor
) -> None:
    def uniform_like(like: Tensor) -> Tensor:
        reach = radius * eps
        return (torch.randn_like(like).uniform_(-reach, reach) + reach) / (2 * reach)

    attack = Attack(
        objective=CrossEntropy(),
        update=VarianceTuned(decay=decay, neighbours=4, radius=radius),
        budget=Budget(eps=eps, steps=steps),
    )
    expected = theirs("VMIFGSM", tiny, images, eps=eps, steps=steps, decay=decay, n=4, beta=radius)
    assert_same(ours(attack, tiny, images, SharedDraws(uniform_like)), expected, images)


@settings
def test_fia_of_the_probability_is_torchattacks_fia(
    eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torchattack weighs by the gradient of the probability, not of the logit: its softmax is taken out."""
    monkeypatch.setattr(torch, "softmax", lambda logits, dim: logits)
    attack = Attack(
        objective=FeatureImportance(masks=5, keep=0.7),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
    )
    expected = theirs(
        "FIA", tiny, images, eps=eps, steps=steps, decay=decay, num_ens=5, drop_rate=0.3, feature_layer_cfg="middle"
    )
    draws = SharedDraws(lambda like: 1 - torch.bernoulli(torch.full_like(like, 1 - 0.3)))  # 0 is kept and 1 is not
    assert_same(ours(attack, tiny, images, draws), expected, images)


@settings
@pytest.mark.parametrize("reach", [0.5, 28.0])
def test_bfa_is_torchattacks_bfa(
    eps: float, steps: int, decay: float, reach: float, tiny: Classifier, images: Tensor
) -> None:
    attack = Attack(
        objective=BlackBoxFeature(fits=5, reach=reach),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
    )
    options = {"eta": reach, "num_ens": 5, "num_classes": 10, "feature_layer_cfg": "middle"}
    expected = theirs("BFA", tiny, images, eps=eps, steps=steps, decay=decay, **options)
    assert_same(ours(attack, tiny, images), expected, images)


@settings
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_ilpd_is_torchattacks_ilpd(
    eps: float, steps: int, decay: float, noise: float, tiny: Classifier, images: Tensor
) -> None:
    attack = Attack(
        objective=PerturbationDecay(share=0.2, noise=noise),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
    )
    options = {"coef": 0.2, "sigma": noise, "feature_layer_cfg": "middle"}
    expected = theirs("ILPD", tiny, images, eps=eps, steps=steps, decay=decay, **options)
    assert_same(ours(attack, tiny, images), expected, images)


@settings
def test_danaa_is_torchattacks_danaa_walking_backwards(
    eps: float, steps: int, decay: float, tiny: Classifier, images: Tensor
) -> None:
    """Torchattack's path raises the true class's probability, where the paper's is that of an adversarial image."""
    attack = Attack(
        objective=DoubleAdversarialAttribution(path_points=6, path_step=0.02, noise=0.125),
        update=Momentum(decay=decay),
        budget=Budget(eps=eps, steps=steps),
    )
    options = {"num_ens": 6, "lr": -0.02, "scale": 0.125, "feature_layer_cfg": "middle"}
    expected = theirs("DANAA", tiny, images, eps=eps, steps=steps, decay=decay, **options)
    assert_same(ours(attack, tiny, images), expected, images)


@dataclass(frozen=True)
class Mixtures(SharedDraws):
    """Other images of the same batch, in torchattack's order."""

    others: tuple[Tensor, ...] = ()

    def other_images(self, purpose: str, index: int, like: Tensor) -> Tensor:
        return self.others[index]


def test_one_step_of_admix_is_torchattacks_on_images_around_zero(tiny: Classifier, images: Tensor) -> None:
    """Torchattack scales towards 0, which is mid-grey for images in [-1, 1], so that it is given such images.

    Later steps differ: it mixes in the other images as they have become, we mix in clean ones.
    """
    surrogate, clean = tiny.float(), images.float()
    attack = Attack(
        objective=CrossEntropy(),
        update=Momentum(),
        budget=Budget(eps=16 / 255, steps=1),
        transforms=[Admix(copies=3, share=0.2), ScaleInvariant(copies=5)],
    )
    peer = torchattack.Admix(
        surrogate.network,
        device=torch.device("cpu"),
        eps=32 / 255,
        steps=1,
        portion=0.2,
        size=3,
        num_classes=10,
        clip_min=-1,
    )
    torch.manual_seed(1)
    expected = (peer(2 * clean - 1, LABELS) + 1) / 2
    torch.manual_seed(1)
    draws = Mixtures(others=tuple(clean[torch.randperm(len(clean))] for _ in range(3)))
    crafted = ours(attack, surrogate, clean, draws)
    assert not torch.equal(crafted, clean)
    torch.testing.assert_close(crafted, expected, rtol=0, atol=1e-6)
