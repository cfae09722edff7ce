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


COPIES = [("ema.", "net."), ("model.", "model_ema."), ("a.b.", "z."), ("student.model.", "teacher.model.")]


@pytest.mark.parametrize(("first", "second"), COPIES)
def test_of_two_whole_copies_one_must_be_named(first: str, second: str, tmp_path: Path) -> None:
    for file in (under(first, STORED) | under(second, OTHER), under(second, OTHER) | under(first, STORED)):
        with pytest.raises(ModelError) as error:
            filled(file, tmp_path)
        said = str(error.value).partition("w.safetensors ")[2]
        assert said == (
            f"are there several times, with other numbers under each of {first}, {second}: name one by `weights_key`, "
            f"such as `weights_key={first[:-1]}`"
        )
        assert_same(filled(file, tmp_path, key=first[:-1]), STORED)
        assert_same(filled(file, tmp_path, key=second[:-1]), OTHER)


@pytest.mark.parametrize(("first", "second"), COPIES)
def test_equal_copies_are_no_choice(first: str, second: str, tmp_path: Path) -> None:
    assert_same(filled(under(first, STORED) | under(second, STORED), tmp_path), STORED)


def test_bodies_without_a_head_are_not_guessed_either() -> None:
    bodies = [{name: value for name, value in state.items() if not name.startswith("fc")} for state in (STORED, OTHER)]
    with pytest.raises(ModelError, match=r"they are there several times, with other numbers under each of a\., b\.:"):
        start_from(Network(0), under("a.", bodies[0]) | under("b.", bodies[1]), "they")


def test_half_a_copy_does_not_distract(tmp_path: Path) -> None:
    half = {name: value for name, value in OTHER.items() if name.startswith("stem")}
    assert_same(filled(under("a.", half) | under("module.model.", STORED), tmp_path), STORED)


def split(body: str, head: str) -> State:
    return {f"{head if name.startswith('fc') else body}{name}": value for name, value in STORED.items()}


@pytest.mark.parametrize(
    ("body", "head"), [("backbone.", "head."), ("backbone.", ""), ("module.backbone.", "module.head."), ("m.b.", "m.")]
)
def test_a_head_beside_the_body_is_found(body: str, head: str, tmp_path: Path) -> None:
    others = {f"aux.fc.{name}": value for name, value in nn.Linear(4, 3).state_dict().items()}
    assert_same(filled(split(body, head) | others | {"neck.weight": torch.ones(2)}, tmp_path), STORED)


@pytest.mark.parametrize("head", ["aux.", "momentum_head.", "head.aux."])
def test_a_head_elsewhere_is_told_and_not_taken(head: str, tmp_path: Path) -> None:
    """An auxiliary or momentum head has the right shape, too."""
    with pytest.raises(ModelError) as error:
        filled(split("model.", head), tmp_path)
    said = str(error.value).partition("do not fit: ")[2]
    assert said == (
        f"2 missing (fc.weight, fc.bias); they have no last layer ({head}fc.bias, {head}fc.weight are of its shape, "
        "and may be anything) and so know no classes: name weights with one, or train one from these"
    )


def test_body_and_head_of_as_many_names_are_no_copies(tmp_path: Path) -> None:
    stored, network = (nn.ModuleDict({"body": nn.Linear(4, 4), "fc": nn.Linear(4, 3)}) for _ in range(2))
    file = {f"{'head.' if name.startswith('fc') else 'm.'}{name}": value for name, value in stored.state_dict().items()}
    torch.save(file, tmp_path / "w.pth")
    load_weights(network, tmp_path / "w.pth")
    assert_same(network.state_dict(), stored.state_dict())


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
        "their last layer gives 3 numbers and not 10: give `num_classes=3` if these are classes, or other weights if "
        "they are features"
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
    with pytest.raises(ModelError, match=f"gives {known} numbers and not {asked}: give `num_classes={known}` if"):
        filled(Network(1, classes=known).state_dict(), tmp_path, classes=asked)


def test_a_training_starts_from_weights_under_a_prefix() -> None:
    network = Network(0, classes=5)
    head = network.fc.weight.detach().clone()
    assert start_from(network, under("module.", STORED), "they") == ["fc.weight", "fc.bias"]
    assert torch.equal(network.fc.weight, head)
    assert torch.equal(network.state_dict()["stem.0.weight"], STORED["stem.0.weight"])


class Keeping(Network):
    """A network that keeps something of its own beside its weights."""

    def __init__(self, seed: int, kept: object) -> None:
        super().__init__(seed)
        self.kept = kept

    def get_extra_state(self) -> object:
        return self.kept

    def set_extra_state(self, state: object) -> None:
        self.kept = state


@pytest.mark.parametrize(
    ("own", "stored", "expected"),
    [
        (torch.zeros(2), torch.ones(3), torch.ones(3)),
        (torch.zeros(2), None, torch.zeros(2)),
        ({"a": 1}, {"a": 2}, {"a": 1}),
        ({"a": 1}, torch.ones(3), {"a": 1}),
    ],
)
def test_an_extra_state_is_taken_as_a_tensor_or_left_as_it_is(
    own: object, stored: object, expected: object, tmp_path: Path
) -> None:
    network = Keeping(0, own)
    torch.save(STORED if stored is None else {**STORED, "_extra_state": stored}, tmp_path / "w.pth")
    load_weights(network, tmp_path / "w.pth")
    assert torch.equal(network.fc.weight, STORED["fc.weight"])
    assert repr(network.kept) == repr(expected)


def test_an_extra_state_that_the_network_does_not_know_is_left_out(tmp_path: Path) -> None:
    assert_same(filled({**STORED, "stem.0._extra_state": torch.ones(2)}, tmp_path), STORED)


def test_copies_with_the_same_nan_do_not_differ(tmp_path: Path) -> None:
    damaged = {name: value.clone() for name, value in STORED.items()}
    damaged["fc.bias"][1] = float("nan")
    found = filled(under("a.", damaged) | under("b.", damaged), tmp_path)
    assert found["fc.bias"].isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("wrapped", ["model.module.backbone.", "backbone._orig_mod.", "module.backbone.module."])
def test_a_head_beside_a_wrapped_body_is_found(wrapped: str, tmp_path: Path) -> None:
    head = wrapped.partition("backbone")[0].removesuffix("module.") + "head."
    split = {f"{head if name.startswith('fc') else wrapped}{name}": value for name, value in STORED.items()}
    assert_same(filled(split, tmp_path), STORED)
