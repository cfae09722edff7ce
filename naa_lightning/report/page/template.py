"""From a template to one file that needs nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from naa_lightning import __version__
from naa_lightning.report.page import chart, wording


def rendered(
    template: str, *, styles: Sequence[str] = ("style.css",), scripts: Sequence[str] = ("sort.js",), **values: Any
) -> str:
    """Fill in a template; whatever comes from data is escaped.

    A page may neither load anything nor run any script but its own, which browsers enforce by its policy.

    Args:
        template: The name of the template.
        styles: The names of its style sheets, which stand beside it.
        scripts: The names of its scripts, likewise.
        values: The values of its variables.
    """
    style, script = ("\n".join(map(_text, names)) for names in (styles, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), script_digest=digest, made_with=__version__, **values)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("naa_lightning.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "interval": wording.interval,
        "breakable": wording.breakable,
        "sentence": wording.sentence,
    }
    environment.globals |= {
        "dot_row": chart.dot_row,
        "legend_mark": chart.legend_mark,
        "spread": wording.spread,
        "counted": wording.counted,
        "class_called": wording.class_called,
        "no_number": wording.NONE,
    }
    return environment


def _text(name: str) -> str:
    return files("naa_lightning.report.page").joinpath("templates", name).read_text(encoding="utf-8").strip()
