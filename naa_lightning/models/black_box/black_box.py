"""A model that is asked for predictions only."""

import torch
from torch import Tensor, nn

from naa_lightning.exceptions import UserError
from naa_lightning.models.black_box.image_format import ImageFormat
from naa_lightning.models.black_box.output_format import OutputFormat

_TORCHSCRIPT_TRACEBACK = "The following operation failed in the TorchScript interpreter"


class BlackBox(nn.Module):
    """A network that is not our own, behind images in [0, 1] and logits.

    Args:
        network: Takes images as `takes` says, gives what `gives` says.
        takes: How it takes images.
        gives: How it answers.
    """

    def __init__(self, network: nn.Module, *, takes: ImageFormat, gives: OutputFormat) -> None:
        super().__init__()
        self.network = network
        self.takes = takes
        self.gives = gives

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, num_classes), without gradients, of images (B, 3, H, W) in [0, 1].

        Raises:
            UserError: The network fails, or gives something else.
        """
        inputs = self.takes.prepare(images)
        try:
            answer = self.network(inputs)
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.gives.name} fails when asked about images: {reason(error)}") from error
        return self.gives.logits(answer, images)


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
