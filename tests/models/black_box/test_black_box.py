"""The configurations of models that are asked for predictions only."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from naa_lightning.config.building import build_part
from naa_lightning.exceptions import UserError
from naa_lightning.models import ModelSource
from naa_lightning.models.black_box.callable_model import CallableModel
from naa_lightning.models.black_box.exported_model import ExportedModel
from naa_lightning.models.black_box.onnx_model import OnnxModel
from naa_lightning.models.black_box.torchscript_model import TorchScriptModel
from tests.experiments import CONF

KINDS: dict[str, tuple[type[ModelSource], dict[str, Any]]] = {
    "callable": (CallableModel, {"function": "file.py:predict"}),
    "exported": (ExportedModel, {"path": "net.pt2", "value_range": [0, 1]}),
    "onnx": (OnnxModel, {"path": "net.onnx"}),
    "torchscript": (TorchScriptModel, {"path": "net.pt", "value_range": [0, 1]}),
}


def composed(kind: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=[f"+black_box@targets.mine={kind}", *overrides])
    node: DictConfig = config.targets.mine
    return node


def built(kind: str, **changes: Any) -> Any:
    given = {"name": "mine", **KINDS[kind][1], **changes}
    node = composed(kind, *(f"targets.mine.{key}={value}".replace(" ", "") for key, value in given.items()))
    return target(node)


def target(node: DictConfig) -> Any:
    values: Any = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    return build_part(ModelSource, values, "targets.mine")


def test_every_kind_is_tested() -> None:
    assert {path.stem for path in (CONF / "black_box").glob("*.yaml")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_names_every_key_with_its_default(kind: str) -> None:
    """Where a file would be asked about the layout, TorchScript has nothing to say: nchw is meant."""
    source, given = KINDS[kind]
    plain = {"layout": "nchw"} if kind == "torchscript" else {}
    assert asdict(built(kind)) == asdict(source(name="mine", **given)) | plain
    assert set(composed(kind)) == {"_target_", *(field.name for field in fields(source))}


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_be_given_is_missing(kind: str) -> None:
    missing = {key for key in composed(kind) if OmegaConf.is_missing(composed(kind), str(key))}
    assert missing == {"name", "function" if kind == "callable" else "path"}


def test_values_arrive_as_they_are_given() -> None:
    source = built("onnx", output=1, first_class=1, input_size="[299,224]", mean="[0,0.5,1]", std="[1,1,1]")
    assert (source.output, source.first_class, source.input_size) == (1, 1, [299, 224])
    assert (source.mean, source.std) == ([0, 0.5, 1], [1, 1, 1])
    assert built("onnx", output="classes").output == "classes"
    node = composed("callable", "targets.mine.name=mine", "targets.mine.function=a:b", "+targets.mine.kwargs.width=2")
    assert target(node).kwargs == {"width": 2}


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("onnx", {"layout": "chwn"}, r"targets\.mine: layout must be one of nchw, nhwc"),
        ("onnx", {"first_class": "one"}, r"targets\.mine\.first_class must be a valid integer"),
        (
            "torchscript",
            {"value_range": "null"},
            r"targets\.mine: a TorchScript file does not say .*=\[0,1\]",
        ),
        (
            "exported",
            {"value_range": "null"},
            r"targets\.mine: a file of torch\.export does not say .*=\[0,1\]",
        ),
        ("callable", {"function": "predict"}, r"targets\.mine: function must be package\.module:name or"),
    ],
)
def test_mistakes_are_told_with_their_key(kind: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        built(kind, **change)


@pytest.mark.parametrize("kind", ["exported", "onnx", "torchscript"])
def test_a_file_may_be_in_the_home_folder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / KINDS[kind][1]["path"]
    assert built(kind, path=f"'~/{file.name}'").files == [file]
    with pytest.raises(UserError, match=f"there is no file {file}; correct `path`"):
        built(kind, path=f"'~/{file.name}'").check()
