"""Whether a run's folder holds the results of this very run already."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from naa_lightning import __version__
from naa_lightning.config.schema import AttackRun
from naa_lightning.report.results import read_results
from naa_lightning.report.run_folders import is_finished

# Of the configuration: what changes no result.
_IRRELEVANT = {"paths", "logger", "callbacks", "extras", "tags"}
_IRRELEVANT_OF = {
    "trainer": {"accelerator", "devices", "strategy", "num_nodes"},
    "data": {"num_workers", "cache", "download", "url"},
    "report": {"baseline"},
}


def finished_results(run: AttackRun) -> dict[str, Any] | None:
    """Return the results in a run's folder, if they are those of this configuration and version, of every target."""
    folder = Path(run.paths.run_dir)
    if run.study is not None or not is_finished(folder):
        return None
    try:
        results = read_results(folder)
        same = results["version"] == __version__ and not results["failed"]
        return results if same and _relevant(results["config"]) == _relevant(asdict(run)) else None
    except (ValueError, KeyError, TypeError):  # damaged, or of another version
        return None


def _relevant(config: Mapping[str, Any]) -> Any:
    plain = json.loads(json.dumps(config))
    parts = {key: value for key, value in plain.items() if key not in _IRRELEVANT}
    for key, irrelevant in _IRRELEVANT_OF.items():
        parts[key] = {name: value for name, value in parts[key].items() if name not in irrelevant}
    return parts
