"""What the library says names its own parameters; keys of the configuration are the command line's words."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "naa_lightning"
LIBRARY = ("attacks", "attribution", "models", "metrics", "training", "engine", "data", "records")
FILES = sorted(path for part in LIBRARY for path in (PACKAGE / part).rglob("*.py") if path.stem != "__main__")
KEYS = re.compile(
    r"\b(attack|attribution|data|defences|engine|experiment|hydra|paths|study|surrogate|targets|training|trainer)"
    r"(\.[\w.]+)?=|~targets|pip install -e|python (attack|train)\.py|naa-attack|hydra\.run"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_messages_of_the_library_name_no_key_of_the_configuration(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    described = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, described)}
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in said if text not in docstrings and KEYS.search(text)] == []
