"""Whether a run's folder holds the results of this very run already."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from naa_lightning import __version__
from naa_lightning.config.schema import AttackRun
from naa_lightning.exceptions import UserError
from naa_lightning.identity import results_depend_on
from naa_lightning.records import RunResults, read_results
from naa_lightning.report.run_folders import is_finished


def finished_results(run: AttackRun) -> RunResults | None:
    """Return the results in a run's folder, if they are those of this configuration and version, of every target."""
    folder = Path(run.paths.run_dir)
    if run.study is not None or not is_finished(folder):
        return None
    try:
        results = read_results(folder)
        same = results.version == __version__ and not results.failed
        return results if same and _shown(results.config) == _shown(asdict(run)) else None
    except (UserError, KeyError, TypeError):  # damaged, or of another version
        return None


def _shown(config: Mapping[str, Any]) -> Any:
    """Return what results depend on, and what is shown of them."""
    report = {key: value for key, value in config["report"].items() if key != "baseline"}
    shown = [config["attack"]["name"], report, config["data"].get("class_names")]
    return json.loads(json.dumps([results_depend_on(config), *shown]))
