"""A network in a file, with what one must know to ask it."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import BlackBox
from naa_lightning.models.black_box.output_format import OutputFormat
from naa_lightning.models.image_format import ImageFormat
from naa_lightning.models.source import ModelSource


@dataclass(frozen=True, kw_only=True)
class NetworkFile(ModelSource):
    """Describes a network in a file, that is asked for predictions only, without loading it.

    Args:
        name, num_classes: See `ModelSource`.
        path: The file.
        mean, std, value_range, channels, layout, input_size, interpolation, antialias: See `ImageFormat`.
        gives, first_class: See `OutputFormat`.
        output: Name or index of the output, for networks with several; None: the first.

    Raises:
        ValueError: A value is out of range, or values contradict each other.
    """

    suffixes: ClassVar[tuple[str, ...]]

    path: str
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    value_range: Sequence[float] | None = None
    channels: str | None = None
    layout: str | None = None
    input_size: Sequence[int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = False
    gives: str = "logits"
    first_class: int = 0
    output: int | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", str(Path(self.path).expanduser()))
        self.image_format()
        self.output_format()

    @property
    def files(self) -> Sequence[Path]:
        """The file of the network."""
        return [Path(self.path)]

    def image_format(self) -> ImageFormat:
        """Return how it takes images, as far as this description says."""
        return ImageFormat(**{field.name: getattr(self, field.name) for field in fields(ImageFormat)})

    def output_format(self) -> OutputFormat:
        """Return the format of what the network returns."""
        return OutputFormat(
            name=self.name,
            num_classes=self.num_classes,
            gives=self.gives,
            first_class=self.first_class,
            output=self.output,
        )

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
