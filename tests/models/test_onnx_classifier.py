"""Networks in ONNX files as surrogates: what they compute, and its gradients, are those of the network exported."""

from pathlib import Path
from typing import Any

import onnx
import onnx2pytorch
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models import Classifier
from naa_lightning.models import onnx_classifier as module
from naa_lightning.models.black_box.onnx_model import OnnxModel
from naa_lightning.models.candidates import middle_layer
from naa_lightning.models.onnx_classifier import OnnxClassifier
from tests.models.black_box.onnx_files import means

assert onnx2pytorch, "the extra is there"
IMAGES = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Convolutions, a norm, a shortcut, pooling, and two outputs where asked."""

    def __init__(self, *, two: bool = False, nhwc: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(8, 5)
        self.norm.running_mean = torch.randn(8) / 10
        self.norm.running_var = torch.rand(8) / 10 + 0.1
        self.two, self.nhwc = two, nhwc

    def forward(self, images: Tensor) -> Any:
        images = images.permute(0, 3, 1, 2) if self.nhwc else images
        values = torch.relu(self.norm(self.stem(images)))
        values = self.pool(self.block(values) + values)
        logits = self.head(values.mean((2, 3)))
        return (-logits, logits) if self.two else logits


def exported(path: Path, network: nn.Module, *, dynamo: bool = True, dynamic: bool = True) -> str:
    nhwc = getattr(network, "nhwc", False)
    example = torch.rand(2, 12, 12, 3) if nhwc else torch.rand(2, 3, 12, 12)
    shapes: dict[str, Any] = {}
    if dynamic:
        batch = torch.export.Dim("batch", min=1, max=64)
        shapes = {"dynamic_shapes": ({0: batch},)} if dynamo else {"dynamic_axes": {"images": {0: "batch"}}}
    names: dict[str, Any] = {
        "input_names": ["images"],
        "output_names": ["aux", "main"] if getattr(network, "two", False) else ["main"],
    }
    torch.onnx.export(network.eval(), (example,), path, dynamo=dynamo, verbose=False, **shapes, **names)
    return str(path)


def classifier(path: str, **options: Any) -> Classifier:
    settings: dict[str, Any] = {"num_classes": 5, "value_range": [-1, 1]} | options
    source = OnnxClassifier(name="mine", path=path, **settings)
    source.check()
    return source.build()


def check_alike(got: Classifier, network: nn.Module, output: int | None = None) -> None:
    """Logits and gradients with respect to the images, in single precision."""
    original = Classifier(network.eval(), value_range=[-1, 1], output=output, layout=got.image_format.layout)
    answers = []
    for model in (original, got):
        images = IMAGES.clone().requires_grad_()
        logits = model(images)
        score = (logits * torch.arange(5.0)).sin().sum()
        answers.append((logits.detach(), torch.autograd.grad(score, images)[0]))
    (expected, gradient), (logits, own) = answers
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert gradient.abs().amax((1, 2, 3)).min() > 1e-4
    torch.testing.assert_close(own, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "fixed"])
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
@pytest.mark.filterwarnings("ignore")
def test_gradients_are_those_of_the_network_exported(dynamo: bool, dynamic: bool, tmp_path: Path) -> None:
    model = classifier(exported(tmp_path / "net.onnx", Net(), dynamo=dynamo, dynamic=dynamic))
    assert model.batch_sizes == ((1, None) if dynamic else (2, 2))
    check_alike(model, Net())
    layer = middle_layer(model, IMAGES)
    assert 1 / 3 <= layer.progress <= 2 / 3
    view = classifier(str(tmp_path / "net.onnx"), layer=layer.name)
    assert view.layer_gradient(IMAGES, lambda logits: logits[:, 0]).shape == (5, *layer.shape)


@pytest.mark.filterwarnings("ignore")
def test_weights_beside_the_file(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", Net())
    model = onnx.load(path)
    beside = tmp_path / "beside"
    beside.mkdir()
    onnx.save(model, beside / "net.onnx", save_as_external_data=True, location="weights.data", size_threshold=200)
    check_alike(classifier(str(beside / "net.onnx")), Net())
    (beside / "weights.data").unlink()
    with pytest.raises(ModelError, match=r"net\.onnx cannot be read as ONNX") as error:
        classifier(str(beside / "net.onnx"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
@pytest.mark.filterwarnings("ignore")
def test_one_of_two_outputs(dynamo: bool, tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", Net(two=True), dynamo=dynamo)
    check_alike(classifier(path, output="main"), Net(two=True), 1)
    check_alike(classifier(path, output=1), Net(two=True), 1)
    check_alike(classifier(path), Net(two=True), 0)
    with pytest.raises(ModelError, match="there is no output 'classes'; it gives aux, main"):
        classifier(path, output="classes")


@pytest.mark.filterwarnings("ignore")
def test_channels_last_is_read_from_the_file(tmp_path: Path) -> None:
    model = classifier(exported(tmp_path / "net.onnx", Net(nhwc=True)))
    assert model.image_format.layout == "nhwc"
    check_alike(model, Net(nhwc=True))


@pytest.mark.filterwarnings("ignore")
def test_what_the_file_says_of_its_images_is_taken(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", Net())
    model = onnx.load(path)
    helper.set_model_props(model, {"mean": "[0.4, 0.5, 0.6]", "std": "[0.2, 0.3, 0.4]"})
    onnx.save(model, path)
    got = classifier(path, value_range=None)
    normalised = (IMAGES - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)
    torch.testing.assert_close(got(IMAGES), Net().eval()(normalised), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_the_user_may_say_how_many_images_it_takes(tmp_path: Path) -> None:
    """Where the graph holds a number that its input's shape does not show."""
    model = classifier(exported(tmp_path / "net.onnx", Net()), batch_size=1)
    assert model.batch_sizes == (1, 1)
    check_alike(model, Net())


