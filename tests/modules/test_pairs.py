"""Modules that look at clean and adversarial images, under ordinary trainers."""

import hashlib
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from naa_lightning.attribution import FeatureDifference, attribute
from naa_lightning.attribution.attention import attention
from naa_lightning.exceptions import UserError
from naa_lightning.modules import AttentionModule, AttributionModule, PerturbationModule
from naa_lightning.rng import SeededDraws
from tests.modules.cases import COUNT, IMAGES, LABELS, Dicts, classifier, trainer

ADVERSARIAL = (IMAGES + 0.03).clamp(0, 1)
IDS = torch.arange(COUNT) * 3
LOADER = DataLoader(Dicts(clean=IMAGES, adversarial=ADVERSARIAL, id=IDS), batch_size=COUNT)
EITHER = pytest.mark.parametrize("inference_mode", [True, False])


def predicted(module: Any, *, inference_mode: bool) -> dict[str, torch.Tensor]:
    batches: Any = trainer(inference_mode=inference_mode).predict(module, LOADER)
    assert batches[0].pop("id").tolist() == IDS.tolist()
    return batches[0]  # type: ignore[no-any-return]


@EITHER
def test_attribution(inference_mode: bool) -> None:
    surrogate = classifier().eval()
    module = AttributionModule(
        surrogate=surrogate,
        attribute=attribute,
        method=FeatureDifference(),
        classes=dict(zip(IDS.tolist(), LABELS.tolist(), strict=True)),
        seed=0,
        title="attributing",
    )
    found = predicted(module, inference_mode=inference_mode)
    for name, images in (("clean", IMAGES), ("adversarial", ADVERSARIAL)):
        expected = attribute(FeatureDifference(), surrogate, images, LABELS, SeededDraws(0, IDS.tolist()))
        torch.testing.assert_close(found[name], expected.values)


@EITHER
def test_attention(inference_mode: bool) -> None:
    model = classifier().eval()
    found = predicted(AttentionModule(model, title="looking"), inference_mode=inference_mode)
    for name, images in (("clean", IMAGES), ("adversarial", ADVERSARIAL)):
        classes = model(images).argmax(1)
        assert torch.equal(found[f"{name}_class"], classes)
        torch.testing.assert_close(found[f"{name}_attention"], attention(model, images, classes))


@EITHER
def test_perturbations(inference_mode: bool) -> None:
    found = predicted(PerturbationModule(None, title="measuring"), inference_mode=inference_mode)
    torch.testing.assert_close(found["linf"], (ADVERSARIAL - IMAGES).abs().flatten(1).amax(1))
    assert set(found) == {"linf", "l2", "ssim", "psnr", "lpips", "clean_sha256", "adversarial_sha256"}
    for kind, images in (("clean", IMAGES), ("adversarial", ADVERSARIAL)):
        for image, digest in zip(images, found[f"{kind}_sha256"], strict=True):
            pixels = (255 * image.double()).round().byte().numpy()
            assert digest == hashlib.sha256(pixels.tobytes()).hexdigest()


@pytest.mark.parametrize("module", [PerturbationModule(None, title="a"), AttentionModule(classifier(), title="b")])
def test_true_half_precision_is_refused(module: nn.Module) -> None:
    with pytest.raises(UserError, match=r"use `precision=bf16-mixed`$"):
        trainer(precision="bf16-true").predict(module, LOADER)  # type: ignore[arg-type]
