"""Runs on several surrogates or layers, and of attacks that mix images."""

import re
from pathlib import Path

import pytest

from naa_lightning.exceptions import UserError
from tests.experiments import adversarial_files, attack
from tests.runs.cases import results


def test_several_surrogates(tmp_path: Path, models_dir: str) -> None:
    members = ["surrogate=[digits_plain,digits_residual]"]
    layers = ["surrogate.members.digits_plain.layer=[middle,top]"]
    success = attack(tmp_path, models_dir, *members, *layers, "attack=naa")
    found = results(tmp_path)
    assert found["surrogate"] == "digits_plain+digits_residual"
    roles = {name: target["role"] for name, target in found["targets"].items()}
    assert roles == {"digits_plain": "white-box", "digits_residual": "white-box", "digits_inception": "black-box"}
    assert found["black_box_mean"]["success_rate"] == success
    assert found["targets"]["digits_plain"]["success_rate"]["value"] > 0.9
    assert found["targets"]["digits_residual"]["success_rate"]["value"] > 0.9
    assert found["cost"]["gradient_evaluations_per_image"] == 3 * 40
    assert 0 < found["attribution"]["positive_share"] < 1
    images = adversarial_files(tmp_path)
    attack(tmp_path, models_dir, *members, *layers, "attack=naa")
    assert adversarial_files(tmp_path) == images
    with pytest.raises(UserError, match=re.escape("surrogate.combine was 'logits', is 'losses'")):
        attack(tmp_path, models_dir, *members, *layers, "attack=naa", "surrogate.combine=losses")


def test_an_attack_that_mixes_images(tmp_path: Path, models_dir: str) -> None:
    options = ["~targets", "attack=admix", "attack.budget.steps=2", "data.limit=6"]
    attack(tmp_path / "a", models_dir, *options)
    attack(tmp_path / "b", models_dir, *options, "data.batch_size=4", "data.num_workers=1")
    assert adversarial_files(tmp_path / "a") == adversarial_files(tmp_path / "b")
    for override, difference in (
        ("data.limit=5", "images_mixed_from was 6, is 5"),
        (
            "attack/transforms=[scale_invariant,admix]",
            "transform_order was 'admix, scale_invariant', is 'scale_invariant, admix'",
        ),
    ):
        with pytest.raises(UserError, match=difference):
            attack(tmp_path / "a", models_dir, *options, override)
