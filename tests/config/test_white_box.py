"""Surrogates, several of them or of their layers, and targets are as configured."""

import re
from pathlib import Path

import pytest

from naa_lightning.cli.entry import in_hydras_words
from naa_lightning.config.compose import compose_attack_run
from naa_lightning.exceptions import UserError
from naa_lightning.models import EnsembleSource
from tests.experiments import CONF, attack_run, composed


def several(*names: str) -> list[str]:
    return in_hydras_words(f"surrogate=[{','.join(names)}]")


def test_several_surrogates() -> None:
    members = several("digits_plain", "digits_residual")
    experiment = compose_attack_run(
        composed("experiment=digits", *members, "surrogate.combine=losses", "surrogate.members.digits_plain.layer=top")
    )
    assert isinstance(experiment.surrogate, EnsembleSource)
    assert experiment.surrogate.name == "digits_plain+digits_residual"
    assert experiment.surrogate.combine == "losses"
    assert [source.layer for source in experiment.white_box] == ["top", "middle"]
    assert [source.name for source in experiment.black_box] == ["digits_inception"]


def test_a_file_of_several_surrogates(tmp_path: Path) -> None:
    """As the comment of conf/surrogate/ensemble.yaml says."""
    comment = (CONF / "surrogate" / "ensemble.yaml").read_text().partition("#   defaults:")[2]
    lines = ["defaults:", *(line.removeprefix("#   ") for line in comment.splitlines()[1:] if line.startswith("#   "))]
    text = (
        "\n".join([*lines, "name: both"]).replace("inception_v3", "digits_plain").replace("resnet50", "digits_residual")
    )
    (tmp_path / "surrogate").mkdir()
    (tmp_path / "surrogate" / "both.yaml").write_text(text)
    search = f"hydra.searchpath=[file://{tmp_path}]"
    experiment = compose_attack_run(composed("experiment=digits", search, "surrogate=both"))
    assert experiment.surrogate is not None
    assert experiment.surrogate.name == "both"
    assert [source.name for source in experiment.white_box] == ["digits_plain", "digits_residual"]


def test_a_sweep_over_several_surrogates_at_once_is_refused() -> None:
    for choice in ("[inception_v3,resnet50],vgg16", "[inception_v3,resnet50],[vgg16]", "vgg16,[resnet50]"):
        with pytest.raises(UserError, match="a sweep takes surrogates by name"):
            in_hydras_words(f"surrogate={choice}")


def test_several_layers() -> None:
    experiment = compose_attack_run(composed("experiment=digits", "surrogate.layer=[middle,top]"))
    assert experiment.white_box[0].layer == ["middle", "top"]
    assert [source.name for source in experiment.black_box] == ["digits_residual", "digits_inception"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["surrogate=ensemble"], "surrogate: an ensemble needs members: surrogate=[inception_v3,resnet50]"),
        (
            [*several("digits_plain", "vgg16")],
            "surrogate: members must tell apart the same classes, got digits_plain 10",
        ),
        (
            ["surrogate.layer=null"],
            "attack=naa attacks a layer, and surrogate digits_plain names none: give its `layer`",
        ),
        ([*several("digits_plain"), "surrogate.combine=votes"], "surrogate.combine must be 'logits' or 'losses', got"),
        (
            [*several("digits_plain"), "+surrogate.layer=top"],
            "there is no option surrogate.layer; there are name, memb",
        ),
    ],
)
def test_mistakes_in_several_surrogates(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", *overrides))


def test_targets_take_over_the_surrogate_presets() -> None:
    targets = attack_run("targets=digits", "targets.digits_plain.weights=w.safetensors").targets
    assert list(targets) == ["digits_plain", "digits_residual", "digits_inception"]
    assert targets["digits_plain"]["weights"] == "w.safetensors"
