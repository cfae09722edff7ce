"""Several surrogates by a list of their names: `surrogate=[a,b]`."""

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from naa_lightning.exceptions import UserError


def listed_surrogates() -> list[str]:
    """Return the names in the list that `surrogate` was chosen by, none where it is a single name."""
    hydra = HydraConfig.get()
    if "surrogate" in hydra.runtime.choices:
        return []
    loader = GlobalHydra.instance().config_loader()
    chosen = loader.compute_defaults_list(hydra.job.config_name, _overrides(), RunMode.RUN).defaults
    return [
        default.config_path.removeprefix("surrogate/")
        for default in chosen
        if default.parent == hydra.job.config_name
        and default.package == "surrogate"
        and default.config_path.startswith("surrogate/")
    ]


def separate_members(config: DictConfig) -> None:
    """Give each surrogate of a list a node of its own among `surrogate.members`; Hydra merges lists into one node.

    Args:
        config: The composed configuration, whose `surrogate` is replaced.

    Raises:
        UserError: A surrogate is listed twice.
    """
    names = listed_surrogates()
    if not names:
        return
    if len(set(names)) < len(names):
        raise UserError(f"surrogate=[{','.join(names)}] names one of them twice")
    overrides = [
        f"surrogate.name={'+'.join(names)}",
        *_overrides(),
        "surrogate=ensemble",
        *(f"+surrogate@surrogate.members.{name}={name}" for name in names),
    ]
    separate = compose(HydraConfig.get().job.config_name, overrides).surrogate
    # what presets say of members stands before the members themselves, and is to win
    config.surrogate = OmegaConf.merge(separate, {"members": config.surrogate.get("members", {})})


def _overrides() -> list[str]:
    """Return the overrides of this job, without what a sweep varies."""
    given = HydraConfig.get().overrides
    parsed = OverridesParser.create().parse_overrides([*given.hydra, *given.task])
    return [str(override.input_line) for override in parsed if not override.is_sweep_override()]
