"""What the numbers were measured on."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

# Matrix units and vector lengths, by the names that Linux gives them.
_TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "sve", "bf16")
_LIBRARIES = ("torch", "torchvision", "timm", "torchattack", "pytorch-lightning")


def machine(device: str) -> dict[str, Any]:
    """Describe the processor, the device and the libraries."""
    said = _of_the_processor()
    model = said.get("model name") or platform.processor() or platform.machine()
    flags = (said.get("flags") or said.get("Features") or "").split()
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else model,
        "cpu": model,
        "cpu_flags": [flag for flag in _TELLING_FLAGS if flag in flags],
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {library: version(library) for library in _LIBRARIES},
    }


def _of_the_processor() -> dict[str, str]:
    """Return what Linux says of the first core; nothing elsewhere."""
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return {}
    first = file.read_text(encoding="utf-8").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
