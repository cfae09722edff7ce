"""An ONNX file or a runtime that cannot be used is told in one line."""

import builtins
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box import onnx_model
from naa_lightning.models.black_box.onnx_model import OnnxModel
from tests.models.black_box.onnx_files import IMAGES, logits, means, saved


def test_several_inputs_and_inputs_of_text_are_refused(tmp_path: Path) -> None:
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 4, 5])
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["batch", 3, 4, 5])
    answer = helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)
    path = saved(
        tmp_path / "sum.onnx", [helper.make_node("Add", ["images", "other"], ["sum"])], [images, other], [answer]
    )
    with pytest.raises(UserError, match=r"mine, .*sum\.onnx: takes images, other, expected one input"):
        logits(path, value_range=[0, 1])
    words = helper.make_tensor_value_info("words", TensorProto.STRING, ["batch", 3, 4, 5])
    answer = helper.make_tensor_value_info("same", TensorProto.STRING, None)
    path = saved(tmp_path / "words.onnx", [helper.make_node("Identity", ["words"], ["same"])], [words], [answer])
    with pytest.raises(UserError, match=r"mine, .*words\.onnx: takes tensor\(string\), expected one of"):
        logits(path, value_range=[0, 1])


def test_the_wrong_number_of_classes_is_told(tmp_path: Path) -> None:
    model = OnnxModel(name="mine", path=means(tmp_path), value_range=[0, 1]).build()
    with pytest.raises(UserError, match="mine gives 3 classes, but num_classes is 1000"):
        model(IMAGES)


def test_a_network_that_fails_is_told_without_noise(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nodes = [
        helper.make_node("Constant", [], ["form"], value=helper.make_tensor("", TensorProto.INT64, [2], [-1, 7])),
        helper.make_node("Reshape", ["images", "form"], ["answer"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)
    model = OnnxModel(
        name="mine", path=saved(tmp_path / "bad.onnx", nodes, [images], [answer]), value_range=[0, 1], num_classes=7
    ).build()
    with pytest.raises(UserError, match=r"\Amine fails when asked about images: .*Reshape.*\Z") as error:
        model(IMAGES)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_damaged_files_are_told_without_noise(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = Path(means(tmp_path)).read_bytes()
    for content in (b"this is no network", whole[: len(whole) // 2], b""):
        path = tmp_path / "damaged.onnx"
        path.write_bytes(content)
        source = OnnxModel(name="mine", path=str(path), value_range=[0, 1])
        source.check()
        with pytest.raises(UserError, match=r"\Amine(:|,) .*damaged\.onnx.*\Z"):
            source.build()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["check", "build"])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("none.onnx", r"mine: there is no file .*none\.onnx; correct `path`"),
        ("net.pb", r"mine: .*net\.pb .*expected \.onnx"),
    ],
)
def test_missing_files_and_other_files_are_told(tmp_path: Path, file: str, message: str, method: str) -> None:
    with pytest.raises(UserError, match=message):
        getattr(OnnxModel(name="mine", path=str(tmp_path / file)), method)()


def test_a_missing_onnxruntime_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = OnnxModel(name="mine", path=means(tmp_path))
    source.check()
    monkeypatch.setattr(onnx_model, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"mine needs onnxruntime: pip install 'naa_lightning\[onnx\]'"):
        source.check()


def test_a_broken_onnxruntime_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("a library is missing")
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(
        UserError, match=r"mine: .*means\.onnx cannot be read as ONNX: ImportError: a library is missing"
    ):
        OnnxModel(name="mine", path=means(tmp_path)).build()
