"""Searches for better numbers of an attack, as a user starts them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from naa_lightning.config.hydra_versions import VERSION_BASE
from naa_lightning.sweeps.search_check import SearchCheck
from tests.experiments import CONF
from tests.sweeps.test_presets import QUICK, run_all

PASSED_OVER = "gamma must be at least 0, got -1.0"
SEARCH = [
    "-m",
    "hparams_search=optuna",
    "experiment=digits",
    "~targets.digits_inception",
    "data.limit=8",
    *QUICK,
    "hydra.sweeper.n_trials=6",
    "attack.objective.gamma=choice(-1.0,0.5,1.0)",
    "attack.objective.path_points=range(1,3)",
    "attack.budget.eps=choice(0.004,0.25)",
    "attack.objective.noise=0.0",
]


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory, models_dir: str) -> tuple[list[Path], str]:
    """The folders of one search that was made twice, and what was on standard error."""
    if not VERSION_BASE:
        pytest.skip("hydra-optuna-sweeper 1.3 does not run with OmegaConf 2.4")
    folder = tmp_path_factory.mktemp("searches")
    folders = [folder / "one", folder / "again"]
    errors = run_all([[*SEARCH, models_dir, f"hydra.sweep.dir={where}"] for where in folders])
    return folders, errors


def trials(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/results.json"))}


def test_the_best_trial_has_the_highest_black_box_rate(searches: tuple[list[Path], str]) -> None:
    (folder, _), errors = searches
    assert PASSED_OVER in errors
    best = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    rates = {name: results["black_box_mean"]["success_rate"] for name, results in trials(folder).items()}
    assert len(set(rates.values())) > 1
    assert len(rates) < 6
    assert best["best_value"] == max(rates.values())
    configs = [trials(folder)[name]["config"]["attack"] for name, rate in rates.items() if rate == best["best_value"]]
    found = best["best_params"]
    assert set(found) == {f"attack.{key}" for key in SEARCHED}
    assert [found[f"attack.{key}"] for key in SEARCHED] in [
        [config[part][name] for part, name in (key.split(".") for key in SEARCHED)] for config in configs
    ]


SEARCHED = (
    "objective.gamma",
    "objective.path_points",
    "objective.balance",
    "budget.eps",
    "update_rule.decay",
)


def test_a_search_repeated_makes_the_same_trials(searches: tuple[list[Path], str]) -> None:
    (one, again), _ = searches
    names = [sorted(path.name for path in folder.iterdir() if path.is_dir()) for folder in (one, again)]
    assert names[0] == names[1]
    assert len(names[0]) == 6
    best = [(folder / "optimization_results.yaml").read_bytes() for folder in (one, again)]
    assert best[0] == best[1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["~targets"],
            "error: a search maximises the success rate of black-box targets, and there are none: give",
        ),
        (
            ["~targets.digits_residual", "~targets.digits_inception"],
            "error: a search maximises the success rate of black-box targets, and there are none",
        ),
        (["study=attribution"], "error: a study of attribution gives a search nothing to maximise: leave out study="),
        (["craft=false"], "error: a search crafts images in each of its trials: leave out craft=false"),
        (["attack=mim"], "error: attack=mim has no attack.objective.gamma to search: write its search as"),
        (["attack.budget.eps=-1"], "error: attack.budget: eps must be between 0 and 1 (for example 16/255), got -1"),
    ],
)
def test_a_search_that_cannot_find_anything_is_refused(
    overrides: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        said = ["hparams_search=optuna", "experiment=digits", f"hydra.sweep.dir={tmp_path}", *overrides]
        config = compose("attack", overrides=said, return_hydra_config=True)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # as Hydra 1.3 has it before the first job
    with pytest.raises(SystemExit) as ended:
        SearchCheck("attack").on_multirun_start(config)
    assert str(ended.value).startswith(message)
    assert HydraConfig.instance().cfg is None
    assert "hydra" in config


@pytest.mark.parametrize(
    ("program", "overrides", "message"),
    [
        (
            "train",
            ["hparams_search=optuna"],
            "error: this search is of numbers of naa-attack, and this is naa-train: give "
            "hparams_search=optuna_training",
        ),
        (
            "attack",
            ["hparams_search=optuna_training"],
            "error: this search is of numbers of naa-train, and this is naa-attack: give hparams_search=optuna",
        ),
        (
            "train",
            ["hparams_search=optuna_training", "+hydra.sweeper.params={training.epocs: 'choice(1,2)'}"],
            "error: surrogate=digits_plain has no training.epocs to search: write its search as",
        ),
        (
            "train",
            ["hparams_search=optuna_training", "training.epochs=0"],
            "error: training: epochs must be an integer of at least 1, got 0",
        ),
    ],
)
def test_a_search_of_a_training_is_checked_too(
    program: str, overrides: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(program, overrides=overrides, return_hydra_config=True)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    with pytest.raises(SystemExit) as ended:
        SearchCheck("attack" if "hparams_search=optuna" in overrides else "train").on_multirun_start(config)
    assert str(ended.value).startswith(message)


def test_a_search_of_a_training_maximises_what_chooses_its_best_epoch(tmp_path: Path) -> None:
    if not VERSION_BASE:
        pytest.skip("hydra-optuna-sweeper 1.3 does not run with OmegaConf 2.4")
    words = ["hparams_search=optuna_training", "debug=fdr", "training.robustness=null", "hydra.sweeper.n_trials=3"]
    errors = run_all([["-m", *words, f"hydra.sweep.dir={tmp_path}"]], program="train")
    assert "Traceback" not in errors, errors
    facts = [json.loads(path.read_text()) for path in tmp_path.glob("*/models/*.json")]
    best = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert len(facts) == 3
    assert best["best_value"] == max(said["validation_score"] for said in facts)
    recipes = [said["recipe"]["training"] for said in facts if said["validation_score"] == best["best_value"]]
    assert best["best_params"]["training.learning_rate"] in [recipe["learning_rate"] for recipe in recipes]
    assert {recipe["batches"] for recipe in recipes} == {1}


def test_a_search_that_can_find_something_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=["hparams_search=optuna", "experiment=digits"], return_hydra_config=True)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    SearchCheck("attack").on_multirun_start(config)
    assert config.hydra.sweeper.direction == "maximize"
    assert config.hydra.sweeper.sampler.seed == 0
