"""What Hydra 1.4 and OmegaConf 2.4 have under other names than Hydra 1.3 and OmegaConf 2.3."""

import inspect
from collections.abc import Callable
from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import OmegaConf


def _whitelist(function: Callable[..., Any], *packages: str) -> dict[str, Any]:
    """Return the argument that tells one of Hydra's functions what it may build; Hydra 1.3 has none."""
    names = [name for name in inspect.signature(function).parameters if name.strip("_").endswith("whitelist")]
    return {name: [f"{package}.*" for package in packages] for name in names}


INSTANTIATE_OPTIONS = _whitelist(instantiate, "pytorch_lightning")
"""Arguments of `hydra.utils.instantiate`."""

VERSION_BASE: dict[str, str] = {} if INSTANTIATE_OPTIONS else {"version_base": "1.3"}
"""Arguments that choose how Hydra behaves: 1.4 deprecates them and behaves as "1.3" without."""

MAIN_OPTIONS = _whitelist(hydra.main, "naa_lightning", "optuna") | VERSION_BASE
"""Arguments of `hydra.main`."""

register_resolver: Callable[..., None] = (
    OmegaConf.register_resolver
    if "replace" in inspect.signature(OmegaConf.register_resolver).parameters
    else OmegaConf.register_new_resolver
)
"""Registers a resolver, or with `replace=True` another in its place."""
