"""Small ONNX files made by hand, and what they answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from naa_lightning.models.black_box.onnx_model import OnnxModel

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


def logits(path: str, images: Tensor = IMAGES, num_classes: int = 3, **settings: Any) -> Tensor:
    model = OnnxModel(name="mine", path=path, num_classes=num_classes, **settings).build()
    assert not model.training
    answer = model(images)
    assert (answer.dtype, answer.device, answer.requires_grad) == (torch.float32, images.device, False)
    return torch.as_tensor(answer)
