"""The models that adversarial images are tried on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from naa_lightning.models.defences import Defence
from naa_lightning.models.defences.chain import repeats_of
from naa_lightning.models.source import ModelSource


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model that is only asked for predictions, perhaps behind defences.

    Args:
        source: The description of the model, which builds it.
        defences: The defences by name, of which the first one meets an image first.

    Example:
        >>> from naa_lightning.models.black_box.callable_model import CallableModel
        >>> from naa_lightning.models.defences import BitDepth
        >>> Target(source=CallableModel(name="mine", function="mine.py:predict"), defences={"bits": BitDepth()}).name
        'mine+bits'
    """

    source: ModelSource
    defences: Mapping[str, Defence] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the target in tables and files."""
        return "+".join([self.source.name, *self.defences])

    @property
    def repeats(self) -> int:
        """The number of random draws for which each image is classified; 1 where no defence draws at random."""
        return repeats_of(self.defences.values())
