"""Which folders are runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from naa_lightning.records import RunResults, write_or_check_identity, write_results
from naa_lightning.report.run_folders import find_runs, in_job_order, is_finished, is_run


def finished(folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_results(folder, RunResults(images=0, targets={}))
    return folder


def begun(folder: Path) -> Path:
    """Make a run that crafts and has no results yet."""
    folder.mkdir(parents=True)
    write_or_check_identity(folder, {"seed": 0}, {}, {})
    return folder


def job(folder: Path, config: str) -> None:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(config)


def test_runs_below_a_folder_come_in_natural_order(tmp_path: Path) -> None:
    made = [finished(tmp_path / name) for name in ("10", "2", "0", "1")]
    assert find_runs(tmp_path) == sorted(made, key=lambda run: int(run.name))


def test_names_with_numbers_come_in_natural_order_too(tmp_path: Path) -> None:
    names = ["10", "\N{SUPERSCRIPT TWO}", "job-2", "job-10", "naa"]
    for name in reversed(names):
        finished(tmp_path / name)
    assert [run.name for run in find_runs(tmp_path)] == ["10", "job-2", "job-10", "naa", "\N{SUPERSCRIPT TWO}"]


def test_the_layers_of_a_study_are_no_runs(tmp_path: Path) -> None:
    begun(tmp_path / "study" / "layers" / "conv1")
    job(tmp_path / "study", "task_name: attack\nstudy: {depth: 2}")
    assert find_runs(tmp_path) == []


def test_a_job_that_failed_at_once_is_an_unfinished_run_unless_it_trains(tmp_path: Path) -> None:
    job(tmp_path / "0", "task_name: attack")
    job(tmp_path / "1", "task_name: train")
    assert find_runs(tmp_path) == [tmp_path / "0"]
    assert not is_finished(tmp_path / "0")


def test_runs_lie_at_any_depth(tmp_path: Path) -> None:
    below = [finished(tmp_path / "a" / "1" / "x"), begun(tmp_path / "a" / "2"), finished(tmp_path / "b")]
    (tmp_path / "c" / "empty").mkdir(parents=True)
    (tmp_path / "multirun.yaml").write_text("")
    assert find_runs(tmp_path) == below
    assert find_runs(tmp_path / "c") == []


@pytest.mark.parametrize("make", [finished, begun])
def test_a_run_is_itself_the_only_one(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    run = make(tmp_path / "run")
    finished(run / "layers" / "inner")
    assert find_runs(run) == find_runs(tmp_path) == [run]


def test_a_run_is_finished_once_it_has_results(tmp_path: Path) -> None:
    folders = {"finished": finished(tmp_path / "finished"), "begun": begun(tmp_path / "begun")}
    folders |= {"other": tmp_path, "missing": tmp_path / "missing"}
    assert {name for name, folder in folders.items() if is_run(folder)} == {"finished", "begun"}
    assert {name for name, folder in folders.items() if is_finished(folder)} == {"finished"}


def test_a_folder_of_the_name_of_a_file_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "results.json").mkdir()
    (tmp_path / "crafting.json").mkdir()
    assert find_runs(tmp_path) == []


def test_jobs_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    numbers = {"a": "10", "b": "2", "c": "", "d": "0", "e": "[", "f": "hydra"}
    for name, number in numbers.items():
        job(tmp_path / name, "task_name: attack")
        text = f"hydra: {{job: {{num: {number}}}}}" if number != "hydra" else "3"
        (tmp_path / name / ".hydra" / "hydra.yaml").write_text(text)
    folders = [*(tmp_path / name for name in numbers), tmp_path / "missing"]
    assert [folder.name for folder in in_job_order(folders)] == ["d", "b", "a", "c", "e", "f", "missing"]


def test_a_configuration_that_cannot_be_read_makes_no_run(tmp_path: Path) -> None:
    job(tmp_path / "0", "task_name: [")
    job(tmp_path / "1", "attack")
    assert find_runs(tmp_path) == []
