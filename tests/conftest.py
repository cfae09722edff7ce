"""Small networks and files that tests share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

# Tests that run side by side share the cores; torch and its children read this when they are loaded.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# What runs in the background of a shell ignores Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from torch import nn

from naa_lightning.models import Classifier

SHARED = Path(__file__).parents[2] / "shared"


class GoldenNetwork(nn.Module):
    """The network of the golden values; `middle` is the attacked layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.middle = nn.ReLU()
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = self.middle(self.conv2(torch.relu(self.conv1(inputs))))
        logits: torch.Tensor = self.fc(torch.relu(self.conv3(features)).mean(dim=(2, 3)))
        return logits


@pytest.fixture(autouse=True)
def hydra_lets_go() -> Iterator[None]:
    """Configurations composed by one test are not those of the next."""
    before = HydraConfig.instance().cfg
    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = before


@pytest.fixture
def tiny() -> Classifier:
    """A random network of the golden values' architecture, in float64."""
    torch.manual_seed(0)
    network = GoldenNetwork().double()
    return Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, layer="middle", num_classes=10).double()


def showing(images: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A view that shows these images, whatever it is asked to show."""
    return lambda _: images


def shared(name: str) -> Path:
    """A folder of development files; the test is skipped where it is missing."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs the development files {name}")
    return path


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where this test run keeps the trained digits networks: an override for `tests.experiments.attack`.

    Tests that run side by side share it: files there are written whole.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "models"
    folder.mkdir(exist_ok=True)
    return f"paths.models_dir={folder}"
