"""Work on many images, done again in smaller chunks where memory runs out."""

import errno
import logging
import re
from collections.abc import Callable
from typing import TypeVar

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda, is_oom_error

from naa_lightning.exceptions import DataError

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# What else libraries say: oneDNN, C++, the C library, cuBLAS and cuDNN, onnxruntime.
_WORDS = re.compile(
    r"could not (create a primitive(?! desc)|create a memory object|execute a primitive)|std::bad_alloc"
    r"|[Nn]ot enough memory|[Cc]annot allocate memory|CU(BLAS|DNN)_STATUS_ALLOC_FAILED|[Ff]ailed to allocate memory"
)
_WITH_ERRORS_OF_THEIR_OWN = {"onnxruntime", "safetensors_rust"}


class AdaptiveChunks:
    """Maps a function over images in chunks, and halves the chunks for good where one does not fit into memory.

    Args:
        title: The name of the work in messages.

    Example:
        >>> AdaptiveChunks("adding").map(lambda chunk, size: list(range(10))[chunk], count=10, size=4)
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._limit: int | None = None

    def map(self, function: Callable[[slice, int], Result], count: int, size: int) -> list[Result]:
        """Call a function for each chunk and return its results in order.

        Args:
            function: The function, called with the slice of the images in its chunk and with the size of a full chunk.
            count: The number of images.
            size: The largest number of images in a chunk.

        Raises:
            DataError: A single image does not fit into memory.
        """
        results: list[Result] = []
        done = 0
        while done < count:
            size = size if self._limit is None else min(size, self._limit)
            chunk = slice(done, min(done + size, count))
            try:
                results.append(function(chunk, size))
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
            raise DataError(
                f"{self.title}: out of memory with one image at a time: use a smaller `image_size`, a smaller model or "
                "another device"
            )
        self._limit = size // 2
        log.warning(
            "%s: out of memory with %d images at a time, now %d, so that results may differ in rounding from those at "
            "the full size; in a new run `batch_size=%d` avoids the retries",
            self.title,
            size,
            self._limit,
            self._limit,
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or its cause, says that the memory of a GPU or of the machine is used up.

    Args:
        error: An error of any kind.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if error.__cause__ is not None and is_out_of_memory(error.__cause__):
        return True
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    library = type(error).__module__.partition(".")[0]
    text = str(error)
    return (isinstance(error, RuntimeError) or library in _WITH_ERRORS_OF_THEIR_OWN) and (
        is_oom_error(RuntimeError(text)) or _WORDS.search(text) is not None
    )
