"""From a template to one file that needs nothing else."""

import base64
import hashlib
from functools import cache, partial
from inspect import getmembers, isfunction
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from naa_lightning import __version__
from naa_lightning.atomic import write_atomically
from naa_lightning.report import wording
from naa_lightning.report.definitions import DEFINITIONS, SHORT
from naa_lightning.report.page import plot

FILE_NAME = "report.html"


def write_page(folder: Path, template: str, **values: Any) -> Path:
    """Write a folder's `report.html` from a template and return its path; whatever comes from data is escaped.

    A page may neither load anything nor run any script but its own, which browsers enforce by its policy. In templates,
    all functions of `wording` are filters and functions.

    Args:
        folder: The folder.
        template: The name of the template.
        values: The values of its variables.
    """
    path = folder / FILE_NAME
    write_atomically(path, _environment().get_template(template).render(values))
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("naa_lightning.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = dict(getmembers(wording, isfunction))
    environment.filters |= words | {
        "digest": _digest,
        "yaml": partial(yaml.safe_dump, sort_keys=False, allow_unicode=True),
    }
    environment.globals |= words | {"no_number": wording.NONE, "known": pd.notna, "plots": plot}
    environment.globals |= {"short": SHORT, "definitions": DEFINITIONS, "made_with": __version__}
    return environment


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
