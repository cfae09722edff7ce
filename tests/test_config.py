"""Every preset composes, and every mistake is told in the user's words."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from naa_lightning.attacks import Attack
from naa_lightning.attribution import Conductance, attribute, class_margin
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.composition import compose_attack, compose_attack_run, plain_values
from naa_lightning.config import AttackRun, build, build_target, validated
from naa_lightning.draws import SeededDraws
from naa_lightning.engine import Engine
from naa_lightning.entry import in_hydras_words, one_line_errors
from naa_lightning.errors import UserError
from naa_lightning.models import EnsembleSource
from naa_lightning.models.saved import save_model
from naa_lightning.studies import LayerStudy
from naa_lightning.training.losses import AdversarialTraining, CleanTraining
from tests.experiments import ROOT, composed, training

CONF = ROOT / "conf"


def presets(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def attack_run(*overrides: str) -> AttackRun:
    return validated(AttackRun, plain_values(composed(*overrides)))


@pytest.mark.parametrize(
    "override",
    [
        f"{group}={name}"
        for group in (
            "surrogate",
            "attack",
            "targets",
            "data",
            "trainer",
            "logger",
            "callbacks",
            "study",
            "experiment",
            "debug",
        )
        for name in presets(group)
    ],
)
def test_every_preset_composes_and_is_valid(override: str) -> None:
    needed = {
        "data=folder": ["data.root=somewhere"],
        "surrogate=trained": ["surrogate.model=mine"],
        "surrogate=timm": ["surrogate.architecture=resnet18"],
        "surrogate=torchvision": ["surrogate.architecture=resnet18.IMAGENET1K_V1"],
    }
    run = attack_run(override, *needed.get(override, []))
    assert isinstance(compose_attack(run.attack), Attack)


@pytest.mark.parametrize(
    "name", [name for name in presets("surrogate") if name not in {"ensemble", "trained", "timm", "torchvision"}]
)
def test_every_network_can_be_trained(name: str, tmp_path: Path) -> None:
    own = name.startswith(("digits", "cifar10"))
    plan = training(tmp_path, f"surrogate={name}", *([] if own else ["data=digits"])).plan
    assert plan.source.name == name
    assert plan.weights_path.name.startswith(f"{name}-")


@pytest.mark.parametrize("recipe", presets("training"))
@pytest.mark.parametrize("loss", presets("training/loss"))
def test_every_recipe_goes_with_every_loss(recipe: str, loss: str, tmp_path: Path) -> None:
    models = ["training.loss.models=[mine]"] if loss == "ensemble" else []
    if models:
        source = training(tmp_path, f"training={recipe}").plan.source
        save_model(tmp_path / "models" / "mine.safetensors", source, source.network(pretrained=False), {})
    plan = training(tmp_path, f"training={recipe}", f"training/loss={loss}", *models).plan
    assert plan.recipe.loss.hardens == (loss != "clean")


def test_a_part_of_the_usual_recipe_can_be_changed(tmp_path: Path) -> None:
    changes = ["training.augmentation.flip=0", "training.loss.label_smoothing=0.2", "training.robustness.eps=8/255"]
    recipe = training(tmp_path, "surrogate=resnet50", "data=digits", *changes).plan.recipe
    assert (recipe.augmentation.flip, recipe.augmentation.smallest_crop) == (0, 0.25)
    assert isinstance(recipe.loss, CleanTraining)
    assert recipe.loss.label_smoothing == 0.2
    assert recipe.robustness is not None
    assert (recipe.robustness.eps, recipe.robustness.steps) == ("8/255", 20)


@pytest.mark.parametrize("network", [["surrogate=resnet50", "data=digits"], ["surrogate=digits_plain"]])
def test_any_network_can_be_hardened(network: list[str], tmp_path: Path) -> None:
    loss = training(tmp_path, *network, "training/loss=pgd", "training.loss.steps=3").plan.recipe.loss
    assert isinstance(loss, AdversarialTraining)
    assert loss.attack.budget.steps == 3
    assert loss.label_smoothing == (0.1 if "data=digits" in network else 0.0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["surrogate=resnet50"], "surrogate=resnet50 has no data of its own to train on: give data=folder or others"),
        (["training.epocs=3"], "there is no option training.epocs; did you mean epochs?"),
        (["training.epochs=0"], "training: epochs must be at least 1, got 0"),
        (["training.optimizer=adam"], "training.optimizer must be 'sgd' or 'adamw', got 'adam'"),
        (["training.loss.beta=1"], "there is no option training.loss.beta; there are label_smoothing"),
        (["training/loss=pgd", "training.loss.eps=8"], "training.loss: eps must be between 0 and 1 (for example"),
        (["training.augmentation.flip=2"], r"training.augmentation: flip must be in [0, 1], got 2.0"),
        (["training.robustness.eps=x"], "training.robustness: eps must be a number or a fraction"),
        (["training.start=published"], "training.start=published: nobody publishes weights of digits_plain"),
        (["training.start=nowhere.pt"], "there is no weights file nowhere.pt"),
        (["surrogate.weights=a.pt"], "surrogate.weights=a.pt would not be used: give it as training.start"),
        (["trainer.precision=bf16-mixed"], "give trainer.precision=bf16-mixed as training.precision"),
        (["training/loss=ensemble", "training.loss.models=[nobody]"], "there is no model nobody, as "),
        (["surrogate=resnet50", "data.root=photos"], "give data=folder or others"),
        (["surrogate=resnet50", "data=digits", "training/loss=pgd", "training.loss.stesp=3"], "did you mean steps?"),
        (["++training.epocs=3"], "there is no option training.epocs; did you mean epochs?"),
        (["+trainer.max_epochs=9"], "trainer.max_epochs would change what the recipe says: give training.epochs"),
        (["training/loss=ensemble", "training.loss.models=[]"], "training.loss: models must name the fixed models"),
        (["surrogate=ensemble", "data=digits"], "several surrogates are trained one by one"),
    ],
)
def test_mistakes_in_a_training(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        training(tmp_path, *overrides)
    assert message in str(error.value)


@pytest.mark.parametrize("key", ["gradient_clip_val", "accumulate_grad_batches", "max_epochs"])
def test_an_attack_does_not_change_how_missing_weights_are_trained(key: str, tmp_path: Path) -> None:
    config = composed("experiment=digits", f"+trainer.{key}=2", f"paths.models_dir={tmp_path}")
    with pytest.raises(UserError, match=f"trainer.{key} would change what the recipe says"):
        compose_attack_run(config)


def test_the_models_that_images_are_crafted_on_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: training\.loss\.models must be given$"), one_line_errors():
        training(tmp_path, "training/loss=ensemble")


def test_published_numbers_of_naa() -> None:
    attack = compose_attack(attack_run().attack)
    assert (attack.budget.eps, attack.budget.steps) == (16 / 255, 10)
    assert attack.budget.step_size == pytest.approx(1.6 / 255, rel=1e-12)
    path = IntegrationPath(rule="release", points=30, noise=0.1, antithetic=False)
    published = {"path": path, "balance": 0.0, "gamma": 1.0, "positive": "identity", "negative": "identity"}
    assert vars(attack.objective) == published
    assert vars(attack.update) == {"decay": 1.0}


def test_every_study_builds_its_methods() -> None:
    for name in presets("study"):
        run = attack_run(f"study={name}")
        assert run.study is not None
        study = build_target(run.study, "study")
        assert isinstance(study, LayerStudy) or len(study.candidates()) > len(study.methods)


def test_naa_fast_takes_a_third_of_the_gradients() -> None:
    fast, naa = (attack_run(f"attack={name}").attack.gradient_evaluations for name in ("naa_fast", "naa"))
    assert 3 * fast <= naa


def test_naas_path_is_the_users() -> None:
    numbers = {"path_points": "8", "rule": "gauss_legendre", "noise": "0.2", "antithetic": "true"}
    objective = compose_attack(
        attack_run(*(f"attack.objective.{key}={value}" for key, value in numbers.items())).attack
    ).objective
    expected = IntegrationPath(rule="gauss_legendre", points=8, noise=0.2, antithetic=True)
    assert vars(objective)["path"] == expected


def test_exact_attribution_is_the_users(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "start.png")
    overrides = ["rule=midpoint", "path_points=3", "output=margin", "baselines=2", "path_batch_size=5"]
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
    assert options == {"output": class_margin, "baselines": 2, "path_batch_size": 5}


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
        ("attribution.path_batch_size=0", "attribution.path_batch_size must be at least 1, got 0"),
        ("attribution.exact_images=-1", "attribution.exact_images must be at least 0, got -1"),
        ("+attribution.point=1", "there is no option attribution.point"),
    ],
)
def test_mistakes_in_the_attribution(overrides: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", *overrides.split()))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("engine.group_images=0", "engine: group_images must be at least 1, got 0"),
        (
            "engine.pass_mib=0.5",
            "engine.pass_mib must be a valid integer, got a number with a fractional part, got 0.5",
        ),
        ("engine.tf32=maybe", "engine.tf32 must be a valid boolean, unable to interpret input, got 'maybe'"),
        ("engine.compile=fast", "engine.compile must be 'default', 'reduce-overhead' or 'max-autotune', got 'fast'"),
        ("engine.preparation=bf16", "engine.preparation must be 'bfloat16', got 'bf16'"),
        ("+engine.fold=true", "there is no option engine.fold"),
    ],
)
def test_mistakes_in_the_engine(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", override))


def test_the_engine_is_as_configured() -> None:
    overrides = [
        "engine.group_images=3",
        "engine.pass_mib=64",
        "engine.tf32=true",
        "engine.compile=max-autotune",
        "engine.preparation=bfloat16",
    ]
    engine = compose_attack_run(composed("experiment=digits", *overrides)).engine
    assert engine == Engine(group_images=3, pass_mib=64, tf32=True, compile="max-autotune", preparation="bfloat16")
    assert compose_attack_run(composed("experiment=digits")).engine == Engine()


def test_parts_of_attacks_are_recombined() -> None:
    overrides = ["attack/objective=fia", "attack/transforms=[diverse_input,scale_invariant]", "attack/budget=l2"]
    attack = compose_attack(attack_run("attack=naa", *overrides, "attack/smoothing=translation_invariant").attack)
    parts = [attack.objective, *attack.transforms, attack.smoothing, attack.update]
    names = ["FeatureImportance", "DiverseInput", "ScaleInvariant", "TranslationInvariant", "Momentum"]
    assert [type(part).__name__ for part in parts] == names
    assert attack.budget.norm == "l2"


@pytest.mark.parametrize(
    ("group", "name"),
    [(path.parent.name, path.stem) for path in sorted((CONF / "attack").glob("*/*.yaml"))],
)
def test_every_part_of_an_attack_composes(group: str, name: str) -> None:
    assert isinstance(compose_attack(attack_run("attack=mim", f"attack/{group}={name}").attack), Attack)


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


def test_eps_is_accepted_as_papers_write_it() -> None:
    assert compose_attack(attack_run("attack.budget.eps=8/255").attack).budget.eps == 8 / 255


def test_targets_take_over_the_surrogate_presets() -> None:
    targets = attack_run("targets=digits", "targets.digits_plain.weights=w.safetensors").targets
    assert list(targets) == ["digits_plain", "digits_residual", "digits_inception"]
    assert targets["digits_plain"]["weights"] == "w.safetensors"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+attack.budgets.eps=1", "there is no option attack.budgets; did you mean budget?"),
        ("+sead=1", "there is no option sead; did you mean seed?"),
        ("seed=-1", "seed must be at least 0, got -1"),
        ("seed=abc", "seed must be a valid integer, unable to parse string as an integer, got 'abc'"),
        ("report.panel_images=-1", "report.panel_images must be at least 0, got -1"),
        ("+report.panels=3", "there is no option report.panels; did you mean panel_images?"),
        ("+report.x=3", "there is no option report.x; there are panel_images"),
        ("~attack.budget", "attack.budget must be given"),
        ("extras.print_config=often", "extras.print_config must be a valid boolean"),
    ],
)
def test_mistakes_in_the_run(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        attack_run(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("attack.budget.eps=-1", "attack.budget: eps must be between 0 and 1 (for example 16/255), got -1"),
        ("attack.budget.eps=lots", "attack.budget: eps must be a number or a fraction such as 16/255, got 'lots'"),
        ("attack.budget.steps=0", "attack.budget: steps must be at least 1, got 0"),
        ("+attack.budget.epss=1", "there is no option attack.budget.epss; did you mean eps?"),
        ("+attack.objective.gama=1", "there is no option attack.objective.gama; did you mean gamma?"),
        ("attack.objective.gamma=-1", "attack.objective: gamma must be at least 0, got -1"),
        ("attack.objective.path_points=many", "attack.objective.path_points must be a valid integer"),
        ("attack.objective.rule=simpson", "attack.objective: rule must be one of release, left, right, midpoint"),
        (
            "attack.objective.rule=trapezoid attack.objective.path_points=1",
            "attack.objective: the rule trapezoid needs at least 2 points, got 1",
        ),
        ("attack.objective.antithetic=sometimes", "attack.objective.antithetic must be a valid boolean"),
        ("attack.update.decay=null", "attack.update.decay must be a valid number, got None"),
        ("~attack.update._target_", "attack.update must name what it builds in attack.update._target_"),
        (
            "attack.targeted=true attack/objective=fda",
            "attack: FeatureDisruption cannot be targeted: it swaps strong and",
        ),
        ("attack/budget=l2 attack/update=nesterov", "attack: Nesterov works with budgets of the norm linf, got l2"),
        ("attack.budget.norm=l1", "attack.budget: norm must be one of linf, l2, got 'l1'"),
        ("attack.budget.random_start=2", "attack.budget: random_start must be between 0 and 1"),
        ("attack.objective.positive=cube", "attack.objective: positive must be one of identity, log, exponential"),
        (
            "attack.update._target_=naa_lightning.attacks.Sign ~attack.update.decay attack/objective=fda "
            "attack.objective._target_=naa_lightning.attacks.Sign",
            "attack.objective._target_ must build Objective, it builds Sign",
        ),
        ("attack.update._target_=os.system", "attack.update._target_ must be in one of naa_lightning, "),
        (
            "attack.update._target_=naa_lightning.attacks.Momentun",
            "names naa_lightning.attacks.Momentun, which does not",
        ),
    ],
)
def test_mistakes_in_the_attack(override: str, message: str) -> None:
    run = attack_run(*override.split())
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack(run.attack)


def test_values_that_a_part_of_another_package_refuses() -> None:
    node = {"_target_": "pytorch_lightning.Trainer", "accelerator": "abacus"}
    with pytest.raises(UserError, match=r"^trainer: .*abacus"):
        build_target(node, "trainer")


def test_build_takes_values_of_the_right_type_as_they_are() -> None:
    def part(*, sizes: list[int], name: str | None = None) -> tuple[list[int], str | None]:
        return sizes, name

    assert build(part, {"sizes": [1, 2]}, "part") == ([1, 2], None)
    with pytest.raises(UserError, match=r"part\.sizes\.1 must be a valid integer"):
        build(part, {"sizes": [1, "x"]}, "part")
