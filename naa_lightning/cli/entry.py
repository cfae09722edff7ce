"""How the command-line programs end."""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

import naa_lightning.config.extendable
import naa_lightning.config.resolvers  # noqa: F401 - both for Hydra
from naa_lightning.cli.composition_errors import explain
from naa_lightning.config.overrides import folder_key, folder_option
from naa_lightning.distributed.stopping import Stopped
from naa_lightning.exceptions import FolderInUseError, RankError, UserError, in_one_line
from naa_lightning.sweeps.reporting import tell_sweep

# Hydra then passes errors on instead of printing them in its own way.
os.environ.setdefault("HYDRA_FULL_ERROR", "1")
# What the system says of folders and disks that the user can mend.
_ENVIRONMENT = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.EEXIST,
    errno.EIO,
}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line on standard error and exit code 1 where the user can mend what went wrong.

    A run that was asked to stop ends with a line and the exit code that asks to be continued. Other errors pass with
    their traceback: they are ours to mend. In a job of a sweep the line is printed, and Hydra goes on with the other
    jobs.
    """
    try:
        yield
    except Stopped as stopped:
        sys.stderr.write(f"{stopped}\n" if str(stopped) else "")
        sys.exit(stopped.code)
    except RankError:
        sys.exit(1)
    except FolderInUseError as error:
        _end(f"{in_one_line(error)} with {folder_key(HydraConfig.get())}=PATH")
    except UserError as error:
        traceback.clear_frames(error.__traceback__)  # lets go of a data loader, whose workers take seconds to give up
        _end(in_one_line(error))
    except (HydraException, OmegaConfBaseException) as error:
        _end(explain(error) or str(error))
    except (OSError, ValueError) as error:
        if message := explain(error):
            _end(message)
        # logging hides an OSError of the run's folder behind a ValueError
        reason = error if isinstance(error, OSError) else error.__cause__
        if str(error) == "No trials are completed yet.":
            _end("every trial of the search failed; each has said why")
        if not isinstance(reason, OSError) or reason.errno not in _ENVIRONMENT:
            raise
        _end(_about_a_file(reason))


def launch(main: Callable[[], None]) -> None:
    """Run a Hydra program with one-line errors.

    Args:
        main: The program.
    """
    with one_line_errors():
        try:
            main()
        except Exception:
            tell_sweep()
            raise
        tell_sweep()


def in_a_sweep() -> bool:
    """Tell whether this is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def _about_a_file(error: OSError) -> str:
    """Say what the system says of a file, and how a run with a full disk goes on."""
    folder = HydraConfig.get().runtime.output_dir if HydraConfig.initialized() else None
    said = f"{error.filename or folder or 'the output folder'}: {error.strerror}"
    if folder is None or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return said
    return f"{said}: make room; the same command with {folder_option(HydraConfig.get(), folder)} goes on"


def _end(message: str) -> NoReturn:
    line = "error: " + " ".join(part.strip() for part in message.strip().splitlines())
    if in_a_sweep():
        # Inside a job of a sweep: Hydra goes on with the other jobs and raises this at the end.
        sys.stderr.write(line + "\n")
        raise UserError(message)
    sys.exit(line)
