"""Surrogates, several of them or of their layers, and targets are as configured."""

import re
from pathlib import Path

import pytest
import torch
from hydra.core.hydra_config import HydraConfig

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.config.ensemble import separate_members
from naa_lightning.exceptions import UserError
from naa_lightning.models import EnsembleSource
from tests.experiments import CONF, attack_run, composed


def test_several_surrogates() -> None:
    members = ["surrogate=[digits_plain,digits_residual]", "surrogate.members.digits_plain.layer=top"]
    experiment = compose_attack_run(composed("experiment=digits", *members, "surrogate.combine=losses"))
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


def test_a_preset_of_several_surrogates(tmp_path: Path) -> None:
    """What it says of them is kept, and no surrogate takes over what belongs to another."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "both.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /surrogate: [digits_plain, cifar10_vgg]\n"
        "surrogate:\n  combine: losses\n  members:\n    digits_plain:\n      num_classes: 3\n"
    )
    surrogate = composed(f"hydra.searchpath=[file://{tmp_path}]", "experiment=both")
    separate_members(surrogate, HydraConfig.get())
    alone = [composed(f"surrogate={name}").surrogate for name in ("digits_plain", "cifar10_vgg")]
    alone[0].num_classes = 3
    assert surrogate.surrogate == {
        "name": "digits_plain+cifar10_vgg",
        "members": {"digits_plain": alone[0], "cifar10_vgg": alone[1]},
        "combine": "losses",
    }


def test_no_surrogate() -> None:
    for choice in ("surrogate=[]", "~surrogate"):
        with pytest.raises(UserError, match="there is no surrogate to craft on"):
            compose_attack_run(composed("experiment=digits", choice))


def test_several_layers() -> None:
    experiment = compose_attack_run(composed("experiment=digits", "surrogate.layer=[middle,top]"))
    assert experiment.white_box[0].layer == ["middle", "top"]
    assert [source.name for source in experiment.black_box] == ["digits_residual", "digits_inception"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["surrogate=ensemble"], "surrogate: an ensemble needs members: surrogate=[inception_v3,resnet50]"),
        (
            ["surrogate=[digits_plain,vgg16]"],
            "surrogate: members must tell apart the same classes, got digits_plain 10",
        ),
        (
            ["surrogate=[digits_plain]", "surrogate.combine=votes"],
            "surrogate.combine must be 'logits' or 'losses', got",
        ),
        (
            ["surrogate=[digits_plain,digits_residual]", "surrogate.layer=middle"],
            "there is no option surrogate.layer; there are name, memb",
        ),
        (["surrogate=[digits_plain,digits_plain]"], "surrogate=[digits_plain,digits_plain] names one of them twice"),
        (["surrogate.layr=top"], "there is no option surrogate.layr; did you mean layer?"),
    ],
)
def test_mistakes_in_several_surrogates(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", *overrides))


def test_the_plain_preset_of_a_surrogate_means_it_with_its_weights(tmp_path: Path) -> None:
    """And another entry of the file, or other weights, are another model."""
    for name in ("mine", "other"):
        torch.save({"ema": {"a": torch.zeros(1)}}, tmp_path / f"{name}.pth")
    (tmp_path / "net.py").write_text("def build():\n    ...\n")

    def given(key: str) -> list[str]:
        return [f"{key}.function={tmp_path}/net.py:build", f"{key}.mean=[0,0,0]", f"{key}.std=[1,1,1]"]

    words = ["surrogate=python", "targets=[python]", *given("surrogate"), *given("targets.python")]
    words += [f"surrogate.weights={tmp_path}/mine.pth", "surrogate.weights_key=ema"]
    (target,) = compose_attack_run(composed("experiment=digits", *words)).targets
    assert (vars(target.source)["weights"], vars(target.source)["weights_key"]) == (f"{tmp_path}/mine.pth", "ema")
    for other in (f"weights={tmp_path}/mine.pth", f"weights={tmp_path}/other.pth"):
        with pytest.raises(UserError, match=r"the target python differs from the surrogate of that name"):
            compose_attack_run(composed("experiment=digits", *words, f"targets.python.{other}"))


def test_targets_take_over_the_surrogate_presets() -> None:
    targets = attack_run("targets=digits", "targets.digits_plain.weights=w.safetensors").targets
    assert list(targets) == ["digits_plain", "digits_residual", "digits_inception"]
    assert targets["digits_plain"]["weights"] == "w.safetensors"
