"""A network of one's own: three blocks of convolutions for small colour images of ten classes."""

from torch import Tensor, nn


class Reader(nn.Module):
    """Tells apart what is written, from images (B, 3, H, W) whose values lie between -1 and 1."""

    def __init__(self, width: int = 12, classes: int = 10) -> None:
        super().__init__()
        self.stem = self._block(3, width)
        self.body = self._block(width, 2 * width)
        self.top = self._block(2 * width, 4 * width)
        self.head = nn.Linear(4 * width, classes)

    @staticmethod
    def _block(channels: int, width: int) -> nn.Sequential:
        convolution = nn.Conv2d(channels, width, 3, padding=1)
        return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (B, classes)."""
        features = self.top(self.body(self.stem(images)))
        return self.head(features.mean(dim=(2, 3)))
