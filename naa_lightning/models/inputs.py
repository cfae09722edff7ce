"""What every attack and attribution is given."""

from torch import Tensor


def check_batch(images: Tensor, classes: Tensor) -> None:
    """Check images (B, 3, H, W) in [0, 1] and their classes (B,).

    Raises:
        ValueError: They are not so.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"expected float images of shape (B, 3, H, W), got {images.dtype} {tuple(images.shape)}")
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError(f"expected images in [0, 1], got [{images.min():g}, {images.max():g}]")
    if classes.shape != images.shape[:1]:
        raise ValueError(f"expected labels of shape ({len(images)},), got {tuple(classes.shape)}")
