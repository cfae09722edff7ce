"""Why a model may know none of the images: found by trying what is usually wrong."""

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

_NORMALISATIONS = {
    "mean=[0,0,0] std=[1,1,1]": ([0.0] * 3, [1.0] * 3),
    "mean=[0.5,0.5,0.5] std=[0.5,0.5,0.5]": ([0.5] * 3, [0.5] * 3),
    "mean=[0.485,0.456,0.406] std=[0.229,0.224,0.225]": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "values from 0 to 255": ([0.0] * 3, [1 / 255] * 3),
}
_GREY_NORMALISATIONS = {
    "mean=[0] std=[1]": ([0.0], [1.0]),
    "mean=[0.5] std=[0.5]": ([0.5], [0.5]),
    "mean=[0.449] std=[0.226]": ([0.449], [0.226]),
    "values from 0 to 255": ([0.0], [1 / 255]),
}
_LABELS = {"": 0, "labels minus 1": -1, "labels plus 1": 1}


def best_remedy(
    classify: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    *,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[str, int]:
    """Try other labels, channel orders and normalisations, and return what makes most predictions right.

    Args:
        classify: The model: a function from images like the given ones to predicted classes of shape (B,).
        images: Images of shape (B, 3, H, W) in [0, 1].
        labels: Classes of shape (B,).
        mean: The mean per channel that the model subtracts now, of images in [0, 1]; one number of a model that makes
            them grey.
        std: The standard deviation per channel that it divides by now.

    Returns:
        What to change, in words, and how many of the B predictions are right then. Of those that help equally the one
        that changes least.

    Example:
        >>> import torch
        >>> images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2) / 4
        >>> best_remedy(lambda images: (4 * images[:, 0, 0, 0]).long(), images, torch.arange(4) + 1)
        ('labels minus 1', 4)
    """
    found: dict[str, int] = {}
    for seen, as_images in _versions(images, mean, std):
        predicted = classify(as_images).cpu()
        for counted, shift in _LABELS.items():
            right = int((predicted == labels.cpu() + shift).sum())
            found[", ".join(filter(None, (counted, seen)))] = right
    return max(found.items(), key=lambda remedy: remedy[1])


def _versions(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Iterator[tuple[str, Tensor]]:
    """Yield images such that the model, normalising them as it does, sees them otherwise; as they are first."""

    def per_channel(values: Sequence[float]) -> Tensor:
        return images.new_tensor(values).view(-1, 1, 1)

    is_grey = len(mean) == 1
    orders = {"": images} if is_grey else {"": images, "channels in the order blue, green, red": images.flip(1)}
    for order, version in orders.items():
        yield order, version
        for normalised, (other_mean, other_std) in (_GREY_NORMALISATIONS if is_grey else _NORMALISATIONS).items():
            expected = (version - per_channel(other_mean)) / per_channel(other_std)
            yield ", ".join(filter(None, (normalised, order))), expected * per_channel(std) + per_channel(mean)
