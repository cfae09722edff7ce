"""How the command-line programs end."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from naa_lightning.errors import UserError

# Hydra then passes errors on instead of printing them in its own way.
os.environ.setdefault("HYDRA_FULL_ERROR", "1")
OPTIONAL_GROUPS = ("targets", "logger", "callbacks", "experiment", "debug")
_ENVIRONMENT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.ENOENT}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line on standard error and exit code 1 where the user can mend what went wrong.

    Other errors pass with their traceback: they are ours to mend.
    """
    try:
        yield
    except UserError as error:
        traceback.clear_frames(error.__traceback__)  # lets go of a data loader, whose workers take seconds to give up
        # A data loader's worker process wraps the message in a traceback; the message itself comes last.
        _end(str(error).rpartition("UserError: ")[2])
    except (HydraException, OmegaConfBaseException) as error:
        _end(str(error))
    except OSError as error:
        if error.errno not in _ENVIRONMENT:
            raise
        _end(f"{error.filename or 'the output folder'}: {error.strerror}")


def launch(main: Callable[[], None]) -> None:
    """Run a Hydra program with one-line errors and with `GROUP=null` for "nothing of this group", as in `logger=null`.

    Hydra writes that `~GROUP`.
    """
    sys.argv = [re.sub(rf"^({'|'.join(OPTIONAL_GROUPS)})=null$", r"~\1", argument) for argument in sys.argv]
    with one_line_errors():
        main()


def _end(message: str) -> None:
    line = " ".join(part.strip() for part in message.strip().splitlines())
    sys.exit(f"error: {line}")
