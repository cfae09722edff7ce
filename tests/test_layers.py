"""Who may import whom: attacks, attribution, models and metrics are a plain PyTorch library."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "naa_lightning"
PLAIN = ("attacks", "attribution", "models", "metrics", "training")
FRAMEWORKS = {"pytorch_lightning", "lightning", "hydra", "omegaconf", "wandb"}
OWN_PARTS_ABOVE = {
    "callbacks",
    "composition",
    "config",
    "data",
    "processes",
    "records",
    "report",
    "run",
    "stages",
    "studies",
    "sweeps",
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", [path for part in PLAIN for path in (PACKAGE / part).rglob("*.py")], ids=str)
def test_the_plain_library_knows_no_framework_and_nothing_above_it(path: Path) -> None:
    for name in imported(path):
        top, _, rest = name.partition(".")
        assert top not in FRAMEWORKS, f"{path} imports {name}"
        assert not (top == "naa_lightning" and rest.split(".")[0] in OWN_PARTS_ABOVE), f"{path} imports {name}"