@pytest.mark.filterwarnings("ignore")
def test_as_a_target_the_file_itself_is_run(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", Net())
    target = OnnxModel(name="mine", path=path, num_classes=5, value_range=[-1, 1]).build()
    assert type(target.network).__name__ == "OnnxNetwork"
    torch.testing.assert_close(classifier(path)(IMAGES), target(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("domain", "operator", "options"), [("ai.onnx.ml", "Normalizer", {"norm": "L2"}), ("com.microsoft", "Inverse", {})]
)
def test_an_operator_that_cannot_be_converted_is_named(
    domain: str, operator: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Also one that bears the name of a function of torch."""
    node = helper.make_node(operator, ["means"], ["logits"], domain=domain, **options)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    mean = helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0)
    if operator == "Inverse":
        mean = helper.make_node("Identity", ["images"], ["means"])
    graph = helper.make_graph([mean, node], "hand_made", [images], [logits])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=f"the operator {operator} has no counterpart; as a target it is run") as error:
        classifier(str(tmp_path / "net.onnx"), num_classes=3)
    assert "\n" not in str(error.value)


class Half(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) / 2


def test_a_conversion_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = means(tmp_path, shape=("batch", 3, 8, 8))
    assert classifier(path, num_classes=3)(IMAGES).shape == (5, 3)
    monkeypatch.setattr(module, "converted", lambda _: Half())
    with pytest.raises(
        ModelError, match=r"gives other logits than the file, by 0\.\d+ where they spread by 0\.\d+,"
    ) as error:
        classifier(path, num_classes=3)
    assert "\n" not in str(error.value)
    monkeypatch.setattr(module, "converted", lambda _: nn.Linear(7, 3))
    with pytest.raises(ModelError, match="fails as converted to torch: RuntimeError"):
        classifier(path, num_classes=3)


class Wide(nn.Module):
    """A thousand classes, none of which it is sure of, for images of any size."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 1000)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stem(images).relu().mean((2, 3)))
        return logits


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("gives", ["logits", "probabilities"])
def test_another_network_is_refused_however_unsure_and_whatever_size_images_have(
    gives: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def network(seed: int) -> nn.Module:
        return nn.Sequential(Wide(seed), nn.Softmax(1)) if gives == "probabilities" else Wide(seed)

    assert (network(0)(IMAGES).softmax(1) - network(1)(IMAGES).softmax(1)).abs().max() < 0.01, "they seem alike"
    axes = {"images": {0: "batch", 2: "height", 3: "width"}}
    torch.onnx.export(
        network(0), (IMAGES,), tmp_path / "net.onnx", dynamo=False, input_names=["images"], dynamic_axes=axes
    )
    options: dict[str, Any] = {"num_classes": 1000, "gives": gives, "value_range": [0, 1]}
    assert classifier(str(tmp_path / "net.onnx"), **options).input_size is None
    monkeypatch.setattr(module, "converted", lambda _: network(1))
    with pytest.raises(ModelError, match="gives other logits than the file"):
        classifier(str(tmp_path / "net.onnx"), **options)


@pytest.mark.filterwarnings("ignore")
def test_a_number_of_images_that_the_file_does_not_take_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path / "net.onnx", Net(), dynamic=False)
    with pytest.raises(ModelError, match=r"it takes 2 images at once, not `batch_size=3`; leave that out"):
        classifier(path, batch_size=3)


def test_bytes_have_no_gradients(tmp_path: Path) -> None:
    path = means(tmp_path, element=TensorProto.UINT8)
    with pytest.raises(ModelError, match="takes uint8, through which no gradients flow: it can be a target only"):
        classifier(path, num_classes=3, value_range=[0, 255])


def test_what_is_missing_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"there is no file .*; correct `path`"):
        classifier(str(tmp_path / "net.onnx"))
    (tmp_path / "net.pt").touch()
    with pytest.raises(ModelError, match=r"expected \.onnx"):
        classifier(str(tmp_path / "net.pt"))
    (tmp_path / "net.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        classifier(str(tmp_path / "net.onnx"))
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"needs onnx2pytorch: pip install 'naa_lightning\[onnx\]'"):
        classifier(means(tmp_path), num_classes=3)
