"""How many operations per second the device reaches where nothing else is asked of it."""

import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn import functional as F

from tests.benchmarks.contenders import DTYPES

REPEATS = 7
# Of a 3x3 convolution: images, channels in and out, side. Of a matrix product: rows and columns.
CONVOLUTIONS = {"cpu": [(8, 256, 32), (8, 64, 96)], "cuda": [(64, 512, 56), (256, 256, 28)]}
PRODUCTS = {"cpu": [1024, 2048], "cuda": [4096, 8192]}


def measured_peak(device: str) -> dict[str, dict[str, float]]:
    """Return FLOP/s of the best shape, by precision and by "conv2d" (channels last) or "matmul".

    Each shape's is the median of several runs; a multiplication and its addition are two operations.
    """
    return {
        precision: {
            "conv2d": max(_convolution(*shape, dtype, device) for shape in CONVOLUTIONS[device]),
            "matmul": max(_product(side, dtype, device) for side in PRODUCTS[device]),
        }
        for precision, dtype in DTYPES.items()
    }


def _convolution(images: int, channels: int, side: int, dtype: torch.dtype, device: str) -> float:
    inputs = torch.randn(images, channels, side, side, dtype=dtype, device=device)
    weights = torch.randn(channels, channels, 3, 3, dtype=dtype, device=device)
    inputs, weights = (tensor.to(memory_format=torch.channels_last) for tensor in (inputs, weights))
    operations = 2 * images * side**2 * channels**2 * 9
    return operations / _seconds(lambda: F.conv2d(inputs, weights, padding=1), device)


def _product(side: int, dtype: torch.dtype, device: str) -> float:
    left, right = torch.randn(2, side, side, dtype=dtype, device=device)
    return 2 * side**3 / _seconds(lambda: left @ right, device)


def _seconds(work: Callable[[], object], device: str) -> float:
    times = []
    with torch.no_grad():
        for _ in range(2 + REPEATS):
            synchronise(device)
            start = time.perf_counter()
            work()
            synchronise(device)
            times.append(time.perf_counter() - start)
    return median(times[2:])


def float32_as_such() -> None:
    """Let a GPU multiply float32 numbers without rounding them to TensorFloat-32, as torch's convolutions else do."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def synchronise(device: str) -> None:
    """Wait until the device has done all that it was asked."""
    if device == "cuda":
        torch.cuda.synchronize()
