"""`naa-report`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from naa_lightning.cli.report import main
from naa_lightning.records import write_or_check_identity
from tests.experiments import ROOT
from tests.loggers.wandb_files import go_offline, logged
from tests.report.cases import TARGETS, finished_run, prediction


def make_run(folder: Path, **config: Any) -> Path:
    rows = [
        prediction(name, repeat=repeat, id=id, file=f"{id}.png", adversarial=id % 4)
        for name, facts in TARGETS.items()
        for repeat in range(facts.repeats)
        for id in (1, 12, 15)
    ]
    finished_run(folder, rows, config={"seed": 0, "tags": [], "logger": {}} | config)
    return folder


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    go_offline(monkeypatch, home)
    return home


def is_page(path: Path) -> bool:
    return path.is_file() and "<html" in path.read_text(encoding="utf-8")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that the program ends with."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, str), "printed to stderr, and exit code 1"
    assert "\n" not in end.value.code
    assert capsys.readouterr().err == ""
    return end.value.code


def test_a_run_gets_its_page_and_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    main([str(run), "--project", "theirs"])
    assert is_page(run / "report.html")
    (found,) = logged(run)
    assert found.run["project"] == "theirs"
    assert found.values["target/plain/success_rate"] == pytest.approx(2 / 3)
    page, where = capsys.readouterr().out.splitlines()
    assert page == f"report: {run}/report.html"
    assert where.startswith(f"W&B: {run}/wandb/offline-run-")
    assert not (tmp_path / "report.html").exists()


def test_no_log_writes_the_page_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    main([str(run), "--no-log"])
    assert is_page(run / "report.html")
    assert not (run / "wandb").exists()
    assert capsys.readouterr().out == f"report: {run}/report.html\n"


def test_an_older_page_is_written_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "report.html").write_text("older")
    main([str(run), "--no-log"])
    assert is_page(run / "report.html")


def test_a_sweep_gets_a_page_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = tmp_path / "sweep"
    runs = [make_run(sweep / str(seed), seed=seed) for seed in (2, 10)]
    killed = sweep / "3"
    killed.mkdir()
    write_or_check_identity(killed, {"seed": 3}, {}, {})
    main([str(sweep)])
    assert all(is_page(folder / "report.html") for folder in (sweep, *runs))
    assert not (killed / "report.html").exists()
    ids = {found.run["run_id"] for run in runs for found in logged(run)}
    assert len(ids) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:4]] == ["report", "W&B", "report", "W&B"]
    assert lines[0].endswith("/sweep/2/report.html")
    assert lines[2].endswith("/sweep/10/report.html")
    assert any("black-box mean" in line for line in lines)
    assert lines[-3:] == ["unfinished: 3", f"report: {sweep / 'report.html'}", f"sweep: {sweep}"]
    assert (sweep / "summary.csv").is_file()


def test_the_baseline_of_a_sweep_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for attack in ("mim", "naa"):
        make_run(tmp_path / attack, attack={"name": attack, "gamma": attack})
    main([str(tmp_path), "--no-log"])
    assert "baseline, naa gamma=mim" in " ".join(capsys.readouterr().out.split())
    main([str(tmp_path), "--no-log", "--baseline", "gamma=naa"])
    assert "baseline, naa gamma=naa" in " ".join(capsys.readouterr().out.split())


def test_a_damaged_run_of_a_sweep_is_refused_and_the_others_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "results.json").write_text("{")
    with pytest.raises(SystemExit, match=r"error: .*a/results\.json is damaged"):
        main([str(tmp_path), "--no-log"])
    assert "a is left out" in capsys.readouterr().out
    assert all(is_page(folder / "report.html") for folder in (tmp_path, tmp_path / "b"))


def test_several_paths_are_reported_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, inner = make_run(tmp_path / "run"), make_run(tmp_path / "sweep" / "0")
    main(["--no-log", str(run), str(tmp_path / "sweep")])
    pages = [run / "report.html", inner / "report.html", tmp_path / "sweep" / "report.html"]
    assert all(map(is_page, pages))
    told = [line.split(": ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("report")]
    assert told == list(map(str, pages))


@pytest.mark.parametrize("what", ["missing", "empty", "file", "unfinished"])
def test_a_path_without_results_is_refused(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "unfinished").mkdir()
    write_or_check_identity(tmp_path / "unfinished", {"seed": 3}, {}, {})
    assert refused(capsys, str(tmp_path / what), "--no-log") == (
        f"error: {tmp_path / what} holds no results.json: name the folder of a finished run, or of a sweep"
    )


def test_what_was_reported_before_a_mistake_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(SystemExit, match="nowhere holds no results"):
        main(["--no-log", str(run), str(tmp_path / "nowhere")])
    assert capsys.readouterr().out == f"report: {run}/report.html\n"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"targets": 3}'])
def test_damaged_results_are_refused_in_one_line(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text(content)
    message = refused(capsys, str(tmp_path))
    assert message.startswith("error: ")
    assert "results.json" in message
    assert not (tmp_path / "wandb").exists()


def test_no_path_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "PATH" in capsys.readouterr().err


def test_the_program_runs_as_a_module(home: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    command = [sys.executable, "-m", "naa_lightning", "report"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "WANDB_BASE_URL": "http://127.0.0.1:9"}
    (tmp_path / "empty").mkdir()
    done = subprocess.run([*command, "run"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("report: run/report.html\nW&B: ")
    assert is_page(run / "report.html")
    assert len(logged(run)) == 1
    assert not [path for path in home.rglob("*") if "wandb" in path.name]
    done = subprocess.run(
        [*command, "empty"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: empty holds no results.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--to", "npy"], "--to npy is no format; did you mean npz? there are huggingface, npz, pt, webdataset"),
        (["nowhere", "--to", "npz"], "nowhere holds no results.json: name the folder of a finished run"),
        (["run", "--to", "pt", "--out", "run"], "run is there already: remove it, or name another place with --out"),
        (["run", "--to", "pt"], "the results do not tell what the clean images were: run again to have them rewritten"),
        (["run", "--to", "pt", "limit=3"], "the results do not tell what the clean images were"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, "export", *words).startswith(f"error: {message}")
    assert not list(tmp_path.rglob("export*"))


def test_a_run_called_export_is_reported_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "export")
    monkeypatch.chdir(tmp_path)
    main(["./export", "--no-log"])
    assert is_page(tmp_path / "export" / "report.html")


@pytest.mark.parametrize("words", [["--help"], ["export", "--help"]], ids=" ".join)
def test_help_says_how_images_are_exported(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert not end.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert "naa-report export" in said
    assert "--to FORMAT" in said
