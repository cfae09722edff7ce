"""Metrics that are several numbers, each with a name."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torchmetrics import Metric


class NamedValues(Metric):
    """A metric over batches and processes whose value is a dict of scalars, as `LightningModule.log_dict` takes it.

    Its states are sums, extremes or lists over images, so that it is right in whatever parts the images come.
    """

    is_differentiable = False
    full_state_update = False

    def plot(self, val: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None, ax: Any = None) -> Any:
        """Plot the values, as torchmetrics does.

        Args:
            val: What `compute` or `forward` has returned, once or for several steps; None for `compute` as it is now.
            ax: An axes object of matplotlib to plot on; None for a new figure.

        Returns:
            The figure, None where `ax` is given, and the axes.
        """
        return self._plot(val, ax)  # type: ignore[arg-type]
