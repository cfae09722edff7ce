"""Networks that the user's own Python code makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import reason
from naa_lightning.models.classifier_source import ClassifierSource, Preprocessing
from naa_lightning.models.own_code import check_code, check_name_of_code, files_of, import_code


@dataclass(frozen=True, kw_only=True)
class PythonModel(ClassifierSource):
    """Describes a network that the user's own code makes, with its weights unless `weights` names them.

    Args:
        function: "package.module:name" or "path/to/file.py:name" of a class or function that returns a module of torch,
            from normalised images of shape (B, 3, h, w) to logits of shape (B, num_classes).
        arguments: The keyword arguments with which it is called.

    Raises:
        ValueError: The code is not named so, or mean and std are not given.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = field(init=False, default="python")

    def __post_init__(self) -> None:
        """Check that the code is named and the preprocessing given."""
        super().__post_init__()
        check_name_of_code(self.function)
        if self.mean is None or self.std is None:
            raise ValueError(
                "mean and std must be given, of images in [0, 1]; [0, 0, 0] and [1, 1, 1] for a network that "
                "normalises by itself"
            )

    @property
    def files(self) -> Sequence[Path]:
        """The file of the code."""
        return files_of(self.function)

    def network(self, *, pretrained: bool) -> nn.Module:
        """Call the user's code.

        Raises:
            ModelError: It fails, or returns something else than a module.
        """
        code = import_code(self.function, self.name)
        try:
            network = code(**self.arguments)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: {self.function} fails: {reason(error)}") from error
        if not isinstance(network, nn.Module):
            raise ModelError(
                f"{self.name}: {self.function} must return a torch.nn.Module, it returns {type(network).__name__}"
            )
        return network

    def published(self) -> Preprocessing:
        """Return what this description says; without an `input_size`, images keep theirs."""
        assert self.mean is not None
        assert self.std is not None
        return Preprocessing(mean=self.mean, std=self.std, input_size=self.input_size, num_classes=self.num_classes)

    def check(self) -> None:
        """Check at once that the code is there, and the file of weights if there is one.

        Raises:
            ModelError: One is not.
        """
        check_code(self.function, self.name)
        super().check()

    def check_published_weights(self) -> None:
        """Nothing to fetch: the code brings its weights."""
