"""From a configuration to what the images are tried on."""

import json
import logging
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from naa_lightning.config.attack_experiment import AttackExperiment, checked_attack_run, compose_attack_run
from naa_lightning.config.building import build_part
from naa_lightning.exceptions import UserError
from naa_lightning.models import ModelSource, TrainedModel
from naa_lightning.models.black_box.callable_model import CallableModel
from naa_lightning.models.defences import Defence, Jpeg, Median
from tests.experiments import composed, presets

DEFENCES = presets("defences")
BLACK_BOXES = presets("black_box")
MINE = ["+black_box@targets.mine=callable", "targets.mine.name=mine", "targets.mine.num_classes=10"]


@pytest.fixture
def mine(tmp_path: Path) -> list[str]:
    file = tmp_path / "mine.py"
    file.write_text("def predict(images): ...\n")
    return [*MINE, f"targets.mine.function={file}:predict"]


def experiment(*overrides: str) -> AttackExperiment:
    return compose_attack_run(composed("experiment=digits", *overrides))


def names(of: AttackExperiment) -> list[str]:
    return [target.name for target in of.targets]


def refusal(*overrides: str) -> str:
    with pytest.raises(UserError) as error:
        experiment(*overrides)
    return str(error.value)


@pytest.mark.parametrize("name", DEFENCES)
def test_every_defence_composes(name: str) -> None:
    found = experiment(f"defences=[{name}]").targets[1].defences
    assert list(found) == [name]
    assert isinstance(found[name], Defence)


@pytest.mark.parametrize("name", BLACK_BOXES)
def test_every_kind_of_black_box_is_a_file_of_its_own(name: str) -> None:
    overrides = [f"+black_box@targets.mine={name}", "targets.mine.name=mine"]
    where = "function=mine.py:predict" if name == "callable" else "path=mine.pt"
    values = [] if name == "callable" else ["targets.mine.value_range=[0,1]"]
    config = composed("experiment=digits", *overrides, f"targets.mine.{where}", *values)
    source = build_part(ModelSource, dict(config.targets.mine), "targets.mine")
    assert (source.name, source.num_classes) == ("mine", 1000)


def test_the_surrogate_comes_first_and_models_stay_together() -> None:
    found = experiment("surrogate=digits_residual", "defences=[jpeg,median]")
    assert names(found) == [
        *("digits_residual", "digits_residual+jpeg", "digits_residual+median"),
        *("digits_plain", "digits_plain+jpeg", "digits_plain+median"),
        *("digits_inception", "digits_inception+jpeg", "digits_inception+median"),
    ]
    assert [source.name for source in found.sources] == ["digits_residual", "digits_plain", "digits_inception"]
    assert [target.name for target in found.black_box] == names(found)[3:]


def test_a_target_with_defences_of_its_own_meets_no_others(mine: list[str]) -> None:
    chain = "+defences@targets.mine.defences=[jpeg,median]"
    found = experiment("~targets", *mine, chain, "targets.mine.defences.jpeg.quality=50", "defences=[bit_depth]")
    assert names(found) == ["digits_plain", "digits_plain+bit_depth", "mine+jpeg+median"]
    jpeg, median = found.targets[-1].defences.values()
    assert isinstance(jpeg, Jpeg)
    assert jpeg.quality == 50
    assert isinstance(median, Median)


def test_kinds_of_targets_mix(mine: list[str]) -> None:
    found = experiment(*mine)
    assert names(found) == ["digits_plain", "digits_residual", "digits_inception", "mine"]
    assert found.targets[-1].source == CallableModel(name="mine", function=mine[-1].partition("=")[2], num_classes=10)


def test_a_defended_surrogate_is_no_black_box() -> None:
    found = experiment("+defences@targets.digits_plain.defences=jpeg")
    assert names(found) == ["digits_plain", "digits_plain+jpeg", "digits_residual", "digits_inception"]
    assert [target.name for target in found.black_box] == ["digits_residual", "digits_inception"]


