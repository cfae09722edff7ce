"""How a surrogate is run while images are crafted: as fast as the device allows."""

from naa_lightning.engine.compiling import compile_parts
from naa_lightning.engine.engine import Engine
from naa_lightning.engine.folding import fold_batch_norms
from naa_lightning.engine.fusing import FusedLayers
from naa_lightning.engine.memory import kept_bytes

__all__ = ["Engine", "FusedLayers", "compile_parts", "fold_batch_norms", "kept_bytes"]
