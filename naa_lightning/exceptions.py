"""What a user is told when an experiment cannot go on."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A mistake that the user can mend: one line that names the culprit and the remedy.

    Entry points print it without a traceback and exit with 1.
    """


class DataError(UserError):
    """A mistake in data; the message names parameters of the data in backticks, such as `root` or `image_size=N`."""


class MissingDataError(DataError):
    """Images or labels that are not on this machine and cannot be fetched."""


class MissingTargetClassError(DataError):
    """An image without a class that a targeted attack can aim at."""


class ModelError(UserError):
    """A mistake in a model; the message names parameters of the model in backticks, such as `weights=PATH`."""


class MissingWeightsError(ModelError):
    """Published weights that are not on this machine and cannot be fetched."""


class FolderInUseError(UserError):
    """A folder for a run's images that holds those of another run."""


class RankError(UserError):
    """What went wrong in another process of the run, which says so itself."""


class RankLostError(RankError):
    """Another process of the run has ended, so that nothing can be done together any more."""


def reason_of(error: BaseException) -> str:
    r"""Return why another library failed: the first line of what its error says, else the error's kind.

    Example:
        >>> reason_of(OSError("no such file\nhint: look elsewhere")), reason_of(EOFError())
        ('no such file', 'EOFError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def in_one_line(error: BaseException) -> str:
    r"""Return what an error says; a UserError in its own words, also where a data loader's worker wrapped it.

    Example:
        >>> in_one_line(UserError("Caught UserError in worker\nnaa_lightning.exceptions.UserError: a.png is bad"))
        'a.png is bad'
        >>> in_one_line(ZeroDivisionError("division by zero"))
        'ZeroDivisionError: division by zero'
    """
    text = " ".join(part.strip() for part in str(error).strip().splitlines())
    if isinstance(error, UserError):
        return text.rpartition(f"{type(error).__name__}: ")[2]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def suggest(name: str, options: Iterable[str], *, all_of_them: bool = False) -> str:
    """Return the remedy for a name that does not exist: the closest of its options, or where none is close, all.

    Args:
        name: The name as the user gave it.
        options: The names that exist.
        all_of_them: Whether all options are listed in any case.

    Example:
        >>> suggest("gama", ["gamma", "noise"]), suggest("x", ["gamma", "noise"])
        ('did you mean gamma?', 'there are gamma, noise')
    """
    options = list(options)
    close = [f"did you mean {name}?" for name in get_close_matches(name, options, n=1)]
    listed = [f"there are {', '.join(options)}"] if all_of_them or not close else []
    return " ".join([*close, *listed])
