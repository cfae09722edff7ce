"""Passes through a network of a bounded number of images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Segment(NamedTuple):
    """Neighbouring images of the batch at one point, within a pass.

    Args:
        point: The number of the point.
        rows: The images' rows in the batch.
    """

    point: int
    rows: slice


@dataclass(frozen=True)
class ForwardPass:
    """P images that go through a network at once.

    Args:
        segments: The images' points and rows, in order.
        columns: Tensors of shape (P, ...) that belong to the images.
    """

    segments: Sequence[Segment]
    columns: Sequence[Tensor]

    def of_images(self, values: Tensor) -> Tensor:
        """Return the values (P, ...) of this pass's images, of values (B, ...) for the whole batch."""
        return torch.cat([values[segment.rows] for segment in self.segments])

    def split(self, *results: Tensor) -> Iterator[tuple[Segment, Sequence[Tensor]]]:
        """Yield every segment with its part of results (P, ...)."""
        sizes = [segment.rows.stop - segment.rows.start for segment in self.segments]
        return zip(self.segments, zip(*(torch.split(result, sizes) for result in results), strict=True), strict=True)


def forward_passes(points: Iterable[Sequence[Tensor]], images_per_pass: int | None = None) -> Iterator[ForwardPass]:
    """Cut the images of a batch at several points into passes.

    Args:
        points: Tensors of shape (B, ...) that belong to the images at each point.
        images_per_pass: The number of images per pass, of which the last may have fewer; None makes every point a pass.

    Raises:
        ValueError: `images_per_pass` is less than 1.

    Example:
        >>> passes = forward_passes([[torch.ones(2, 1)]] * 3, images_per_pass=4)
        >>> [[tuple(segment) for segment in one.segments] for one in passes]
        [[(0, slice(0, 2, None)), (1, slice(0, 2, None))], [(2, slice(0, 2, None))]]
    """
    if images_per_pass is not None and images_per_pass < 1:
        raise ValueError(f"a pass needs at least 1 image, got {images_per_pass}")
    segments: list[Segment] = []
    parts: list[Sequence[Tensor]] = []
    room = 0
    for point, columns in enumerate(points):
        start, count = 0, len(columns[0])
        while start < count:
            room = room or images_per_pass or count
            stop = min(count, start + room)
            segments.append(Segment(point, slice(start, stop)))
            parts.append([column[start:stop] for column in columns])
            room -= stop - start
            start = stop
            if not room:
                yield _joined(segments, parts)
                segments, parts = [], []
    if segments:
        yield _joined(segments, parts)


def _joined(segments: Sequence[Segment], parts: Sequence[Sequence[Tensor]]) -> ForwardPass:
    columns = list(zip(*parts, strict=True))
    return ForwardPass(segments, [column[0] if len(column) == 1 else torch.cat(column) for column in columns])
