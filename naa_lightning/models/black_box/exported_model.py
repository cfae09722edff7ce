"""Networks in files of torch.export."""

import logging
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from naa_lightning.exceptions import ModelError
from naa_lightning.models.batches import batch_sizes, of_type
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.file_format import completed
from naa_lightning.models.black_box.network_file import NetworkFile


@dataclass(frozen=True, kw_only=True)
class ExportedModel(NetworkFile):
    """A network that was saved by torch.export; layout, size, batch sizes and element type are those of its input.

    Loading such a file may run any code that it holds: torch unpickles parts of it, and has no other way.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".pt2",)

    def __post_init__(self) -> None:
        """Check that the file need not be asked which numbers it takes."""
        super().__post_init__()
        self.image_format().check_values("a file of torch.export")

    def check(self) -> None:
        """Check at once that the file is there and of the right kind.

        Raises:
            ModelError: It is not.
        """
        super().check()
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = archive.namelist()
        except (OSError, zipfile.BadZipFile) as error:
            raise self._unreadable(reason(error)) from error
        if not any(name.endswith("/models/model.json") for name in names):
            raise self._unreadable("it holds no models/model.json; export the network anew with torch 2.8 or later")

    def build(self) -> BlackBox:
        """Load the network; see `NetworkFile.build`."""
        self.check()
        try:
            with _silent():
                network = ExportedNetwork(torch.export.load(self.path))
            image_format = completed(self.image_format(), shape=network.shape, element=network.element, metadata={})
            sizes = batch_sizes(network.batch_sizes, self.batch_size)
        except ValueError as error:
            raise ModelError(f"{self.name}, {self.path}: {error}") from error
        except Exception as error:  # a damaged file can fail in any way
            raise self._unreadable(reason(error)) from error
        return BlackBox(
            network,
            image_format=image_format,
            output_format=self.output_format(),
            batch_sizes=sizes,
        ).eval()

    def _unreadable(self, why: str) -> ModelError:
        return ModelError(f"{self.name}: {self.path} cannot be read as a file of torch.export: {why}")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep torch.export from logging the traceback of what it raises as well."""
    logger = logging.getLogger("torch.export")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


class ExportedNetwork(nn.Module):
    """An exported network.

    It stays in the mode and precision in which it was exported, and follows the images from device to device.

    Args:
        program: The network, which follows the images from device to device.

    Attributes:
        shape: The shape of the input: numbers, or names where others will do as well.
        element: The type of the input's elements.
        batch_sizes: The smallest and the largest number of images that it takes at once; None for no limit.

    Raises:
        ValueError: It does not take one tensor.
    """

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        inputs = program.graph_signature.user_inputs
        if len(inputs) != 1:
            raise ValueError(f"takes {', '.join(map(str, inputs)) or 'nothing'}, expected one input, images")
        example = next(node.meta["val"] for node in program.graph.nodes if node.name == inputs[0])
        if not isinstance(example, Tensor):
            raise ValueError(f"takes {type(example).__name__}, expected a tensor")
        self.shape: Sequence[int | str] = [
            length if isinstance(length, int) else str(length) for length in example.shape
        ]
        self.element = example.dtype
        self.batch_sizes = _batch_sizes(program, self.shape)
        self.program, self._device = program, example.device
        self._ask = partial(program.module())  # no submodule: it can neither be moved nor told that it is not training

    def forward(self, values: Tensor) -> Any:
        """Return what the network gives for a batch."""
        if values.device != self._device:
            self.program, self._device = move_to_device_pass(self.program, values.device), values.device
            self._ask = partial(self.program.module())
        return self._ask(of_type(values, self.element))


def _batch_sizes(program: ExportedProgram, shape: Sequence[int | str]) -> tuple[int, int | None]:
    """Return the smallest and the largest batch that a network takes; None for no limit."""
    length = next(iter(shape), 1)
    if isinstance(length, int):
        return length, length
    limits = {str(symbol): limits for symbol, limits in program.range_constraints.items()}.get(length)
    if limits is None:
        return 1, None
    return max(int(limits.lower), 1), int(limits.upper) if limits.upper.is_Integer else None
