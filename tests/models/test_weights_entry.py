"""Where in a checkpoint the weights are."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights import load_weights, read_weights


def state(value: float) -> dict[str, Tensor]:
    """Weights that are told apart by their value."""
    return {"weight": torch.full((2, 3), value), "bias": torch.full((2,), value)}


BESIDE = {"epoch": 3, "args": Namespace(lr=0.1), "optimizer": {"state": {0: {"step": torch.tensor(1)}}, "groups": []}}


def saved(content: Any, folder: Path) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path)
    return path


def taken(path: Path, key: str | None = None) -> float:
    """The value of the weights that a network is filled with."""
    network = nn.Linear(3, 2)
    load_weights(network, path, key)
    value = float(network.bias.detach()[0])
    assert bool((network.weight == value).all())
    return value


@pytest.mark.parametrize(
    "entry",
    [
        *("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema", "teacher", "ema", "ema_state_dict"),
        *("network", "net", "weights", "params", "model.state_dict", "ema.module", "something_else"),
    ],
)
def test_weights_are_found_in_any_entry(entry: str, tmp_path: Path) -> None:
    outer, _, inner = entry.partition(".")
    path = saved({**BESIDE, outer: {inner: state(7), "step": 3} if inner else state(7)}, tmp_path)
    assert taken(path) == taken(path, entry) == taken(path, outer) == 7


def test_of_several_the_usual_one_is_taken_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved({**BESIDE, "rng": state(0), "state_dict_ema": state(1), "model": state(2)}, tmp_path)
    with caplog.at_level(logging.INFO):
        assert taken(path) == 2
        assert taken(path) == 2
    assert caplog.messages == [f"{path}: its entry model is taken, and not state_dict_ema, rng"], "once"
    assert taken(path, "state_dict_ema") == 1


def test_no_line_where_there_is_no_choice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        taken(saved({**BESIDE, "state_dict": state(1)}, tmp_path))
    assert caplog.messages == []


@pytest.mark.parametrize("content", [{**BESIDE, "model": state(1), "ema": {"module": state(2)}}])
def test_an_unknown_entry_is_told_with_those_there_are(content: Any, tmp_path: Path) -> None:
    path = saved(content, tmp_path)
    with pytest.raises(ModelError, match=r"has no weights under `weights_key=modle`: it has model, ema\.module$"):
        read_weights(path, key="modle")
    with pytest.raises(ModelError, match=r"has no weights under `weights_key=optimizer`"):
        read_weights(path, key="optimizer")


def test_a_key_of_a_file_without_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match="no weights under `weights_key=model`: it is all weights, so leave the key out"
    ):
        read_weights(saved(state(1), tmp_path), key="model")


@pytest.mark.parametrize("content", [{}, BESIDE, {"model": {}}, {"model": {"a": 3}}, 3, [state(1)], {3: state(1)}])
def test_a_checkpoint_without_weights_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.pth holds no state dict"):
        read_weights(saved(content, tmp_path))


def test_what_is_no_tensor_among_weights_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved({**state(3), "epoch": 3, "none": None, "_extra_state": torch.ones(1)}, tmp_path)
    with caplog.at_level(logging.INFO):
        assert taken(path) == 3
    assert caplog.messages == [f"{path}: left out are epoch, none, _extra_state, which are no weights"]
    within = saved(
        {**BESIDE, "loss": torch.tensor(0.5), "model": {**state(4), "none": None}, "ema": state(5)}, tmp_path
    )
    assert taken(within) == 4


def test_of_unusual_entries_the_largest_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved({"norm": {"mean": torch.zeros(3)}, "mine": state(6), "scaler": {"scale": torch.ones(1)}}, tmp_path)
    with caplog.at_level(logging.INFO):
        assert taken(path) == 6
    assert caplog.messages == [f"{path}: its entry mine is taken, and not norm, scaler"]


def test_a_prefix_of_names_can_be_the_key(tmp_path: Path) -> None:
    both = {f"{prefix}.{name}": value for prefix, of in (("a", 1), ("b.c", 2)) for name, value in state(of).items()}
    whole, within = tmp_path / "whole", tmp_path / "within"
    for folder, content in ((whole, both), (within, {**BESIDE, "state_dict": both, "ema": state(3)})):
        folder.mkdir()
        path = saved(content, folder)
        assert [taken(path, key) for key in ("a", "b", "b.c")] == [1, 2, 2]
        with pytest.raises(ModelError, match="no weights under `weights_key=c`"):
            taken(path, "c")
    assert taken(within / "weights.pth", "state_dict.a") == 1


class Keeping(nn.Linear):
    """A layer that keeps more than tensors."""

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 2}

    def set_extra_state(self, state: dict[str, int]) -> None:
        assert state == {"version": 2}


def test_networks_that_keep_more_than_tensors_are_filled(tmp_path: Path) -> None:
    for content in (Keeping(3, 2).state_dict(), state(1)):
        network, path = Keeping(3, 2), saved(content, tmp_path)
        load_weights(network, path)
        assert torch.equal(network.weight, content["weight"])
