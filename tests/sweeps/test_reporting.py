"""What is reported of a sweep, by a program that Hydra runs as it runs ours."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf

from naa_lightning.exceptions import UserError
from naa_lightning.records.failure import read_failure
from naa_lightning.sweeps import reporting
from naa_lightning.sweeps.reporting import SweepReport, tell_sweep
from tests.experiments import ROOT
from tests.report.sweep.cases import write_run

PROGRAM = """
import sys
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from naa_lightning.config.hydra_versions import MAIN_OPTIONS
from naa_lightning.exceptions import UserError
from naa_lightning.sweeps.reporting import tell_sweep
from tests.report.sweep.cases import write_run

@hydra.main(config_path=None, **MAIN_OPTIONS)
def main(config):
    if config.attack == "broken":
        raise UserError("no such\\nlayer")
    hits = {"source": [1, 1], "plain": [config.attack == "naa", config.seed % 2]}
    write_run(Path(HydraConfig.get().runtime.output_dir), hits, attack=config.attack, seed=config.seed)

try:
    main()
except UserError as error:
    sys.exit(f"error: {error}")
finally:
    tell_sweep()
"""


def run_program(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(PROGRAM)
    options = [
        "+task_name=attack",
        "+report.baseline=mim",
        "+hydra.callbacks.sweep_report._target_=naa_lightning.sweeps.reporting.SweepReport",
        f"hydra.sweep.dir={folder / 'sweep'}",
        "hydra.job_logging.formatters.simple.format='%(message)s'",
        "hydra.job.chdir=false",
    ]
    return subprocess.run(
        [sys.executable, "program.py", *overrides, *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "80", "PATH": "/usr/bin:/bin", "HYDRA_FULL_ERROR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_sweep_ends_with_its_table_also_after_failures(tmp_path: Path) -> None:
    done = run_program(tmp_path, "-m", "+attack=broken,naa,mim", "+seed=1,2")
    sweep = tmp_path / "sweep"
    assert done.returncode == 1
    assert "error: no such" in done.stderr
    assert "Warning" not in done.stderr
    lines = [line.partition("sweep so far: ")[2] for line in done.stdout.splitlines() if "sweep so far" in line]
    assert lines[1:3] == ["0 finished, 2 failed", "1 finished, 2 failed"]
    assert len(lines) == 6
    assert done.stdout.count("┏") == 1
    last = done.stdout[done.stdout.rindex("┏") :].splitlines()
    assert any("naa" in line and "75.0 ± 35.4" in line for line in last)
    assert "naa and mim are not distinguishable on source" in " ".join(last)
    failures = ["0 failed: no such layer", "1 failed: no such layer"]
    assert last[-4:] == [*failures, f"report: {sweep / 'report.html'}", f"sweep: {sweep}"]
    assert json.loads((sweep / "0" / "failed.json").read_text()) == {"error": "no such layer"}
    assert not (sweep / "2" / "failed.json").exists()
    with (sweep / "summary.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["target"] == "plain"]
    assert [(row["attack"], row["seeds"], row["mean"], row["baseline"]) for row in rows] == [
        ("naa", "2", "0.75", "mim"),
        ("mim", "2", "0.25", ""),
    ]
    for name in ("summary.md", "summary.tex", "report.html"):
        assert (sweep / name).is_file()
    assert "no such layer" in (sweep / "report.html").read_text(encoding="utf-8")


def test_hydra_loads_nothing_heavy_with_it() -> None:
    code = (
        "import sys, naa_lightning.sweeps.reporting; print(*{'torch', 'pyarrow', 'rich', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.fixture
def nothing_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_baselines", {})


def end_job(folder: Path, job: Path, error: Exception | None = None, mode: RunMode = RunMode.MULTIRUN) -> None:
    config = OmegaConf.create(
        {"hydra": {"mode": mode, "sweep": {"dir": str(folder)}, "runtime": {"output_dir": str(job)}}}
    )
    job_return = JobReturn(status=JobStatus.COMPLETED if error is None else JobStatus.FAILED)
    job_return.return_value = error
    SweepReport().on_job_end(config, job_return)


@pytest.mark.usefixtures("nothing_begun")
def test_a_failure_is_forgotten_when_the_job_succeeds(tmp_path: Path) -> None:
    job = tmp_path / "a"
    end_job(tmp_path, job, UserError("first"))
    assert read_failure(job) == "first"
    end_job(tmp_path, job, ValueError("second\nline"))
    assert read_failure(job) == "ValueError: second line"
    end_job(tmp_path, write_run(job, {"plain": [1, 0]}))
    assert read_failure(job) is None
    assert (tmp_path / "summary.csv").is_file()


@pytest.mark.usefixtures("nothing_begun")
def test_a_damaged_neighbour_breaks_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", {"plain": [1, 0]})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "results.json").write_text("{")
    (tmp_path / "c" / ".hydra").mkdir(parents=True)
    (tmp_path / "c" / ".hydra" / "config.yaml").write_text("task_name: [")
    end_job(tmp_path, tmp_path / "a")
    tell_sweep()
    assert "b is left out" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()


@pytest.mark.usefixtures("nothing_begun")
def test_what_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_run(tmp_path / "a", {"plain": [1, 0]})
    (tmp_path / "summary.csv").mkdir()
    end_job(tmp_path, tmp_path / "a")
    tell_sweep()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "the sweep's report could not be written" in caplog.text


@pytest.mark.usefixtures("nothing_begun")
def test_without_a_sweep_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_sweep()
    SweepReport().on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "none")}}}))
    tell_sweep()
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("nothing_begun")
def test_jobs_that_ran_elsewhere_are_told_where_the_sweep_was_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    SweepReport().on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    write_run(tmp_path / "a", {"plain": [1, 0]})
    tell_sweep()
    assert capsys.readouterr().out.endswith(f"sweep: {tmp_path}\n")
    assert (tmp_path / "report.html").is_file()


@pytest.mark.usefixtures("nothing_begun")
def test_single_runs_trainings_and_studies_are_no_sweep_of_attacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end_job(tmp_path, write_run(tmp_path / "run", {"plain": [1, 0]}), mode=RunMode.RUN)
    for name, job in (("train", "task_name: train"), ("study", "{task_name: attack, study: {depth: 2}}")):
        folder = tmp_path / "sweep" / name
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "config.yaml").write_text(job)
        end_job(folder.parent, folder)
        end_job(folder.parent, folder, UserError("no"))
    tell_sweep()
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.rglob("summary.*"))
    assert not list(tmp_path.rglob("report.html"))
