import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.exported_model import ExportedModel
from tests.conftest import GoldenNetwork

IMAGES = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def saved(network: nn.Module, path: Path, example: Tensor, batch: Any = None) -> str:
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=None if batch is None else ({0: batch},))
    torch.export.save(program, path)
    return str(path)


def source(path: str, num_classes: int = 10, **settings: Any) -> ExportedModel:
    return ExportedModel(name="mine", path=path, num_classes=num_classes, **({"value_range": [0, 1]} | settings))


@pytest.mark.parametrize("batch", [None, Dim("batch", min=2, max=3), Dim.AUTO], ids=["fixed", "limited", "any"])
def test_a_network_answers_as_it_did_before_whatever_batches_it_takes(batch: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = GoldenNetwork().eval()
    path = saved(network, tmp_path / "net.pt2", IMAGES[:3], batch)
    model = source(path, value_range=None, mean=[0.4, 0.5, 0.6], std=[0.2] * 3).build()
    assert (model.image_format.layout, model.image_format.input_size) == ("nchw", [8, 8])
    assert not any(module.training for module in model.modules())
    normalised = (IMAGES - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / 0.2
    for count in (1, 2, 3, 7):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            logits = model(IMAGES[:count])
        assert (logits.dtype, logits.requires_grad) == (torch.float32, False)
        torch.testing.assert_close(logits, network(normalised[:count]).detach())


class Mapped(nn.Module):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"largest": images.amax((1, 2)), "logits": images.mean((1, 2))}


def test_layout_type_and_outputs_are_the_files(tmp_path: Path) -> None:
    path = saved(Mapped(), tmp_path / "net.pt2", torch.rand(2, 4, 4, 3, dtype=torch.float64))
    small = IMAGES[..., ::2, ::2]
    for output, expected in ((None, small.mean((2, 3))), (0, small.amax((2, 3))), ("logits", small.mean((2, 3)))):
        model = source(path, 3, output=output, interpolation="nearest").build().to(torch.bfloat16)
        torch.testing.assert_close(model(IMAGES), expected)
    with pytest.raises(UserError, match=r"there is no output 'classes'; it gives largest, logits"):
        source(path, 3, output="classes").build()(IMAGES)


class Two(nn.Module):
    def forward(self, images: Tensor, sizes: Tensor) -> Tensor:
        return images.mean((2, 3)) + sizes


def test_a_network_of_two_inputs_is_refused(tmp_path: Path) -> None:
    program = torch.export.export(Two(), (IMAGES, torch.ones(1)))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(UserError, match=r"\Amine, .*net\.pt2: takes images, sizes, expected one input, images\Z"):
        source(str(tmp_path / "net.pt2")).build()


def test_files_of_another_kind_are_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.pt2"
    whole = Path(saved(GoldenNetwork(), path, IMAGES)).read_bytes()
    torch.save({}, tmp_path / "weights")
    weights, flipped = (
        (tmp_path / "weights").read_bytes(),
        whole.replace(b"torch.ops.aten.conv2d", b"torch.ops.aten.conv9d"),
    )
    capfd.readouterr()
    for content in (b"no network", whole[: len(whole) // 2], weights, pickle.dumps({}), flipped):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"\Amine: {path} cannot be read as a file of torch\.export: .*\Z"):
            source(str(path)).build()
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_and_numbers_that_nobody_says_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine: there is no file .*none\.pt2; correct `path`"):
        source(str(tmp_path / "none.pt2")).check()
    with pytest.raises(ValueError, match=r"a file of torch\.export does not say which numbers it takes: give mean and"):
        source("net.pt2", value_range=None)
