"""Which device and which number a rank has that trains with others."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.utilities import rank_zero_only

from naa_lightning.distributed.process_info import ProcessInfo
from naa_lightning.distributed.ranks import Ranks
from naa_lightning.exceptions import UserError
from naa_lightning.runs.trainer import make_trainer
from naa_lightning.runs.training_strategy import training_strategy


class OnNodes(Ranks):
    """The third of ranks that are on these nodes, by rank."""

    def __init__(self, *nodes: int) -> None:
        local_rank = nodes[:2].count(nodes[2])
        super().__init__(ProcessInfo(rank=2, world_size=len(nodes), local_rank=local_rank, node_rank=nodes[2]))
        self.nodes = nodes

    def gathered(self, work: Callable[[], Any]) -> list[Any]:
        assert work() == self.nodes[2]
        return list(self.nodes)

    @contextmanager
    def as_default_group(self, backend: str) -> Iterator[None]:
        yield


@pytest.fixture
def dealt_in_turn(monkeypatch: pytest.MonkeyPatch) -> Ranks:
    """The third of four ranks, which `srun --distribution=cyclic` dealt to two nodes in turn."""
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    return OnNodes(0, 1, 0, 1)


def test_a_rank_keeps_its_number_on_whatever_node_it_is(dealt_in_turn: Ranks, tmp_path: Path) -> None:
    node = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu"}
    with training_strategy(node, dealt_in_turn) as options:
        fitter = make_trainer(node, folder=tmp_path, title="training", **options)
        assert (fitter.global_rank, fitter.world_size, fitter.local_rank) == (2, 4, 1)
        assert fitter.strategy.root_device == torch.device("cpu")
        fitter.strategy.teardown()
    assert os.environ["WORLD_SIZE"] == "4"


def test_a_rank_need_not_see_more_than_its_own_gpu(
    dealt_in_turn: Ranks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = {"_target_": "pytorch_lightning.Trainer", "accelerator": "gpu", "devices": "auto"}
    for visible, own in ((1, 0), (2, 1)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)  # noqa: B023 - called within the turn
        with training_strategy(node, dealt_in_turn) as options:
            fitter = make_trainer(node, folder=tmp_path, title="training", **options)
        assert (fitter.strategy.root_device, fitter.num_devices, fitter.world_size) == (torch.device("cuda", own), 2, 4)


def test_nodes_with_different_numbers_of_ranks_are_refused() -> None:
    with (
        pytest.raises(UserError, match=r"^4 processes train together, 3, 1 of them on the nodes: start as many"),
        training_strategy({"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu"}, OnNodes(0, 0, 0, 1)),
    ):
        pytest.fail("went on")


def test_each_process_needs_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"_target_": "pytorch_lightning.Trainer", "accelerator": "gpu", "devices": "auto"}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with (
        pytest.raises(UserError, match=r"^there is no device for process 3 of this machine, which has 2"),
        training_strategy(node, OnNodes(0, 0, 0)),
    ):
        pytest.fail("went on")
