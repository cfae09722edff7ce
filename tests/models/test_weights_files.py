"""Weights in files of any ending, in several files with an index, and in folders."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.weights import check_weights_file, load_weights, read_weights, weight_files

STORED = nn.Linear(3, 2).state_dict()
PARTS = {"weight": "model-00001-of-00002", "bias": "model-00002-of-00002"}


def sharded(folder: Path, suffix: str) -> Path:
    """As Hugging Face writes a large network."""
    for name, stem in PARTS.items():
        state = {name: STORED[name]}
        (save_file if suffix == ".safetensors" else torch.save)(state, folder / f"{stem}{suffix}")
    index = folder / {".safetensors": "model.safetensors.index.json", ".bin": "pytorch_model.bin.index.json"}[suffix]
    files = {name: f"{stem}{suffix}" for name, stem in PARTS.items()}
    index.write_text(json.dumps({"metadata": {"total_size": 32}, "weight_map": files}))
    return index


def assert_loads(path: Path) -> None:
    network = nn.Linear(3, 2)
    check_weights_file(path)
    load_weights(network, path)
    assert all(torch.equal(value, STORED[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.bin", "a.ckpt", "a.tar", "best.pth.tar", "epoch=1-b=2.ckpt"])
def test_every_ending_of_torch(name: str, tmp_path: Path) -> None:
    torch.save({"state_dict": STORED}, tmp_path / name)
    assert_loads(tmp_path / name)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("named", ["index", "folder"])
def test_weights_in_several_files(suffix: str, named: str, tmp_path: Path) -> None:
    index = sharded(tmp_path, suffix)
    path = index if named == "index" else tmp_path
    assert_loads(path)
    assert weight_files(path) == [index, *(tmp_path / f"{stem}{suffix}" for stem in PARTS.values())]


def test_a_prefix_may_be_named_across_several_files(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    files = {f"{prefix}.{name}": f"{name}.safetensors" for prefix in ("net", "ema") for name in STORED}
    for name, value in STORED.items():
        save_file({f"net.{name}": value, f"ema.{name}": value + 1}, tmp_path / f"{name}.safetensors")
    index.write_text(json.dumps({"weight_map": files}))
    network = nn.Linear(3, 2)
    with pytest.raises(ModelError, match=r"under each of ema\., net\.: name one by `weights_key`"):
        load_weights(network, index)
    load_weights(network, index, "net")
    assert all(torch.equal(value, STORED[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_with_one_file(name: str, tmp_path: Path) -> None:
    (save_file if name.endswith("s") else torch.save)(STORED, tmp_path / name)
    (tmp_path / "config.json").write_text("{}")
    assert_loads(tmp_path)


def test_safetensors_go_before_pickles(tmp_path: Path) -> None:
    save_file(STORED, tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"something else")
    assert_loads(tmp_path)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision(half: torch.dtype, tmp_path: Path) -> None:
    save_file({name: value.to(half) for name, value in STORED.items()}, tmp_path / "model.safetensors")
    network = nn.Linear(3, 2)
    load_weights(network, tmp_path)
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, STORED["weight"].to(half).float())


@pytest.mark.parametrize(
    "part", ["../model.safetensors", "/etc/model.safetensors", "sub/a.safetensors", "..\\a.bin", "", ".", "..", "a.py"]
)
def test_an_index_cannot_name_files_elsewhere(part: str, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    save_file(STORED, tmp_path / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(STORED, part)}))
    with pytest.raises(ModelError, match=r"parts of weights must be .* files that lie beside their index"):
        read_weights(index)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}', "[" * 100_000])
def test_a_malformed_index_is_refused(content: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json (has no|must name) .*copy it anew"):
        check_weights_file(index)


def test_a_missing_part_is_named_before_anything_is_read(tmp_path: Path) -> None:
    index = sharded(tmp_path, ".safetensors")
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"there is no .*model-00002-of-00002\.safetensors, which .* names as a part"):
        check_weights_file(index)


def test_a_part_of_other_weights_is_noticed(tmp_path: Path) -> None:
    index = sharded(tmp_path, ".safetensors")
    save_file({"other": torch.zeros(1)}, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(ModelError, match=r"names weights that its parts lack, such as bias \(model-00002"):
        read_weights(index)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no weights file in the folder .*: expected model\.safetensors, .*`weights`"):
        check_weights_file(tmp_path)


@pytest.mark.parametrize("name", ["a.pth", "model.safetensors"])
def test_a_pointer_of_git_lfs_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    with pytest.raises(ModelError, match="which Git LFS keeps: run git lfs pull"):
        read_weights(tmp_path / name)


def test_other_damage_has_another_remedy(tmp_path: Path) -> None:
    content: Any = b"<!DOCTYPE html>"
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged, or none that torch.save wrote .*copy it anew") as error:
        read_weights(tmp_path / "a.pth")
    assert "train" not in str(error.value)
