import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.torchscript_model import TorchScriptModel
from tests.conftest import GoldenNetwork

IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")  # of saving; loading and asking are silent themselves


def traced(network: nn.Module, path: Path, element: torch.dtype = torch.float32) -> str:
    example = torch.rand(2, 3, 8, 8, dtype=element)
    torch.jit.save(torch.jit.trace(network.eval(), example), path)  # type: ignore[no-untyped-call]
    return str(path)


def scripted(network: nn.Module, path: Path) -> str:
    torch.jit.save(torch.jit.script(network), path)
    return str(path)


def golden() -> GoldenNetwork:
    torch.manual_seed(0)
    return GoldenNetwork().eval()


def source(path: str, num_classes: int = 10, **settings: Any) -> TorchScriptModel:
    return TorchScriptModel(name="mine", path=path, num_classes=num_classes, **({"value_range": [0, 1]} | settings))


@pytest.mark.parametrize("save", [traced, scripted])
def test_a_network_answers_as_it_did_before(save: Any, tmp_path: Path) -> None:
    network = golden()
    model = source(save(network, tmp_path / "net.pt"), value_range=None, mean=[0.4, 0.5, 0.6], std=[0.2] * 3).build()
    assert not any(module.training for module in model.modules())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logits = model(IMAGES)
    expected = network((IMAGES - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / 0.2)
    assert (logits.dtype, logits.requires_grad) == (torch.float32, False)
    torch.testing.assert_close(logits, expected.detach())


def test_loading_is_silent(tmp_path: Path) -> None:
    path = traced(golden(), tmp_path / "net.pt")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        source(path).build()
    assert said == []


def test_a_network_that_was_saved_in_training_is_asked_in_evaluation(tmp_path: Path) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5))
    model = source(scripted(network.train(), tmp_path / "net.pt"), num_classes=3).build()
    torch.testing.assert_close(model(IMAGES), IMAGES.mean((2, 3)))


def test_a_frozen_network_is_asked_too(tmp_path: Path) -> None:
    network = golden()
    torch.jit.save(torch.jit.freeze(torch.jit.script(network)), tmp_path / "net.pt")
    torch.testing.assert_close(source(str(tmp_path / "net.pt")).build()(IMAGES), network(IMAGES).detach())


@pytest.mark.parametrize("element", [torch.float64, torch.bfloat16])
def test_a_network_moves_with_the_model(element: torch.dtype, tmp_path: Path) -> None:
    network = golden()
    expected = network(IMAGES).detach()
    model = source(traced(network, tmp_path / "net.pt")).build().to(element)
    assert {parameter.dtype for parameter in model.parameters()} == {element}
    logits = model(IMAGES)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-2 if element == torch.bfloat16 else 1e-5)


def test_a_network_of_another_precision_gets_numbers_of_its_own(tmp_path: Path) -> None:
    network = golden().double()
    model = source(traced(network, tmp_path / "net.pt", torch.float64)).build()
    torch.testing.assert_close(model(IMAGES), network(IMAGES.double()).float())


class Changing(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mul_(2).mean((2, 3))


def test_a_network_cannot_change_the_images(tmp_path: Path) -> None:
    model, images = source(scripted(Changing(), tmp_path / "net.pt"), num_classes=3).build(), IMAGES.clone()
    torch.testing.assert_close(model(images), 2 * IMAGES.mean((2, 3)))
    assert torch.equal(images, IMAGES)


class Last(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0, 1]


def test_layout_channels_size_and_range_are_as_configured(tmp_path: Path) -> None:
    """The answer is the last dimension of the second pixel of the first row: its channels, where they come last."""
    settings: dict[str, Any] = {"layout": "nhwc", "channels": "bgr", "input_size": [4, 4], "interpolation": "nearest"}
    model = source(scripted(Last(), tmp_path / "net.pt"), num_classes=3, value_range=[0, 255], **settings).build()
    torch.testing.assert_close(model(IMAGES), IMAGES[:, :, 0, 2].flip(1) * 255)


class Probabilities(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)).softmax(1)


def test_probabilities_behind_a_background_class(tmp_path: Path) -> None:
    path = scripted(Probabilities(), tmp_path / "net.pt")
    logits = source(path, num_classes=2, gives="probabilities", first_class=1).build()(IMAGES)
    torch.testing.assert_close(logits, IMAGES.mean((2, 3)).log_softmax(1)[:, 1:])


class Two(NamedTuple):
    logits: Tensor
    largest: Tensor


