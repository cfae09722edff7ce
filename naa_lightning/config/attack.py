"""From `attack` of a configuration to the attack."""

from typing import Any

from naa_lightning.attacks import Attack, Budget, Objective, Smoothing, Transform, Update
from naa_lightning.config.building import build, build_part
from naa_lightning.config.schema import AttackNode
from naa_lightning.exceptions import UserError


def compose_attack(node: AttackNode) -> Attack:
    """Join an attack's parts.

    Args:
        node: The attack as the configuration names its parts.

    Raises:
        UserError: A part refuses its configuration, or parts do not go together.
    """
    parts: dict[str, Any] = {
        "objective": build_part(Objective, node.objective, "attack.objective"),
        "transforms": [
            build_part(Transform, part, f"attack.transforms.{name}") for name, part in node.transforms.items()
        ],
        "smoothing": node.smoothing and build_part(Smoothing, node.smoothing, "attack.smoothing"),
        "update": build_part(Update, node.update_rule, "attack.update_rule"),
        "budget": build(Budget, node.budget, "attack.budget"),
        "targeted": node.targeted,
        "temperature": node.temperature,
    }
    try:
        return Attack(**parts)
    except ValueError as error:
        raise UserError(f"attack: {error}") from error
