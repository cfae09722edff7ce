from itertools import pairwise

import pytest
import torch
from captum.attr import LayerConductance
from torch import Tensor

from naa_lightning.attribution import (
    BASELINES,
    RULES,
    Conductance,
    Path,
    SteppedConductance,
    attribute,
    class_logit,
    class_margin,
)
from naa_lightning.models import Classifier
from tests.attribution.cases import CLASSES, DRAWS, asked, clean_path
from tests.attribution.methods.conftest import Photographed

CAPTUMS = {
    "left": "riemann_left",
    "right": "riemann_right",
    "midpoint": "riemann_middle",
    "trapezoid": "riemann_trapezoid",
    "gauss_legendre": "gausslegendre",
}


@pytest.mark.parametrize("points", [2, 3, 8])
@pytest.mark.parametrize("rule", CAPTUMS)
@pytest.mark.usefixtures("float64_by_default")
def test_it_is_captums_layer_conductance(rule: str, points: int, tiny: Classifier, images: Tensor) -> None:
    """Whose number of steps is one less than that of its points; `test_quadrature` shows that they are ours."""
    captum = LayerConductance(lambda seen: tiny(seen).softmax(1), tiny.network.get_submodule("middle"))
    grey = BASELINES["grey"](images, DRAWS, 0)
    expected = captum.attribute(images, grey, target=CLASSES, n_steps=points - 1, method=CAPTUMS[rule]).detach()
    found = asked(SteppedConductance(path=clean_path(rule, points)), tiny, images, baseline=BASELINES["grey"])
    assert expected.abs().max() > 1e-4
    torch.testing.assert_close(found.values, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.usefixtures("float64_by_default")
def test_it_is_captums_for_other_outputs(tiny: Classifier, images: Tensor) -> None:
    for output in (class_logit, class_margin):
        captum = LayerConductance(
            lambda seen, classes, output=output: output(tiny(seen), classes), tiny.network.get_submodule("middle")
        )
        expected = captum.attribute(
            images, additional_forward_args=CLASSES, n_steps=6, method="riemann_trapezoid"
        ).detach()
        found = asked(SteppedConductance(path=clean_path("trapezoid", 7)), tiny, images, output=output)
        torch.testing.assert_close(found.values, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", ["trapezoid", "gauss_legendre"])
def test_it_is_captums_on_a_real_network(rule: str, photographed: Photographed) -> None:
    surrogate, images, classes = photographed.surrogate, photographed.images, photographed.classes
    captum = LayerConductance(photographed.probabilities, photographed.layer)
    expected = captum.attribute(images, target=classes, n_steps=4, method=CAPTUMS[rule]).detach()
    found = attribute(SteppedConductance(path=clean_path(rule, 5)), surrogate, images, classes, DRAWS).values
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * float(theirs.abs().max()))


def test_it_becomes_conductance_as_points_grow(smooth: Classifier, images: Tensor) -> None:
    """Its error falls as 1/N: gradients are those at the start of every step."""
    exact = asked(Conductance(path=clean_path("gauss_legendre", 40)), smooth, images).values
    errors = []
    for steps in (32, 64, 128, 256):
        method = SteppedConductance(path=clean_path("trapezoid", steps + 1))
        found = asked(method, smooth, images, images_per_pass=64).values
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors[-1] < 0.01
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(
    "path",
    [Path(), clean_path("release", 50), *(clean_path(rule, 1) for rule in RULES if rule != "trapezoid")],
    ids=lambda path: f"{path.rule}-{path.points}",
)
def test_a_path_that_does_not_lead_to_the_image_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="expected a path of at least 2 points from the baseline to the image, got"):
        SteppedConductance(path=path)


def test_it_takes_one_gradient_per_point() -> None:
    assert SteppedConductance(path=clean_path("left", 7)).gradient_evaluations == 7
