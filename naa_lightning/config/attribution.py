"""From `attribution` of a configuration to the exact method and its options."""

from functools import partial
from pathlib import Path
from typing import Any

from naa_lightning.attribution import BASELINES, OUTPUTS, Attribution, Baseline, Conductance, attribute, image_baseline
from naa_lightning.attribution import Path as IntegrationPath
from naa_lightning.config.schema import AttributionNode
from naa_lightning.exceptions import UserError
from naa_lightning.image_file import read_image


def compose_attribution(node: AttributionNode) -> tuple[Conductance, partial[Attribution]]:
    """Return the exact method, and `attribute` with the output, baseline and bound on memory of a configuration.

    Args:
        node: The options of exact attribution.

    Raises:
        UserError: The path is refused, or the baseline is not known.
    """
    try:
        exact = Conductance(path=IntegrationPath(rule=node.rule, points=node.path_points, noise=0.0))
    except ValueError as error:
        raise UserError(f"attribution: {error}") from error
    options: dict[str, Any] = {
        "output": OUTPUTS[node.output],
        "baseline": _baseline(node.baseline),
        "baselines": node.baselines,
        "images_per_pass": node.images_per_pass,
    }
    return exact, partial(attribute, **options)


def _baseline(name: str) -> Baseline:
    if name in BASELINES:
        return BASELINES[name]
    if not Path(name).is_file():
        raise UserError(f"attribution.baseline must be {', '.join(BASELINES)} or an image file, got {name!r}")
    return image_baseline(read_image(Path(name)).float() / 255)
