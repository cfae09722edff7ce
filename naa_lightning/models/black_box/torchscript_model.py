"""Networks in TorchScript files."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.network_file import NetworkFile


@dataclass(frozen=True, kw_only=True)
class TorchScriptModel(NetworkFile):
    """A network that was saved by torch.jit; its layout is nchw and its channels are rgb unless said otherwise.

    Raises:
        ValueError: A value is out of range, or it is not said which numbers the network takes.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth", ".ts", ".jit", ".torchscript")

    def __post_init__(self) -> None:
        """Check that the file need not be asked how it takes images."""
        super().__post_init__()
        if not self.image_format().says_values:
            raise ValueError(
                "a TorchScript file does not say which numbers it takes: give mean and std, for example "
                "mean=[0.485,0.456,0.406] std=[0.229,0.224,0.225], or value_range, for example value_range=[0,1]"
            )

    def build(self) -> BlackBox:
        """Load the network; see `NetworkFile.build`."""
        self.check()
        try:
            with warnings.catch_warnings(action="ignore"):  # newer torch discourages TorchScript at every use
                network = torch.jit.load(self.path, map_location="cpu")  # type: ignore[no-untyped-call]
        except Exception as error:  # a damaged file can fail in any way
            raise ModelError(f"{self.name}: {self.path} cannot be read as TorchScript: {reason(error)}") from error
        asked = TorchScriptNetwork(network, output=self.output)
        return BlackBox(asked, image_format=self.image_format(), output_format=self.output_format()).eval()


class TorchScriptNetwork(nn.Module):
    """A TorchScript network with one of its outputs.

    Args:
        network: The network, which returns a tensor, or several as a sequence or by name.
        output: Name or index; None: the first.
    """

    def __init__(self, network: nn.Module, *, output: int | str | None = None) -> None:
        super().__init__()
        self.network = network
        self.output = output

    def forward(self, values: Tensor) -> Any:
        """Return the output for a batch, which is asked about in the precision of the network.

        Raises:
            IndexError: There is no such output.
        """
        tensors = chain(self.network.parameters(), self.network.buffers())
        element = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
        with warnings.catch_warnings(action="ignore"):
            answer = self.network(values.to(element))
        return _chosen(answer, self.output)


def _chosen(answer: Any, output: int | str | None) -> Any:
    if isinstance(answer, Mapping):
        by_name = dict(answer)
    elif isinstance(answer, Sequence) and not isinstance(answer, str):
        by_name = dict(zip(getattr(answer, "_fields", range(len(answer))), answer, strict=True))
    else:
        by_name = {0: answer}
    if isinstance(output, str) and output in by_name:
        return by_name[output]
    if not isinstance(output, str) and 0 <= (output or 0) < len(by_name):
        return list(by_name.values())[output or 0]
    raise IndexError(f"there is no output {output!r}; it gives {', '.join(map(str, by_name)) or 'nothing'}")
