"""Reading a file of torch without running code from it, or of any class that it names.

torch itself reads the file, with `weights_only=True`. What stands beside the weights, such as the arguments of a
training, is of classes that torch refuses; each of them is replaced by a stand-in, which takes what the file gives it
and does nothing.
"""

import pickletools
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch

from naa_lightning.exceptions import ModelError, reason_of
from naa_lightning.models.weights.weight_files import is_zip

# A file of torch before version 1.6 begins with two numbers and a description of the machine, each pickled.
_BEFORE_CONTENT = 3
# The version of pickles that torch writes, and reads without running them.
_PROTOCOL = 2
# Python 3 writes these pickles with the names that Python 2 had.
_MODULES_OF_PYTHON_2 = {"__builtin__": "builtins", "exceptions": "builtins", "copy_reg": "copyreg"}
_BUILTINS_OF_PYTHON_2 = {"long": "int", "unicode": "str", "unichr": "chr", "xrange": "range"}
# The last line before this is the cause in torch's message of many lines.
_BEHIND_CAUSE = "\n\nCheck the documentation"
_ADVICE = re.compile(r"\s*WeightsUnpickler error: |\. Please use .*|\.$")


class StandIn:
    """Stands for an object, a function or a class that a file names: takes anything, keeps nothing.

    Attributes:
        name: The name that the file gives, with its module.
        container: The kind of object that is made, where the file puts items into one and torch insists on its own.
    """

    name: str
    container: type = object

    def __new__(cls, *_arguments: Any, **_options: Any) -> Any:
        """Make the container, or nothing of interest."""
        return object.__new__(cls) if cls.container is object else cls.container()

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


def load_torch_file(path: Path) -> Any:
    """Read a file that `torch.save` wrote; nothing in it is run.

    Args:
        path: The file, in torch's present format or in the one before version 1.6.

    Returns:
        What was saved, with its tensors on the CPU and a `StandIn` for all that torch does not know to be safe.

    Raises:
        ModelError: It cannot be read so; the message says why.
    """
    try:
        stand_ins = _stand_ins(path)
    except ModelError:
        raise
    except Exception as error:  # anything may be written there
        raise ModelError(
            f"the weights file {path} cannot be read as tensors only: it is damaged, or none that torch.save wrote "
            f"({reason_of(error)}); copy it anew, or save the network's `state_dict()`"
        ) from error
    try:
        with torch.serialization.safe_globals([(stand_in, stand_in.name) for stand_in in stand_ins]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        told = str(error).partition(_BEHIND_CAUSE)[0].splitlines()
        cause = _ADVICE.sub("", told[-1] if told else "it cannot be unpickled")
        raise ModelError(
            f"the weights file {path} cannot be read as tensors only: {cause}; such a file is read only by "
            "running code, which is not done here: save the network's `state_dict()`, by torch.save as it is"
        ) from error
    except Exception as error:  # a damaged file can fail in any way
        raise ModelError(
            f"the weights file {path} cannot be read as tensors only: {reason_of(error)}; if it is damaged, copy it "
            "anew, else save the network's `state_dict()`"
        ) from error


def _stand_ins(path: Path) -> list[type[StandIn]]:
    """Return a stand-in for every name in a file; torch prefers its own where it has some."""
    if not is_zip(path):
        with path.open("rb") as file:
            for _ in range(_BEFORE_CONTENT):
                _names(file)
            return _made(_names(file))
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.count("/") == 1]
        if any(name.endswith("/constants.pkl") for name in names):
            raise ModelError(
                f"the weights file {path} is a network of TorchScript, which is code: ask it as it is, as the target "
                "torchscript, or save the `state_dict()` of the network that it was made from"
            )
        (pickled,) = [name for name in names if name.endswith("/data.pkl")]
        with archive.open(pickled) as file:
            return _made(_names(file))


def _made(names: dict[str, type]) -> list[type[StandIn]]:
    return [type("StandIn", (StandIn,), {"name": name, "container": kind}) for name, kind in names.items()]


def _names(file: IO[bytes]) -> dict[str, type]:
    """Follow a pickle, without running it, and return each name in it with the kind of container it is used as.

    It is followed as far as torch reads pickles, which knows few operations.
    """
    containers: dict[str, type] = {}
    stack: list[str | None] = []  # of each object the name that it is, or that made it
    marks: list[int] = []
    memo: dict[Any, str | None] = {}
    for operation, argument, _ in pickletools.genops(file):
        match operation.name:
            case "GLOBAL":
                name = _name_today(str(argument))
                containers.setdefault(name, object)
                stack.append(name)
            case "MARK":
                marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "REDUCE" | "NEWOBJ" | "BUILD":
                stack.pop()  # the arguments or the state of what is below
            case "APPEND" | "SETITEM" | "APPENDS" | "SETITEMS" as fills:
                del stack[marks.pop() if fills.endswith("S") else -len(operation.stack_before) + 1 :]
                if (filled := stack[-1]) is not None:
                    containers[filled] = list if fills.startswith("APPEND") else OrderedDict
            case "TUPLE":
                del stack[marks.pop() :]
                stack.append(None)
            case "TUPLE1" | "TUPLE2" | "TUPLE3" | "BINPERSID":
                del stack[-len(operation.stack_before) :]
                stack.append(None)
            case _ if operation.proto <= _PROTOCOL and not operation.stack_before:
                stack.append(None)  # a constant
            case _:
                break
    return containers


def _name_today(written: str) -> str:
    """Return the present name of what pickles call as Python 2 did."""
    module, _, name = written.partition(" ")
    if module == "__builtin__":
        name = _BUILTINS_OF_PYTHON_2.get(name, name)
    return f"{_MODULES_OF_PYTHON_2.get(module, module)}.{name}"
