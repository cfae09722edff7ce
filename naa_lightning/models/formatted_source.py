"""Where a network comes from, with how it takes images and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from naa_lightning.models.black_box.output_format import OutputFormat
from naa_lightning.models.image_format import ImageFormat
from naa_lightning.models.source import ModelSource
from naa_lightning.validation import check_at_least


@dataclass(frozen=True, kw_only=True)
class FormattedSource(ModelSource):
    """Describes a network whose images and answers may have other formats than ours, without loading it.

    Args:
        name, num_classes: See `ModelSource`.
        mean, std, value_range, channels, layout, input_size, interpolation, antialias: See `ImageFormat`.
        batch_size: The only number of images that the network takes at once; None for any, or what its file says.
        output: The name or index of the output, of several; see `naa_lightning.models.chosen_output`.
        gives, first_class: See `naa_lightning.models.logits.logits_of`.

    Raises:
        ValueError: A value is out of range.
    """

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    value_range: Sequence[float] | None = None
    channels: str | None = None
    layout: str | None = None
    input_size: Sequence[int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = False
    batch_size: int | None = None
    output: int | str | None = None
    gives: str = "logits"
    first_class: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.output_format()
        if self.batch_size is not None:
            check_at_least("batch_size", self.batch_size, 1)

    def image_options(self) -> Mapping[str, Any]:
        """Return how the network takes images, as the arguments of `ImageFormat`.

        Raises:
            ModelError: Nothing says it.
        """
        return {field.name: getattr(self, field.name) for field in fields(ImageFormat)}

    def output_format(self) -> OutputFormat:
        """Return the format of what the network returns."""
        return OutputFormat(**{field.name: getattr(self, field.name) for field in fields(OutputFormat)})
