"""The functions need torch alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from naa_lightning import metrics

HEAVY = {"torchmetrics", "pytorch_lightning", "lightning_fabric", "torchvision", "matplotlib", "scipy"}


def test_functions_load_torch_alone() -> None:
    code = "from naa_lightning.metrics import Rate, lpips_network, perturbation_sizes, pooled, transfer_rates, wilson"
    tell = f"{code}\nimport sys\nprint('torch' in sys.modules, *sorted({HEAVY!r} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", tell], cwd=root, capture_output=True, text=True, check=True).stdout
    assert found.split() == ["True"]


def test_a_name_that_is_not_there_is_told_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match=r"^module 'naa_lightning.metrics' has no attribute 'Nothing'$"):
        _ = metrics.Nothing
    assert all(getattr(metrics, name) is not None for name in metrics.__all__)
    assert dir(metrics) == sorted(metrics.__all__)
