"""Doing work on many images in chunks that fit into memory."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda, is_oom_error

from naa_lightning.exceptions import UserError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class ChunkedWork:
    """Work done in chunks of images; where one does not fit into memory, chunks are half as large from then on.

    Args:
        title: The name of the work in messages.

    Example:
        >>> ChunkedWork("adding").run(lambda chunk, size: list(range(10))[chunk], count=10, size=4)
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._limit: int | None = None

    def run(self, work: Callable[[slice, int], Result], count: int, size: int) -> list[Result]:
        """Do the work chunk by chunk and return the results.

        Args:
            work: A function of the slice of images in a chunk and of the size of full chunks; the last may be smaller.
            count: The number of images.
            size: The greatest size of a chunk, in images.

        Raises:
            UserError: An image alone does not fit.
        """
        results: list[Result] = []
        done = 0
        while done < count:
            size = size if self._limit is None else min(size, self._limit)
            chunk = slice(done, min(done + size, count))
            try:
                results.append(work(chunk, size))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            else:
                done = chunk.stop
                continue
            self._halve(size)  # not above, where the error still holds what filled the memory
        return results

    def _halve(self, size: int) -> None:
        garbage_collection_cuda()
        if size == 1:
            raise UserError(
                f"{self.title}: out of memory with one image at a time: use smaller images, a smaller model or another "
                "device"
            )
        self._limit = size // 2
        log.warning(
            "%s: out of memory with %d images at a time, now %d, so that results may differ in rounding from those at "
            "the full size; in a new run a batch size of %d avoids the retries",
            self.title,
            size,
            self._limit,
            self._limit,
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or the one that it was raised from, says that memory is used up, of a GPU or of the machine.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if error.__cause__ is not None and is_out_of_memory(error.__cause__):
        return True
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        is_oom_error(RuntimeError(text)) or "CUBLAS_STATUS_ALLOC_FAILED" in text
    )
