"""A search: its best parameters, and what its trials reached with theirs."""

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from naa_lightning.records.results import RunResults
from naa_lightning.report.page.plot import Axis, Point, linear_axis, share_axis

FILE_NAME = "optimization_results.yaml"


class Search(NamedTuple):
    """What a sweeper such as Optuna's found.

    Args:
        overrides: The best parameters, as options of the command line.
        value: What the best trial reached; None where the file does not say.
        trials: One line per finished trial: `value`, and the searched parameters; the index is its folder.
    """

    overrides: str
    value: float | None
    trials: pd.DataFrame


def read_search(folder: Path, records: Mapping[Path, RunResults]) -> Search | None:
    """Read the search of a folder; None where there is none, or its file does not say what is best.

    Args:
        folder: The sweep's folder.
        records: The results of its runs.
    """
    try:
        found = yaml.safe_load((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    said = found if isinstance(found, Mapping) else {}
    best = said.get("best_params") or said.get("best_evaluated_params")  # Optuna's word, and Nevergrad's
    if not isinstance(best, Mapping):
        return None
    keys = [str(key).lstrip("+") for key in best]
    value = said.get("best_value", said.get("best_evaluated_result"))
    trials = {run: {"value": record.optimised} | _chosen(record, keys) for run, record in records.items()}
    return Search(
        shlex.join(f"{key}={part if isinstance(part, str) else json.dumps(part)}" for key, part in best.items()),
        value if isinstance(value, float) else None,
        pd.DataFrame.from_dict(trials, orient="index", columns=["value", *keys]).dropna(subset="value"),
    )


def parameter_plots(search: Search, links: Mapping[Path, str | None]) -> list[tuple[str, Axis, Axis, list[Point]]]:
    """Return for each parameter its name, the axes, and the trials with what they reached; the best stand out.

    Args:
        search: The search.
        links: The address of each trial's page, if it has one.
    """
    trials = search.trials.sort_values("value", ascending=False, kind="stable")
    up, found = share_axis("reached, %", trials.value), []
    best = trials.value.max() if search.value is None else search.value
    for name in map(str, trials.columns[1:]):
        known = trials.dropna(subset=name)
        if known.empty:
            continue
        axis, places = _axis(name, known[name])
        points = [
            Point(
                place, value, f"{name}={chosen}: {100 * value:.1f} %", href=links[run], strong=math.isclose(value, best)
            )
            for run, place, chosen, value in zip(known.index, places, known[name], known.value, strict=True)
        ]
        found.append((name, axis, up, points))
    return found


def _chosen(record: RunResults, keys: list[str]) -> dict[str, str]:
    given = dict(override.lstrip("+").split("=", 1) for override in record.overrides if "=" in override)
    return {key: given[key] for key in keys if key in given}


def _axis(name: str, values: "pd.Series[str]") -> tuple[Axis, list[float]]:
    """Return the axis of a parameter and the place of each value: numbers as they are, words side by side."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        return linear_axis(name, numbers), numbers.tolist()
    places, words = pd.factorize(values, sort=True)
    return Axis(name, -0.5, len(words) - 0.5, list(enumerate(words))), list(map(float, places))
