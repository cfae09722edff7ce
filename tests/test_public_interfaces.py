"""The package uses public interfaces of libraries only, and says itself where there is none."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "naa_lightning").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")])
# What has no public way, by file; the file says why.
NO_PUBLIC_WAY: dict[str, set[str]] = {}
OWN = {"self", "cls"}
DOCUMENTED = {"os._exit"}  # public in spite of its name


def is_private(name: str) -> bool:
    """Whether a name is private by its form; names such as `__name__` are the language's, `_target_` is Hydra's."""
    return name.startswith("_") and not name.endswith("_")


def private_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if any(map(is_private, alias.name.split("."))))
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from filter(is_private, names)
        elif (
            isinstance(node, ast.Attribute)
            and is_private(node.attr)
            and ast.unparse(node.value) not in OWN
            and ast.unparse(node) not in DOCUMENTED
        ):
            yield node.attr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_private_is_used(path: Path) -> None:
    found = set(private_names(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == NO_PUBLIC_WAY.get(str(path.relative_to(ROOT)), set())


def test_private_names_are_found() -> None:
    code = "import a._b\nfrom c._d import e\nfrom f import _g\nh._i = j.k._l\nself._m, cls._n, o.__p__, q._target_\n"
    assert set(private_names(ast.parse(code))) == {"a._b", "_d", "_g", "_i", "_l"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name == "__init__.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_package_says_what_of_it_is_public(path: Path) -> None:
    """All that it takes from its files, each name once and in order."""
    code = ast.parse(path.read_text(encoding="utf-8"))
    body, nodes = code.body, ast.walk(code)  # some packages take names once they are asked for
    taken = [
        node for node in nodes if isinstance(node, ast.ImportFrom) and str(node.module).startswith("naa_lightning")
    ]
    named = [
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(named) == bool(taken) or path.parent.name == "naa_lightning"
    for names in named:
        assert {alias.name for node in taken for alias in node.names} <= set(names)
        assert len(names) == len(set(names))
