"""Where in a checkpoint the weights are."""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
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
    folder.mkdir(exist_ok=True)
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
    with pytest.raises(ModelError, match="is all weights and has no entry or prefix `weights_key=model`: leave the"):
        read_weights(saved(state(1), tmp_path), key="model")


@pytest.mark.parametrize("content", [{}, BESIDE, {"model": {}}, {"model": {"a": 3}}, 3, [state(1)], {3: state(1)}])
def test_a_checkpoint_without_weights_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.pth holds no state dict"):
        read_weights(saved(content, tmp_path))


@pytest.mark.parametrize(
    "beside",
    [
        {"epoch": 3},
        {"extra": None, "_extra_state": {"a": 1}},
        {"weight_orig": np.zeros(2)},
        {"optimizer": BESIDE["optimizer"], "args": Namespace(lr=0.1)},
        {"normalisation": {"mean": torch.zeros(3)}},
    ],
)
def test_what_is_no_tensor_beside_the_weights_is_left_out_and_said(
    beside: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for content in ({**state(4), **beside}, {"state_dict": {**state(4), **beside}}):
        path = saved(content, tmp_path / str(len(content)))
        with caplog.at_level(logging.INFO):
            assert taken(path) == 4
        assert caplog.messages[-1] == f"{path}: left out are {', '.join(beside)}, which are no tensors"


def test_a_tensor_beside_an_entry_is_no_weights(tmp_path: Path) -> None:
    """As the best accuracy often is, and the state of a generator of random numbers."""
    content = {**BESIDE, "best": torch.tensor(0.7), "random": torch.zeros(5000, dtype=torch.uint8)}
    assert taken(saved(content | {"my_weights": state(5)}, tmp_path)) == 5


def test_of_unusual_entries_the_largest_is_taken(tmp_path: Path) -> None:
    norm = {"mean": torch.zeros(3)}
    for content in ({"norm": norm, "mine": state(6)}, {"norm": norm, "mine": {"state_dict": state(6)}}):
        assert taken(saved(content, tmp_path)) == 6


def test_weights_that_do_not_fit_are_told_with_the_other_entries(tmp_path: Path) -> None:
    path = saved({"my_weights": state(1), "larger": {name: torch.zeros(1) for name in "abc"}}, tmp_path)
    with pytest.raises(ModelError) as error:
        taken(path)
    said = f"the weights in {path} under larger (`weights_key` may name my_weights) do not fit, they are of another"
    assert str(error.value).startswith(said)
    assert taken(path, "my_weights") == 1


@pytest.mark.parametrize("key", ["net", "state_dict.net"])
def test_a_key_may_be_a_prefix_of_names_in_an_entry(key: str, tmp_path: Path) -> None:
    copies = {
        f"{prefix}.{name}": value
        for number, prefix in enumerate(("ema", "net"))
        for name, value in state(number).items()
    }
    path = saved({**BESIDE, "state_dict": copies, "other": state(7)}, tmp_path)
    with pytest.raises(ModelError, match=r"several times, with other numbers under each of ema\., net\.: name one by"):
        taken(path)
    assert taken(path, key) == 1
    assert taken(path, key.replace("net", "ema")) == 0
    with pytest.raises(
        ModelError, match=r"has no weights under `weights_key=state_dict\.n`: it has state_dict, other$"
    ):
        taken(path, "state_dict.n")


def test_a_tensor_among_the_options_of_a_training_is_no_candidate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {f"option {number}": number for number in range(30)} | {"class_weights": torch.ones(3)}
    weights = state(8)
    for entries in ({"classifier": weights}, {"checkpoint": {"state_dict": weights}}, {"state_dict": weights}):
        with caplog.at_level(logging.INFO):
            assert taken(saved({"hparams": options, **entries}, tmp_path)) == 8
    assert not caplog.messages
