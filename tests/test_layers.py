"""Who may import whom: imports go down the storeys, and the plain PyTorch parts know no framework.

`python -m tests.test_layers` prints what each room imports.
"""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "naa_lightning"

GROUND = {
    *("exceptions", "rng", "validation", "atomic", "identity", "short_names", "shipped"),
    *("standard_streams", "told_once"),
}
PLAIN = {
    *("class_names", "image_file", "image_folder", "exports"),
    *("models", "attribution", "attacks", "metrics", "training"),
}
NOTEBOOK = {"library"}  # as plain, above all of it
# From the ground up, each package with those that it may import, besides the ground.
MAY_IMPORT: dict[str, set[str]] = {
    "class_names": set(),
    "image_file": set(),
    "image_folder": {"image_file"},
    "models": set(),
    "attribution": {"models"},
    "attacks": {"models", "attribution"},
    "metrics": {"attribution"},
    "training": {"models", "attacks"},
    "library": {"class_names", "image_file", "image_folder", "models", "attribution", "attacks", "metrics"},
    "engine": {"models"},
    "exports": {"image_file"},
    "data": {"class_names", "image_file", "image_folder", "models"},
    "records": {"metrics", "data"},
    "distributed": set(),
    "modules": {"models", "attribution", "attacks", "metrics", "training", "engine", "data", "records"},
    "callbacks": {"image_file", "models", "attribution", "metrics", "data", "records", "distributed", "modules"},
    "config": {"image_file", "models", "attribution", "attacks", "training", "engine", "exports"},
    "report": {"class_names", "models", "metrics", "records"},
    "loggers": {"models", "records", "report"},
    "runs": PLAIN - {"image_file"}
    | {"engine", "data", "records", "distributed", "modules", "callbacks", "config", "report", "loggers"},
    "sweeps": {"records", "distributed", "config", "report"},
    "cli": {"exports", "models", "metrics", "data", "distributed", "records", "modules", "config", "report", "loggers"}
    | {"runs", "sweeps"},
}
DOORS = {"__init__", "__main__"}  # through which all is reached
FRAMEWORKS = {"pytorch_lightning", "lightning_fabric", "lightning", "hydra", "omegaconf", "wandb"}
KNOWS_HYDRA = {"config", "sweeps", "cli"}
KNOWS_WANDB = {"loggers"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported(path: Path) -> frozenset[str]:
    """Everything that a file imports, by full name, also where it does so in a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def arrows() -> dict[str, set[str]]:
    """Which rooms of the package each room imports."""
    found: dict[str, set[str]] = {}
    for path in files():
        room = room_of(path)
        own = {name.split(".")[1] for name in imported(path) if name.startswith("naa_lightning.")}
        found.setdefault(room, set()).update(own & (GROUND | MAY_IMPORT.keys()) - {room})
    return found


def test_pages_know_sweeps_and_both_the_rest_of_reports_but_not_the_other_way() -> None:
    for path in (PACKAGE / "report").rglob("*.py"):
        storey = path.relative_to(PACKAGE / "report").parts[0]
        above = {"page": (), "sweep": ("page",)}.get(storey, ("page", "sweep"))
        for name in imported(path):
            assert not name.startswith(tuple(f"naa_lightning.report.{room}." for room in above)), (
                f"{path} imports {name}"
            )


def test_every_room_has_its_place() -> None:
    rooms = {room_of(path) for path in files()} - DOORS
    assert rooms == GROUND | MAY_IMPORT.keys()


def test_the_places_have_no_ring() -> None:
    """Each may import only what stands above it in the table."""
    below: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert allowed <= below, f"{room} may import {allowed - below}, which stands above it"
        below.add(room)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(path)
    if room in DOORS:
        return
    allowed = set() if room in GROUND else GROUND | MAY_IMPORT[room] | {room}
    for name in imported(path):
        top, _, rest = name.partition(".")
        own = rest.partition(".")[0]
        if top == "naa_lightning" and own != "__version__":
            assert own in allowed, f"{path} imports {name}"
        if top in FRAMEWORKS:
            assert room not in PLAIN | NOTEBOOK | GROUND | {"records", "report"}, f"{path} imports {name}"
        if top in {"hydra", "omegaconf"}:
            assert room in KNOWS_HYDRA, f"{path} imports {name}"
        if top == "wandb":
            assert room in KNOWS_WANDB, f"{path} imports {name}"


def test_the_table_holds_nothing_that_is_not_used() -> None:
    """What a room may import, it does."""
    found = arrows()
    assert {room: allowed - found.get(room, set()) for room, allowed in MAY_IMPORT.items()} == {
        room: set() for room in MAY_IMPORT
    }


def table() -> str:
    """The rooms from the top storey down, each with those that it imports."""
    found = arrows()
    rooms = [*reversed(MAY_IMPORT), *sorted(GROUND)]
    lines = [f"{room:12} -> {', '.join(other for other in rooms if other in found.get(room, ()))}" for room in rooms]
    return "\n".join([*lines, f"{len(rooms)} rooms, {sum(map(len, found.values()))} arrows"])


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
