"""Telling what was chosen when a file was read, once: a run reads some several times."""

import logging
from functools import cache

log = logging.getLogger(__name__)


@cache
def tell(line: str) -> None:
    """Log a line, unless this process has logged the same one before.

    Args:
        line: The line, which names the file.
    """
    log.info(line)
