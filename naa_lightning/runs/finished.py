"""Whether a run's folder holds the results of this very run already."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from naa_lightning import __version__
from naa_lightning.config.attack_experiment import AttackExperiment
from naa_lightning.exceptions import UserError
from naa_lightning.identity import results_depend_on
from naa_lightning.models import ModelSource, NetworkSource, TrainedModel
from naa_lightning.models.weights import weight_files
from naa_lightning.models.weights_digest import files_digest
from naa_lightning.records import RunResults, read_results
from naa_lightning.report.run_folders import is_finished
from naa_lightning.report.wording import listed

log = logging.getLogger(__name__)


def finished_results(experiment: AttackExperiment) -> RunResults | None:
    """Return the results in a run's folder, if they are those of this configuration, version and files of models.

    Args:
        experiment: The run, whose targets all have answered then.
    """
    run = experiment.run
    results = results_in(Path(run.paths.run_dir))
    if run.study is not None or results is None or results.version != __version__ or results.failed:
        return None
    try:
        if _shown(results.config) != _shown(asdict(run)):
            return None
    except (KeyError, TypeError):  # of another version
        return None
    changed = changed_models(results.model_files, files_of_models(experiment.sources))
    if changed:
        log.info("%s: the files of %s have changed, so that it is done again", run.paths.run_dir, listed(changed))
    return None if changed else results


def results_in(folder: Path) -> RunResults | None:
    """Return the results in a folder; None where there are none that can be read."""
    if not is_finished(folder):
        return None
    try:
        return read_results(folder)
    except UserError:
        return None


def files_of_models(sources: Sequence[ModelSource]) -> dict[str, str]:
    """Return the digest of the local files that each model is read from, by its name, of those that have any."""
    found = {source.name: files_digest(_files(source)) for source in sources}
    return {name: digest for name, digest in found.items() if digest is not None}


def changed_models(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> list[str]:
    """Return the names of the models that have another digest than they had."""
    return [name for name, digest in now.items() if name in before and before[name] != digest]


def _files(source: ModelSource) -> list[Path]:
    weights = source.weights_path if isinstance(source, TrainedModel) else None
    if weights is None and isinstance(source, NetworkSource):
        weights = source.local_weights
    return [*source.files, *(weight_files(weights) if weights is not None and weights.exists() else ())]


def _shown(config: Mapping[str, Any]) -> Any:
    """Return what results depend on, and what is shown of them."""
    report = {key: value for key, value in config["report"].items() if key != "baseline"}
    shown = [config["attack"]["name"], report, config["data"].get("class_names")]
    return json.loads(json.dumps([results_depend_on(config), *shown]))
