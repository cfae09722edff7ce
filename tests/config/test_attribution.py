"""Exact attribution is as configured, and its mistakes are told."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.attribution import Conductance, attribute, class_margin
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.rng import SeededDraws
from tests.experiments import composed


def test_exact_attribution_is_the_users(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    overrides = ["rule=midpoint", "path_points=3", "output=margin", "baselines=2", "images_per_pass=5"]
    experiment = compose_attack_run(
        composed(
            "experiment=digits",
            f"attribution.baseline={tmp_path / 'start.png'}",
            *(f"attribution.{override}" for override in overrides),
        )
    )
    assert experiment.exact == Conductance(path=IntegrationPath(rule="midpoint", points=3, noise=0.0))
    assert isinstance(experiment.attribute, partial)
    assert experiment.attribute.func is attribute
    options = dict(experiment.attribute.keywords)
    baseline = options.pop("baseline")(torch.zeros(1, 3, 4, 4), SeededDraws(0, [0]), 0)
    torch.testing.assert_close(baseline[0], torch.from_numpy(pixels).permute(2, 0, 1) / 255)
    assert options == {"output": class_margin, "baselines": 2, "images_per_pass": 5}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("attribution.rule=simpson", "attribution: rule must be one of release, left, right, midpoint, trapezoid, gau"),
        ("attribution.path_points=0", "attribution: the rule gauss_legendre needs at least 1 points, got 0"),
        (
            "attribution.rule=trapezoid attribution.path_points=1",
            "attribution: the rule trapezoid needs at least 2 points, got 1",
        ),
        ("attribution.output=entropy", "attribution.output must be 'probability', 'logit' or 'margin', got 'entropy'"),
        (
            "attribution.baseline=white",
            "attribution.baseline must be black, grey, blurred, random or an image file, got 'white'",
        ),
        ("attribution.baselines=0", "attribution.baselines must be at least 1, got 0"),
        ("attribution.images_per_pass=0", "attribution.images_per_pass must be at least 1, got 0"),
        ("attribution.exact_images=-1", "attribution.exact_images must be at least 0, got -1"),
        ("+attribution.point=1", "there is no option attribution.point"),
    ],
)
def test_mistakes_in_the_attribution(overrides: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", *overrides.split()))
