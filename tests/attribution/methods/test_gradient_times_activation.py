import pytest
import torch
from captum.attr import LayerGradientXActivation
from torch import Tensor

from naa_lightning.attribution import BASELINES, GradientTimesActivation, class_logit
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, asked


@pytest.mark.parametrize("baseline", BASELINES)
def test_it_is_captums_from_any_baseline(baseline: str, tiny: Classifier, images: Tensor) -> None:
    captum = LayerGradientXActivation(tiny, tiny.network.get_submodule("middle"))
    expected = captum.attribute(images, target=CLASSES).detach()
    found = asked(GradientTimesActivation(), tiny, images, output=class_logit, baseline=BASELINES[baseline])
    torch.testing.assert_close(found.values, expected)


def test_it_takes_one_gradient() -> None:
    assert GradientTimesActivation().gradient_evaluations == 1
