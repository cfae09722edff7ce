import builtins
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box import onnx_model
from naa_lightning.models.black_box.onnx_model import OnnxModel
from naa_lightning.models.black_box.onnx_network import open_session
from tests.conftest import GoldenNetwork
from tests.models.test_zoo import ours, photographs

Shape = Sequence[int | str | None] | None
IMAGES = torch.rand(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))
REMEDY = r"give mean and std, for example mean=\[0\.485,.*or value_range, for example value_range=\[0,1\]"


def saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], **metadata: str) -> str:
    graph = helper.make_graph(nodes, "hand_made", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {key.replace("__", "."): value for key, value in metadata.items()})
    onnx.save(model, path)
    return str(path)


def means(
    folder: Path,
    shape: Shape = ("batch", 3, "height", "width"),
    axes: Sequence[int] = (2, 3),
    element: int = TensorProto.FLOAT,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """A network whose three classes are the mean of each channel, as it gets them."""
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["axes"], value=helper.make_tensor("", TensorProto.INT64, [2], axes)),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["means"], keepdims=0),
    ]
    images = helper.make_tensor_value_info("images", element, shape)
    answer = helper.make_tensor_value_info("means", TensorProto.FLOAT, None)
    return saved(folder / "means.onnx", nodes, [images], [answer], **(metadata or {}))


def test_the_files_of_a_network_are_those_that_it_names(tmp_path: Path) -> None:
    for other in ("net.log", "net-results.csv", "network.pth"):
        (tmp_path / other).touch()
    values = helper.make_tensor("weights", TensorProto.FLOAT, [3, 3], np.eye(3, dtype=np.float32).tobytes(), raw=True)
    shapes = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("images", "answer")}
    node = helper.make_node("MatMul", ["images", "weights"], ["answer"])
    graph = helper.make_graph([node], "named", [shapes["images"]], [shapes["answer"]], [values])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="their weights.bin", size_threshold=0)
    source = OnnxModel(name="mine", path=str(path), num_classes=3, value_range=[0, 1])
    assert source.files == [path, tmp_path / "their weights.bin"]


def logits(path: str, images: Tensor = IMAGES, num_classes: int = 3, **settings: Any) -> Tensor:
    model = OnnxModel(name="mine", path=path, num_classes=num_classes, **settings).build()
    assert not model.training
    answer = model(images)
    assert (answer.dtype, answer.device, answer.requires_grad) == (torch.float32, images.device, False)
    return torch.as_tensor(answer)


def test_an_exported_network_answers_as_it_did_in_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = GoldenNetwork().eval()
    path = exported(network, (2, 3, 16, 16), tmp_path / "net.onnx")
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    for batch in (1, 2, 5):
        images = torch.rand(batch, 3, 16, 16)
        expected = network((images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1))
        found = logits(path, images, num_classes=10, mean=mean, std=std)
        torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-5)


def exported(network: torch.nn.Module, shape: tuple[int, ...], path: Path) -> str:
    batch = torch.export.Dim("batch", min=1, max=1024)
    torch.onnx.export(network, (torch.rand(shape),), str(path), dynamo=True, dynamic_shapes=({0: batch},))
    return str(path)


