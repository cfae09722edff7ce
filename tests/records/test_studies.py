"""The files of studies."""

import json
from pathlib import Path

import pytest

from naa_lightning.exceptions import UserError
from naa_lightning.records.studies import AttributionStudyResults, LayerStudyResults, read_study, write_study
from tests.report.cases import layer_results
from tests.report.studies import attribution_results


def test_what_is_written_is_read(tmp_path: Path) -> None:
    layers = LayerStudyResults.model_validate(layer_results(["a", "b"]))
    for found in (layers, attribution_results()):
        folder = tmp_path / type(found).__name__
        folder.mkdir()
        write_study(folder, found)
        assert read_study(folder) == found
        assert isinstance(found, AttributionStudyResults) == (folder / "attribution.json").is_file()


def test_files_of_version_1_are_read(tmp_path: Path) -> None:
    """They had no version of their own, and neither commit nor command."""
    old = layer_results(["a", "b", "c"]) | {"version": "0.5.0", "config": {"seed": 0}}
    (tmp_path / "layers.json").write_text(json.dumps(old))
    found = read_study(tmp_path)
    assert isinstance(found, LayerStudyResults)
    assert (found.schema_version, found.command) == (1, None)
    assert found.best is not None
    assert found.best.name == old["recommended"] == "b"
    assert found.layers[0].targets["first"].value == old["layers"][0]["targets"]["first"]["value"]


def test_a_folder_without_a_study_has_none(tmp_path: Path) -> None:
    assert read_study(tmp_path) is None
    assert read_study(tmp_path / "nowhere") is None


def test_damaged_and_later_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "layers.json"
    path.write_text(json.dumps(layer_results(["a"]) | {"schema_version": 99}))
    with pytest.raises(UserError, match="has version 99"):
        read_study(tmp_path)
    path.write_text(json.dumps(layer_results(["a"]) | {"rate": "error_rate"}))
    with pytest.raises(UserError, match=r"layers\.json is damaged: rate: "):
        read_study(tmp_path)
