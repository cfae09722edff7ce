"""The model that attacks and evaluations see: images in [0, 1] in, logits out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from naa_lightning.models.layer import (
    Above,
    LayerError,
    above,
    features_and_outputs,
    features_at,
    find_layer,
    outputs_with,
)
from naa_lightning.models.logits import logits_of
from naa_lightning.models.preprocessing import check_preprocessing


class Classifier(nn.Module):
    """A network with its normalisation, its input size and the layer that is attacked.

    Images of another size are resized inside, so that a perturbation lives at the image's own resolution. The network
    gets them in the type of its parameters.

    Args:
        network: The network, from normalised images of shape (B, 3, h, w) to logits of shape (B, K), or to what holds
            them as `logits`.
        mean: The mean per channel, of images in [0, 1].
        std: The standard deviation per channel, of images in [0, 1].
        input_size: The height and width in pixels that the network takes; None leaves images as they are.
        layer: The dotted name of the attacked layer inside the network, or of several; None for a model that is only
            asked for predictions.
        interpolation: The way in which images are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.
        num_classes: The number K of classes; None where it is not known before the network runs.

    Attributes:
        temperature: What the network's logits are divided by; see `tempered`.

    Raises:
        ValueError: The network has no such layer, or mean, std or input_size are out of range.

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
    temperature: float = 1.0

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        input_size: Sequence[int] | None = None,
        layer: str | Sequence[str] | None = None,
        interpolation: str = "bilinear",
        antialias: bool = False,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        check_preprocessing(mean, std, input_size)
        weight = _first_weight(network)
        device = None if weight is None else weight.device
        for name, values in (("mean", mean), ("std", std)):
            buffer = torch.tensor(list(map(float, values)), device=device)
            self.register_buffer(name, buffer.view(3, 1, 1), persistent=False)
        self.input_size = None if input_size is None else (int(input_size[0]), int(input_size[1]))
        self.layers = (layer,) if isinstance(layer, str) else tuple(layer or ())
        self.interpolation = interpolation
        self.antialias = antialias
        self.num_classes = num_classes
        for name in self.layers:
            find_layer(network, name)

    @property
    def members(self) -> Sequence["Classifier"]:
        """This classifier alone, where an ensemble has several."""
        return [self]

    def layer_views(self) -> list["Classifier"]:
        """Return this classifier once for each of its attacked layers, with that layer alone; the network is shared.

        Raises:
            LayerError: It has no attacked layer.
        """
        if not self.layers:
            raise LayerError("the classifier names no attacked layer; give `layer`")
        if len(self.layers) == 1:
            return [self]
        views = []
        for layer in self.layers:
            view = copy(self)  # its modules, buffers and hooks are this classifier's own
            view.layers = (layer,)
            views.append(view)
        return views

    def tempered(self, temperature: float) -> "Classifier":
        """Return this classifier with its logits divided by a temperature; the network is shared.

        The classes predicted are the same. Where the softmax is saturated, so that its gradient vanishes in floating
        point, a temperature above 1 brings it back.
        """
        view = copy(self)
        view.temperature = temperature
        return view

    def preprocess(self, images: Tensor) -> Tensor:
        """Resize (B, 3, H, W) images in [0, 1] to the network's size and normalise them."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images of shape (B, 3, H, W), got {tuple(images.shape)}")
        if self.input_size is not None and images.shape[-2:] != self.input_size:
            images = F.interpolate(images, self.input_size, mode=self.interpolation, antialias=self.antialias)
        normalised = (images - self.mean) / self.std
        weight = _first_weight(self.network)
        return normalised if weight is None else normalised.to(weight.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K) of images (B, 3, H, W) in [0, 1].

        Raises:
            ValueError: The network returns something else.
        """
        return logits_of(self.network(self.preprocess(images))) / self.temperature

    def features(self, images: Tensor) -> Tensor:
        """Return the attacked layer's output for images (B, 3, H, W) in [0, 1].

        The network above the layer is not run.
        """
        return features_at(self.network, self._attacked_layer(), self.preprocess(images))

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attacked layer's output and the logits (B, K) of one pass; the latter depend on the former."""
        features, logits = features_and_outputs(self.network, self._attacked_layer(), self.preprocess(images))
        return features, logits / self.temperature

    def logits_with(self, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the logits (B, K) that images (B, 3, H, W) give when the attacked layer's output is changed.

        Args:
            images: Images of shape (B, 3, H, W) in [0, 1].
            change: A function from the layer's output to what the network goes on with.
        """
        return outputs_with(self.network, self._attacked_layer(), self.preprocess(images), change) / self.temperature

    def layer_gradient(self, images: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the gradient of each image's score with respect to the attacked layer's output.

        Nothing below the layer is differentiated.

        Args:
            images: Images of shape (B, 3, H, W) in [0, 1].
            score: A function from logits of shape (B, K) to one number per image, of shape (B,).

        Returns:
            The gradients, of the shape of the layer's output.
        """
        with torch.no_grad():
            inputs = self.preprocess(images)
        return self._gradient(above(self.network, self._attacked_layer(), inputs), score)

    def layer_gradient_and_change(
        self, images: Tensor, direction: Tensor, score: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return `layer_gradient` and how the attacked layer's output changes as the images move.

        The change is the product of the layer's Jacobian with a direction, by forward-mode differentiation of what is
        below the layer.

        Args:
            images: Images of shape (B, 3, H, W) in [0, 1].
            direction: The direction in which the images move, of their shape.
            score: The score, see `layer_gradient`.

        Returns:
            Two tensors of the shape of the layer's output.
        """
        # fused attention has no forward-mode derivative
        with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH):
            with torch.no_grad():
                inputs = self.preprocess(forward_ad.make_dual(images, direction))  # type: ignore[no-untyped-call]
            part = above(self.network, self._attacked_layer(), inputs)
            change = torch.zeros_like(part.features) if part.change is None else part.change
            return self._gradient(part, score), change

    def _gradient(self, part: Above, score: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            return torch.autograd.grad(score(part.outputs / self.temperature).sum(), part.features)[0]

    def _attacked_layer(self) -> nn.Module:
        if len(self.layers) != 1:
            raise LayerError(f"expected one attacked layer, got {', '.join(self.layers) or 'none'}; give `layer`")
        return find_layer(self.network, self.layers[0])


def _first_weight(network: nn.Module) -> Tensor | None:
    return next((parameter for parameter in network.parameters() if parameter.is_floating_point()), None)


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
