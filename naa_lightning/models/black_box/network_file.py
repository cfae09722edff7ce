"""A network in a file, with what one must know to ask it."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox
from naa_lightning.models.formatted_source import FormattedSource
from naa_lightning.models.image_format import ImageFormat


@dataclass(frozen=True, kw_only=True)
class NetworkFile(FormattedSource):
    """Describes a network in a file, that is asked for predictions only, without loading it.

    Args:
        path: The file.
        **others: See `FormattedSource`.

    Raises:
        ValueError: A value is out of range, or values contradict each other.
    """

    suffixes: ClassVar[tuple[str, ...]]

    path: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", str(Path(self.path).expanduser()))
        self.image_format()

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network."""
        return [Path(self.path)]

    def image_format(self) -> ImageFormat:
        """Return how it takes images, as far as this description says."""
        return ImageFormat(**self.image_options())

    def check(self) -> None:
        """Check at once that the file is there and of the right kind.

        Raises:
            ModelError: It is not.
        """
        path = Path(self.path)
        if path.suffix.lower() not in self.suffixes:
            raise ModelError(f"{self.name}: the file {path} is refused: expected {' or '.join(self.suffixes)}")
        if not path.is_file():
            raise ModelError(f"{self.name}: there is no file {path}; correct `path`")

    @abstractmethod
    def build(self) -> BlackBox:
        """Load the network.

        Raises:
            ModelError: It cannot be loaded, or is of a kind that cannot be asked.
        """