class Tuple(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images.mean((2, 3)), images.amax((2, 3))


class Named(nn.Module):
    def forward(self, images: Tensor) -> Two:
        return Two(images.mean((2, 3)), images.amax((2, 3)))


class Mapped(nn.Module):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"logits": images.mean((2, 3)), "largest": images.amax((2, 3))}


@pytest.mark.parametrize("network", [Tuple(), Named(), Mapped()])
def test_one_of_several_outputs_is_chosen(network: nn.Module, tmp_path: Path) -> None:
    path = scripted(network, tmp_path / "net.pt")
    for output in (None, 0):
        torch.testing.assert_close(source(path, 3, output=output).build()(IMAGES), IMAGES.mean((2, 3)))
    torch.testing.assert_close(source(path, 3, output=1).build()(IMAGES), IMAGES.amax((2, 3)))
    if not isinstance(network, Tuple):
        torch.testing.assert_close(source(path, 3, output="largest").build()(IMAGES), IMAGES.amax((2, 3)))


@pytest.mark.parametrize(
    ("network", "output", "known"),
    [
        (Tuple(), 2, "0, 1"),
        (Tuple(), "logits", "0, 1"),
        (Named(), "classes", "logits, largest"),
        (Mapped(), -1, "logits, largest"),
        (Probabilities(), 1, "0"),
    ],
)
def test_outputs_that_are_not_there_are_told(network: nn.Module, output: int | str, known: str, tmp_path: Path) -> None:
    model = source(scripted(network, tmp_path / "net.pt"), 3, output=output).build()
    with pytest.raises(
        UserError, match=rf"\Amine: there is no output {output!r}; it gives {known}; correct `output`\Z"
    ):
        model(IMAGES)


def test_the_wrong_number_of_classes_is_told(tmp_path: Path) -> None:
    model = source(traced(golden(), tmp_path / "net.pt"), num_classes=1000).build()
    with pytest.raises(UserError, match="mine gives 10 classes, but num_classes is 1000"):
        model(IMAGES)


@pytest.mark.parametrize("save", [traced, scripted])
def test_a_network_that_fails_is_told_in_one_line(save: Any, tmp_path: Path) -> None:
    """It takes images of 8 x 8 pixels alone."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
    model = source(save(network, tmp_path / "net.pt")).build()
    with pytest.raises(UserError, match=r"\Amine fails when asked about images: .*cannot be multiplied.*\Z") as error:
        model(torch.rand(2, 3, 9, 9))
    assert "\n" not in str(error.value)


def test_files_of_another_kind_are_told_in_one_line(tmp_path: Path) -> None:
    whole = Path(traced(golden(), tmp_path / "net.pt")).read_bytes()
    torch.save(golden().state_dict(), tmp_path / "weights.pt")
    (tmp_path / "text.pt").write_text("this is no network")
    (tmp_path / "truncated.pt").write_bytes(whole[: len(whole) // 2])
    for name in ("weights.pt", "text.pt", "truncated.pt"):
        file = source(str(tmp_path / name))
        for method in (file.check, file.build):
            with pytest.raises(UserError, match=rf"\Amine: .*{name} cannot be read as TorchScript: .*\Z") as error:
                method()
            assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["check", "build"])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("none.pt", r"mine: there is no file .*none\.pt; correct `path`"),
        ("a.onnx", r"mine: .*a\.onnx .*expected \.pt or"),
    ],
)
def test_missing_files_and_other_files_are_told(file: str, message: str, method: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        getattr(source(str(tmp_path / file)), method)()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"value_range": None},
            r"give mean and std, for example .*or value_range, for example value_range=\[0,1\]",
        ),
        ({"mean": [0.5] * 3, "std": [0.5] * 3}, "give mean and std or value_range, not both"),
        ({"channels": "gbr"}, "channels must be one of rgb, bgr, grey, got 'gbr'"),
        ({"gives": "classes"}, "gives must be one of logits, probabilities, got 'classes'"),
        ({"first_class": -1}, "first_class must be at least 0, got -1"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source("net.pt", **settings)


class Fixed(nn.Module):
    """As tracing leaves a network whose code reads the number of images."""

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(2, 3, 64).mean(2)


def test_a_network_of_one_number_of_images_is_asked_so(tmp_path: Path) -> None:
    path = scripted(Fixed(), tmp_path / "net.pt")
    settings: dict[str, Any] = {"name": "mine", "path": path, "num_classes": 3, "value_range": [0, 1]}
    with pytest.raises(UserError, match="mine fails when asked about images"):
        TorchScriptModel(**settings).build()(IMAGES[:3])
    found = TorchScriptModel(**settings, batch_size=2).build()(IMAGES[:3])
    torch.testing.assert_close(found, IMAGES[:3].mean((2, 3)))
