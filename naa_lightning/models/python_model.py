"""Networks that the user's own Python code makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import reason
from naa_lightning.models.network_source import NetworkSource
from naa_lightning.models.own_code import check_code, check_name_of_code, files_of, import_code


@dataclass(frozen=True, kw_only=True)
class PythonModel(NetworkSource):
    """Describes a network that the user's own code makes, with its weights unless `weights` names them.

    Args:
        function: "package.module:name" or "path/to/file.py:name" of a class or function that returns a module of torch,
            from normalised images of shape (B, 3, h, w), or as `ImageFormat` says, to logits of shape (B, num_classes).
        kwargs: The keyword arguments with which it is called.

    Raises:
        ValueError: The code is not named so, or it is not said which numbers the network takes.
    """

    function: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the code is named and the preprocessing given."""
        super().__post_init__()
        check_name_of_code(self.function)
        self.check_values()

    @property
    def files(self) -> Sequence[Path]:
        """The file of the code, and those beside it that it imports."""
        return files_of(self.function)

    def network(self, *, pretrained: bool) -> nn.Module:
        """Call the user's code.

        Raises:
            ModelError: It fails, or returns something else than a module.
        """
        code = import_code(self.function, self.name)
        try:
            network = code(**self.kwargs)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: {self.function} fails: {reason(error)}") from error
        if not isinstance(network, nn.Module):
            raise ModelError(
                f"{self.name}: {self.function} must return a torch.nn.Module, it returns {type(network).__name__}"
            )
        return network

    def check(self) -> None:
        """Check at once that the code is there, and the file of weights if there is one.

        Raises:
            ModelError: One is not.
        """
        check_code(self.function, self.name)
        super().check()

    def check_own_weights(self) -> None:
        """Nothing to fetch: the code brings its weights."""
