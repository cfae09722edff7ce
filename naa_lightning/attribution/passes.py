"""Passes through a network of a bounded number of images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Piece(NamedTuple):
    """A part of a pass: some images of the batch at one point.

    Args:
        point: Which point.
        rows: Which images of the batch.
    """

    point: int
    rows: slice


@dataclass(frozen=True)
class Pass:
    """What goes through a network at once.

    Args:
        pieces: What it consists of, in order.
        columns: What belongs to its images, each (P, ...).
    """

    pieces: Sequence[Piece]
    columns: Sequence[Tensor]

    def of_images(self, values: Tensor) -> Tensor:
        """Return what belongs to the images of this pass, (P, ...), of values for the whole batch (B, ...)."""
        return _joined([values[piece.rows] for piece in self.pieces])

    def split(self, *results: Tensor) -> Iterator[tuple[Piece, Sequence[Tensor]]]:
        """Yield every piece with its part of results (P, ...)."""
        sizes = [piece.rows.stop - piece.rows.start for piece in self.pieces]
        return zip(self.pieces, zip(*(torch.split(result, sizes) for result in results), strict=True), strict=True)


def in_passes(points: Iterable[Sequence[Tensor]], size: int | None = None) -> Iterator[Pass]:
    """Cut points into passes.

    Args:
        points: What belongs to the images of a batch at each point, as tensors (B, ...).
        size: Images per pass; the last may have fewer. None: every point is a pass.

    Raises:
        ValueError: The size is less than 1.

    Example:
        >>> [[tuple(piece) for piece in part.pieces] for part in in_passes([[torch.ones(2, 1)]] * 3, size=4)]
        [[(0, slice(0, 2, None)), (1, slice(0, 2, None))], [(2, slice(0, 2, None))]]
    """
    if size is not None and size < 1:
        raise ValueError(f"a pass needs at least 1 image, got {size}")
    pieces: list[Piece] = []
    parts: list[Sequence[Tensor]] = []
    room = size or 0
    for point, columns in enumerate(points):
        count = len(columns[0])
        start = 0
        while start < count:
            stop = min(count, start + room) if size else count
            pieces.append(Piece(point, slice(start, stop)))
            parts.append([column[start:stop] for column in columns])
            room -= stop - start
            start = stop
            if room <= 0:
                yield _pass(pieces, parts)
                pieces, parts, room = [], [], size or 0
    if pieces:
        yield _pass(pieces, parts)


def _pass(pieces: Sequence[Piece], parts: Sequence[Sequence[Tensor]]) -> Pass:
    return Pass(pieces, [_joined(column) for column in zip(*parts, strict=True)])


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
