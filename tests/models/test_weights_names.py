"""The names of weights in files of many tools, matched with those of a network."""

import logging
import re
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights import load_weights, start_from

State = dict[str, Tensor]


class Network(nn.Module):
    """A body and a head, whose names are told apart by prefixes."""

    def __init__(self, seed: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, classes)


STORED = Network(1).state_dict()
OTHER = Network(2).state_dict()


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def filled(state: State, folder: Path, classes: int = 3, key: str | None = None) -> State:
    """What a network holds that was filled from a file."""
    save_file({name: value.clone() for name, value in state.items()}, folder / "w.safetensors")
    network = Network(0, classes)
    load_weights(network, folder / "w.safetensors", key)
    return network.state_dict()


def assert_same(one: State, other: State) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "_orig_mod.", "model.", "net.", "classifier.network.", "module._orig_mod.model.", "stem.", "a_b."],
)
@pytest.mark.parametrize("beside", [{}, {"loss.weight": torch.ones(3)}])
def test_any_prefix_is_taken_off(prefix: str, beside: State, tmp_path: Path) -> None:
    if beside and not prefix:
        with pytest.raises(ModelError, match=r"1 unexpected \(loss\.weight\)"):
            filled(STORED | beside, tmp_path)
    else:
        assert_same(filled(under(prefix, STORED) | beside, tmp_path), STORED)


def test_what_is_done_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        filled(under("net.", STORED) | {"loss.weight": torch.ones(3), "net.total_ops": torch.ones(1)}, tmp_path)
    origin = f"the weights in {tmp_path / 'w.safetensors'}"
    assert caplog.messages == [
        f"{origin}: the prefix net. is taken off",
        f"{origin}: left out are loss.weight, total_ops",
    ]


@pytest.mark.parametrize(("first", "second"), [("model.", "model_ema."), ("z.", "a.b."), ("module.model.", "ema.x.y.")])
def test_of_two_whole_copies_that_differ_one_is_chosen(first: str, second: str, tmp_path: Path) -> None:
    assert_same(filled(under(first, STORED) | under(second, STORED), tmp_path), STORED)
    for state in (under(first, STORED) | under(second, OTHER), under(second, OTHER) | under(first, STORED)):
        keys = [prefix.rstrip(".") for prefix in (first, second)]
        with pytest.raises(ModelError, match="of several networks that differ: choose with `weights_key=") as error:
            filled(state, tmp_path)
        assert all(f"`weights_key={key}`" in str(error.value) for key in keys)
        for key, expected in zip(keys, (STORED, OTHER), strict=True):
            assert_same(filled(state, tmp_path, key=key), expected)
            assert_same(filled({"x": torch.ones(1)} | state, tmp_path, key=key), expected)


def test_half_a_copy_does_not_distract(tmp_path: Path) -> None:
    half = {name: value for name, value in OTHER.items() if name.startswith("stem")}
    assert_same(filled(under("a.", half) | under("module.model.", STORED), tmp_path), STORED)


@pytest.mark.parametrize("head", ["head.", "head.classifier.", ""])
def test_a_head_under_another_prefix_is_found(head: str, tmp_path: Path) -> None:
    split = {f"{head if name.startswith('fc') else 'backbone.'}{name}": value for name, value in STORED.items()}
    assert_same(filled(split | {"neck.weight": torch.ones(2)}, tmp_path), STORED)


@pytest.mark.parametrize("heads", [["head.a.", "head.b."], ["head.", ""], ["aux."], ["momentum_head."]])
def test_a_head_that_is_there_twice_or_elsewhere_is_not_guessed(heads: list[str], tmp_path: Path) -> None:
    two = under("backbone.", {name: value for name, value in STORED.items() if not name.startswith("fc")})
    for head in heads:
        two |= under(f"{head}fc.", nn.Linear(4, 3).state_dict())
    with pytest.raises(ModelError, match=r"2 missing \(fc\.weight, fc\.bias\); they have no last layer"):
        filled(two, tmp_path)


def test_counters_of_profilers_are_left_out(tmp_path: Path) -> None:
    """As thop registers them, in every module."""
    counters = ["total_ops", "total_params", "stem.0.total_ops", "fc.total_params"]
    assert_same(filled(STORED | {name: torch.ones(1) for name in counters}, tmp_path), STORED)


def test_a_head_of_other_classes_says_both_and_how_many_there_are(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        filled(under("module.", STORED), tmp_path, classes=10)
    said = str(error.value).partition("do not fit: ")[2]
    assert said == (
        "2 of another shape (fc.weight (3, 4) instead of (10, 4), fc.bias (3,) instead of (10,)); "
        "they know 3 classes and not 10: give `num_classes=3`"
    )


def test_no_head_is_told(tmp_path: Path) -> None:
    body = {name: value for name, value in STORED.items() if not name.startswith("fc")}
    with pytest.raises(ModelError, match=r"2 missing \(fc\.weight, fc\.bias\); they have no last layer and so know no"):
        filled(under("encoder.", body), tmp_path)


def test_another_network_is_told_by_names_of_both_and_what_its_own_share(tmp_path: Path) -> None:
    stranger = under("module.", timm.create_model("test_vit").state_dict())
    with pytest.raises(ModelError) as error:
        filled(stranger, tmp_path)
    assert re.fullmatch(
        r"the weights in .* do not fit, they are of another network: they hold (module\.[\w.]+, ){2}module\.[\w.]+ and "
        r"\d+ more, all under module\., and the network needs stem\.0\.weight, stem\.0\.bias, stem\.1\.weight and \d+ "
        r"more; name weights of this very architecture, or the architecture of these weights",
        str(error.value),
    )


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_background_class_of_tensorflow_is_left_out(
    prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored = Network(1, classes=1001).state_dict()
    with caplog.at_level(logging.INFO):
        loaded = filled(under(prefix, stored), tmp_path, classes=1000)
    heads = {"fc.weight": stored["fc.weight"][1:], "fc.bias": stored["fc.bias"][1:]}
    assert_same(loaded, stored | heads)
    assert "the first of their 1001 classes is the background, and left out" in caplog.text


@pytest.mark.parametrize(("known", "asked"), [(1000, 1001), (11, 10), (1002, 1000)])
def test_no_other_number_is_taken_for_a_background_class(known: int, asked: int, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"they know {known} classes and not {asked}: give `num_classes={known}`"):
        filled(Network(1, classes=known).state_dict(), tmp_path, classes=asked)


def test_a_training_starts_from_weights_under_a_prefix() -> None:
    network = Network(0, classes=5)
    head = network.fc.weight.detach().clone()
    assert start_from(network, under("module.", STORED), "they") == ["fc.weight", "fc.bias"]
    assert torch.equal(network.fc.weight, head)
    assert torch.equal(network.state_dict()["stem.0.weight"], STORED["stem.0.weight"])
