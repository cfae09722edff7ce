import pytest
import torch
from torch import Tensor

from naa_lightning.attacks import (
    CrossEntropy,
    PerturbationDecay,
)
from naa_lightning.models import Classifier
from tests.attacks.objectives.written_out import DRAWS, LABELS, above, below, gradient_of, prepare, random_images
from tests.conftest import showing


def test_ilpd_without_decay_is_cross_entropy(tiny: Classifier, images: Tensor, adversarial: Tensor) -> None:
    score = prepare(PerturbationDecay(share=1, noise=0), tiny, images).score(adversarial, showing(images))
    torch.testing.assert_close(score, prepare(CrossEntropy(), tiny, images).score(adversarial, showing(images)))
    torch.testing.assert_close(score, -tiny(adversarial).log_softmax(1)[range(3), LABELS])


@pytest.mark.parametrize(("share", "noise"), [(0.1, 0.05), (0.6, 0.0), (0.3, 0.2)])
def test_ilpd_goes_on_from_the_damped_features(share: float, noise: float, tiny: Classifier, images: Tensor) -> None:
    prepared = prepare(PerturbationDecay(share=share, noise=noise), tiny, images)
    for index, clean in enumerate([images, images, random_images(3)]):
        point = random_images(index + 4).requires_grad_()
        noisy = clean + noise * DRAWS.normal("ilpd/noise", index, clean)
        reference = below(tiny, noisy).detach()
        logits = above(tiny, reference + share * (below(tiny, point) - reference))
        expected = torch.stack([-logits[i].log_softmax(0)[label] for i, label in enumerate(LABELS)])
        ours = prepared.score(point, showing(clean))
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(gradient_of(ours, point), gradient_of(expected, point))


def test_ilpd_draws_fresh_noise_for_every_gradient(tiny: Classifier, images: Tensor) -> None:
    noisy, quiet = (prepare(PerturbationDecay(noise=noise), tiny, images).score for noise in (0.05, 0.0))
    assert not torch.equal(noisy(images, showing(images)), noisy(images, showing(images)))
    assert torch.equal(quiet(images, showing(images)), quiet(images, showing(images)))
