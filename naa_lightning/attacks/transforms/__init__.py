"""What the surrogate sees instead of the images, one transform a file."""

from naa_lightning.attacks.transforms.admix import Admix
from naa_lightning.attacks.transforms.block_shuffle import BlockShuffle
from naa_lightning.attacks.transforms.diverse_input import DiverseInput
from naa_lightning.attacks.transforms.scale_invariant import ScaleInvariant
from naa_lightning.attacks.transforms.spectrum import Spectrum
from naa_lightning.attacks.transforms.structure_invariant import StructureInvariant
from naa_lightning.attacks.transforms.transform import Transform, copies_of, transformed

__all__ = [
    "Admix",
    "BlockShuffle",
    "DiverseInput",
    "ScaleInvariant",
    "Spectrum",
    "StructureInvariant",
    "Transform",
    "copies_of",
    "transformed",
]
