"""The models in a folder, as a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from safetensors import SafetensorError, safe_open

from naa_lightning.exceptions import UserError
from naa_lightning.models.saved import read_facts, saved_stems
from naa_lightning.validation import parse_number

_UNBOUNDED = Console(width=100_000, file=None)
_UNKNOWN = "-"
# What a batch normalisation counts and averages is kept with its parameters, and is none.
_NO_PARAMETERS = (".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True)
class ListedModel:
    """A model as its files describe it.

    Args:
        stem: The name of its files, without their ending.
        parameters: The number of trained parameters.
        facts: The facts written beside its weights, unchecked.
    """

    stem: str
    parameters: int
    facts: Mapping[str, Any]


def listed_models(folder: Path) -> tuple[list[ListedModel], list[str]]:
    """Read what the models in a folder say of themselves; their weights are not loaded.

    Returns:
        The models sorted by name, and a line for each one that cannot be read.
    """
    models, damaged = [], []
    for stem in saved_stems(folder):
        try:
            facts = read_facts(folder / f"{stem}.json")
            models.append(ListedModel(stem, _parameters(folder / f"{stem}.safetensors"), facts))
        except UserError as error:
            damaged.append(f"{stem} is left out: {error}")
    return models, damaged


def models_table(models: Sequence[ListedModel], width: int) -> Table:
    """Lay out models against what is known of them, each in one line where that fits.

    Args:
        models: At least one.
        width: The width of the terminal, in characters.
    """
    table = _table(models, stacked=False)
    needed = Measurement.get(_UNBOUNDED, _UNBOUNDED.options, table).maximum
    return table if needed <= width else _table(models, stacked=True)


def _table(models: Sequence[ListedModel], *, stacked: bool) -> Table:
    """Lay out models; stacked: what is no number stands below the name, and the budget below the rate."""
    table = Table(
        caption="size: parameters; clean, robust: accuracy in %, robust under attack with the budget in brackets; "
        "calib.: calibration error in %; -: not known"
    )
    table.add_column("model", overflow="fold")
    if not stacked:
        table.add_column("architecture", overflow="fold")
        table.add_column("data", overflow="fold")
        table.add_column("classes", justify="right", no_wrap=True)
    for head in ("size", "clean", "robust", "calib.", "epochs"):
        table.add_column(head, justify="right", no_wrap=True)
    for model in models:
        facts = model.facts
        words = [_word(facts.get("architecture")), _word(facts.get("data")), _whole(facts.get("num_classes"))]
        name = Text(_word(model.stem))
        if stacked:
            name.append(f"\n{words[0]}, {words[1]}, {words[2]} classes", style="dim")
        table.add_row(
            name,
            *([] if stacked else map(Text, words)),
            f"{model.parameters / 1e6:.2f} M",
            _percent(facts.get("accuracy")),
            _robust(facts.get("robust"), "\n" if stacked else " "),
            _percent(facts.get("calibration_error")),
            _whole(facts.get("epochs")),
        )
    return table


def _parameters(path: Path) -> int:
    try:
        with safe_open(path, framework="numpy") as file:
            names = [name for name in file.keys() if not name.endswith(_NO_PARAMETERS)]  # noqa: SIM118 - no mapping
            return sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    except FileNotFoundError:
        raise UserError(f"there are no weights {path}") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"the weights {path} are damaged or unreadable: {error}") from error


def _word(value: Any) -> str:
    """Return a word of a file that anybody may have written, without what would upset a terminal."""
    if not isinstance(value, str) or not value:
        return _UNKNOWN
    return "".join(letter if letter.isprintable() else "?" for letter in value)


def _whole(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _UNKNOWN


def _percent(share: Any) -> str:
    known = isinstance(share, int | float) and not isinstance(share, bool) and math.isfinite(share)
    return f"{100 * share:.1f}" if known else _UNKNOWN


def _robust(robust: Any, between: str) -> str:
    """Write the accuracy under attack, and behind it the attack's budget."""
    if not isinstance(robust, Mapping):
        return _UNKNOWN
    attack = robust.get("attack")
    accuracy = _percent(robust.get("accuracy"))
    try:
        eps = parse_number("eps", attack["eps"]) if isinstance(attack, Mapping) else math.nan
    except (KeyError, ValueError):
        eps = math.nan
    if not math.isfinite(eps):
        return accuracy
    return f"{accuracy}{between}({255 * eps:.3g}/255)"
