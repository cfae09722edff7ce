"""The programs as a user runs them, each in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.experiments import NO_PICTURES, ROOT, attack
from tests.loggers.wandb_files import logged

DIGITS = ["experiment=digits", "data.limit=24", "data.batch_size=4"]
BRIEF = ["experiment=digits", "data.limit=4", "attack.budget.steps=1", *NO_PICTURES]
NO_NETWORK = {"HF_ENDPOINT": "http://127.0.0.1:9", "WANDB_BASE_URL": "http://127.0.0.1:9"}


def start(program: str, *arguments: str, home: Path, **environment: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "HF_", "XDG_"))}
    return subprocess.Popen(
        [sys.executable, program, *arguments],
        cwd=ROOT,
        env={**kept, "HOME": str(home), **NO_NETWORK, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attack.budget.epss=1"], "error: there is no attack.budget.epss; did you mean eps?"),
        (
            ["surrogate=inception_v33"],
            "error: there is no surrogate=inception_v33; did you mean inception_v3? there are cifa",
        ),
        (["experiment=digits", "attack.budget.eps=-1"], "error: attack.budget: eps must be between 0 and 1 (for exam"),
        (["surrogate=inception_v3"], "error: the weights of inception_v3 (inception_v3.tf_in1k) are not on this mach"),
        (["experiment=digits", "hydra.run.dir=/dev/null/run"], "error: /dev/null/run: Not a directory"),
        (["experiment=digits", "hydra.run.dir=/proc/self"], "error: /proc/self"),
        (["experiment=digits", "hydra.run.dir=README.md"], "error: README.md: File exists"),
    ],
)
def test_mistakes_end_in_one_line_and_exit_code_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    where = [] if any("run.dir" in argument for argument in arguments) else [f"hydra.run.dir={tmp_path}/run"]
    code, out, err = finish(start("attack.py", *arguments, *where, home=tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_lists_of_choices_are_swept_and_said_by_presets_of_a_users_folder(models_dir: str, tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - digits\n"
        "  - override /targets: [digits_inception]\n  - override /defences: [jpeg]\n"
    )
    preset = [
        *("experiment=mine" if word == "experiment=digits" else word for word in BRIEF),
        "attack=mim",
        "logger=csv",
    ]
    sweep = ["-m", "surrogate=[digits_plain,digits_residual],digits_plain", f"hydra.sweep.dir={tmp_path}/sweep"]
    arguments = ["--config-dir", str(tmp_path / "mine"), *sweep, *preset, models_dir]
    code, _, err = finish(start("attack.py", *arguments, home=tmp_path))
    assert (code, err) == (0, "")
    found = [json.loads(path.read_text()) for path in (tmp_path / "sweep").glob("*/results.json")]
    assert {result["surrogate"]: list(result["targets"]) for result in found} == {
        name: [model + defence for model in models for defence in ("", "+jpeg")]
        for name, models in {
            "digits_plain+digits_residual": ["digits_plain", "digits_residual", "digits_inception"],
            "digits_plain": ["digits_plain", "digits_inception"],
        }.items()
    }


def test_an_empty_list_means_nothing_of_a_group(models_dir: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = [*BRIEF, "logger=[]", "targets=[]", models_dir, f"hydra.run.dir={folder}"]
    code, out, err = finish(start("attack.py", *arguments, home=tmp_path))
    assert (code, err) == (0, "")
    assert out.rstrip().endswith(f"results: {folder}")
    assert not (folder / "wandb").exists()
    assert list(json.loads((folder / "results.json").read_text())["targets"]) == ["digits_plain"]


def test_a_bad_job_leaves_the_rest_of_a_sweep(models_dir: str, tmp_path: Path) -> None:
    sweep = ["-m", "attack.budget.eps=-1,64/255", f"hydra.sweep.dir={tmp_path}/sweep"]
    arguments = [*BRIEF, "~logger", "~targets", models_dir]
    code, out, err = finish(start("attack.py", *sweep, *arguments, home=tmp_path))
    assert code == 1
    mistake = "attack.budget: eps must be between 0 and 1"
    assert f"error: {mistake}" in err
    assert f" failed: {mistake}" in " ".join(out.split())
    failed, finished = sorted(path for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert (finished / "results.json").exists()
    assert json.loads((failed / "failed.json").read_text())["error"].startswith(mistake)
    assert mistake in (tmp_path / "sweep" / "report.html").read_text()


def test_a_sweep_is_reported_as_a_whole(models_dir: str, tmp_path: Path) -> None:
    """Its W&B runs share a group, and each is closed."""
    sweep = ["-m", "attack=mim,fgsm", "attack.budget.eps=64/255", f"hydra.sweep.dir={tmp_path}/sweep"]
    code, out, err = finish(start("attack.py", *sweep, *BRIEF, models_dir, home=tmp_path))
    assert (code, err) == (0, "")
    assert out.endswith(f"report: {tmp_path}/sweep/report.html\nsweep: {tmp_path}/sweep\n")
    assert "| digits\\_plain | fgsm |" in " ".join((tmp_path / "sweep" / "summary.md").read_text().split())
    page = (tmp_path / "sweep" / "report.html").read_text().replace("<wbr>", "")
    told = ("mim", "fgsm", "digits_inception", "eps-64-255_attack.budget.steps-1_data.limit-4/report.html")
    assert all(name in page for name in told)
    runs = [run for job in sorted((tmp_path / "sweep").glob("attack-*")) for run in logged(job)]
    assert [(run.run["run_group"], run.run["display_name"], run.exit_code) for run in runs] == [
        ("sweep", "digits_plain-fgsm-digits-seed0", 0),
        ("sweep", "digits_plain-mim-digits-seed0", 0),
    ]


def test_a_runs_images_are_rated_again_behind_defences(models_dir: str, tmp_path: Path) -> None:
    made, rated = tmp_path / "made", tmp_path / "rated"
    attack(made, models_dir, "data.limit=4", "attack.budget.steps=1", "attack=mim", "~targets")
    rating = ["craft=false", f"adversarial_dir={made}", "defences=[jpeg,bit_depth]", f"hydra.run.dir={rated}"]
    code, out, err = finish(start("attack.py", *BRIEF, "~logger", models_dir, *rating, home=tmp_path))
    assert (code, err) == (0, "")
    assert "mim on digits_plain: 4 images of digits" in out
    targets = json.loads((rated / "results.json").read_text())["targets"]
    assert {name for name, target in targets.items() if target["role"] == "white-box"} == {
        *("digits_plain", "digits_plain+jpeg", "digits_plain+bit_depth")
    }
    assert f"surrogate digits_plain, attack mim, budget as in {made}/crafting.json" in out
    assert len(targets) == 9


def test_a_failed_target_is_told_by_the_exit_code(models_dir: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def predict(images):\n    return [[0.0] * 3 for _ in images]\n")
    mine = ["+black_box@targets.mine=callable", "targets.mine.name=mine", "targets.mine.num_classes=10"]
    function = f"targets.mine.function={tmp_path}/mine.py:predict"
    arguments = [*BRIEF, "attack=mim", "logger=csv", models_dir, f"hydra.run.dir={tmp_path}/run"]
    code, out, err = finish(start("attack.py", *arguments, *mine, function, home=tmp_path))
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("error: 1 of 4 models cannot be used (mine gives 3 classes, but num_classes is 10;")
    assert not (tmp_path / "run" / "adversarial").exists()
    code, out, err = finish(start("attack.py", *arguments, *mine, function, "preflight=false", home=tmp_path))
    assert code == 1
    assert err.startswith("error: 1 of 4 targets failed (mine: mine gives 3 classes, but num_classes is 10")
    assert err.count("\n") == 1
    assert "black-box mean" in out
    logged = (tmp_path / "run" / "csv" / "version_1" / "metrics.csv").read_text()
    assert "target/digits_inception/success_rate" in logged


def test_a_training_that_is_told_to_stop_goes_on(tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = ["surrogate=digits_inception", f"paths.models_dir={models}", f"hydra.run.dir={tmp_path}/run"]
    process = start("train.py", *arguments, home=tmp_path)
    while process.poll() is None and not list(models.glob("*/last.ckpt")):
        time.sleep(0.02)
    process.terminate()
    code, _, err = finish(process)
    told = "stopped by SIGTERM at training digits_inception; the same command goes on with the last finished epoch\n"
    assert (code, err) == (75, told)
    assert not list(models.glob("*.safetensors"))

    code, out, _ = finish(start("train.py", *arguments, home=tmp_path))
    assert code == 0
    (weights,) = models.glob("digits_inception-*.safetensors")
    assert f"going on from {weights.with_suffix('')}/last.ckpt" in out
    assert out.rstrip().endswith(f"results: {weights}")
    facts = json.loads(weights.with_suffix(".json").read_text())
    assert 0.9 < facts["accuracy"] <= 1
    assert facts["recipe"]["training"]["epochs"] == 6
    curves = [(tmp_path / "run" / "csv" / f"version_{start}" / "metrics.csv").read_text() for start in (0, 1)]
    for name in ("train/loss", "val/accuracy", "val/calibration_error", "lr-AdamW"):
        assert all(name in curve for curve in curves)


def test_wandb_goes_offline_by_itself_and_stays_in_the_run_folder(models_dir: str, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    explained = ["attribution.exact_images=2", "attribution.path_points=4", "report.attention_images=1"]
    arguments = [*DIGITS, "data.limit=8", models_dir, "tags=[a,b]", *explained, f"hydra.run.dir={folder}"]
    code, out, err = finish(start("attack.py", *arguments, home=home))
    assert (code, err) == (0, "")
    assert "W&B logs offline: there is no API key" in out
    assert not [path for path in home.rglob("*") if "wandb" in path.name]

    (run,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    wandb = Path(sys.executable).with_name("wandb")
    inspected = subprocess.run([wandb, "leet", "inspect", "--json", run], capture_output=True, text=True, check=True)
    results = json.loads((folder / "results.json").read_text())
    for name, target in results["targets"].items():
        assert f"target/{name}/success_rate" in inspected.stdout
        assert str(target["success_rate"]["value"]) in inspected.stdout
    attribution = ("exact_attribution/effect/positive_destroyed", "exact_attribution_of_images/clean/gini")
    captions = (": clean; adversarial; difference x ", ": clean for class ", ": clean logit of class ")
    for name in ("attribution/positive_share", "cost/seconds_per_image", *attribution, *captions):
        assert name in inspected.stdout
    assert str(results["exact_attribution"]["effect"]["positive_destroyed"]) in inspected.stdout
    assert "digits_plain-naa-digits-seed0" in inspected.stdout


def test_a_key_without_a_connection_does_not_wait(models_dir: str, tmp_path: Path) -> None:
    arguments = [*BRIEF, "~targets", models_dir, f"hydra.run.dir={tmp_path / 'run'}"]
    began = time.monotonic()
    code, out, _ = finish(start("attack.py", *arguments, home=tmp_path, WANDB_API_KEY="0" * 40))
    assert code == 0
    assert "W&B logs offline: http://127.0.0.1:9 is out of reach" in out
    assert time.monotonic() - began < 60
