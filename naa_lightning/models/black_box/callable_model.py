"""The user's own Python code as a model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.output_format import OutputFormat
from naa_lightning.models.image_format import ImageFormat
from naa_lightning.models.own_code import check_code, check_name_of_code, files_of, import_code
from naa_lightning.models.source import ModelSource
from naa_lightning.validation import check_at_least


@dataclass(frozen=True, kw_only=True)
class CallableModel(ModelSource):
    """Describes Python code that is called with images and returns predictions, without running it.

    It is called without gradients, with images (B, 3, H, W), float32 in [0, 1], red first, on the device that is in
    use, and returns (B, num_classes) numbers as a tensor, a NumPy array or a nested list, or several outputs with them.

    Args:
        name, num_classes: See `ModelSource`.
        function: "package.module:name" or "path/to/file.py:name". A class is instantiated once with the arguments and
            the instance is called; anything else gets the arguments at every call. A module of torch is put in
            evaluation mode and moves to the device.
        kwargs: The keyword arguments of the code.
        gives, first_class, output: See `OutputFormat`.
        batch_size: The only number of images with which it is called; None for any.

    Raises:
        ValueError: A value is out of range.
    """

    function: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    gives: str = "logits"
    first_class: int = 0
    output: int | str | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name_of_code(self.function)
        if self.batch_size is not None:
            check_at_least("batch_size", self.batch_size, 1)
        self.output_format()

    @property
    def files(self) -> Sequence[Path]:
        """The file of the code."""
        return files_of(self.function)

    def output_format(self) -> OutputFormat:
        """Return the format of what the code returns."""
        return OutputFormat(
            name=self.name,
            num_classes=self.num_classes,
            gives=self.gives,
            first_class=self.first_class,
            output=self.output,
        )

    def check(self) -> None:
        """Check at once that the file or module is there.

        Raises:
            ModelError: It is not.
        """
        check_code(self.function, self.name)

    def build(self) -> BlackBox:
        """Import the code.

        Raises:
            ModelError: It cannot be imported, or it is nothing that can be called.
        """
        found = import_code(self.function, self.name)
        if not isclass(found):
            return self._asking(found, self.kwargs)
        try:
            instance = found(**self.kwargs)
        except (Exception, SystemExit) as error:
            module, _, name = self.function.rpartition(":")
            raise ModelError(f"{self.name}: {name} of {module} cannot be created: {reason(error)}") from error
        return self._asking(instance, {})

    def _asking(self, function: Any, kwargs: Mapping[str, Any]) -> BlackBox:
        if not callable(function):
            raise ModelError(f"{self.name}: {self.function} is {type(function).__name__}, which cannot be called")
        return BlackBox(
            CallableNetwork(function, kwargs),
            image_format=ImageFormat(),
            output_format=self.output_format(),
            batch_sizes=(self.batch_size or 1, self.batch_size),
        ).eval()


class CallableNetwork(nn.Module):
    """What is called with images, as a module of torch.

    Args:
        function: The code that is called; a module of torch moves with this one.
        kwargs: The keyword arguments of every call.
    """

    def __init__(self, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.function = function
        self.kwargs = kwargs

    def forward(self, images: Tensor) -> Any:
        """Return what it returns."""
        return self.function(images.float(), **self.kwargs)
