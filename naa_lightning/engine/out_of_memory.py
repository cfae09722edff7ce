"""Doing work on many images in parts that fit into memory."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda, is_oom_error

from naa_lightning.exceptions import UserError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Halving:
    """Does work in parts; where one does not fit into memory, parts are half as large from then on.

    Args:
        title: What the work is called.

    Example:
        >>> Halving("adding").parts(lambda part, size: list(range(10))[part], count=10, size=4)
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._limit: int | None = None

    def parts(self, work: Callable[[slice, int], Result], count: int, size: int) -> list[Result]:
        """Do the work part by part and return what comes of each.

        Args:
            work: Called with the images that it is for and with how many a part has; the last may have fewer.
            count: How many images there are.
            size: Of a part, at most.

        Raises:
            UserError: An image alone does not fit.
        """
        results: list[Result] = []
        done = 0
        while done < count:
            size = size if self._limit is None else min(size, self._limit)
            part = slice(done, min(done + size, count))
            try:
                results.append(work(part, size))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            else:
                done = part.stop
                continue
            self._halve(size)  # not above, where the error still holds what filled the memory
        return results

    def _halve(self, size: int) -> None:
        garbage_collection_cuda()
        if size == 1:
            raise UserError(
                f"{self.title}: out of memory with one image at a time: use a smaller data.image_size, a smaller model "
                "or another device"
            )
        self._limit = size // 2
        log.warning(
            "%s: out of memory with %d images at a time, now %d, so that results may differ in rounding from those at "
            "the full size; in a new run data.batch_size=%d avoids the retries",
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
