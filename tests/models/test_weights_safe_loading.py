"""What stands beside the weights in a file of torch is let in without being run, or even imported."""

import builtins
import io
import os
import subprocess
import sys
from argparse import Namespace
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric.utilities.data import AttributeDict
from omegaconf import OmegaConf
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights import load_weights, read_weights

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])


class OwnDict(dict[str, Any]):
    """As addict's and mmengine's: a dictionary with attributes, which a pickle gives back by its state."""

    def __init__(self, *arguments: Any, **items: Any) -> None:
        super().__init__(*arguments, **items)
        self.frozen = False


class OwnList(list[int]):
    """A list of a class of its own."""


class Slotted:
    """An object whose state is no dictionary."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 3


BESIDE = {
    "namespace": Namespace(lr=0.1, layers=[1, 2], path=Path("a")),
    "omegaconf": OmegaConf.create({"model": {"name": "x", "sizes": [1, 2]}, "lr": "${model.name}"}),
    "lightning": AttributeDict(lr=0.1, nested=AttributeDict(a=1)),
    "own dict": OwnDict(a=1, b=OwnDict(c=2)),
    "own list": OwnList([1, 2, 3]),
    "slots": Slotted(),
    "numpy": {"scalar": np.float64(0.5), "array": np.arange(3), "type": np.dtype("float32"), "text": np.str_("a")},
    "standard": [defaultdict(list, a=[1]), deque([1, 2]), datetime(2020, 1, 1, tzinfo=UTC), frozenset({1}), {1, 2}],
    "functions": [partial(max, 1), os.path.join, range(3), slice(1), complex(1, 2), Ellipsis],
    "methods": [[].append, "a".upper],
    "module": nn.Sequential(nn.Linear(2, 2)),
}


def saved(content: Any, folder: Path, *, zipped: bool = True) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@FORMATS
@pytest.mark.parametrize("beside", BESIDE)
def test_what_stands_beside_the_weights_is_let_in(beside: str, zipped: bool, tmp_path: Path) -> None:
    if beside == "module" and not zipped:
        pytest.skip("the older format holds the source of each module, which torch does not read")
    torch.manual_seed(0)
    stored = nn.Linear(3, 2).state_dict()
    path = saved({beside: BESIDE[beside], "state_dict": stored, "again": BESIDE[beside]}, tmp_path, zipped=zipped)
    read, _ = read_weights(path)
    assert read.keys() == stored.keys()
    assert all(torch.equal(read[name], value) for name, value in stored.items())


@FORMATS
def test_torch_itself_refuses_what_is_let_in(zipped: bool, tmp_path: Path) -> None:
    """So that the test above is about something."""
    for beside in set(BESIDE) - {"standard"}:
        path = saved({beside: BESIDE[beside]}, tmp_path, zipped=zipped)
        with pytest.raises(Exception, match="Weights only load failed"):
            torch.load(path, weights_only=True)


class Reduced:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def attacks(created: Path) -> dict[str, Any]:
    """Objects whose unpickling makes a folder, without naming the module `os`, which torch refuses by itself."""
    inner = io.BytesIO()
    torch.save(Reduced(os.mkdir, str(created)), inner)
    code = f"__import__('os').mkdir({str(created)!r})"
    return {
        "eval": Reduced(builtins.eval, code),
        "exec": Reduced(builtins.exec, code),
        "run": Reduced(subprocess.check_call, [sys.executable, "-c", code]),
        "torch's own loader": Reduced(torch.storage._load_from_bytes, inner.getvalue()),
        "an argument": Reduced(list, [Reduced(eval, code)]),
    }


@FORMATS
@pytest.mark.parametrize("kind", attacks(Path()))
def test_code_beside_the_weights_does_not_run(kind: str, zipped: bool, tmp_path: Path) -> None:
    created = tmp_path / "created"
    stored = nn.Linear(3, 2).state_dict()
    path = saved({"args": attacks(created)[kind], "state_dict": stored}, tmp_path, zipped=zipped)
    assert read_weights(path)[0].keys() == stored.keys()
    assert not created.exists()
    torch.load(path, weights_only=False)
    assert created.exists(), "the file is as dangerous as the test needs"


@pytest.mark.parametrize("value", [Reduced(torch.zeros, 2), Namespace(shape=(2, 3))])
def test_no_stand_in_is_taken_for_a_tensor(value: Any, tmp_path: Path) -> None:
    path = saved({"weight": value, "bias": torch.zeros(2)}, tmp_path)
    with pytest.raises(
        ModelError, match=r"weights\.pth (holds whole objects|holds no state dict|cannot be read|do not fit: 1 missing)"
    ):
        load_weights(nn.Linear(3, 2), path)


class Hiding:
    """Unpickling it gives an ordered dictionary whose method `items` is hidden by an attribute."""

    def __init__(self, **items: Any) -> None:
        self.pairs = items

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), {"items": 3}, None, iter(self.pairs.items())


def test_a_dictionary_whose_methods_are_hidden_is_read_all_the_same(tmp_path: Path) -> None:
    content = Hiding(state_dict=Hiding(**nn.Linear(3, 2).state_dict()))
    assert read_weights(saved(content, tmp_path))[0].keys() == {"weight", "bias"}


def test_packages_that_a_file_names_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "somebodys.py").write_text("class Arguments: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    somebodys = __import__("somebodys")
    path = saved({"args": somebodys.Arguments(), "model": nn.Linear(3, 2).state_dict()}, tmp_path)
    del sys.modules["somebodys"]
    assert read_weights(path)[0].keys() == {"weight", "bias"}
    assert "somebodys" not in sys.modules


def test_what_torch_holds_to_be_safe_is_the_same_afterwards(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    path = saved({"args": Namespace(), "state_dict": nn.Linear(3, 2).state_dict()}, tmp_path)
    read_weights(path)
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(Exception, match=r"argparse\.Namespace"):
        torch.load(path, weights_only=True)


@FORMATS
@pytest.mark.parametrize("entry", [None, "model"])
def test_a_whole_network_is_refused_with_what_it_is(entry: str | None, zipped: bool, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 2))
    path = saved(network if entry is None else {entry: network, "epoch": 3}, tmp_path, zipped=zipped)
    with pytest.raises(ModelError) as error:
        read_weights(path)
    if zipped:  # the older format holds the source of each module, which torch does not read
        name = f"{entry or ''} torch.nn.modules.container.Sequential".strip()
        assert f"holds whole objects instead of weights ({name})" in str(error.value)
    assert "save the network's `state_dict()`" in str(error.value)


def test_torchscript_is_refused_as_what_it_is(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(3, 2)), tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"a\.pt is a network of TorchScript, which is code"):
        read_weights(tmp_path / "a.pt")


@FORMATS
@pytest.mark.parametrize(
    ("content", "options", "cause"),
    [
        (Reduced(os.mkdir, "a"), {}, r"whose module \w+ is blocked"),
        (Reduced(Path.mkdir, Path("a")), {}, "call reduce for unrecognized function"),
        ({"a": "text", "state": {}}, {"pickle_protocol": 4}, "Unsupported operand"),
    ],
)
def test_a_refusal_says_why_in_one_line_and_fits_the_cause(
    content: Any, options: dict[str, Any], cause: str, zipped: bool, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped, **options)
    with pytest.raises(ModelError, match=f"cannot be read as tensors only: .*{cause}.*state_dict") as error:
        read_weights(tmp_path / "a.pt")
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
    assert "copy it anew" not in str(error.value)
