"""Networks of other libraries and of files as surrogates, from the command line: one step of NAA each."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from naa_lightning.exceptions import UserError
from tests.experiments import adversarial_files, attack
from tests.models.test_torch_hub_model import HUBCONF
from tests.runs.cases import results

NAA = (
    *("attack=naa", "attack.objective.path_points=2", "attack.budget.steps=1", "data.limit=3", "data.batch_size=2"),
    *("targets=[]", "preflight=true"),
)
OWN = ("surrogate.num_classes=10", "surrogate.value_range=[-1,1]")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(6, 10),
    ).eval()


def check_crafted(folder: Path, *overrides: str) -> dict[str, bytes]:
    attack(folder, *NAA, *overrides)
    assert results(folder)["cost"]["images_crafted_now"] == 3
    attack(folder, *NAA, *overrides)  # and again, in its folder
    assert results(folder)["cost"]["images_crafted_now"] == 0
    return adversarial_files(folder)


def python(tmp_path: Path, layer: str) -> dict[str, bytes]:
    """The images of the same network in code of one's own."""
    torch.save(network().state_dict(), tmp_path / "net.pt")
    code = """
from torch import nn
def build():
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(6, 10),
    )
"""
    (tmp_path / "mine.py").write_text(code)
    own = ["surrogate=python", f"surrogate.function={tmp_path / 'mine.py'}:build", f"surrogate.layer={layer}"]
    return check_crafted(tmp_path / "python", *own, *OWN, f"surrogate.weights={tmp_path / 'net.pt'}")


def test_a_folder_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    config.id2label = {index: f"LABEL_{index}" for index in range(10)}
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "vit")
    check_crafted(tmp_path / "run", "surrogate=huggingface", f"surrogate.model={tmp_path / 'vit'}")
    assert list(results(tmp_path / "run")["targets"]) == ["vit"]
    described = json.loads((tmp_path / "vit/config.json").read_text())
    described["id2label"] = {str(index): f"bird {index}" for index in range(10)}
    (tmp_path / "vit/config.json").write_text(json.dumps(described))
    (tmp_path / "vit/model.safetensors").unlink()
    with pytest.raises(UserError, match=r"correct surrogate\.model, or give the id"):
        attack(tmp_path / "none", *NAA, "surrogate=huggingface", f"surrogate.model={tmp_path / 'absent'}")
    with pytest.raises(UserError, match=r"there is no .*model\.safetensors"):
        attack(tmp_path / "none", *NAA, "surrogate=huggingface", f"surrogate.model={tmp_path / 'vit'}")


def test_a_repository_of_torch_hub(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "hubconf.py").write_text(HUBCONF)
    hub = ["surrogate=torch_hub", f"surrogate.repo={repo}", "surrogate.model=small", "surrogate.layer=auto", *OWN]
    with pytest.raises(UserError, match=r"surrogate\.repo names .* trust=\[.*repo\] on the command line allows it"):
        attack(tmp_path / "refused", *NAA, *hub)
    assert not (repo / "it has run").exists()
    check_crafted(tmp_path / "run", *hub, "+surrogate.kwargs.width=6", f"trust=[{repo}]")


@pytest.mark.filterwarnings("ignore")
def test_an_onnx_file_is_attacked_as_the_network_that_it_holds(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    path = tmp_path / "net.onnx"
    example = (torch.rand(2, 3, 32, 32),)
    torch.onnx.export(network(), example, path, dynamo=True, verbose=False, dynamic_shapes=({0: batch},))
    onnx = ["surrogate=onnx", f"surrogate.path={path}", *OWN]
    with pytest.raises(UserError, match=r"surrogate\.layer") as error:
        attack(tmp_path / "open", *NAA, *onnx)
    layer = next(word for word in str(error.value).split() if word.startswith("Relu_"))
    assert check_crafted(tmp_path / "run", *onnx, f"surrogate.layer='{layer}'") == python(tmp_path, "1")
    target = ["+black_box@targets.file=onnx", "targets.file.name=file", f"targets.file.path={path}"]
    target += ["targets.file.num_classes=10", "targets.file.value_range=[-1,1]"]
    attack(tmp_path / "both", *NAA, *onnx, "surrogate.layer=auto", *target)
    rates: Any = results(tmp_path / "both")["targets"]
    assert rates["file"]["success_rate"] == rates["onnx"]["success_rate"]


@pytest.mark.filterwarnings("ignore")
def test_an_exported_file_is_attacked_as_the_network_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network(), (torch.rand(2, 3, 32, 32),)), path)
    exported = ["surrogate=exported", f"surrogate.path={path}", "surrogate.layer='1'", *OWN]
    with pytest.raises(UserError, match=r"surrogate\.path names .*net\.pt2, which is not known to be safe"):
        attack(tmp_path / "refused", *NAA, *exported)
    assert check_crafted(tmp_path / "run", *exported, f"trust=[{path}]") == python(tmp_path, "1")
