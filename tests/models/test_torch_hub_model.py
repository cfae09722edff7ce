"""Networks of repositories that torch.hub loads."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models import torch_hub_model
from naa_lightning.models.torch_hub_model import TorchHubModel

HUBCONF = """
dependencies = ["torch"]
from pathlib import Path
import torch
from torch import nn
Path(__file__).with_name("it has run").touch()

def small(width=4, pretrained=False):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))

def number():
    return 3

def fails():
    raise RuntimeError("out of order\\nand more")
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "hubconf.py").write_text(HUBCONF)
    return folder


def source(repo: Path | str, model: str = "small", **options: Any) -> TorchHubModel:
    settings: dict[str, Any] = {"value_range": [0, 1], "num_classes": 10} | options
    return TorchHubModel(name="mine", repo=str(repo), model=model, **settings)


def test_the_repository_makes_the_network(repo: Path) -> None:
    model = source(repo, kwargs={"width": 6}, layer="1").build()
    torch.manual_seed(0)
    conv, head = nn.Conv2d(3, 6, 3), nn.Linear(6, 10)
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(model(images), head(conv(images).relu().mean((2, 3))))
    assert model.features(images).shape == (2, 6, 6, 6)
    assert not model.training


def test_nothing_of_the_repository_runs_before_it_is_built(repo: Path) -> None:
    described = source(repo)
    described.check()
    assert described.files == [repo / "hubconf.py"]
    assert not (repo / "it has run").exists()
    described.build()
    assert (repo / "it has run").exists()


def test_its_files_are_the_code_that_it_imports_and_the_weights_near_it(repo: Path) -> None:
    within = ("models/net.py", "models/net.pth", "weights/net.safetensors", "a/models/deep.py", "a/models/deep.pt")
    for name in (*within, "README.md", "other.py", ".git/net.pth", "env/lib/net.pth", "outputs/run/export.pt"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).touch()
    with (repo / "hubconf.py").open("a") as file:
        file.write("from models import net\nimport a.models.deep\n")
    names = sorted(["hubconf.py", *within])
    assert source(repo).files == [repo / name for name in names]
    assert source("owner/name", source="github").files == []


def test_modules_of_another_repository_are_not_taken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two repositories with a folder of one name, with and without `__init__.py`."""
    for width, package in ((2, "hub_parts"), (3, "hub_parts"), (4, "hub_other_parts")):
        folder = tmp_path / str(width) / package
        folder.mkdir(parents=True)
        (folder / "sizes.py").write_text(f"WIDTH = {width}\n")
        (folder.parent / "hubconf.py").write_text(f"{HUBCONF}\nfrom {package}.sizes import WIDTH\n")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    source(tmp_path / "2").build()
    source(tmp_path / "2").build()
    with pytest.raises(
        ModelError,
        match=r"3/hubconf\.py would import .*2/hub_parts/sizes\.py as hub_parts\.sizes, not .*"
        r"3/hub_parts/sizes\.py: rename the latter$",
    ):
        source(tmp_path / "3").build()
    (tmp_path / "3/hub_parts/__init__.py").touch()
    with pytest.raises(ModelError, match=r"2/hub_parts/sizes\.py as hub_parts\.sizes"):
        source(tmp_path / "3").build()
    source(tmp_path / "4").build()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("absent", {}, "mine: absent of .* fails: .*absent"),
        ("number", {}, "number of .* must return a torch.nn.Module, it returns int"),
        ("fails", {}, "fails: RuntimeError: out of order$"),
        ("small", {"kwargs": {"depth": 3}}, "TypeError: .*depth"),
        ("small", {"layer": "9"}, "mine: there is no layer '9'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(model: str, options: dict[str, Any], message: str, repo: Path) -> None:
    with pytest.raises(ModelError, match=message) as error:
        source(repo, model, **options).build()
    assert "\n" not in str(error.value)


def test_dependencies_that_are_missing_are_named(repo: Path) -> None:
    (repo / "hubconf.py").write_text(HUBCONF.replace('["torch"]', '["torch", "no_such_library"]'))
    with pytest.raises(ModelError, match="no_such_library"):
        source(repo).build()


def test_a_folder_without_a_hubconf(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelError, match=r"there is no .*hubconf\.py; correct `repo`, or give `source=github`"):
            source(folder).check()


def test_a_repository_of_github_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch_hub_model, "is_online", lambda _: False)
    began = time.perf_counter()
    with pytest.raises(ModelError, match=r"owner/name:main is not in torch's cache and https://github\.com is out of"):
        source("owner/name:main", source="github").check()
    assert time.perf_counter() - began < 1
    (tmp_path / "owner_name_other").mkdir()
    for repo in ("owner/name:main", "owner/name"):
        with pytest.raises(ModelError, match="is not in torch's cache"):
            source(repo, source="github").check()
    (tmp_path / "owner_name_main").mkdir()
    for repo in ("owner/name:main", "owner/name", "owner/name:other"):
        source(repo, source="github").check()


def test_a_repository_of_github_is_fetched_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others wait, and find it in the cache; locks of files hold between threads as between processes."""
    cached = tmp_path / "hub" / "owner_name_main"
    fetched: list[bool] = []

    def load(*_: object, **__: object) -> nn.Module:
        fetched.append(not cached.exists())
        time.sleep(0.2)
        cached.mkdir(exist_ok=True)
        return nn.Identity()

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "load", load)
    with ThreadPoolExecutor(3) as pool:
        described = [source("owner/name", source="github") for _ in range(3)]
        assert len(list(pool.map(TorchHubModel.loaded_network, described))) == 3
    assert fetched == [True, False, False]


@pytest.mark.parametrize(
    ("repo", "message"),
    [("name", "owner/name"), ("owner/name/more", "owner/name"), ("https://github.com/owner/name", "owner/name")],
)
def test_a_repository_of_github_has_an_owner_and_a_name(repo: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source(repo, source="github")


def test_the_description_is_checked(repo: Path) -> None:
    with pytest.raises(ValueError, match="source must be one of local, github, got 'gitlab'"):
        source(repo, source="gitlab")
    with pytest.raises(ValueError, match="mean and std must be given"):
        source(repo, value_range=None)
