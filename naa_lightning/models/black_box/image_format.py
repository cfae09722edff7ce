"""How a network that is not our own takes images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models.classifier_source import INTERPOLATIONS
from naa_lightning.models.preprocessing import check_numbers, check_preprocessing

CHANNELS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
VALUES_REMEDY = (
    "give mean and std, for example mean=[0.485,0.456,0.406] std=[0.229,0.224,0.225], or value_range, for example "
    "value_range=[0,1]"
)


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """What a network expects where we have images (B, 3, H, W) in [0, 1], red first; None: not known.

    Args:
        mean: Per channel in the network's own order, of images in [0, 1].
        std: The standard deviation per channel, of images in [0, 1].
        value_range: The values of black and white, instead of mean and std; often [0, 1], [0, 255] or [-1, 1].
        channels: "rgb" or "bgr".
        layout: "nchw" or "nhwc".
        input_size: Height and width in pixels; None leaves images as they are.
        interpolation: The way in which images of another size are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.

    Raises:
        ValueError: A value is out of range, or values contradict each other.

    Example:
        >>> ImageFormat(value_range=[0, 255], layout="nhwc").prepare(torch.ones(1, 3, 1, 1))
        tensor([[[[255., 255., 255.]]]])
    """

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    value_range: Sequence[float] | None = None
    channels: str | None = None
    layout: str | None = None
    input_size: Sequence[int] | None = None
    interpolation: str = "bilinear"
    antialias: bool = False

    def __post_init__(self) -> None:
        check_preprocessing(self.mean, self.std, self.input_size)
        check_numbers("value_range", self.value_range, 2)
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std must be given together")
        if self.value_range is not None:
            if self.mean is not None:
                raise ValueError("give mean and std or value_range, not both")
            if self.value_range[0] == self.value_range[1]:
                raise ValueError(f"value_range must hold two different numbers, got {list(self.value_range)}")
        for key, choices in (("channels", CHANNELS), ("layout", LAYOUTS), ("interpolation", INTERPOLATIONS)):
            value = getattr(self, key)
            if value is not None and value not in choices:
                raise ValueError(f"{key} must be one of {', '.join(choices)}, got {value!r}")
        if self.antialias and self.interpolation == "nearest":
            raise ValueError("antialias needs interpolation=bilinear or bicubic, got nearest")

    @property
    def says_values(self) -> bool:
        """Whether it is known which numbers the network expects."""
        return self.mean is not None or self.value_range is not None

    def check_values(self, file: str) -> None:
        """Check that it is known which numbers the network expects, for a file that never says so.

        Args:
            file: What kind of file it is, in errors.

        Raises:
            ValueError: It is not.
        """
        if not self.says_values:
            raise ValueError(f"{file} does not say which numbers it takes: {VALUES_REMEDY}")

    def prepare(self, images: Tensor) -> Tensor:
        """Return images (B, 3, H, W) in [0, 1] as the network expects them.

        Returns:
            New memory, (B, 3, h, w) or (B, h, w, 3), float64 if the images are, otherwise float32. Where nothing is
            known of the values, channels or layout, they stay as they are.

        Raises:
            ValueError: They are no images.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images of shape (B, 3, H, W), got {tuple(images.shape)}")
        values = images.clone() if images.dtype == torch.float64 else images.to(torch.float32, copy=True)
        if self.input_size is not None and list(values.shape[-2:]) != list(self.input_size):
            values = F.interpolate(values, list(self.input_size), mode=self.interpolation, antialias=self.antialias)
        if self.channels == "bgr":
            values = values.flip(1)
        if self.mean is not None and self.std is not None:
            mean, std = (values.new_tensor(numbers).view(3, 1, 1) for numbers in (self.mean, self.std))
            values = (values - mean) / std
        elif self.value_range is not None:
            black, white = self.value_range
            values = values * (white - black) + black
        return values.permute(0, 2, 3, 1).contiguous() if self.layout == "nhwc" else values
