"""How the command-line programs end."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

import naa_lightning.config.resolvers  # noqa: F401 - for Hydra
from naa_lightning.distributed.stopping import Stopped, sigterm_noted
from naa_lightning.exceptions import RankError, UserError, in_one_line
from naa_lightning.sweeps.reporting import tell_sweep

# Hydra then passes errors on instead of printing them in its own way.
os.environ.setdefault("HYDRA_FULL_ERROR", "1")
OPTIONAL_GROUPS = ("surrogate", "targets", "logger", "callbacks", "study", "experiment", "hparams_search", "debug")
# What Hydra misses where an extra is not installed.
_EXTRAS = {"hydra/sweeper/optuna": "search"}
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
        with sigterm_noted():
            yield
    except Stopped as stopped:
        sys.stderr.write(f"{stopped}\n" if str(stopped) else "")
        sys.exit(stopped.code)
    except RankError:
        sys.exit(1)
    except UserError as error:
        traceback.clear_frames(error.__traceback__)  # lets go of a data loader, whose workers take seconds to give up
        _end(in_one_line(error))
    except MissingMandatoryValue as error:
        key = re.sub(r"^loss\.", "training.loss.", str(error.full_key).removeprefix("surrogate.recipe."))
        _end(f"{key} must be given")
    except (HydraException, OmegaConfBaseException) as error:
        _end(_missing_extra(str(error)) or str(error))
    except (OSError, ValueError) as error:
        # logging hides an OSError of the run's folder behind a ValueError
        reason = error if isinstance(error, OSError) else error.__cause__
        if str(error) == "No trials are completed yet.":
            _end("every trial of the search failed; each has said why")
        if not isinstance(reason, OSError) or reason.errno not in _ENVIRONMENT:
            raise
        _end(_about_a_file(reason))


def launch(main: Callable[[], None], *, trains: bool = False) -> None:
    """Run a Hydra program with one-line errors and short forms that Hydra lacks.

    Args:
        main: The program.
        trains: Whether it has recipes; see `of_the_recipe`.
    """
    with one_line_errors():
        given = of_the_recipe(sys.argv) if trains else sys.argv
        sys.argv = [word for argument in given for word in in_hydras_words(argument)] + _of_a_later_rank()
        try:
            main()
        except Exception:
            tell_sweep()
            raise
        tell_sweep()


def in_a_sweep() -> bool:
    """Tell whether this is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def _of_a_later_rank() -> list[str]:
    """Return overrides by which a rank that a cluster started leaves Hydra's files and log to the first one."""
    if not {"SLURM_STEP_NUM_TASKS", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
        return []
    from naa_lightning.distributed.process_info import detect_process  # noqa: PLC0415 - loads torch

    if detect_process().rank == 0:
        return []
    return [
        "hydra.run.dir=.",
        "hydra.output_subdir=null",
        "hydra/job_logging=disabled",
        "hydra/hydra_logging=disabled",
    ]


def in_hydras_words(argument: str) -> list[str]:
    """Translate an argument of the command line: `GROUP=null`, several surrogates at once, and defences.

    Raises:
        UserError: A sweep is asked for over several surrogates at once, which Hydra would merge into one, or defences
            are written otherwise.

    Example:
        >>> in_hydras_words("logger=null")
        ['~logger']
        >>> in_hydras_words("surrogate=[a,b]")  # doctest: +NORMALIZE_WHITESPACE
        ['surrogate=ensemble', 'surrogate.name=a+b',
         '+surrogate@surrogate.members.a=a', '+surrogate@surrogate.members.b=b']
        >>> in_hydras_words("defences=[jpeg,median]")
        ['+defence@defences.jpeg=jpeg', '+defence@defences.median=median']
    """
    if argument.startswith("defences="):
        chosen = re.fullmatch(r"defences=(?:\[([\w\s,]*)\]|(\w+))", argument)
        if chosen is None:
            raise UserError(
                f"{argument}: give defences by name, in brackets where there are several: defences=[jpeg,median]"
            )
        names = [name.strip() for name in (chosen[1] or chosen[2] or "").split(",")]
        return [f"+defence@defences.{name}={name}" for name in names if name not in {"", "null"}]
    if several := re.fullmatch(r"surrogate=\[([^\[\]]+)\]", argument):
        members = [name.strip() for name in several[1].split(",")]
        choices = [f"+surrogate@surrogate.members.{name}={name}" for name in members]
        return ["surrogate=ensemble", f"surrogate.name={'+'.join(members)}", *choices]
    if argument.startswith("surrogate=") and "[" in argument:
        raise UserError(
            f"{argument}: a sweep takes surrogates by name; give several at once a file of their own, as "
            "conf/surrogate/ensemble.yaml says"
        )
    return [re.sub(rf"^({'|'.join(OPTIONAL_GROUPS)})=null$", r"~\1", argument)]


def of_the_recipe(arguments: Sequence[str]) -> list[str]:
    """Let `training.KEY=` and `data.KEY=` change the surrogate's recipe where it is not replaced, and name the loss.

    Example:
        >>> of_the_recipe(["training.epochs=3", "data=folder", "data.root=photos"])
        ['++surrogate.recipe.training.epochs=3', 'data=folder', '++data.root=photos']
        >>> of_the_recipe(["training/loss=pgd", "training.loss.steps=10"])
        ['training/loss@loss=pgd', '++loss.steps=10']
    """
    chosen = {argument.partition("=")[0] for argument in arguments}
    words = []
    for argument in arguments:
        word = argument.lstrip("+")
        if word.startswith("training/loss="):
            words.append(word.replace("training/loss", "training/loss@loss"))
        elif word.startswith("training.loss.") and "training/loss" in chosen:
            words.append(f"++{word.removeprefix('training.')}")
        elif part := re.match(r"(training|data)\.", word):
            words.append(f"++{word}" if part[1] in chosen else f"++surrogate.recipe.{word}")
        else:
            words.append(argument)
    return words


def _about_a_file(error: OSError) -> str:
    """Say what the system says of a file, and how a run with a full disk goes on."""
    folder = HydraConfig.get().runtime.output_dir if HydraConfig.initialized() else None
    said = f"{error.filename or folder or 'the output folder'}: {error.strerror}"
    if folder is None or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return said
    return f"{said}: make room; the same command with hydra.run.dir={folder} goes on"


def _missing_extra(message: str) -> str | None:
    """Say which extra is to be installed, if what Hydra does not find is in one."""
    for config, extra in _EXTRAS.items():
        if config in message:
            return f"this needs the extra `{extra}`: pip install -e '.[{extra}]'"
    return None


def _end(message: str) -> NoReturn:
    line = "error: " + " ".join(part.strip() for part in message.strip().splitlines())
    if in_a_sweep():
        # Inside a job of a sweep: Hydra goes on with the other jobs and raises this at the end.
        sys.stderr.write(line + "\n")
        raise UserError(message)
    sys.exit(line)
