import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from naa_lightning.exceptions import UserError
from naa_lightning.models.torchvision_model import TorchvisionModel
from naa_lightning.models.weights import TORCH_SUFFIXES, check_weights_file, load_weights, read_weights, start_from

State = dict[str, Tensor]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def as_safetensors(state: State, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    save_file(state, path)
    return path


def as_state_dict(state: State, folder: Path) -> Path:
    path = folder / "weights.pth"
    torch.save(state, path)
    return path


def as_checkpoint(state: State, folder: Path) -> Path:
    path = folder / "weights.ckpt"
    torch.save({"epoch": 3, "state_dict": state}, path)
    return path


Write = Callable[[State, Path], Path]
WRITERS: list[Write] = [as_safetensors, as_state_dict, as_checkpoint]


def assert_same(loaded: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())


@pytest.mark.parametrize("write", WRITERS)
def test_weights_are_loaded_exactly(write: Write, tmp_path: Path) -> None:
    stored, loaded = network(0).state_dict(), network(1)
    load_weights(loaded, write(stored, tmp_path))
    assert_same(loaded.state_dict(), stored)


@pytest.mark.parametrize("write", WRITERS)
def test_a_half_precision_file_fills_a_single_precision_network(write: Write, tmp_path: Path) -> None:
    stored, loaded = network(0).half().state_dict(), network(1)
    load_weights(loaded, write(stored, tmp_path))
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert_same(
        loaded.state_dict(),
        {key: value.float() if value.is_floating_point() else value for key, value in stored.items()},
    )


class CreatesFile:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("suffix", TORCH_SUFFIXES)
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_does_not_run(zipped: bool, suffix: str, tmp_path: Path) -> None:
    path, created = tmp_path / f"weights{suffix}", tmp_path / "created"
    torch.save({"state_dict": CreatesFile(created)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="cannot be read as tensors only"):
        load_weights(network(0), path)
    assert not created.exists()
    torch.load(path, weights_only=False)
    assert created.exists(), "the file is as dangerous as the test needs"


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(network(0), tmp_path / "weights.pth")
    with pytest.raises(
        UserError, match=r"whole objects instead of weights \(torch\.nn\.modules\.container\.Sequential\)"
    ):
        load_weights(network(0), tmp_path / "weights.pth")


@pytest.mark.parametrize("name", ["weights.npz", "weights.pkl", "weights", "weights.safetensors.zip"])
def test_another_kind_of_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(as_safetensors(network(0).state_dict(), tmp_path).read_bytes())
    with pytest.raises(UserError, match=rf"{re.escape(name)} is refused: expected \.safetensors, \.pt, "):
        load_weights(network(0), tmp_path / name)


@pytest.mark.parametrize("name", ["missing.safetensors", "missing.pth"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"there is no weights file .*{name}"):
        load_weights(network(0), tmp_path / name)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").mkdir()
    with pytest.raises(UserError, match="there is no weights file"):
        load_weights(network(0), tmp_path / "weights.pth")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("write", WRITERS)
def test_a_truncated_file_is_refused(write: Write, share: float, tmp_path: Path) -> None:
    path = write(network(0).state_dict(), tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=rf"{path.name} (cannot be read as tensors only: \S|is damaged)"):
        load_weights(network(0), path)


@pytest.mark.parametrize("content", [b"hello world", b"not found", bytes(range(100))])
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"weights\.pth cannot be read as tensors only: \S"):
        load_weights(network(0), path)


@pytest.mark.parametrize(
    "content",
    [torch.zeros(2), [torch.zeros(2)], {"epoch": 3}, {"state_dict": None}, {"state_dict": [1]}, {0: torch.zeros(2)}],
)
def test_a_file_without_a_state_dict_is_refused(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth holds no state dict: save the network"):
        load_weights(network(0), tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.bias": None}, r"do not fit: 1 missing \(0\.bias\); name weights of this very architecture$"),
        ({"fc.weight": torch.zeros(2)}, r"do not fit: 1 unexpected \(fc\.weight\); name"),
        ({"0.bias": torch.zeros(5)}, r"do not fit: 1 of another shape \(0\.bias \(5,\) instead of \(4,\)\); name"),
        (
            {"0.bias": None, "fc.weight": torch.zeros(2), "1.weight": torch.zeros(4, 1)},
            r"1 missing \(0\.bias\); 1 unexpected \(fc\.weight\); 1 of another shape \(1\.weight \(4, 1\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(change: dict[str, Tensor | None], message: str, tmp_path: Path) -> None:
    changed = {**network(0).state_dict(), **change}
    path = as_safetensors({key: value for key, value in changed.items() if value is not None}, tmp_path)
    loaded = network(1)
    with pytest.raises(UserError, match=message):
        load_weights(loaded, path)
    assert_same(loaded.state_dict(), network(1).state_dict())


def test_many_misfits_are_counted(tmp_path: Path) -> None:
    state = network(0).state_dict() | {f"extra.{index}": torch.zeros(1) for index in range(4)}
    path = as_safetensors(state, tmp_path)
    with pytest.raises(UserError, match=r"do not fit: 4 unexpected \(extra\.0, extra\.1, extra\.2, \.\.\.\); name"):
        load_weights(network(0), path)


@pytest.fixture(scope="module")
def densenet() -> State:
    """The state dict of a DenseNet whose layers all differ."""
    torch.manual_seed(0)
    state = torchvision.models.densenet121().state_dict()
    return {key: torch.randn(value.shape) if value.is_floating_point() else value for key, value in state.items()}


def old_names(state: State) -> State:
    """Name the layers as torchvision's published DenseNet files do."""
    return {re.sub(r"(denselayer\d+)\.(norm|conv)([12])\.", r"\1.\2.\3.", key): state[key] for key in state}


def test_old_densenet_names_are_understood(densenet: State, tmp_path: Path) -> None:
    old = old_names(densenet)
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    loaded = torchvision.models.densenet121()
    load_weights(loaded, as_state_dict(old, tmp_path))
    assert_same(loaded.state_dict(), densenet)


def test_batch_norm_counts_may_be_missing_as_in_files_of_2017(densenet: State, tmp_path: Path) -> None:
    """Torch counts batches since version 0.4.1; its own load_state_dict accepts older files as they are."""
    old = {key: value for key, value in old_names(densenet).items() if not key.endswith("num_batches_tracked")}
    loaded = torchvision.models.densenet121()
    load_weights(loaded, as_state_dict(old, tmp_path))
    assert_same({**loaded.state_dict(), **densenet}, loaded.state_dict())


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_is_read_as_it_was_written(write: Write, tmp_path: Path) -> None:
    stored = network(0).state_dict()
    assert_same(read_weights(write(stored, tmp_path))[0], stored)


def test_a_missing_file_is_told_with_what_named_it(tmp_path: Path) -> None:
    path = tmp_path / "missing.pt"
    for check in (check_weights_file, read_weights):
        with pytest.raises(UserError, match=r"missing\.pt; correct `weights` or leave it out"):
            check(path)
        with pytest.raises(UserError, match=r"missing\.pt; correct `training\.start` or leave it out"):
            check(path, "training.start")


@pytest.mark.parametrize("architecture", ["inception_v3", "googlenet"])
def test_auxiliary_heads_in_torchvisions_files_are_passed_over(architecture: str, tmp_path: Path) -> None:
    whole = torchvision.models.get_model(architecture, aux_logits=True, init_weights=False).state_dict()
    ours = TorchvisionModel(name="mine", architecture=f"{architecture}.IMAGENET1K_V1").network(pretrained=False)
    load_weights(ours, as_state_dict(whole, tmp_path))
    loaded = ours.state_dict()
    assert {key.partition(".")[0] for key in whole.keys() - loaded.keys()} <= {"AuxLogits", "aux1", "aux2"}
    assert_same(loaded, {key: whole[key] for key in loaded})
    assert len(loaded) < len(whole)


def test_auxiliary_heads_that_the_network_has_are_loaded_and_needed(tmp_path: Path) -> None:
    with_head, other = (nn.ModuleDict({"aux1": nn.Linear(2, 3), "fc": nn.Linear(2, 3)}) for _ in range(2))
    load_weights(with_head, as_safetensors(other.state_dict(), tmp_path))
    assert_same(with_head.state_dict(), other.state_dict())
    without = {key: value for key, value in other.state_dict().items() if key.startswith("fc")}
    with pytest.raises(UserError, match=r"2 missing \(aux1\.weight, aux1\.bias\); name"):
        load_weights(with_head, as_safetensors(without, tmp_path))


class Classifying(nn.Module):
    """A network with a second head before the last one, which knows the same classes."""

    def __init__(self, seed: int, classes: int, width: int = 4, *, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.place = nn.Parameter(torch.rand(1, 5, width))
        self.conv = nn.Conv2d(3, width, 3)
        self.second = nn.Linear(width, classes)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.ModuleDict({"drop": nn.Dropout(), "fc": nn.Linear(width, classes, bias=bias)})


HEADS = ["second.weight", "second.bias", "head.fc.weight", "head.fc.bias"]


def test_a_start_with_the_same_classes_takes_everything() -> None:
    started, state = Classifying(0, 7), Classifying(1, 7).state_dict()
    assert start_from(started, state, "they") == []
    assert_same(started.state_dict(), state)


@pytest.mark.parametrize("classes", [3, 12])
def test_a_start_with_other_classes_leaves_the_heads_as_they_were(classes: int) -> None:
    started, state = Classifying(0, classes), Classifying(1, 7).state_dict()
    before = {key: value.clone() for key, value in started.state_dict().items()}
    assert start_from(started, state, "they") == HEADS
    assert_same(started.state_dict(), state | {name: before[name] for name in HEADS})


def test_a_head_may_have_no_bias_or_be_a_convolution() -> None:
    started = Classifying(0, 3, bias=False)
    assert start_from(started, Classifying(1, 7, bias=False).state_dict(), "they") == [*HEADS[:2], "head.fc.weight"]
    squeezenet = torchvision.models.squeezenet1_1(num_classes=5)
    left = start_from(squeezenet, torchvision.models.squeezenet1_1(num_classes=9).state_dict(), "they")
    assert left == ["classifier.1.weight", "classifier.1.bias"]


def test_weights_without_a_last_layer_are_a_start() -> None:
    """As timm publishes networks that were trained without labels."""
    body, head, state = network(0), nn.Linear(4, 3), network(1).state_dict()
    before = head.weight.detach().clone()
    assert start_from(nn.Sequential(*body.children(), head), state, "they") == ["2.weight", "2.bias"]
    assert torch.equal(head.weight, before)
    assert_same(body.state_dict(), state)


def test_a_start_keeps_the_networks_precision_and_needs_no_batch_counts() -> None:
    started, state = Classifying(0, 3), Classifying(1, 7).half().state_dict()
    del state["norm.num_batches_tracked"]
    start_from(started, state, "they")
    assert {parameter.dtype for parameter in started.parameters()} == {torch.float32}
    assert torch.equal(started.conv.weight, state["conv.weight"].float())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv.bias": None}, r"1 missing \(conv\.bias\)"),
        ({"head.fc.bias": None}, r"1 missing \(head\.fc\.bias\); 3 of another shape"),
        ({"other": torch.zeros(2)}, r"1 unexpected \(other\)"),
        ({"conv.weight": torch.zeros(7, 3, 3, 3), "conv.bias": torch.zeros(7)}, r"2 of another shape \(conv\.weight"),
        ({"conv.bias": torch.zeros(7)}, r"1 of another shape \(conv\.bias \(7,\) instead of \(4,\)\)"),
        ({"place": torch.zeros(1, 7, 4)}, r"1 of another shape \(place"),
        ({"head.fc.weight": torch.zeros(7, 5)}, r"4 of another shape"),
        ({"head.fc.bias": torch.zeros(8)}, r"4 of another shape"),
        ({"head.fc.bias": torch.tensor(0.0)}, r"4 of another shape"),
        ({"second.bias": torch.zeros(8)}, r"2 of another shape \(second\.weight"),
        ({"head.fc.weight": torch.zeros(3, 4), "head.fc.bias": torch.zeros(3)}, r"2 of another shape \(second\.weight"),
    ],
)
def test_a_start_that_does_not_fit_elsewhere_is_refused(change: dict[str, Tensor | None], message: str) -> None:
    changed = {**Classifying(1, 7).state_dict(), **change}
    started = Classifying(0, 3)
    with pytest.raises(UserError, match=f"^the weights in a.pt do not fit: {message}"):
        start_from(started, {key: value for key, value in changed.items() if value is not None}, "the weights in a.pt")
    assert_same(started.state_dict(), Classifying(0, 3).state_dict())


def test_a_wider_network_is_no_start() -> None:
    with pytest.raises(UserError, match=r"they do not fit: \d+ of another shape \(place"):
        start_from(Classifying(0, 3), Classifying(1, 7, width=5).state_dict(), "they")


@pytest.mark.parametrize("write", [as_state_dict, as_checkpoint])
@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_in_a_file_of_torch_is_noticed(write: Write, seed: int, tmp_path: Path) -> None:
    state = nn.Linear(400, 100).state_dict()
    path = write(state, tmp_path)
    content = bytearray(path.read_bytes())
    values = content.index(state["weight"].numpy().tobytes())
    content[values + 40_000 * seed] ^= 1 << seed
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"the weights file {re.escape(str(path))} is damaged"):
        read_weights(path)


def test_a_damaged_file_of_torch_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    """Wherever the damage is: not every byte matters, and none leads to other weights or another kind of error."""
    state = nn.Linear(3, 2).state_dict()
    path = as_state_dict(state, tmp_path)
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 0x55
        path.write_bytes(content)
        try:
            assert_same(read_weights(path)[0], state)
        except UserError:
            refused += 1
    assert refused > 0
