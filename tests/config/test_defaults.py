"""Defaults that stand both in the configuration and in a signature are the same."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from tests.experiments import CONF

FOLDERS = ("attack/objective", "attack/update*", "attack/transforms", "attack/smoothing", "attack/budget", "defence*")
FILES = [path for folder in (*FOLDERS, "study") for path in sorted(CONF.glob(f"{folder}/**/*.yaml"))]
BUDGET = "naa_lightning.attacks.Budget"  # which the schema names, not the file

# What a file says otherwise than the signature, on purpose.
OTHERWISE = {
    ("attack/budget/l2.yaml", "norm"),  # this is the file of the other norm,
    ("attack/budget/l2.yaml", "eps"),  # in which budgets are of another size
}


def parts(node: Any) -> Iterator[Mapping[str, Any]]:
    """The nodes that name their class, at any depth."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node
        for child in node.values():
            yield from parts(child)


def stated_twice(path: Any) -> Iterator[tuple[str, Any, Any]]:
    """The keys of a file that have a default in Python, with both values; not parts of their own."""
    node = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    if path.parent.name == "budget" and isinstance(node, dict):
        node = {"_target_": BUDGET, **node}
    for part in parts(node):
        for key, parameter in inspect.signature(get_class(part["_target_"])).parameters.items():
            if key in part and parameter.default is not parameter.empty and not isinstance(part[key], Mapping):
                default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
                yield key, part[key], default


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_a_default_is_the_same_in_both_places(path: Any) -> None:
    name = str(path.relative_to(CONF))
    for key, configured, default in stated_twice(path):
        assert (configured != default) == ((name, key) in OTHERWISE), f"{name}: {key} is {configured}, not {default}"


def test_the_files_are_found() -> None:
    assert sum(1 for path in FILES for _ in stated_twice(path)) > 40
