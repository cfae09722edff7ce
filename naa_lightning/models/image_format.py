"""How a network takes images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from naa_lightning.models.preprocessing import check_numbers, check_preprocessing

CHANNELS = ("rgb", "bgr", "grey")
LAYOUTS = ("nchw", "nhwc")
INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
VALUES_REMEDY = (
    "give mean and std, for example mean=[0.485,0.456,0.406] std=[0.229,0.224,0.225], or value_range, for example "
    "value_range=[0,1]"
)


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """What a network expects where we have images (B, 3, H, W) in [0, 1], red first; None: not known.

    Args:
        mean: Per channel in the network's own order, of images in [0, 1]: three numbers, or one for a network of one
            channel.
        std: The standard deviation per channel, of images in [0, 1].
        value_range: The values of black and white, instead of mean and std; often [0, 1], [0, 255] or [-1, 1].
        channels: "rgb", "bgr" or "grey", the mean of the three, whose perturbations are grey, up to clipping to
            [0, 1]; None: "grey" where `mean` holds one number.
        layout: "nchw" or "nhwc".
        input_size: Height and width in pixels; None leaves images as they are.
        interpolation: The way in which images of another size are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.

    Raises:
        ValueError: A value is out of range, or values contradict each other.

    Example:
        >>> ImageFormat(value_range=[0, 255], layout="nhwc").prepare(torch.ones(1, 3, 1, 1))
        tensor([[[[255., 255., 255.]]]])
        >>> ImageFormat(mean=[0.5], std=[0.5]).prepare(torch.ones(1, 3, 1, 1))
        tensor([[[[1.]]]])
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
        if self.mean is not None and self.channels is not None and (len(self.mean) == 1) != self.is_grey:
            count = "one number" if self.is_grey else "three numbers"
            raise ValueError(f"channels={self.channels} needs mean and std of {count}, got {list(self.mean)}")

    @property
    def is_grey(self) -> bool:
        """Whether the network takes one channel."""
        return self.channels == "grey" or (self.channels is None and self.mean is not None and len(self.mean) == 1)

    @property
    def says_values(self) -> bool:
        """Whether it is known which numbers the network expects."""
        return self.mean is not None or self.value_range is not None

    @property
    def moments(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """The mean and the standard deviation per channel by which images in [0, 1] become what the network expects."""
        if self.mean is not None and self.std is not None:
            return self.mean, self.std
        if self.value_range is None:
            return None
        black, white = self.value_range
        count = 1 if self.is_grey else 3
        return [-black / (white - black)] * count, [1 / (white - black)] * count

    def check_values(self, file: str) -> None:
        """Check that it is known which numbers the network expects, for a file that never says so.

        Args:
            file: What kind of file it is, in errors.

        Raises:
            ValueError: It is not.
        """
        if not self.says_values:
            raise ValueError(f"{file} does not say which numbers it takes: {VALUES_REMEDY}")

    def arranged(self, images: Tensor) -> Tensor:
        """Return images (B, 3, H, W) in the size and with the channels that the network expects.

        Raises:
            ValueError: They are no images.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images of shape (B, 3, H, W), got {tuple(images.shape)}")
        if self.input_size is not None and list(images.shape[-2:]) != list(self.input_size):
            images = F.interpolate(
                images, list(map(int, self.input_size)), mode=self.interpolation, antialias=self.antialias
            )
        if self.is_grey:
            return images.mean(1, keepdim=True)
        return images.flip(1) if self.channels == "bgr" else images

    def laid_out(self, values: Tensor) -> Tensor:
        """Return values (B, C, h, w) in the layout that the network expects."""
        return values.permute(0, 2, 3, 1).contiguous() if self.layout == "nhwc" else values

    def prepare(self, images: Tensor) -> Tensor:
        """Return images (B, 3, H, W) in [0, 1] as the network expects them.

        Returns:
            New memory, (B, C, h, w) or (B, h, w, C), float64 if the images are, otherwise float32. Where nothing is
            known of the values, channels or layout, they stay as they are.

        Raises:
            ValueError: They are no images.
        """
        values = images.clone() if images.dtype == torch.float64 else images.to(torch.float32, copy=True)
        values = self.arranged(values)
        if self.mean is not None and self.std is not None:
            mean, std = (values.new_tensor(numbers).view(-1, 1, 1) for numbers in (self.mean, self.std))
            values = (values - mean) / std
        elif self.value_range is not None:
            black, white = self.value_range
            values = values * (white - black) + black
        return self.laid_out(values)
