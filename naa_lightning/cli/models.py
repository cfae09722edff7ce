"""`naa-models`: lists the models in a folder, and imports weights that other tools wrote."""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from naa_lightning.exceptions import UserError, in_one_line
from naa_lightning.models.listing import listed_models, models_table
from naa_lightning.models.saved import LIBRARIES, network_of, save_model
from naa_lightning.models.weights import check_weights_file, load_weights

_USUAL = Path("outputs/models")
# What this program calls the parameters of models and data that messages name.
_OPTIONS = {"root": "--data", "weights": "FILE", "weights_key": "--key", "class_names": "--classes"}


def main(arguments: Sequence[str] | None = None) -> None:
    """List the models in a folder, or import one into it.

    Args:
        arguments: The arguments of the command line; None for the program's own.

    Raises:
        SystemExit: There is no such folder, or the model cannot be imported.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["import"]:
        _import(words[1:])
    else:
        _list(words)


def _list(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="naa-models",
        description="List the models in a folder, with their accuracy. Their names are for "
        "`naa-attack surrogate=trained surrogate.model=NAME`.",
        epilog="naa-models import --help says how weights that another tool wrote become one of them.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=_USUAL, metavar="DIR", help=f"folder of models; default: {_USUAL}"
    )
    folder: Path = parser.parse_args(words).folder
    there = _there(folder)
    if not folder.is_dir():
        sys.exit(f"error: {folder} is no folder: name that of your models, or train one there: naa-train{there}")
    models, damaged = listed_models(folder)
    console = Console()
    if models:
        console.print(models_table(models, console.width))
        lines = [f"use one: naa-attack surrogate=trained surrogate.model=NAME{there}"]
    else:
        lines = [f"there is no model in {folder}: train one: naa-train{there}"]
    for line in [*damaged, *lines]:
        console.print(Text(line), soft_wrap=True)


def _import(words: Sequence[str]) -> None:
    from naa_lightning.config.overrides import as_typed  # noqa: PLC0415 - loads Hydra

    options = _import_options(words)
    ours, printed = logging.getLogger("naa_lightning"), logging.StreamHandler(sys.stdout)
    ours.setLevel(logging.INFO)
    ours.addHandler(printed)
    try:
        path = import_weights(**vars(options))
    except (UserError, ValueError, OSError) as error:
        message = str(error) if isinstance(error, ValueError) else in_one_line(error)
        sys.exit(f"error: {_in_options(message)}")
    finally:
        ours.removeHandler(printed)
    chosen = as_typed("surrogate.model", path.stem)
    sys.stdout.write(f"saved: {path}\nuse it: naa-attack surrogate=trained {chosen}{_there(path.parent)}\n")


def _import_options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="naa-models import",
        description="Convert weights that any tool wrote to a model that naa-attack knows by its name. Prefixes of "
        "names are taken off, nothing in the file is run, and what was found and left out is said.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="checkpoint, index of several, or folder with one")
    parser.add_argument("folder", nargs="?", type=Path, default=_USUAL, metavar="DIR", help=f"default: {_USUAL}")
    parser.add_argument("--architecture", required=True, help="as the library calls it, such as resnet18.a1_in1k")
    parser.add_argument("--name", required=True, help="what the model is called from now on")
    parser.add_argument("--library", choices=list(LIBRARIES), default="timm", help="default: timm")
    parser.add_argument("--num-classes", type=int, metavar="N", help="default: those of the published weights")
    numbers: dict[str, Any] = {"type": float, "nargs": "+", "metavar": "X"}
    parser.add_argument("--mean", **numbers, help="per channel, of images in [0, 1]; default: of the published weights")
    parser.add_argument("--std", **numbers, help="likewise")
    parser.add_argument("--input-size", type=int, nargs=2, metavar=("H", "W"), help="in pixels; default: likewise")
    parser.add_argument("--layer", metavar="NAME", help="the layer to attack")
    parser.add_argument(
        "--create-kwargs", type=yaml.safe_load, default={}, metavar="YAML", help="such as '{in_chans: 1}'"
    )
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the classes, a line for each")
    parser.add_argument("--key", metavar="ENTRY", help="entry of the checkpoint, or prefix; default: the usual entry")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images, to measure the clean accuracy on")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="their labels; default: a sub-folder for each class")
    return parser.parse_args(words)


def import_weights(
    file: Path,
    folder: Path,
    *,
    name: str,
    library: str,
    num_classes: int | None,
    classes: Path | None,
    key: str | None,
    data: Path | None,
    csv: Path | None,
    **options: Any,
) -> Path:
    """Convert weights to safetensors, with a description beside them.

    Args:
        file: The weights, see `naa_lightning.models.weights.read_weights`.
        folder: The folder of models that the result is written to.
        name: The name of the model and of its files.
        library: The library of the network: "small", "timm" or "torchvision".
        num_classes: The number of classes; None for that of the published weights.
        classes: A file of the classes' names.
        key: The entry of the checkpoint that holds the weights.
        data: A folder of labelled images, on which the clean accuracy is measured.
        csv: The file of their labels.
        **options: What else describes the network, see `ClassifierSource`.

    Returns:
        The file that was written.

    Raises:
        UserError: The weights or the images cannot be used, or there is a model of this name.
        ValueError: A value is out of range.
        OSError: The folder cannot be written to.
    """
    path = folder / f"{name}.safetensors"
    for taken in (path, path.with_suffix(".json")):
        if taken.exists():
            raise UserError(f"there is a model {name} already, in {taken}: give another --name, or remove it")
    check_weights_file(file)
    source = network_of(library, name=name, weights=str(file), **options)
    source = replace(source, num_classes=source.published().num_classes if num_classes is None else num_classes)
    if classes is not None:
        # It loads Lightning, which takes seconds.
        from naa_lightning.data import read_class_names  # noqa: PLC0415

        source = replace(source, classes=read_class_names(classes))
    network = source.network(pretrained=False)
    load_weights(network, file, key)
    model = source.wrap(network).eval()
    facts = {"imported_from": file.name}
    if data is not None:
        from naa_lightning.cli.clean_accuracy import clean_accuracy  # noqa: PLC0415 - likewise

        facts |= clean_accuracy(model, source, data, None if csv is None else csv.expanduser().absolute())
    folder.mkdir(parents=True, exist_ok=True)
    save_model(path, source, network, facts)
    return path


def _in_options(message: str) -> str:
    """Name the options of this program where a message names parameters in backticks."""

    def option(found: re.Match[str]) -> str:
        return f"{_OPTIONS.get(found[1]) or '--' + found[1].replace('_', '-')}{found[2].replace('=', ' ')}"

    return re.sub(r"`([a-z_]+)((?:=[^`]*)?)`", option, message)


def _there(folder: Path) -> str:
    return "" if folder == _USUAL else f" paths.models_dir={folder}"
