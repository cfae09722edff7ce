"""The notebook's library runs where nothing of the experiments' libraries can be imported."""

import ast
import subprocess
import sys
from pathlib import Path

import naa_lightning
from tests.experiments import ROOT

BLOCKED = [
    *("hydra", "omegaconf", "pytorch_lightning", "lightning_fabric", "wandb", "matplotlib", "sklearn", "captum"),
    *("pyarrow", "torchmetrics", "rich", "pydantic", "jinja2", "scipy", "filelock"),
]

REFUSE = f"""
import sys

class WithoutBlocked:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {BLOCKED!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(WithoutBlocked, sys.meta_path)
"""

NOTEBOOK = """
import torch
from torch import nn
import naa_lightning as naa

network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
surrogate = naa.load(network, mean=[0.5] * 3, std=[0.5] * 3, layer="1")
images, labels = torch.rand(2, 3, 8, 8), [0, 3]
for name in naa.list_attacks():
    adversarial = naa.create(name, steps=1)(surrogate, images, labels)
    assert 0 < (adversarial - images).abs().max() <= 16.001 / 255, name
assert naa.list_surrogates()
"""

TRANSFER = "naa.transfer(images, adversarial, labels, on=[surrogate])\n"

ATTRIBUTE = """
from naa_lightning.attribution import Conductance, attribute
assert attribute(Conductance(), surrogate, images, labels).values.shape == (2, 4, 6, 6)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_attacks_transfer_and_attribution_need_torch_alone() -> None:
    done = run(REFUSE + NOTEBOOK + TRANSFER + ATTRIBUTE)
    assert done.returncode == 0, done.stderr


def test_what_is_blocked_is_blocked() -> None:
    for name in BLOCKED:
        assert f"ModuleNotFoundError: No module named '{name}'" in run(f"{REFUSE}\nimport {name}").stderr


def test_the_package_alone_loads_nothing() -> None:
    done = run(
        "import sys, naa_lightning\nprint(*sorted(m for m in sys.modules if m.startswith('naa_') or m == 'torch'))"
    )
    assert done.stdout.split() == ["naa_lightning"]


def test_what_is_public_is_said_once() -> None:
    """For people, by `__all__`; for type checkers, by imports that name the same."""
    tree = ast.parse(Path(naa_lightning.__file__).read_text(encoding="utf-8"))
    typed = {
        f"{node.module}.{alias.name}"
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    loaded = {f"naa_lightning.{module}.{name}" for name, module in naa_lightning._MODULES.items()}
    assert loaded == typed
    assert sorted([*naa_lightning._MODULES, "__version__"]) == sorted(naa_lightning.__all__) == dir(naa_lightning)


def test_a_name_that_is_not_public_is_refused() -> None:
    done = run("import naa_lightning\nnaa_lightning.craft")
    assert "AttributeError: module 'naa_lightning' has no attribute 'craft'" in done.stderr
