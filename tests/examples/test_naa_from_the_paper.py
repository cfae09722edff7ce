"""The paper on one page is what the library computes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from examples.naa_from_the_paper import naa
from naa_lightning.attacks import Attack, Budget, Momentum, NeuronAttribution, SeededDraws
from naa_lightning.models import Classifier

PAGE = Path(__file__).parents[2] / "examples" / "naa_from_the_paper.py"


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_library_equals_the_page(gamma: float, tiny: Classifier) -> None:
    """Without the release's noise, and with the points of the path from 1/N to the image itself."""
    tiny.requires_grad_(False)
    images = torch.rand(3, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 7, 3])
    objective = NeuronAttribution(path_points=7, rule="right", noise=0.0, gamma=gamma)
    attack = Attack(objective=objective, update=Momentum(), budget=Budget(eps=0.1, steps=5))
    ours = attack(tiny, images, labels, SeededDraws(0, [0, 1, 2]))
    layer = tiny.network.get_submodule("middle")
    page = naa(tiny, layer, images, labels, eps=0.1, steps=5, points=7, gamma=gamma)
    torch.testing.assert_close(ours, page, rtol=0, atol=1e-12)
    assert not layer._forward_hooks


def test_the_page_runs_on_torch_alone() -> None:
    tree = ast.parse(PAGE.read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"collections.abc", "torch"}
    done = subprocess.run([sys.executable, str(PAGE)], capture_output=True, text=True, check=True)
    clean, adversarial, change = (float(line.split()[-1].removesuffix("/255")) for line in done.stdout.splitlines())
    assert adversarial < clean
    assert 15.9 < change <= 16.0