def test_one_model_may_be_tried_plain_and_defended() -> None:
    again = ["+surrogate@targets.again=digits_residual", "+defences@targets.again.defences=jpeg"]
    found = experiment(*again)
    assert names(found) == ["digits_plain", "digits_residual", "digits_residual+jpeg", "digits_inception"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["+surrogate@targets.again=digits_residual"],
            "two models are called digits_residual: give each surrogate and target its own name",
        ),
        (
            ["+surrogate@targets.again=digits_residual", "targets.again.name=digits_inception"],
            "two models are called digits_inception",
        ),
        (
            [
                "+surrogate@targets.again=digits_residual",
                "targets.again.mean=[0,0,0]",
                "+defences@targets.again.defences=jpeg",
            ],
            "two different models are called digits_residual: give each its own name",
        ),
        (["defences=[jpeg]", "defences.jpeg.quality=0"], "defences.jpeg: quality must be"),
        (
            ["defences=[jpeg]", "+defences.jpeg.qualty=50"],
            "there is no option defences.jpeg.qualty; did you mean quality?",
        ),
        (
            ["+defences@targets.digits_residual.defences=jpeg", "targets.digits_residual.defences.jpeg.quality=x"],
            "targets.digits_residual.defences.jpeg.quality must be a valid integer",
        ),
        (
            ["+targets.digits_residual.defences=[jpeg]"],
            "targets.digits_residual.defences must give each defence under a n",
        ),
        (
            ["+defences.mine._target_=naa_lightning.attacks.Budget"],
            "defences.mine._target_ must build Defence, which naa_lightning.attacks.Budget does not",
        ),
        (
            ["+surrogate@targets.mine=digits_plain", "targets.mine.name=mine", "targets.mine.weights=x.pth"],
            "there is no w",
        ),
        (
            [*MINE, "targets.mine.function=nowhere.py:predict"],
            "mine: there is no file nowhere.py; correct targets.mine.function",
        ),
    ],
)
def test_mistakes(overrides: list[str], message: str) -> None:
    assert re.search(re.escape(message), refusal(*overrides))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["craft=false"], "craft=false rates images that are there: give adversarial_dir=FOLDER"),
        (["adversarial_dir=."], "adversarial_dir=. is what craft=false rates: give both or neither"),
        (["craft=false", "adversarial_dir=/nowhere"], "adversarial_dir=/nowhere is not a folder"),
        (
            ["craft=false", f"adversarial_dir={__file__}"],
            f"adversarial_dir={__file__} is not a folder, nor a file that naa-report export writes (.npz, .pt, .tar);",
        ),
        (["~surrogate"], "there is no surrogate to craft on: give surrogate=, or rate images with craft=false"),
        (["craft=false", "adversarial_dir=.", "study=layers"], "a study crafts its own images"),
        (
            ["craft=false", "adversarial_dir=.", "~surrogate", "attribution.exact_images=1"],
            "attribution.exact_images needs the surrogate",
        ),
        (
            ["craft=false", "adversarial_dir=.", "~surrogate", "~targets"],
            "there is no model to try the images on",
        ),
    ],
)
def test_mistakes_in_what_is_rated(overrides: list[str], message: str) -> None:
    assert refusal(*overrides).startswith(message)


def test_a_black_box_is_no_surrogate(tmp_path: Path) -> None:
    (tmp_path / "surrogate").mkdir()
    code = tmp_path / "mine.py"
    code.touch()
    file = (
        f"_target_: naa_lightning.models.black_box.callable_model.CallableModel\nname: mine\nfunction: {code}:predict\n"
    )
    (tmp_path / "surrogate" / "mine.yaml").write_text(file)
    message = refusal(f"hydra.searchpath=[file://{tmp_path}]", "surrogate=mine", f"trust=[{code}]")
    assert message.startswith("surrogate: mine is a CallableModel, which gives no gradients: it can be a target")


@pytest.mark.parametrize("craft", ["craft=false", "craft=False", "++craft=false"])
def test_images_to_rate_are_called_as_their_folder_or_run(tmp_path: Path, craft: str) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours" / "adversarial").mkdir(parents=True)
    (tmp_path / "done" / "adversarial").mkdir(parents=True)
    (tmp_path / "done" / "results.json").write_text('{"attack": "fia"}')
    names = {"theirs": "theirs", "ours": "ours", "ours/adversarial": "ours", "done": "fia", "done/adversarial": "fia"}
    for folder, name in names.items():
        found = experiment(craft, f"adversarial_dir={tmp_path / folder}", "logger=wandb")
        assert (found.run.attack.name, found.run.attack.paper) == (name, "unknown")
        assert found.surrogate is None
        assert found.run.logger is not None
        assert found.run.logger["wandb"]["name"] == f"unknown-{name}-digits-seed0"
        assert [target.name for target in found.black_box] == ["digits_plain", "digits_residual", "digits_inception"]


