"""An ONNX network answers as it did in torch, and is loaded when it is needed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.onnx_model import OnnxModel
from naa_lightning.models.black_box.onnx_network import open_session
from tests.conftest import GoldenNetwork
from tests.models.black_box.onnx_files import IMAGES, logits, means, saved
from tests.models.test_zoo import ours, photographs


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
