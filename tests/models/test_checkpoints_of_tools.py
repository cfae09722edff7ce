"""Checkpoints in the layouts that `docs/checkpoints.md` lists, loaded by the commands that it gives."""

import json
import re
from argparse import Namespace
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from lightning_fabric.utilities.data import AttributeDict
from omegaconf import OmegaConf
from pytorch_lightning import LightningModule, Trainer
from safetensors.torch import save_file
from torch import nn

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.models import ClassifierSource
from tests.experiments import ROOT, composed

ARGS = Namespace(model="net", lr=0.1, opt_betas=None, aug_splits=[0], device=torch.device("cpu"))


def changed(network: nn.Module, seed: int = 1) -> nn.Module:
    """A network whose biases and normalisations differ from those of an untrained one, too, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point() and value.dim() == 1:
                value.add_(0.05 * torch.rand(value.shape, generator=generator))
    return network.eval()


def timm_network(name: str = "test_resnet") -> nn.Module:
    torch.manual_seed(0)
    return changed(timm.create_model(name, num_classes=10))


def torchvision_network(name: str = "shufflenet_v2_x0_5") -> nn.Module:
    torch.manual_seed(0)
    return changed(torchvision.models.get_model(name, num_classes=10))


def under(prefix: str, network: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in network.state_dict().items()}


def optimizer_of(network: nn.Module) -> dict[str, Any]:
    """The state of an optimiser, after a step."""
    network = deepcopy(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    sum(parameter.sum() for parameter in network.parameters()).backward()  # type: ignore[union-attr] # no int
    optimizer.step()
    return optimizer.state_dict()


def data_parallel(network: nn.Module, folder: Path) -> Path:
    torch.save(nn.DataParallel(network).state_dict(), folder / "net.pth")
    return folder / "net.pth"


def compiled(network: nn.Module, folder: Path) -> Path:
    wrapped: Any = torch.compile(network)
    torch.save(wrapped.state_dict(), folder / "net.pt")
    return folder / "net.pt"


class Training(LightningModule):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.save_hyperparameters({"lr": 0.1, "config": OmegaConf.create({"depth": 3}), "more": AttributeDict(a=1)})
        self.model = network
        self.loss = nn.CrossEntropyLoss(weight=torch.ones(10))


def lightning(network: nn.Module, folder: Path) -> Path:
    trainer = Trainer(logger=False, barebones=True, accelerator="cpu")
    trainer.strategy.connect(Training(network))
    trainer.save_checkpoint(folder / "epoch=3-step=4.ckpt", weights_only=True)
    return folder / "epoch=3-step=4.ckpt"


def pytorch_examples(network: nn.Module, folder: Path) -> Path:
    state = {"epoch": 3, "arch": "net", "state_dict": under("module.", network), "best_acc1": torch.tensor(71.5)}
    torch.save({**state, "optimizer": optimizer_of(network), "scheduler": {"gamma": 0.1}}, folder / "best.pth.tar")
    return folder / "best.pth.tar"


def references(network: nn.Module, folder: Path) -> Path:
    ema = under("module.", other_like(network)) | {"n_averaged": torch.tensor(3)}
    content = {"model": network.state_dict(), "optimizer": optimizer_of(network), "lr_scheduler": {}, "epoch": 3}
    torch.save({**content, "args": ARGS, "model_ema": ema, "scaler": {"scale": 2.0}}, folder / "checkpoint.pth")
    return folder / "checkpoint.pth"


def other_like(network: nn.Module) -> nn.Module:
    """Another network of the same architecture, as a running mean of the weights is one."""
    return changed(deepcopy(network), seed=2)


def of_timm(network: nn.Module, folder: Path) -> Path:
    mean, state = other_like(network).state_dict(), network.state_dict()
    content = {"epoch": 3, "arch": "net", "state_dict": state, "optimizer": optimizer_of(network), "version": 2}
    rest = {"args": ARGS, "amp_scaler": {}, "state_dict_ema": mean, "metric": np.float64(71.5)}
    torch.save(content | rest, folder / "model_best.pth.tar")
    return folder / "model_best.pth.tar"


def deit(network: nn.Module, folder: Path) -> Path:
    content = {"model": network.state_dict(), "optimizer": optimizer_of(network), "lr_scheduler": {"k": 1}, "epoch": 3}
    torch.save({**content, "model_ema": network.state_dict(), "scaler": {}, "args": ARGS}, folder / "checkpoint.pth")
    return folder / "checkpoint.pth"


def madry(network: nn.Module, folder: Path) -> Path:
    normaliser = {"new_mean": torch.zeros(3, 1, 1), "new_std": torch.ones(3, 1, 1)}
    state = {f"module.normalizer.{name}": value for name, value in normaliser.items()}
    state |= under("module.model.", network)
    state |= {f"module.attacker.normalize.{name}": value for name, value in normaliser.items()}
    state |= under("module.attacker.model.", network)
    content = {"model": state, "optimizer": optimizer_of(network), "schedule": None, "epoch": 3, "amp": None}
    torch.save({**content, "args": ARGS, "nat_prec1": torch.tensor(0.7)}, folder / "net.pt")
    return folder / "net.pt"


class History:
    """As MMEngine's, which keeps its methods by name."""

    def __init__(self) -> None:
        self.values, self.methods = np.arange(3.0), {"mean": History.mean, "bound": self.mean}

    def mean(self) -> float:
        return float(self.values.mean())