@pytest.fixture(params=["results.json", "crafting.json"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A run's folder, and the file that tells of it: once it is done, or as soon as images are crafted."""
    return tmp_path / "made", request.param


def left_by(made: tuple[Path, str], *overrides: str) -> str:
    """Leave what a run of these options leaves of its configuration, and return the option that rates its images."""
    folder, file = made
    path = folder / file
    path.parent.mkdir(parents=True)
    (folder / "adversarial").mkdir()
    config = composed("experiment=digits", *overrides)
    path.write_text(json.dumps({"attack": "", "config": asdict(checked_attack_run(config))}))
    return f"adversarial_dir={folder / 'adversarial'}"


def rated(*overrides: str) -> AttackExperiment:
    """Compose a rating beside defaults that say something else in every point."""
    return compose_attack_run(composed("data=digits", "craft=false", *overrides))


def test_what_a_run_was_is_taken_from_its_folder(made: tuple[Path, str], caplog: pytest.LogCaptureFixture) -> None:
    options = ["attack=fia", "attack.budget.eps=8/255", "attack.targeted=true", "surrogate=digits_residual"]
    where = left_by(made, *options, "surrogate.layer=top", "defences=[jpeg]", "targets=[digits_inception]")
    with caplog.at_level(logging.INFO):
        found = rated(where)
    assert [(source.name, source.layer) for source in found.white_box] == [("digits_residual", "top")]
    assert (found.run.attack.name, found.attack.targeted, found.attack.budget.eps) == ("fia", True, 8 / 255)
    assert names(found) == ["digits_residual", "digits_residual+jpeg", "digits_inception", "digits_inception+jpeg"]
    assert caplog.messages == [
        "surrogate digits_residual, attack fia, budget, targeted, targets, defences as in "
        f"{made[0].resolve() / made[1]}"
    ]


def test_the_command_line_has_the_last_word(made: tuple[Path, str]) -> None:
    where = left_by(made, "attack=fia", "attack.budget.eps=8/255", "surrogate=digits_residual", "defences=[jpeg]")
    found = rated(where, "surrogate=digits_plain", "targets=[digits_inception]", "defences=[]")
    assert names(found) == ["digits_plain", "digits_inception"]
    assert (found.run.attack.name, found.attack.budget.eps) == ("fia", 8 / 255)
    found = rated(where, "surrogate.layer=top", "attack.budget.eps=4/255")
    assert [(source.name, source.layer) for source in found.white_box] == [("digits_residual", "top")]
    assert found.attack.budget.eps == 4 / 255
    found = rated(where, "attack=mim", "attack/budget=l2")
    assert (found.run.attack.name, found.attack.budget.norm, found.attack.budget.eps) == ("mim", "l2", 5.0)
    assert rated(where, "attack=mim").attack.budget.eps == 8 / 255
    for nothing in ("~surrogate", "surrogate=[]"):
        assert not rated(where, nothing).white_box
    found = compose_attack_run(composed("experiment=digits", "craft=false", where))
    assert [target.name for target in found.black_box] == ["digits_plain", "digits_inception"]


def test_several_surrogates_are_taken_over(made: tuple[Path, str]) -> None:
    where = left_by(made, "surrogate=[digits_plain,digits_residual]", "surrogate.members.digits_plain.layer=top")
    found = rated(where)
    assert [(source.name, source.layer) for source in found.white_box] == [
        ("digits_plain", "top"),
        ("digits_residual", "middle"),
    ]
    assert [target.name for target in found.black_box] == ["digits_inception"]


def test_trained_weights_are_found_where_they_are_now(made: tuple[Path, str], tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    where = left_by(made, f"paths.models_dir={there}")
    (source,) = rated(where, f"paths.models_dir={tmp_path}").white_box
    assert isinstance(source, TrainedModel)
    assert source.models_dir == str(there)
    there.rmdir()
    (source,) = rated(where, f"paths.models_dir={tmp_path}").white_box
    assert isinstance(source, TrainedModel)
    assert source.models_dir == str(tmp_path)


def test_a_folder_of_images_runs_no_code_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('ran')\n")
    config = asdict(checked_attack_run(composed("experiment=digits")))
    config["surrogate"] = {
        "_target_": "naa_lightning.models.python_model.PythonModel",
        "name": "theirs",
        "function": f"{tmp_path}/mine.py:network",
    }
    (tmp_path / "results.json").write_text(json.dumps({"config": config}))
    with pytest.raises(UserError, match="which is not known to be safe"):
        rated(f"adversarial_dir={tmp_path}")
    config["surrogate"]["name"] = "${oc.env:HOME}"
    config["surrogate"]["function"] = "nothing"
    (tmp_path / "results.json").write_text(json.dumps({"config": config}))
    assert checked_attack_run(composed("craft=false", f"adversarial_dir={tmp_path}")).surrogate == config["surrogate"]


def test_what_the_command_line_says_of_the_images_to_rate_holds(tmp_path: Path) -> None:
    rating = ["craft=false", f"adversarial_dir={tmp_path}"]
    found = experiment(*rating, "surrogate=digits_residual", "attack.name=theirs")
    assert [source.name for source in found.white_box] == ["digits_residual"]
    assert found.run.attack.name == "theirs"
    assert experiment(*rating, "attack=fia").run.attack.name == "fia"
    assert experiment(*rating, "attack.budget.eps=8/255").run.attack.name == tmp_path.name
