"""What own code imports from its folder is found without running it, and another module of the name is refused."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.code_beside import imported_beside
from naa_lightning.models.own_code import files_of
from naa_lightning.models.python_model import PythonModel

NET = "from torch import nn\nfrom beside_parts import WIDTH\ndef build():\n    return nn.Conv2d(3, WIDTH, 1)\n"
# A file, what is imported of it by Python, and what is not.
TREE = {
    "net.py": "import direct, json\nfrom package import inner\nfrom package.deep.er import x\nimport spaced.there\n",
    "direct.py": "import json\ndef late():\n    import later\nlate()\n",
    "later.py": "PATTERN = '\\d'\n",
    "apart.py": "",
    "json.txt": "",
    "spaced/there.py": "",
    "spaced/apart.py": "",
    "package/__init__.py": "from . import first\nfrom .second import y\n",
    "package/first.py": "import direct\n",
    "package/second.py": "from package.third import *\ny = 1\n",
    "package/third.py": "",
    "package/inner.py": "",
    "package/apart.py": "",
    "package/deep/__init__.py": "from ..fourth import z\n",
    "package/deep/er.py": "import package.fourth\nx = 1\n",
    "package/fourth.py": "z = 1\n",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def width(folder: Path) -> int:
    network = PythonModel(name="mine", function=f"{folder}/net.py:build", value_range=[0, 1]).loaded_network()
    assert isinstance(network, nn.Conv2d)
    return network.out_channels


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where Python looks for modules; this and what it has loaded are restored."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return sys.path


@pytest.mark.filterwarnings("error")
def test_files_beside_are_those_that_python_loads(tmp_path: Path) -> None:
    write(tmp_path, TREE)
    code = "import sys, net; print(*{getattr(module, '__file__', None) for module in sys.modules.values()}, sep='\\n')"
    command = [sys.executable, "-W", "ignore", "-c", code]
    lines = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    loaded = {Path(line) for line in lines if line.startswith(str(tmp_path))}
    assert len(loaded) == 12
    assert {tmp_path / "net.py", *imported_beside(tmp_path / "net.py").values()} == loaded


def test_code_that_python_cannot_read_imports_nothing(tmp_path: Path) -> None:
    for content in (b"import (", b"\0", b"\xff"):
        (tmp_path / "net.py").write_bytes(content)
        assert imported_beside(tmp_path / "net.py") == {}
    assert imported_beside(tmp_path / "absent.py") == {}


def test_files_of_code_are_those_that_it_imports_from_its_folder(tmp_path: Path, path: list[str]) -> None:
    package = {"__init__.py": "", "net.py": "from . import parts\n", "parts.py": ""}
    write(tmp_path, {**TREE, **{f"own_package/{name}": content for name, content in package.items()}})
    path.append(str(tmp_path))
    mine = [tmp_path / "own_package" / name for name in ("net.py", "__init__.py", "parts.py")]
    assert files_of("own_package.net:build") == mine
    assert files_of("own_package:build") == [tmp_path / "own_package/__init__.py"]
    assert len(files_of(f"{tmp_path}/net.py:build")) == 12
    assert files_of("torch:nn") == [Path(torch.__file__)], "installed libraries are told apart by their versions"


def test_a_module_of_anothers_folder_is_refused(tmp_path: Path, path: list[str]) -> None:
    """Whichever of the two is built first."""
    for name, number in (("a", 2), ("b", 3)):
        write(tmp_path / name, {"net.py": NET, "beside_parts.py": f"WIDTH = {number}\n"})
    path += [str(tmp_path / "a"), str(tmp_path / "b")]
    said = r"mine: .*b/net\.py would import .*a/beside_parts\.py as beside_parts, not .*b/beside_parts\.py: rename"
    with pytest.raises(ModelError, match=said):
        PythonModel(name="mine", function=f"{tmp_path}/b/net.py:build", value_range=[0, 1]).check()
    assert width(tmp_path / "a") == 2
    path.remove(str(tmp_path / "a"))
    with pytest.raises(ModelError, match=said):
        width(tmp_path / "b")
    assert width(tmp_path / "a") == 2
    del sys.modules["beside_parts"]
    assert width(tmp_path / "b") == 3


def test_a_folder_without_an_init_is_refused_too(tmp_path: Path, path: list[str]) -> None:
    for name, number in (("a", 2), ("b", 3)):
        files = {"net.py": NET.replace("beside_parts", "spaced.parts"), "spaced/parts.py": f"WIDTH = {number}\n"}
        path.append(str(write(tmp_path / name, files)))
    assert width(tmp_path / "a") == 2
    with pytest.raises(ModelError, match=r"a/spaced/parts\.py as spaced\.parts, not .*b/spaced/parts\.py"):
        width(tmp_path / "b")


def test_a_module_that_an_installed_one_hides_is_refused(tmp_path: Path, path: list[str]) -> None:
    write(tmp_path / "installed", {"beside_parts/__init__.py": "WIDTH = 5\n"})
    write(tmp_path / "own", {"net.py": NET, "beside_parts.py": "WIDTH = 2\n"})
    path += [str(tmp_path / "installed"), str(tmp_path / "own")]
    with pytest.raises(
        ModelError, match=r"installed/beside_parts/__init__\.py as beside_parts, not .*own/beside_parts"
    ):
        width(tmp_path / "own")
    write(tmp_path / "own", {"torch.py": ""})
    (tmp_path / "own/net.py").write_text("import torch\ndef build():\n    return torch.nn.Conv2d(3, 2, 1)\n")
    with pytest.raises(ModelError, match=r"torch/__init__\.py as torch, not .*own/torch\.py"):
        width(tmp_path / "own")
    write(tmp_path / "own", {"net.py": NET.replace("from beside_parts import WIDTH", "WIDTH = 4"), "torch/a.txt": ""})
    (tmp_path / "own/torch.py").unlink()
    assert width(tmp_path / "own") == 4, "a folder that is no package hides nothing"


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"net.py": NET.replace("from beside_parts import WIDTH", "WIDTH = 4")})
    monkeypatch.setenv("HOME", str(tmp_path))
    source = PythonModel(name="mine", function="~/net.py:build", value_range=[0, 1])
    source.check()
    assert width(Path("~")) == 4
    assert source.files == [tmp_path / "net.py"]