def mmpretrain(network: nn.Module, folder: Path) -> Path:
    parts = {name: "head." if name.startswith("fc.") else "backbone." for name in network.state_dict()}
    state = {f"{parts[name]}{name}": value for name, value in network.state_dict().items()}
    content = {"meta": {"epoch": 3, "cfg": "model = dict()"}, "state_dict": state, "optimizer": optimizer_of(network)}
    torch.save({**content, "message_hub": {"log_scalars": {"loss": History()}}}, folder / "epoch_3.pth")
    return folder / "epoch_3.pth"


def hub_folder(network: nn.Module, folder: Path) -> Path:
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"architecture": "test_resnet", "num_classes": 10}))
    return folder


def parts(network: nn.Module, folder: Path) -> Path:
    state = network.state_dict()
    names = list(state)
    files = {name: f"model-0000{1 + 2 * index // len(names)}-of-00002.safetensors" for index, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: state[name] for name in names if files[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return index


@dataclass(frozen=True)
class Tool:
    """A row of the table: what writes a network's checkpoint, and the network."""

    write: Callable[[nn.Module, Path], Path]
    network: Callable[[], nn.Module] = timm_network
    name: str = "test_resnet"


OF_TORCHVISION = Tool(pytorch_examples, torchvision_network, "shufflenet_v2_x0_5.IMAGENET1K_V1")
TOOLS = {
    "DataParallel, DistributedDataParallel": Tool(data_parallel),
    "torch.compile": Tool(compiled),
    "Lightning": Tool(lightning),
    "pytorch/examples": OF_TORCHVISION,
    "torchvision's references": replace(OF_TORCHVISION, write=references),
    "timm": Tool(of_timm),
    "DeiT": Tool(deit, lambda: timm_network("test_vit"), "test_vit"),
    "MadryLab robustness": replace(OF_TORCHVISION, write=madry),
    "MMPretrain": Tool(mmpretrain, lambda: torchvision_network("resnet18"), "resnet18.IMAGENET1K_V1"),
    "Hugging Face, a network of timm": Tool(hub_folder),
    "safetensors in parts": Tool(parts),
}
ELSEWHERE = {"Hugging Face, transformers"}  # tested with the networks of transformers


def commands() -> dict[str, str]:
    """The commands of the table by the tool."""
    text = (ROOT / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([^|]+) \|[^|]+\| `(surrogate=[^`]+)` \|$", text, re.MULTILINE))


def test_every_row_of_the_table_is_tested() -> None:
    assert commands().keys() - ELSEWHERE == TOOLS.keys()


@pytest.mark.parametrize("name", TOOLS)
def test_the_command_loads_what_the_tool_wrote(name: str, tmp_path: Path) -> None:
    tool = TOOLS[name]
    network = tool.network()
    path = tool.write(network, tmp_path)
    words = commands()[name].replace("NET", tool.name).replace("FILE", f"'{path}'").split()
    of_ten = ["surrogate.num_classes=10", "attack=mim", "data=digits", "targets=[]", "logger=[]"]
    source = compose_attack_run(composed(*words, *of_ten)).surrogate
    assert isinstance(source, ClassifierSource)
    classifier = source.build()
    images = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    network.eval()  # Lightning has put it into training mode
    with torch.no_grad():
        assert torch.equal(classifier(images), network(classifier.preprocess(images)))
        assert classifier(images).std() > 0
