"""A model of which only predictions are wanted."""

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.batches import in_batches
from naa_lightning.models.black_box.output_format import OutputFormat
from naa_lightning.models.image_format import ImageFormat

_TORCHSCRIPT_TRACEBACK = "The following operation failed in the TorchScript interpreter"


class BlackBox(nn.Module):
    """A network that is not our own, behind images in [0, 1] and logits.

    Args:
        network: The network, whose inputs and outputs have these formats.
        image_format: The format of the images that the network takes.
        output_format: The format of what the network returns.
        batch_sizes: The smallest and the largest number of images that the network takes at once; None for no limit.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        image_format: ImageFormat,
        output_format: OutputFormat,
        batch_sizes: tuple[int, int | None] = (1, None),
    ) -> None:
        super().__init__()
        self.network = network
        self.image_format = image_format
        self.output_format = output_format
        self.batch_sizes = batch_sizes

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, num_classes), without gradients, of images (B, 3, H, W) in [0, 1].

        Raises:
            ModelError: The network fails, or gives something else.
        """
        least, most = self.batch_sizes
        return in_batches(self._asked, images, least=least, most=most)

    def _asked(self, images: Tensor) -> Tensor:
        inputs = self.image_format.prepare(images)
        try:
            answer = self.network(inputs)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.output_format.name} fails when asked about images: {reason(error)}") from error
        return self.output_format.logits(answer, images)


def reason(error: BaseException) -> str:
    """Return in one line what went wrong in code or a file that is not our own.

    Example:
        >>> reason(KeyError("weights"))
        "KeyError: 'weights'"
    """
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    if lines[0].startswith(_TORCHSCRIPT_TRACEBACK):
        return next((line for line in reversed(lines) if "Error" in line), lines[-1])
    return f"{type(error).__name__}: {lines[0]}"
