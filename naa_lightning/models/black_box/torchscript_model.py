"""Networks in TorchScript files."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.batches import batch_sizes
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.network_file import NetworkFile
from naa_lightning.models.black_box.torchscript_code import UnsafeCodeError, check_code, checked_copy


@dataclass(frozen=True, kw_only=True)
class TorchScriptModel(NetworkFile):
    """A network that was saved by torch.jit; its layout is nchw and its channels are rgb unless said otherwise.

    Such a file is code. It is loaded only where it uses nothing but torch's operators that compute.

    Raises:
        ValueError: A value is out of range, or it is not said which numbers the network takes.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth", ".ts", ".jit", ".torchscript")

    def __post_init__(self) -> None:
        """Check that the file need not be asked how it takes images."""
        super().__post_init__()
        self.image_format().check_values("a TorchScript file")

    def check(self) -> None:
        """Check at once that the file is there and of the right kind, and that its code only computes.

        Raises:
            ModelError: It is not, or its code uses other operators.
        """
        super().check()
        with self._one_line():
            check_code(Path(self.path))

    def build(self) -> BlackBox:
        """Load the network; see `NetworkFile.build`. Code that `check` refuses is not run."""
        super().check()
        with self._one_line(), warnings.catch_warnings(action="ignore"):  # newer torch discourages TorchScript
            network = torch.jit.load(checked_copy(Path(self.path)), map_location="cpu")  # type: ignore[no-untyped-call]
        return BlackBox(
            TorchScriptNetwork(network),
            image_format=self.image_format(),
            output_format=self.output_format(),
            batch_sizes=batch_sizes((1, None), self.batch_size),
        ).eval()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except UnsafeCodeError as error:
            raise ModelError(
                f"{self.name}: {self.path} is refused: {error}; if you trust it, load it in Python code of your own"
            ) from error
        except Exception as error:  # a damaged file can fail in any way
            raise ModelError(f"{self.name}: {self.path} cannot be read as TorchScript: {reason(error)}") from error


class TorchScriptNetwork(nn.Module):
    """A TorchScript network, asked about in its own precision.

    Args:
        network: The network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: Tensor) -> Any:
        """Return what the network gives for a batch."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        element = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
        with warnings.catch_warnings(action="ignore"):
            return self.network(values.to(element))
