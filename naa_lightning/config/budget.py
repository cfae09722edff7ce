"""What a run's budget means for images that are saved with 8 bits, and whether its numbers belong to its norm."""

import logging
import re

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from naa_lightning.attacks import Budget
from naa_lightning.exceptions import UserError

log = logging.getLogger(__name__)

_LINF_EPS = "16/255"  # of conf/attack/budget/linf.yaml


def check_norm(config: DictConfig, hydra: HydraConf) -> None:
    """Check that a budget in L2 does not have the eps of L-infinity, which is a hundredth of what L2 needs.

    Args:
        config: The composed configuration.
        hydra: Hydra's own part of it.

    Raises:
        UserError: The norm alone was changed.
    """
    budget, words = OmegaConf.select(config, "attack.budget"), hydra.overrides.task
    if (
        not isinstance(budget, DictConfig)
        or budget.get("norm") != "l2"
        or hydra.runtime.choices.get("attack/budget") == "l2"
    ):
        return
    if any(re.match(r"\+{0,2}attack\.budget\.eps=", word) for word in words):
        return
    alone = any(re.match(r"\+{0,2}attack\.budget\.norm=", word) for word in words)
    if alone or budget.get("eps") == _LINF_EPS:
        raise UserError(
            f"attack.budget.norm=l2 leaves attack.budget.eps={budget.get('eps')}, which is meant for L-infinity: give "
            "attack/budget=l2, whose eps is 5.0, or an eps beside the norm, such as attack.budget.eps=3.0"
        )


def check_levels(budget: Budget, eps: float | str) -> None:
    """Check that a budget lets saved images change, and tell where they change by less than it says.

    Args:
        budget: The budget.
        eps: Its eps as the configuration writes it.

    Raises:
        UserError: No image would change.
    """
    levels, smallest = budget.whole_levels, {"linf": "1/255", "l2": "0.004"}[budget.norm]
    if levels == 0:
        raise UserError(
            f"attack.budget.eps={eps} changes no image: images are saved with 8 bits, whose levels are 1/255 apart; "
            f"give at least {smallest}"
        )
    if budget.norm == "linf" and abs(levels - 255 * budget.eps) > 1e-6:
        log.warning(
            "attack.budget.eps=%s acts as %d/255: images are saved with 8 bits, whose levels are 1/255 apart",
            eps,
            levels,
        )
