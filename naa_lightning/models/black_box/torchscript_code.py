"""What the code in a TorchScript file names: operators that compute, and none that touches files.

The code runs with all rights of this process, in part as soon as the file is loaded (`__setstate__`), and torch has
operators that read and write any file. So it is read as text before, and what is loaded is a copy of what was read.
"""

import ast
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Libraries of operators that take and give tensors and numbers; others, such as torchvision's `image`, may do anything.
_COMPUTING = (
    "aten",
    "prim",
    "quantized",
    "_quantized",
    "sparse",
    "mkldnn",
    "mkldnn_prepacked",
    "onednn",
    "rnn",
    "torchvision",
)
# The operators among these that do touch files.
_FILES = ("from_file", "save")
# What torch.jit.load needs of a file, in a folder of any name. Left out are positions in the source, for messages, and
# `model.json`, by which a file of an older format names its code as it likes.
_LOADED = re.compile(r"[^/]+/(code/.+\.py|(data|constants)(\.pkl|/.+)|version|byteorder|\.data/.+)")
_PRINTABLE = re.compile(rb"(?:[\n -\[\]-~]|\\[ -~])*")  # what both Python and torch read alike
_PICKLED_CLASS = re.compile(rb"torch[.\n]classes[.\n](\w+)")


class UnsafeCodeError(Exception):
    """Code that names what does not just compute, or of which that cannot be told."""


def check_code(path: Path) -> None:
    """Check what the code of a TorchScript file names, without running any of it.

    Raises:
        UnsafeCodeError: It names what does not just compute, or cannot be understood; the message names the operator.
        ValueError, OSError, zipfile.BadZipFile: The file cannot be read.
    """
    for _ in _checked(path, lambda name: name.endswith((".py", ".pkl"))):
        pass


def checked_copy(path: Path) -> io.BytesIO:
    """Return a copy of a TorchScript file that holds what `check_code` approves, and nothing else.

    The copy is what is loaded, since of one damaged archive two libraries may read different contents.

    Raises:
        UnsafeCodeError, ValueError, OSError, zipfile.BadZipFile: As by `check_code`.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, content in _checked(path, lambda name: True):
            archive.writestr(name, content)
    copy.seek(0)
    return copy


def _checked(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted contents of a file with their names, once they are checked."""
    with zipfile.ZipFile(path) as archive:
        names = dict.fromkeys(name for name in archive.namelist() if _LOADED.fullmatch(name))
        if not any(name.endswith(".py") for name in names):
            raise ValueError("it holds no code")
        for name in filter(wanted, names):
            content = archive.read(name)
            if name.endswith(".py"):
                _check_text(content)
            if name.endswith(".pkl"):
                for library in _PICKLED_CLASS.findall(content):
                    _check_operator(library.decode(), "*")
            yield name, content


def _check_text(code: bytes) -> None:
    """Check every name that code takes from `torch`, `ops` or `__torch__`, which nothing else gives it."""
    if not _PRINTABLE.fullmatch(code):
        raise UnsafeCodeError("its code holds characters that torch does not write")
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeCodeError("its code cannot be understood") from error
    longer = {node.value: node for node in nodes if isinstance(node, ast.Attribute)}
    attributes = {node.target for node in nodes if isinstance(node, ast.AnnAssign)}  # of a class: nothing is called
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in {"torch", "ops", "__torch__"} and node not in attributes:
            words, end = [node.id], longer.get(node)
            while end is not None:
                words.append(end.attr)
                end = longer.get(end)
            _check_words(words)


def _check_words(words: list[str]) -> None:
    match words:
        case ["torch", operator, *_]:
            _check_operator("aten", operator)
        case ["ops", library, operator, *_]:
            _check_operator(library, operator)
        case ["__torch__", "torch", "classes", library, *_]:
            _check_operator(library, "*")
        case ["torch" | "ops" | "__torch__"] | ["ops", _] | ["__torch__", "torch"] | ["__torch__", "torch", "classes"]:
            raise UnsafeCodeError(
                f"its code gives {'.'.join(words)} another name, so that it cannot be told what it calls"
            )


def _check_operator(library: str, operator: str) -> None:
    if library not in _COMPUTING:
        raise UnsafeCodeError(
            f"its code uses {library}::{operator}, which is none of torch's operators that only compute"
        )
    if operator in _FILES:
        raise UnsafeCodeError(f"its code uses {library}::{operator}, which reads or writes files")
