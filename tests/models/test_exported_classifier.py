"""Files of torch.export as surrogates: what they compute, and its gradients, are those of the network exported."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from naa_lightning.exceptions import ModelError
from naa_lightning.models import Classifier
from naa_lightning.models.candidates import middle_layer
from naa_lightning.models.exported_classifier import ExportedClassifier
from tests.conftest import GoldenNetwork

IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Two(nn.Module):
    """A network that takes channels last and gives logits after something else."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        logits = self.network(images.permute(0, 3, 1, 2))
        return {"aux": -logits, "logits": logits}


def golden() -> nn.Module:
    torch.manual_seed(0)
    return GoldenNetwork().eval()


def saved(network: nn.Module, path: Path, example: Tensor, batch: Any = None) -> str:
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=None if batch is None else ({0: batch},))
    torch.export.save(program, path)
    return str(path)


def classifier(path: str, **options: Any) -> Classifier:
    settings: dict[str, Any] = {"num_classes": 10, "value_range": [-1, 1]} | options
    source = ExportedClassifier(name="mine", path=path, **settings)
    source.check()
    return source.build()


def check_alike(got: Classifier, original: Classifier) -> None:
    answers = []
    for model in (original, got):
        images = IMAGES.clone().requires_grad_()
        logits = model(images)
        answers.append((logits.detach(), torch.autograd.grad((logits * torch.arange(10)).sin().sum(), images)[0]))
    (expected, gradient), (logits, own) = answers
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert gradient.abs().amax((1, 2, 3)).min() > 1e-4
    torch.testing.assert_close(own, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [(None, (2, 2)), (Dim("batch", min=2, max=3), (2, 3)), (Dim.AUTO, None)],
    ids=["fixed", "limited", "any"],
)
def test_gradients_and_layers_are_those_of_the_network_exported(batch: Any, sizes: Any, tmp_path: Path) -> None:
    path = saved(golden(), tmp_path / "net.pt2", IMAGES[:2], batch)
    original = Classifier(golden(), value_range=[-1, 1], layer="middle")
    model = classifier(path, layer="middle")
    assert sizes is None or model.batch_sizes == sizes
    assert not model.network.training
    check_alike(model, original)
    for one, other in zip(model.features_and_logits(IMAGES), original.features_and_logits(IMAGES), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    layer = middle_layer(model, IMAGES)
    assert layer.name in dict(golden().named_modules())


def test_layout_and_outputs_are_the_files(tmp_path: Path) -> None:
    path = saved(Two(golden()), tmp_path / "net.pt2", torch.rand(2, 8, 8, 3), Dim.AUTO)
    model = classifier(path)
    assert model.image_format.layout == "nhwc"
    original = Classifier(Two(golden()), value_range=[-1, 1], layout="nhwc")
    check_alike(model, original)
    torch.testing.assert_close(classifier(path, output="aux")(IMAGES), -original(IMAGES), rtol=1e-4, atol=1e-5)


def test_double_precision_is_kept(tmp_path: Path) -> None:
    path = saved(golden().double(), tmp_path / "net.pt2", IMAGES[:2].double(), Dim.AUTO)
    model = classifier(path)
    assert model(IMAGES).dtype == torch.float64
    torch.testing.assert_close(
        model(IMAGES), Classifier(golden().double(), value_range=[-1, 1])(IMAGES), rtol=1e-9, atol=1e-9
    )


def test_the_user_may_say_how_many_images_it_takes(tmp_path: Path) -> None:
    model = classifier(saved(golden(), tmp_path / "net.pt2", IMAGES[:2], Dim("batch", min=1, max=9)), batch_size=2)
    assert model.batch_sizes == (2, 2)
    check_alike(model, Classifier(golden(), value_range=[-1, 1]))


class Whole(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.float().mean((2, 3))


def test_whole_numbers_have_no_gradients(tmp_path: Path) -> None:
    path = saved(Whole(), tmp_path / "net.pt2", (255 * IMAGES[:2]).to(torch.uint8))
    with pytest.raises(
        ModelError, match=r"takes torch\.uint8, through which no gradients flow: it can be a target only"
    ):
        classifier(path, value_range=[0, 255], num_classes=3)


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mean and std must be given"):
        classifier(str(tmp_path / "net.pt2"), value_range=None)
    with pytest.raises(ModelError, match="there is no file"):
        classifier(str(tmp_path / "net.pt2"))
    (tmp_path / "net.pt2").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"cannot be read as a file of torch\.export") as error:
        classifier(str(tmp_path / "net.pt2"))
    assert "\n" not in str(error.value)
    path = saved(golden(), tmp_path / "net.pt2", IMAGES[:2])
    with pytest.raises(ModelError, match="there is no layer 'nowhere'"):
        classifier(path, layer="nowhere")
    with pytest.raises(ModelError, match=r"input_size is \[9, 9\]: leave it out"):
        classifier(path, input_size=[9, 9])
