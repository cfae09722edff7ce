"""Running a surrogate fast, and within the memory, while images are crafted."""

from naa_lightning.engine.compiling import compile_submodules
from naa_lightning.engine.engine import Engine
from naa_lightning.engine.folding import fold_batch_norms
from naa_lightning.engine.memory import saved_tensor_bytes

__all__ = ["Engine", "compile_submodules", "fold_batch_norms", "saved_tensor_bytes"]
