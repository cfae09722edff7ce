"""The model that attacks and evaluations see: images in [0, 1] in, logits out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from naa_lightning.models.layer import LayerError, features_and_outputs, features_at, find_layer, outputs_above


class Classifier(nn.Module):
    """A network with its normalisation, its input size and the layer that is attacked.

    Images of another size are resized inside, so that a perturbation lives at the image's own resolution.

    Args:
        network: Takes normalised images (B, 3, h, w), gives logits (B, K).
        mean: Per channel, of images in [0, 1].
        std: Per channel, of images in [0, 1].
        input_size: Height and width that the network takes; None leaves images as they are.
        layer: Dotted name of the attacked layer inside the network; None for a model that is only asked for
            predictions.
        interpolation: How images are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.

    Raises:
        ValueError: The network has no such layer.

    Example:
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> model = Classifier(network, mean=[0.5] * 3, std=[0.5] * 3, input_size=(8, 8), layer="0")
        >>> model(torch.ones(2, 3, 5, 5))
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
        >>> model.features(torch.ones(2, 3, 5, 5)).shape
        torch.Size([2, 3, 1, 1])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        input_size: tuple[int, int] | None = None,
        layer: str | None = None,
        interpolation: str = "bilinear",
        antialias: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.input_size = input_size
        self.layer = layer
        self.interpolation = interpolation
        self.antialias = antialias
        if layer is not None:
            find_layer(network, layer)

    def preprocess(self, images: Tensor) -> Tensor:
        """Resize (B, 3, H, W) images in [0, 1] to the network's size and normalise them."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images of shape (B, 3, H, W), got {tuple(images.shape)}")
        if self.input_size is not None and images.shape[-2:] != self.input_size:
            images = F.interpolate(
                images,
                size=self.input_size,
                mode=self.interpolation,
                align_corners=None if self.interpolation == "nearest" else False,
                antialias=self.antialias,
            )
        return (images - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K) of images (B, 3, H, W) in [0, 1]."""
        logits: Tensor = self.network(self.preprocess(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Return the attacked layer's output for images (B, 3, H, W) in [0, 1].

        The network above the layer is not run.
        """
        return features_at(self.network, self._attacked_layer(), self.preprocess(images))

    @torch.no_grad()
    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attacked layer's output and the logits (B, K) of one pass, without gradients."""
        return features_and_outputs(self.network, self._attacked_layer(), self.preprocess(images))

    def layer_gradient(self, images: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the gradient of each image's score with respect to the attacked layer's output.

        Nothing below the layer is differentiated.

        Args:
            images: (B, 3, H, W) in [0, 1].
            score: Maps logits (B, K) to one number per image, (B,).

        Returns:
            As the layer's output, one gradient per image.
        """
        with torch.no_grad():
            inputs = self.preprocess(images)
        features, logits = outputs_above(self.network, self._attacked_layer(), inputs)
        with torch.enable_grad():
            return torch.autograd.grad(score(logits).sum(), features)[0]

    def _attacked_layer(self) -> nn.Module:
        if self.layer is None:
            raise LayerError("the classifier names no attacked layer; give `layer`")
        return find_layer(self.network, self.layer)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode without parameter gradients; its former state is restored on leaving."""
    training = [module for module in model.modules() if module.training]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)
