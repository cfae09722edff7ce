"""Finished runs as a table for pandas."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from naa_lightning.exceptions import UserError
from naa_lightning.records.results import FILE_NAME, RunResults, read_results
from naa_lightning.records.targets import RATES, TargetResult
from naa_lightning.report.run_folders import find_runs, in_job_order, is_finished
from naa_lightning.report.settings import settings

UNKNOWN = "unknown"
"""Stands for a name that the results do not tell."""

_PARTS = {"value": "", "low": "_low", "high": "_high", "count": "_count", "total": "_total", "spread": "_spread"}
_RATES = {
    rate + end: "Int64" if part in ("count", "total") else float for rate in RATES for part, end in _PARTS.items()
}
# The columns, with the types of those in which every value may be missing.
_COLUMNS = {
    **dict.fromkeys(("folder", "surrogate", "attack", "setting", "data"), object),
    "seed": "Int64",
    **dict.fromkeys(("target", "model", "role", "defences"), object),
    "repeats": "Int64",
    **_RATES,
    **{"images": int, "norm": object, "eps": float, "targeted": bool},
    **dict.fromkeys(("gradient_evaluations", "seconds_per_image"), float),
    **dict.fromkeys(("started", "written"), "datetime64[ns, UTC]"),
    **dict.fromkeys(("version", "clean_images", "failed", "no_judge"), object),
}


def load(path: str | Path) -> pd.DataFrame:
    """Return the results of the runs in a folder, one row per run and target, in the order of the jobs.

    The columns:

    - `folder`, the run's folder; `surrogate`, `attack` and `data`, their names; `seed`; `setting`, the other options
      in which runs of one surrogate, attack and data set differ, as text
    - `target`, its name; `model`, the name of its model; `role`, "white-box" or "black-box"; `defences`, their names
      joined by "+"; `repeats`, the number of random draws of the defences
    - `fooling_rate`, `error_rate`, `success_rate`, `clean_accuracy`, `target_rate`, `robust_accuracy`, shares in
      [0, 1], each with the ends of its 95 % Wilson interval, `..._low` and `..._high`, with the numbers of answers,
      `..._count` of `..._total`, and with `..._spread`, the standard deviation over random draws
    - `images`, their number; `norm` and `eps` of the budget; `targeted`; `gradient_evaluations` and
      `seconds_per_image`, means over images
    - `started` and `written`, the times of the run's begin and of its results; `version` of naa_lightning;
      `clean_images`, the digest of the clean images
    - `failed`, the reason why the target gave no predictions; its rates are NaN
    - `no_judge`, the reason why the target stands in no mean although it did, such as the surrogate's weights

    What is unknown is missing (NaN, NaT, NA), a name "unknown". A run without targets has one row, without a target.

    Args:
        path: The folder of a run, or one that holds runs at any depth.

    Raises:
        UserError: There is no finished run, or results are damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from naa_lightning.records import RateResult, RunResults, TargetResult, write_results
        >>> rate = RateResult(value=0.8, low=0.49, high=0.943, count=8, total=10)
        >>> target = TargetResult(role="black-box", model="vgg16", success_rate=rate)
        >>> with TemporaryDirectory() as folder:
        ...     write_results(Path(folder), RunResults(attack="naa", images=10, targets={"vgg16": target}))
        ...     runs = load(folder)
        >>> runs[["attack", "target", "success_rate", "success_rate_count"]].to_dict("records")
        [{'attack': 'naa', 'target': 'vgg16', 'success_rate': 0.8, 'success_rate_count': 8}]
    """
    folder = Path(path)
    runs = [run for run in (find_runs(folder) if folder.is_dir() else []) if is_finished(run)]
    if not runs:
        raise UserError(f"{path} holds no {FILE_NAME}: name the folder of a finished run, or of a sweep")
    return frame_of({run: read_results(run) for run in in_job_order(runs)})


def frame_of(records: Mapping[Path, RunResults]) -> pd.DataFrame:
    """Return what `load` does of results that have been read, by their folders."""
    rows = [_facts(folder, record) | row for folder, record in records.items() for row in _targets(record) or [{}]]
    runs = pd.DataFrame(rows, columns=list(_COLUMNS))
    texts: dict[Path, str] = {}
    for _, alike in runs.drop_duplicates("folder").groupby(["surrogate", "attack", "data", "targeted"]):
        texts |= dict(zip(alike.folder, settings([records[run].config for run in alike.folder]), strict=True))
    return runs.assign(setting=runs.folder.map(texts)).astype(_COLUMNS)


def lines_of(frame: pd.DataFrame) -> list[Any]:
    """Return the lines of a table, with its columns as attributes; their types are known to none but the reader."""
    return list(frame.itertuples())


def _facts(folder: Path, record: RunResults) -> dict[str, Any]:
    seed, cost = record.config.get("seed"), record.cost
    names = {name: getattr(record, name) or UNKNOWN for name in ("surrogate", "attack", "data")}
    alike = {name: getattr(record, name) for name in ("images", "targeted", "started", "version")}
    budget = {} if record.budget is None else {"norm": record.budget.norm, "eps": record.budget.eps}
    return (
        {"folder": folder}
        | names
        | alike
        | budget
        | {
            "seed": seed if isinstance(seed, int) else None,
            "gradient_evaluations": cost.gradient_evaluations_per_image,
            "seconds_per_image": cost.seconds_per_image,
            "written": pd.Timestamp((folder / FILE_NAME).stat().st_mtime_ns, tz="UTC"),
            "clean_images": " ".join(record.clean_images.values()) or None,
        }
    )


def _targets(record: RunResults) -> list[dict[str, Any]]:
    """Describe the targets, also those that failed, which have no rates."""
    lost = {name: TargetResult(**target.model_dump(exclude={"reason"})) for name, target in record.failed.items()}
    return [
        {"target": name, "model": target.model, "role": target.role, "defences": "+".join(target.defences)}
        | {"repeats": target.repeats, "failed": record.failed[name].reason if name in lost else None}
        | {"no_judge": target.no_judge}
        | {rate + end: getattr(target.rate(rate), part) for rate in RATES for part, end in _PARTS.items()}
        for name, target in (record.targets | lost).items()
    ]
