"""A TorchScript file is code: what touches files is refused before anything of it runs, usual networks are not."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.torchscript_model import TorchScriptModel

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore:.*quantiz"),
]


class Overwriting(nn.Module):
    """Overwrites a file when it is asked."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3)) + torch.from_file(self.path, shared=True, size=2).fill_(0.0).sum()


class OverwritingAtOnce(nn.Module):
    """Overwrites a file when it is loaded."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = bool(torch.from_file(state[0], shared=True, size=2).fill_(0.0).any())


class Saving(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: Tensor) -> Tensor:
        torch.save(images, self.path)
        return images.mean((2, 3))


class WritingByTorchvision(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: Tensor) -> Tensor:
        written: Tensor = torch.ops.image.write_file(self.path, torch.zeros(8, dtype=torch.uint8))
        return images.mean((2, 3)) + written


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    return path


def source(path: Path, num_classes: int = 3) -> TorchScriptModel:
    return TorchScriptModel(name="mine", path=str(path), num_classes=num_classes, value_range=[0, 1])


def scripted(network: nn.Module, path: Path) -> Path:
    torch.jit.save(torch.jit.script(network), path)
    return path


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, change(name, content))


def refused(path: Path, victim: Path, reason: str) -> None:
    for method in (source(path).check, source(path).build):
        with pytest.raises(UserError, match=rf"\Amine: {path} is refused: its code {reason}") as error:
            method()
        assert str(error.value).endswith("; if you trust it, load it in Python code of your own")
    assert victim.read_bytes() == b"precious"


def test_such_a_file_overwrites_others_where_it_is_loaded_unread(victim: Path, tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing."""
    torch.jit.load(scripted(OverwritingAtOnce(str(victim)), tmp_path / "net.pt"))  # type: ignore[no-untyped-call]
    assert victim.read_bytes() == bytes(8)


@pytest.mark.parametrize(
    ("network", "operator"),
    [
        (Overwriting, "aten::from_file"),
        (OverwritingAtOnce, "aten::from_file"),
        (Saving, "aten::save"),
        (WritingByTorchvision, "image::write_file"),
    ],
)
def test_what_touches_files_is_refused_by_name(
    network: Callable[[str], nn.Module], operator: str, victim: Path, tmp_path: Path
) -> None:
    refused(scripted(network(str(victim)), tmp_path / "net.pt"), victim, f"uses {operator}, ")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ('getattr(torch, "from_file")(', "gives torch another name"),
        ('getattr(torch, "\\146rom" "_file")(', "gives torch another name"),
        ('getattr(ops.aten, "from_file")(', "gives ops.aten another name"),
        ("ops.aten.from_file(", "uses aten::from_file"),
        ("torch . from_file(", "uses aten::from_file"),
        ("torch.from\u200b_file(", "holds characters that torch does not write"),
        ("torch.from_file((", "cannot be understood"),
        ("__torch__.torch.classes.dist.Store(", r"uses dist::\*"),
        ('getattr(__torch__.torch, "classes").dist.Store(', "gives __torch__.torch another name"),
    ],
)
def test_operators_cannot_hide(call: str, reason: str, victim: Path, tmp_path: Path) -> None:
    path = scripted(Overwriting(str(victim)), tmp_path / "net.pt")
    rewritten(path, lambda _, content: content.replace(b"torch.from_file(", call.encode()))
    refused(path, victim, reason)


def test_pickled_objects_are_of_known_libraries(victim: Path, tmp_path: Path) -> None:
    path = scripted(Overwriting(str(victim)), tmp_path / "net.pt")
    known = b"__torch__.torch.classes.quantized\nParams\n"
    rewritten(path, lambda name, content: known.replace(b"quantized", b"dist") if name.endswith(".pkl") else content)
    rewritten(path, lambda name, content: content.replace(b"torch.from_file(", b"torch.zeros("))
    refused(path, victim, r"uses dist::\*")


def test_what_is_loaded_is_what_was_checked(victim: Path, tmp_path: Path) -> None:
    """Of two contents of one name Python reads the last; torch must not read the other."""
    path = scripted(Overwriting(str(victim)), tmp_path / "net.pt")
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".py"))
        harmless = re.sub(rb"torch.from_file\([^)]*\)", b"torch.zeros([2])", archive.read(name))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(name, harmless)
    torch.testing.assert_close(source(path).build()(IMAGES), IMAGES.mean((2, 3)))
    assert victim.read_bytes() == b"precious"


def test_usual_networks_are_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = torchvision.models.resnet18(num_classes=3).eval()
    quantised = torchvision.models.quantization.resnet18(num_classes=3, quantize=True).eval()
    attention = torchvision.models.swin_t(num_classes=3).eval()
    for network, saved in (
        *((network, torch.jit.script(network)) for network in (plain, quantised, attention)),
        *((network, torch.jit.trace(network, IMAGES)) for network in (plain, quantised)),  # type: ignore[no-untyped-call]
    ):
        torch.jit.save(saved, tmp_path / "net.pt")
        model = source(tmp_path / "net.pt")
        model.check()
        torch.testing.assert_close(model.build()(IMAGES), network(IMAGES).detach())


class Cell(nn.Module):
    """As networks that are searched for call what they choose among."""

    def __init__(self) -> None:
        super().__init__()
        self.ops = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Flatten()])

    def forward(self, images: Tensor) -> Tensor:
        for op in self.ops:
            images = op(images)
        return images[:, :3]


def test_an_attribute_may_be_called_as_torch_calls_its_operators(tmp_path: Path) -> None:
    assert source(scripted(Cell(), tmp_path / "net.pt")).build()(IMAGES).shape == (2, 3)
