"""The table from the paper's equations to the code names lines that hold what it says."""

import ast
import re

import pytest

from tests.experiments import ROOT

PAGE = (ROOT / "docs" / "equations.md").read_text()
ROWS = re.findall(r"^\|[^|]+\|[^|]+\| `([\w.]+)` \| \[(.+):(\d+)\]\((.+)\) \|$", PAGE, re.MULTILINE)


def definitions(body: list[ast.stmt], prefix: str = "") -> dict[str, int]:
    """The lines of all that a module and its classes define."""
    found: dict[str, int] = {}
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                found |= {prefix + name: node.lineno, **definitions(node.body, f"{name}.")}
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                found[prefix + name] = node.lineno
    return found


@pytest.mark.parametrize(("symbol", "path", "line", "link"), ROWS)
def test_a_line_holds_what_its_row_names(symbol: str, path: str, line: str, link: str) -> None:
    assert definitions(ast.parse((ROOT / path).read_text()).body).get(symbol) == int(line)
    assert link == f"../{path}#L{line}"


def test_every_row_is_read() -> None:
    table = [row for row in PAGE.splitlines() if row.startswith("| ")]
    assert len(ROWS) == len(table) - 1 > 10
