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
    with pytest.raises(ModelError, match="is all weights and has no entry `weights_key=model`: leave the key out"):
        read_weights(saved(state(1), tmp_path), key="model")


@pytest.mark.parametrize("content", [{}, BESIDE, {"model": {}}, {"model": {"a": 3}}, 3, [state(1)], {3: state(1)}])
def test_a_checkpoint_without_weights_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.pth holds no state dict"):
        read_weights(saved(content, tmp_path))
