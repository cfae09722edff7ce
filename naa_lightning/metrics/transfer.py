"""How often adversarial images fool a target."""

from dataclasses import dataclass

import torch
from torch import Tensor

from naa_lightning.metrics.wilson import Rate


@dataclass
class TransferRates:
    """The three rates in use, the target's accuracy on the clean images, and the rate of targeted attacks.

    A negative prediction is no answer: the logits were no numbers, or a defence abstained. It is not correct on a clean
    image, and on an adversarial image it counts for no rate but in its total.

    Args:
        fooling_rate: The prediction on the adversarial image differs from that on the clean image, over all images.
        error_rate: The prediction on the adversarial image is not the label, over all images.
        success_rate: It is not the label, among images that the target classified correctly when clean.
        clean_accuracy: The prediction on the clean image is the label, over all images.
        target_rate: The prediction on the adversarial image is the class that a targeted attack aimed at, over all
            images that have one.
        robust_accuracy: The predictions on the clean image and on the adversarial one are both the label, over all
            images; as in RobustBench (Croce et al., 2021), for this one attack.
    """

    fooling_rate: Rate
    error_rate: Rate
    success_rate: Rate
    clean_accuracy: Rate
    target_rate: Rate
    robust_accuracy: Rate


def transfer_rates(
    clean: Tensor,
    adversarial: Tensor,
    labels: Tensor,
    target_classes: Tensor | None = None,
    *,
    ids: Tensor | None = None,
) -> TransferRates:
    """Compare predicted classes on clean and adversarial images with the labels and target classes.

    Args:
        clean: Classes (B,) predicted for the clean images, negative for no answer.
        adversarial: Classes (B,) predicted for the adversarial images, likewise.
        labels: True classes (B,).
        target_classes: Classes (B,) that a targeted attack aimed at, -1 for none; None for an attack without any.
        ids: Image ids (B,), of which one that comes again is counted once; None where every image is there once.

    Raises:
        ValueError: The tensors are not of one shape (B,).

    Example:
        >>> clean, adversarial = torch.tensor([1, 2, 3, 4]), torch.tensor([1, 9, 9, 4])
        >>> rates = transfer_rates(clean, adversarial, labels=torch.tensor([1, 2, 3, 7]))
        >>> rates.fooling_rate.value, rates.error_rate.value, round(rates.success_rate.value, 3)
        (0.5, 0.75, 0.667)
    """
    target_classes = torch.full_like(labels, -1) if target_classes is None else target_classes
    columns = [clean, adversarial, labels, target_classes]
    given = columns if ids is None else [*columns, ids]
    if len({column.shape for column in given}) > 1 or clean.ndim != 1:
        raise ValueError(
            f"expected tensors of one shape (B,), got {', '.join(str(tuple(column.shape)) for column in given)}"
        )
    if ids is not None:
        clean, adversarial, labels, target_classes = _once(ids, *columns)
    total = len(labels)
    correct, wrong = clean == labels, (adversarial != labels) & (adversarial >= 0)
    changed = (clean != adversarial) & (clean >= 0) & (adversarial >= 0)
    aimed = target_classes != -1
    return TransferRates(
        fooling_rate=Rate(int(changed.sum()), total),
        error_rate=Rate(int(wrong.sum()), total),
        success_rate=Rate(int((wrong & correct).sum()), int(correct.sum())),
        clean_accuracy=Rate(int(correct.sum()), total),
        target_rate=Rate(int((aimed & (adversarial == target_classes)).sum()), int(aimed.sum())),
        robust_accuracy=Rate(int((correct & (adversarial == labels)).sum()), total),
    )


def _once(ids: Tensor, *columns: Tensor) -> tuple[Tensor, ...]:
    """Return columns (B,) with the first row, in the order of their values, of each id."""
    rows = torch.unique(torch.stack([ids, *columns], dim=1), dim=0)
    first = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    first[1:] = rows[1:, 0] != rows[:-1, 0]
    return tuple(rows[first].T[1:])
