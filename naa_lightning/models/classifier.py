"""The model that attacks and evaluations see: images in [0, 1] in, logits out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from naa_lightning.models.batches import in_batches
from naa_lightning.models.image_format import VALUES_REMEDY, ImageFormat
from naa_lightning.models.layer import (
    Above,
    LayerError,
    above,
    features_at,
    find_layer,
    logits_with,
)
from naa_lightning.models.logits import logits_of


class Classifier(nn.Module):
    """A network with its normalisation, its input size and the layer that is attacked.

    Images of another size are resized inside, so that a perturbation lives at the image's own resolution. The network
    gets them in the type of its parameters.

    Args:
        network: The network, from normalised images of shape (B, 3, h, w), or as `channels` and `layout` say, to logits
            of shape (B, K), or to several outputs with them.
        mean: The mean per channel, of images in [0, 1]: three numbers, or one for a network of one channel.
        std: The standard deviation per channel, of images in [0, 1].
        input_size: The height and width in pixels that the network takes; None leaves images as they are.
        layer: The dotted name of the attacked layer inside the network, or of several; None for a model that is only
            asked for predictions.
        interpolation: The way in which images are resized: "bilinear", "bicubic" or "nearest".
        antialias: Whether shrinking filters first.
        num_classes: The number K of classes; None where it is not known before the network runs.
        value_range, channels, layout: See `ImageFormat`; None for "rgb", or "grey" where `mean` holds one number, and
            "nchw".
        batch_size: The only number of images that the network takes at once, or the smallest and the largest, None for
            no limit.
        output, gives, first_class: See `logits_of`.

    Attributes:
        temperature: What the network's logits are divided by; see `tempered`.

    Raises:
        ValueError: The network has no such layer, it is not said which numbers it takes, or a value is out of range.

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
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        input_size: Sequence[int] | None = None,
        layer: str | Sequence[str] | None = None,
        interpolation: str = "bilinear",
        antialias: bool = False,
        num_classes: int | None = None,
        value_range: Sequence[float] | None = None,
        channels: str | None = None,
        layout: str | None = None,
        batch_size: int | tuple[int, int | None] | None = None,
        output: int | str | None = None,
        gives: str = "logits",
        first_class: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.image_format = ImageFormat(
            mean=mean,
            std=std,
            value_range=value_range,
            channels=channels,
            layout=layout,
            input_size=input_size,
            interpolation=interpolation,
            antialias=antialias,
        )
        moments = self.image_format.moments
        if moments is None:
            raise ValueError(f"it is not said which numbers the network takes: {VALUES_REMEDY}")
        weight = _first_weight(network)
        device = None if weight is None else weight.device
        for name, values in zip(("mean", "std"), moments, strict=True):
            buffer = torch.tensor(list(map(float, values)), device=device)
            self.register_buffer(name, buffer.view(-1, 1, 1), persistent=False)
        self.layers = (layer,) if isinstance(layer, str) else tuple(layer or ())
        self.num_classes = num_classes
        self.batch_sizes = batch_size if isinstance(batch_size, tuple) else (batch_size or 1, batch_size)
        self.output_format: Mapping[str, Any] = {"output": output, "gives": gives, "first_class": first_class}
        for name in self.layers:
            find_layer(network, name)

    @property
    def members(self) -> Sequence["Classifier"]:
        """This classifier alone, where an ensemble has several."""
        return [self]

    @property
    def input_size(self) -> tuple[int, int] | None:
        """The height and width in pixels that the network takes; None where images are left as they are."""
        size = self.image_format.input_size
        return None if size is None else (int(size[0]), int(size[1]))

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
        """Return (B, 3, H, W) images in [0, 1] as the network takes them: resized, normalised and laid out."""
        normalised = (self.image_format.arranged(images) - self.mean) / self.std
        weight = _first_weight(self.network)
        return self.image_format.laid_out(normalised if weight is None else normalised.to(weight.dtype))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K) of images (B, 3, H, W) in [0, 1].

        Raises:
            AnswerError: The network returns something else.
        """
        return self._in_batches(self._run, self.preprocess(images)) / self.temperature

    def features(self, images: Tensor) -> Tensor:
        """Return the attacked layer's output for images (B, 3, H, W) in [0, 1].

        The network above the layer is not run.
        """
        features = partial(features_at, self._run, self._attacked_layer())
        return self._in_batches(features, self.preprocess(images))

    def features_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attacked layer's output and the logits (B, K) of one pass; the latter depend on the former."""
        features: list[Tensor] = []

        def keep(output: Tensor) -> Tensor:
            features.append(output)
            return output

        logits = self.logits_with(images, keep)
        return features[0], logits

    def logits_with(self, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the logits (B, K) that images (B, 3, H, W) give when the attacked layer's output is changed.

        Args:
            images: Images of shape (B, 3, H, W) in [0, 1].
            change: A function from the layer's output to what the network goes on with.
        """
        return self._logits_with(self.preprocess(images), change) / self.temperature

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
        return self._gradient(above(self._logits_with, inputs), score)

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
            part = above(self._logits_with, inputs)
            change = torch.zeros_like(part.features) if part.change is None else part.change
            return self._gradient(part, score), change

    def _run(self, inputs: Tensor) -> Tensor:
        """Return the logits of a batch as the network takes it."""
        return logits_of(self.network(inputs), **self.output_format)

    def _logits_with(self, inputs: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the logits of inputs when the attacked layer's output is changed.

        Where the network takes fewer images at once, the layer's output is put together of several passes, changed, and
        handed out in passes again.
        """
        layer = self._attacked_layer()
        least, most = self.batch_sizes
        if least <= len(inputs) <= (most or len(inputs)):
            return logits_with(self._run, layer, inputs, change)
        changed = change(self._in_batches(partial(features_at, self._run, layer), inputs))
        return self._in_batches(
            lambda part, given: logits_with(self._run, layer, part, lambda _: given), inputs, changed
        )

    def _in_batches(self, ask: Callable[..., Tensor], *values: Tensor) -> Tensor:
        least, most = self.batch_sizes
        return in_batches(ask, *values, least=least, most=most)

    def _gradient(self, part: Above, score: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            return torch.autograd.grad(score(part.logits / self.temperature).sum(), part.features)[0]

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
