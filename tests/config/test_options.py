"""Messages of the library, in the words of the command line."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.config.options import in_options, key_of
from naa_lightning.exceptions import (
    DataError,
    MissingDataError,
    MissingTargetClassError,
    MissingWeightsError,
    ModelError,
    UserError,
    in_one_line,
)
from naa_lightning.models.black_box.onnx_model import OnnxModel
from tests.experiments import attack, attack_run, composed


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ("data", DataError("`root=a/b` is no folder"), "data.root=a/b is no folder"),
        ("data", DataError("give `csv` a column 'a' or `limit=1`"), "give data.csv a column 'a' or data.limit=1"),
        (
            "data",
            DataError("fetch it with `root=null` `download=true`"),
            "fetch it with data.root=null data.download=true",
        ),
        ("surrogate.recipe.data", DataError("give `train=FOLDER`"), "give surrogate.recipe.data.train=FOLDER"),
        ("data", DataError("correct `training.start`"), "correct `training.start`"),
        ("data", DataError("in worker\nnaa_lightning.exceptions.DataError: `root` is bad"), "data.root is bad"),
        ("data", MissingDataError("give `root`"), "give data.root, or run experiment=digits, which needs no files"),
        ("data", MissingTargetClassError("none"), "none, or choose data=nips2017 .* or data=digits"),
        ("surrogate", ModelError("correct `weights`"), "correct surrogate.weights"),
        ("surrogate", MissingWeightsError("`weights=PATH`"), "surrogate.weights=PATH, or run experiment=digits, .*"),
        (
            "targets.a",
            MissingWeightsError("no"),
            r"no, leave the target out \(~targets\.a\), or run experiment=digits, .*",
        ),
    ],
)
def test_parameters_become_options(key: str, error: DataError | ModelError, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}$") as told, in_options(key, type(error)):
        raise error
    assert type(told.value) is UserError, "so that an outer place adds nothing"


def test_what_is_about_something_else_is_left_alone() -> None:
    error = ModelError("correct `weights`")
    with pytest.raises(ModelError) as told, in_options("data", DataError):
        raise error
    assert told.value is error


def test_an_error_of_a_worker_is_told_in_its_own_words() -> None:
    text = "Caught DataError in DataLoader worker process 0.\n  raise DataError(f'`root`')\n"
    assert in_one_line(DataError(f"{text}naa_lightning.exceptions.DataError: a.png is bad")) == "a.png is bad"


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        ((), ["surrogate", "targets.digits_residual", "targets.digits_inception"]),
        (
            (
                "surrogate=ensemble",
                "surrogate.name=both",
                "+surrogate@surrogate.members.a=digits_plain",
                "+surrogate@surrogate.members.b=digits_inception",
                "~targets",
            ),
            ["surrogate.members.a", "surrogate.members.b"],
        ),
    ],
)
def test_models_are_found_in_the_configuration(overrides: Sequence[str], keys: list[str], models_dir: str) -> None:
    experiment = compose_attack_run(composed("experiment=digits", models_dir, *overrides))
    assert [key_of(source, experiment.run) for source in experiment.sources] == keys


def test_models_without_a_name_are_found_by_their_files() -> None:
    run = attack_run(
        "surrogate=huggingface",
        "surrogate.model='~/first'",
        "targets=[huggingface,trained,digits_plain]",
        "targets.huggingface.model=somebody/second",
        "targets.trained.model=models/third.safetensors",
    )
    sources = {
        name: OnnxModel(name=name, path="x.onnx")
        for name in ("first", "second", "third", "digits_plain", "as its file says")
    }
    assert {name: key_of(source, run) for name, source in sources.items()} == {
        "first": "surrogate",
        "second": "targets.huggingface",
        "third": "targets.trained",
        "digits_plain": "targets.digits_plain",
        "as its file says": "surrogate",
    }


def test_missing_weights_are_told_with_their_option() -> None:
    with pytest.raises(UserError, match=r"there is no weights file nowhere\.pth; correct surrogate\.weights or leave"):
        compose_attack_run(composed("experiment=digits", "surrogate.weights=nowhere.pth", "~targets"))


@pytest.mark.parametrize("option", ["data.batch_size", "data.limit", "data.num_workers", "seed"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_truth_values_are_no_numbers(option: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^{option} must be a number, got {value}$"):
        attack(tmp_path, "paths.models_dir=nowhere", f"{option}={value}")
