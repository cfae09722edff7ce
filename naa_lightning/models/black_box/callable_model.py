"""The user's own Python code as a model."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox, reason
from naa_lightning.models.black_box.image_format import ImageFormat
from naa_lightning.models.black_box.output_format import OutputFormat
from naa_lightning.models.source import ModelSource


@dataclass(frozen=True, kw_only=True)
class CallableModel(ModelSource):
    """Describes Python code that is called with images and returns predictions, without running it.

    It is called without gradients, with images (B, 3, H, W), float32 in [0, 1], red first, on the device that is in
    use, and returns (B, num_classes) numbers as a tensor, a NumPy array or a nested list.

    Args:
        name, num_classes: See `ModelSource`.
        function: "package.module:name" or "path/to/file.py:name". A class is instantiated once with the arguments and
            the instance is called; anything else gets the arguments at every call. A module of torch is put in
            evaluation mode and moves to the device.
        arguments: The keyword arguments of the code.
        gives: See `OutputFormat`.

    Raises:
        ValueError: A value is out of range.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    gives: str = "logits"

    def __post_init__(self) -> None:
        module, _, name = self.function.rpartition(":")
        if not module or not name.isidentifier():
            raise ValueError(f"function must be package.module:name or path/to/file.py:name, got {self.function!r}")
        self.output_format()

    def output_format(self) -> OutputFormat:
        """Return the format of what the code returns."""
        return OutputFormat(name=self.name, num_classes=self.num_classes, gives=self.gives)

    def check(self) -> None:
        """Check at once that the file or module is there; a module's packages are imported, itself it is not.

        Raises:
            ModelError: It is not.
        """
        module = self.function.rpartition(":")[0]
        if module.endswith(".py"):
            if not Path(module).is_file():
                raise ModelError(f"{self.name}: there is no file {module}; correct `function`")
            return
        try:
            found = find_spec(module)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: the module {module} cannot be found: {reason(error)}") from error
        if found is None:
            raise ModelError(
                f"{self.name}: there is no module {module}; correct `function`, install it, or name a file "
                "(path/to/file.py:name)"
            )

    def build(self) -> BlackBox:
        """Import the code.

        Raises:
            ModelError: It cannot be imported, or it is nothing that can be called.
        """
        self.check()
        module, _, name = self.function.rpartition(":")
        try:
            code = _load_file(Path(module)) if module.endswith(".py") else import_module(module)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: {module} cannot be imported: {reason(error)}") from error
        found = getattr(code, name, None)
        if found is None:
            raise ModelError(f"{self.name}: there is no {name} in {module}; correct `function`")
        if not isclass(found):
            return self._asking(found, self.arguments)
        try:
            instance = found(**self.arguments)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: {name} of {module} cannot be created: {reason(error)}") from error
        return self._asking(instance, {})

    def _asking(self, function: Any, arguments: Mapping[str, Any]) -> BlackBox:
        if not callable(function):
            raise ModelError(f"{self.name}: {self.function} is {type(function).__name__}, which cannot be called")
        network = CallableNetwork(function, arguments)
        return BlackBox(network, image_format=ImageFormat(), output_format=self.output_format()).eval()


class CallableNetwork(nn.Module):
    """What is called with images, as a module of torch.

    Args:
        function: The code that is called; a module of torch moves with this one.
        arguments: The keyword arguments of every call.
    """

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.function = function
        self.arguments = arguments

    def forward(self, images: Tensor) -> Any:
        """Return what it returns."""
        return self.function(images.float(), **self.arguments)


def _load_file(path: Path) -> ModuleType:
    """Run a file as a module whose name no other has, so that its folder need not be on the path."""
    digest = sha256(str(path.resolve()).encode()).hexdigest()[:16]
    spec = spec_from_file_location(f"naa_lightning_callable_{path.stem}_{digest}", path)
    assert spec is not None, "it ends in .py"
    assert spec.loader is not None, "it ends in .py"
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
