"""LPIPS over an untrained AlexNet in a cache of the test's own, without a network connection."""

import socket
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from naa_lightning.metrics import lpips_network, perturbation_sizes

FILE = "alexnet-owt-7be5be79.pth"  # as torchvision publishes it


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = torchvision.models.alexnet().state_dict()
    for name, value in state.items():
        if name.startswith("classifier"):  # LPIPS has no use for it: one number in the file stands for all
            state[name] = torch.zeros(1).expand(value.shape)
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(state, checkpoints / FILE)
    return folder


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("LPIPS asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setenv("TORCH_HOME", str(cache))
    network = lpips_network()
    assert network is not None
    return network


def images(count: int, side: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(count, 3, side, side + 3, generator=generator)
    strength = torch.linspace(0, 0.5, count)[:, None, None, None]
    return clean, (clean + strength * torch.randn(clean.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("count", [1, 4])
def test_each_image_gets_torchmetrics_own_number(network: nn.Module, count: int) -> None:
    clean, adversarial = images(count)
    reference = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
    expected = [float(reference(clean[i : i + 1], adversarial[i : i + 1])) for i in range(count)]
    assert network(clean, adversarial).shape == (count,)
    assert network(clean, adversarial).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert perturbation_sizes(clean, adversarial, network).lpips.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_stronger_noise_is_further_away(network: nn.Module) -> None:
    distances = network(*images(4)).tolist()
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[3] > 1e-3


def test_all_of_it_moves(network: nn.Module) -> None:
    network.to("meta")
    assert {value.device.type for value in (*network.parameters(), *network.buffers())} == {"meta"}


def test_it_stays_in_evaluation_mode(network: nn.Module) -> None:
    pair = images(3)
    expected = network(*pair)
    network.train()
    assert torch.equal(network(*pair), expected)


def test_images_too_small_for_alexnet_are_nan(network: nn.Module) -> None:
    assert network(*images(2, side=30)).isnan().tolist() == [True, True]
    assert network(*images(2, side=31)).isfinite().tolist() == [True, True]


@pytest.mark.parametrize("other", [None, "alexnet.pth"])
def test_none_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str | None) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    if other is not None:
        (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
        (tmp_path / "hub" / "checkpoints" / other).write_bytes(b"")
    assert lpips_network() is None


def test_a_damaged_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / FILE).write_bytes(b"half a fi")
    assert lpips_network() is None
    assert f"{FILE} does not hold AlexNet's weights" in caplog.text
