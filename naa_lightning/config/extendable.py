"""Nodes of the configuration that take keys which no file gives them, without `+` on the command line.

`surrogate.combine=` is said beside a list of surrogates, `training.KEY=` and `data.KEY=` beside a recipe that is known
only once a surrogate is chosen. Importing this module gives Hydra the group `extendable`.
"""

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

for name in ("surrogate", "training", "data"):
    node = OmegaConf.create({}, flags={"struct": False})
    ConfigStore.instance().store(group="extendable", name=name, node=node, package=name)
