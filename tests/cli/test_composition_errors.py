"""What Hydra cannot compose is told with what there is instead."""

import shlex
import sys

import pytest
from omegaconf import OmegaConf

from naa_lightning.cli.entry import one_line_errors
from tests.experiments import composed


def told(*overrides: str, program: str = "attack") -> str:
    with pytest.raises(SystemExit) as end, one_line_errors():
        composed(*overrides, program=program)
    return str(end.value.code).removeprefix("error: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "experiment=digits_hardened",
            "experiment=digits_hardened chooses training/loss=, which this program",
        ),
        ("attack=naaa", "there is no attack=naaa; did you mean naa? there are admix, bfa, bsr, danaa, dim, "),
        (
            "surrogate=[vgg16,resnet05]",
            "there is no surrogate=resnet05; did you mean resnet50? there are cifar10_densen",
        ),
        ("targets=[undefended,vgg17]", "there is no targets=vgg17; did you mean vgg16? there are callable, cifar10, "),
        ("defences=x", "there is no defences=x; there are bit_depth, feature_distillation, gaussian, jpeg, "),
        ("attack/objective=na", "there is no attack/objective=na; did you mean naa? there are bfa, cross_entropy, "),
        ("attak=naa", "there is no attak; did you mean attack?"),
        ("attack/update=sign", "there is no group attack/update; did you mean update_rule?"),
        ("attack.update.decay=1", "there is no attack.update.decay; did you mean update_rule?"),
        ("+defence@defences.jpeg=jpeg", "there is no group defence; did you mean defences?"),
        ("attack.budget.epss=1", "there is no attack.budget.epss; did you mean eps?"),
        ("seeed=1", "there is no seeed; did you mean seed?"),
        ("targets.vgg17.weights=a.pt", "there is no targets.vgg17.weights; did you mean vgg16?"),
        ("defences.jpeg.quality=50", "there is no defences.jpeg.quality: nothing is chosen by defences="),
        ("hydra.swep.dir=x", "there is no hydra.swep.dir; did you mean sweep?"),
        (
            "surrogate@targets.mine=vgg16",
            "Could not override 'surrogate@targets.mine'. Did you mean to override surrog",
        ),
        ("hydra/sweeper=optunaa", "this needs the extra `search`: pip install 'naa_lightning[search]'"),
    ],
)
def test_what_does_not_exist(override: str, message: str) -> None:
    assert told(override).startswith(message)


@pytest.mark.parametrize(
    ("override", "quoted"),
    [
        ("surrogate.weights=epoch=12-step=300.ckpt", """'surrogate.weights="epoch=12-step=300.ckpt"'"""),
        ("surrogate.weights=my nets/a=b.pt", """'surrogate.weights="my nets/a=b.pt"'"""),
        ("surrogate.weights='a=b.pt", """'surrogate.weights="a=b.pt"'"""),
        ('surrogate.weights=a\\"(1).pt', """'surrogate.weights="a\\\\\\"(1).pt"'"""),
        ("+data.root=it's here", """'+data.root="it'"'"'s here"'"""),
        ("surrogate.name=\u00e9", """'surrogate.name="\u00e9"'"""),
    ],
)
def test_a_value_that_needs_quotes_is_told_with_them(override: str, quoted: str) -> None:
    assert told(override) == f"{override} holds characters that Hydra reads otherwise: give {quoted}"
    (word,) = shlex.split(quoted)  # what the shell makes of it is the value as it was meant
    key, _, value = override.partition("=")
    assert OmegaConf.select(composed("+data.root=null", word), key.strip("+")) == value.lstrip("'")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "seed has no value: give seed=VALUE"),
        ("tags=[a b", "tags=[a b cannot be read: no viable alternative at input '[a b'"),
    ],
)
def test_a_value_that_quotes_do_not_help(override: str, message: str) -> None:
    assert told(override) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["logger=null", "attack=mim", "seed=3", "targets=null"], "nothing of a group is an empty list of it: give lo"),
        (["attack=null"], "attack=null chooses nothing: leave it out, or give another; there are admix, bfa, bsr, "),
        (["data=null"], "data=null chooses nothing: leave it out, or give another; there are cifar10, digits, folder"),
        (["targets=3"], "targets=3 chooses nothing: leave it out, or give another; there are callable, cifar10, "),
    ],
)
def test_a_group_that_is_set_to_nothing(words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["attack.py", *words])
    assert told(*words).startswith(message)
    if "logger=null" in words:
        assert told(*words).endswith("give logger=[] targets=[]")


def test_a_loss_that_does_not_exist() -> None:
    message = "there is no training/loss=pdg; did you mean pgd? there are clean, ensemble, fgsm, pgd, trades"
    assert told("training/loss=pdg", program="train") == message
