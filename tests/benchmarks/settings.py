"""What every contender is given."""

from dataclasses import dataclass
from functools import cached_property

import torch

from naa_lightning.config.building import build_part, plain_values
from naa_lightning.exceptions import UserError
from naa_lightning.models.library_model import LibraryModel
from tests.experiments import NETWORKS, composed

EPS = 16 / 255
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One measurement's settings; budget and seed are the same for all.

    Args:
        network: A file of `conf/surrogate/`, which says architecture, attacked layer and image size.
        images: Per run.
        points: N, on NAA's path; also FIA's masks.
        steps: T.
        device: "cpu" or "cuda".

    Raises:
        UserError: A value is out of range, or there is no such network or device.
    """

    network: str = "inception_v3"
    images: int = 4
    points: int = 30
    steps: int = 10
    device: str = "cpu"

    def __post_init__(self) -> None:
        for key in ("images", "points", "steps"):
            if getattr(self, key) < 1:
                raise UserError(f"--{key} must be at least 1, got {getattr(self, key)}")
        if self.network not in NETWORKS:
            raise UserError(f"--network must be one of {', '.join(NETWORKS)}, got {self.network}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UserError("--device cuda: torch finds no GPU here; leave it out or give --device cpu")

    @cached_property
    def source(self) -> LibraryModel:
        """The network's description, as `attack.py surrogate=` composes it."""
        node = plain_values(composed(f"surrogate={self.network}"))["surrogate"]
        return build_part(LibraryModel, node, "surrogate")

    @property
    def layers(self) -> list[str]:
        """The attacked layers, by name."""
        layer = self.source.layer or []
        return [layer] if isinstance(layer, str) else list(layer)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        size = self.source.input_size or self.source.published().input_size
        assert size is not None, "every network of the configuration names one"
        return size[0], size[1]
