"""List the models that naa-train made: `naa-models [DIR]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from naa_lightning.models.listing import listed_models, models_table

_USUAL = Path("outputs/models")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of the models in a folder.

    Args:
        arguments: Arguments of the command line; None for the program's own.

    Raises:
        SystemExit: There is no such folder.
    """
    parser = argparse.ArgumentParser(
        prog="naa-models",
        description="List the models that naa-train made, with their accuracy. Their names are for "
        "`naa-attack surrogate=trained surrogate.model=NAME`.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=_USUAL, metavar="DIR", help=f"folder of models; default: {_USUAL}"
    )
    folder: Path = parser.parse_args(arguments).folder
    there = "" if folder == _USUAL else f" paths.models_dir={folder}"
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


if __name__ == "__main__":
    main()