@torch.no_grad()
def test_a_real_network_predicts_all_photographs_as_it_does_in_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding differs, so that two classes that are as good as equal could change places; here none are."""
    classifier, (images, _) = ours("mobilenetv2_100_tfqat", monkeypatch), photographs(200)
    path = exported(classifier.network, (2, 3, 224, 224), tmp_path / "net.onnx")
    source = OnnxModel(name="mine", path=path, mean=[0.5] * 3, std=[0.5] * 3)
    model = source.build()
    assert len(images) == 200
    for batch in torch.split(images, 40):
        found, expected = model(batch), classifier(batch)
        assert torch.equal(found.argmax(1), expected.argmax(1))
        assert (found - expected).abs().max() < 1e-4


def test_the_size_is_the_files(tmp_path: Path) -> None:
    resized = F.interpolate(IMAGES, size=(2, 6), mode="bilinear", align_corners=False)
    found = logits(means(tmp_path, ["batch", 3, 2, 6]), value_range=[0, 1])
    torch.testing.assert_close(found, resized.mean((2, 3)))


def test_a_size_of_ones_own_needs_a_file_that_takes_any(tmp_path: Path) -> None:
    resized = F.interpolate(IMAGES, size=(3, 2), mode="bicubic", align_corners=False, antialias=True)
    settings: dict[str, Any] = {"value_range": [0, 1], "input_size": [3, 2]}
    found = logits(means(tmp_path), interpolation="bicubic", antialias=True, **settings)
    torch.testing.assert_close(found, resized.mean((2, 3)))
    with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes a tensor \(batch, 3, 2, 6\), but input_size is"):
        logits(means(tmp_path, ["batch", 3, 2, 6]), **settings)


def test_an_equal_size_is_no_contradiction(tmp_path: Path) -> None:
    path = means(tmp_path, ["batch", 3, 4, 5])
    torch.testing.assert_close(logits(path, value_range=[0, 1], input_size=[4, 5]), IMAGES.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", "height", "width", 3], [None, 4, 5, 3]])
def test_channels_that_come_last_are_seen_in_the_file(tmp_path: Path, shape: Shape) -> None:
    torch.testing.assert_close(logits(means(tmp_path, shape, axes=(1, 2)), value_range=[0, 1]), IMAGES.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", 3, "height", 3], ["batch", "a", "b", "c"], None])
def test_a_layout_that_cannot_be_seen_is_asked_for(tmp_path: Path, shape: Shape) -> None:
    for layout, axes, images in (("nchw", (2, 3), IMAGES[..., :3]), ("nhwc", (1, 2), IMAGES[:, :, :3])):
        path = means(tmp_path, shape, axes)
        with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes .*: give layout=nchw or layout=nhwc"):
            logits(path, images, value_range=[0, 1])
        torch.testing.assert_close(logits(path, images, value_range=[0, 1], layout=layout), images.mean((2, 3)))


@pytest.mark.parametrize("shape", [["batch", 1, 28, 28], ["batch", 3], [3, 224, 224], ["batch", 3, 2, 4, 4]])
def test_a_network_of_something_else_is_refused(tmp_path: Path, shape: Shape) -> None:
    path = means(tmp_path, shape, axes=(0, 1))
    known: tuple[dict[str, Any], ...] = ({}, {"layout": "nchw", "input_size": [28, 28]})
    for settings in known:
        with pytest.raises(UserError, match=r"mine, .*means\.onnx: takes a tensor \(.*\), no images of three channels"):
            logits(path, value_range=[0, 1], **settings)


@pytest.mark.parametrize("count", [1, 3, 4, 6, 8])
def test_a_fixed_batch_size_is_met(tmp_path: Path, count: int) -> None:
    images = torch.rand(count, 3, 4, 5)
    torch.testing.assert_close(logits(means(tmp_path, [4, 3, 4, 5]), images, value_range=[0, 1]), images.mean((2, 3)))


@pytest.mark.parametrize(
    ("element", "tolerance"), [(TensorProto.FLOAT, 1e-6), (TensorProto.FLOAT16, 2e-3), (TensorProto.DOUBLE, 1e-6)]
)
def test_numbers_are_of_the_files_type(tmp_path: Path, element: int, tolerance: float) -> None:
    found = logits(means(tmp_path, element=element), mean=[0.5] * 3, std=[0.25] * 3)
    torch.testing.assert_close(found, (IMAGES.mean((2, 3)) - 0.5) / 0.25, rtol=0, atol=tolerance)


def test_bytes_are_rounded(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    stored = torch.randint(256, (4, 3, 8, 8))
    torch.testing.assert_close(logits(path, stored / 255), stored.float().mean((2, 3)))
    between = torch.full((1, 3, 1, 1), 100.6 / 255)
    assert logits(path, between).tolist() == [[101.0, 101.0, 101.0]]


def test_bytes_do_not_wrap_around_where_resizing_overshoots(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 0.5
    for images in (edge, 1 - edge):
        resized = F.interpolate(images, size=(16, 16), mode="bicubic", align_corners=False)
        assert ((resized < -0.01) | (resized > 1.01)).any()
        found = logits(path, images, input_size=[16, 16], interpolation="bicubic")
        torch.testing.assert_close(found, (resized.clamp(0, 1) * 255).round().mean((2, 3)))


def test_bytes_are_no_place_for_normalised_numbers(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    for settings in ({"mean": [0.5] * 3, "std": [0.5] * 3}, {"value_range": [-1, 1]}, {"value_range": [0, 1]}):
        with pytest.raises(UserError, match=r"takes uint8, .*: give value_range=\[0,255\]"):
            logits(path, **settings)


MEANS = IMAGES.mean((2, 3))
MOMENTS = {"mean": "[0.1, 0.2, 0.3]", "std": "[0.5, 0.25, 0.2]"}


@pytest.mark.parametrize(
    ("metadata", "settings", "expected"),
    [
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {}, MEANS * 255),
        ({"Image__NominalPixelRange": "Normalized_0_1"}, {}, MEANS),
        ({"Image__NominalPixelRange": "Normalized_1_1"}, {}, MEANS * 2 - 1),
        ({"Image__NominalPixelRange": "NominalRange_16_235"}, {}, MEANS * 219 + 16),
        (MOMENTS, {}, (MEANS - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.5, 0.25, 0.2])),
        ({"Image__BitmapPixelFormat": "Rgb8"}, {"value_range": [0, 1]}, MEANS),
        ({"Image__BitmapPixelFormat": "Bgr8"}, {"value_range": [0, 1]}, MEANS.flip(1)),
        ({"Image__BitmapPixelFormat": "Bgr8"}, {"value_range": [0, 1], "channels": "rgb"}, MEANS),
        ({"Image__BitmapPixelFormat": "Gray8"}, {"value_range": [0, 1], "channels": "rgb"}, MEANS),
        ({}, {"value_range": [0, 1], "channels": "bgr"}, MEANS.flip(1)),
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {"value_range": [-1, 1]}, MEANS * 2 - 1),
        ({"Image__NominalPixelRange": "NominalRange_0_255"}, {"mean": [0.5] * 3, "std": [2] * 3}, (MEANS - 0.5) / 2),
        (MOMENTS, {"value_range": [0, 1]}, MEANS),
        ({"mean": "nonsense"}, {"value_range": [0, 1]}, MEANS),
    ],
)
def test_the_configuration_goes_before_the_metadata(
    tmp_path: Path, metadata: dict[str, str], settings: dict[str, Any], expected: Tensor
) -> None:
    found = logits(means(tmp_path, metadata=metadata), **settings)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, f"which numbers it takes is said by neither the configuration nor the file: {REMEDY}"),
        ({"Image__NominalPixelRange": "Wide"}, f"says Image.NominalPixelRange Wide, expected one of .*: {REMEDY}"),
        ({"Image__NominalPixelRange": "Normalized_0_1", **MOMENTS}, f"says mean or std and .*: {REMEDY}"),
        ({"mean": "[0.1, 0.2, 0.3]"}, "mean and std must be given together"),
        ({**MOMENTS, "mean": "0.1 0.2 0.3"}, f"says mean 0.1 0.2 0.3, expected a JSON list of three numbers: {REMEDY}"),
        ({**MOMENTS, "std": json.dumps(["a"] * 3)}, r"says std \[.*\], expected a JSON list of three numbers"),
        ({**MOMENTS, "std": "[1, 1]"}, r"std must hold 3 numbers, got \[1, 1\]"),
        ({"Image__BitmapPixelFormat": "Gray8", **MOMENTS}, "says Image.BitmapPixelFormat Gray8, .*give channels=rgb"),
    ],
)
def test_metadata_that_do_not_help_are_told(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=rf"mine, .*means\.onnx: {message}"):
        logits(means(tmp_path, metadata=metadata))


def two_outputs(folder: Path) -> str:
    reduced = [
        helper.make_node("GlobalAveragePool", ["images"], ["first"]),
        helper.make_node("GlobalMaxPool", ["images"], ["second"]),
        helper.make_node("SequenceConstruct", ["first"], ["third"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("first", "second")]
    answers.append(helper.make_tensor_sequence_value_info("third", TensorProto.FLOAT, None))
    return saved(folder / "two.onnx", reduced, [images], answers)


def test_one_of_several_outputs_is_chosen(tmp_path: Path) -> None:
    path = two_outputs(tmp_path)
    for output in (None, 0, "first"):
        torch.testing.assert_close(logits(path, value_range=[0, 1], output=output), IMAGES.mean((2, 3)))
    for output in (1, "second"):
        torch.testing.assert_close(logits(path, value_range=[0, 1], output=output), IMAGES.amax((2, 3)))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (3, "there is no output 3; it gives first, second, third"),
        (-1, "there is no output -1; it gives"),
        ("1", "there is no output '1'; it gives"),
        ("third", r"its output third is seq\(tensor\(float\)\), no tensor"),
    ],
)
def test_outputs_that_are_not_there_are_told(tmp_path: Path, output: int | str, message: str) -> None:
    with pytest.raises(UserError, match=rf"mine, .*two\.onnx: {message}"):
        logits(two_outputs(tmp_path), value_range=[0, 1], output=output)


def test_probabilities_behind_a_background_class(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)
    path = saved(tmp_path / "background.onnx", nodes, [images], [answer])
    found = logits(path, num_classes=2, value_range=[0, 1], gives="probabilities", first_class=1)
    torch.testing.assert_close(found, IMAGES.mean((2, 3)).log_softmax(1)[:, 1:])


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


def test_onnxruntime_is_imported_only_to_build(tmp_path: Path) -> None:
    """Asked of another process, because other tests have imported it in this one."""
    lines = [
        "import sys",
        "from naa_lightning.models.black_box.onnx_model import OnnxModel",
        f"source = OnnxModel(name='mine', path={means(tmp_path)!r}, value_range=[0, 1])",
        "source.check()",
        "print('onnxruntime' in sys.modules)",
        "source.build()",
        "print('onnxruntime' in sys.modules)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


@pytest.mark.parametrize("gpu", [True, False])
def test_a_session_uses_torchs_threads_and_the_gpu_where_both_have_one(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: dict[str, Any] = {}

    def recorded(path: str, options: Any, providers: list[Any]) -> None:
        opened.update(path=path, threads=options.intra_op_num_threads, providers=providers)

    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    monkeypatch.setattr(onnxruntime, "InferenceSession", recorded)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    open_session("net.onnx")
    first = [("CUDAExecutionProvider", {"device_id": 3})] if gpu else []
    assert opened == {"path": "net.onnx", "threads": 5, "providers": [*first, "CPUExecutionProvider"]}
