"""Presets of experiments: all of their jobs are checked, and each runs in miniature."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import timm
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from naa_lightning.config.attack_experiment import AttackExperiment, compose_attack_run
from naa_lightning.models.timm_model import TimmModel
from naa_lightning.models.torchvision_model import TorchvisionModel
from tests.experiments import CONF, NO_PICTURES, ROOT, composed, presets_of_attacks

PRESETS = [
    f"{group}={name}"
    for group in ("experiment", "debug", "hparams_search", "hydra/launcher")
    for name in presets_of_attacks(group)
]
SURROGATES = ["inception_v3", "inception_v4", "inception_resnet_v2", "resnet152"]
ATTACKS = ["mim", "nrdm", "fda", "fia", "naa"]
SWEPT = {
    "undefended": {"surrogate": SURROGATES, "attack": ATTACKS},
    "defended": {"surrogate": SURROGATES, "attack": ATTACKS},
    "undefended_pd": {"surrogate": SURROGATES, "attack": [f"{name}_pd" for name in ATTACKS]},
    "defended_pd": {"surrogate": SURROGATES, "attack": [f"{name}_pd" for name in ATTACKS]},
}
ABLATIONS = {
    "ablation_layer": "surrogate.layer",
    "ablation_gamma": "attack.objective.gamma",
    "ablation_functions": "attack.objective.positive",
    "ablation_path_points": "attack.objective.path_points",
}
SWEEPS = [*SWEPT, *ABLATIONS]


@pytest.fixture(autouse=True)
def weights_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (TimmModel, TorchvisionModel):
        monkeypatch.setattr(kind, "check", lambda self: None)


def choices(preset: str) -> dict[str, list[str]]:
    """What a preset sweeps over."""
    composed(f"experiment={preset}")
    assert HydraConfig.get().mode is RunMode.MULTIRUN
    lines = [f"{key}={choice}" for key, choice in HydraConfig.get().sweeper.params.items()]
    swept = OverridesParser.create().parse_overrides(lines)
    return {override.key_or_group: list(override.sweep_string_iterator()) for override in swept}


def jobs(preset: str) -> Iterator[AttackExperiment]:
    """The jobs of a preset, checked and built as a run does."""
    swept = choices(preset)
    for combination in itertools.product(*swept.values()):
        words = [f"{key}={value}" for key, value in zip(swept, combination, strict=True)]
        yield compose_attack_run(composed(f"experiment={preset}", *words))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_a_checked_experiment(preset: str) -> None:
    experiment = compose_attack_run(composed(preset))
    assert experiment.targets


@pytest.mark.parametrize("preset", SWEEPS)
def test_comments_say_how_many_runs_there_are(preset: str) -> None:
    comment = " ".join((CONF / "experiment" / f"{preset}.yaml").read_text().split("defaults:")[0].split("\n#"))
    (count,) = re.findall(r"(\d+) runs", comment)
    assert math.prod(len(values) for values in choices(preset).values()) == int(count)


@pytest.mark.parametrize("preset", SWEPT)
def test_tables_of_the_paper(preset: str) -> None:
    assert choices(preset) == SWEPT[preset]
    target_names = (
        {"inception_v3_adv", "inception_resnet_v2_ens_adv"}
        if preset.startswith("defended")
        else {"inception_v3", "inception_v4", "inception_resnet_v2", "resnet50", "resnet152", "vgg16"}
    )
    for surrogate, attack in zip(itertools.cycle(SURROGATES), SWEPT[preset]["attack"], strict=False):
        experiment = compose_attack_run(composed(f"experiment={preset}", f"surrogate={surrogate}", f"attack={attack}"))
        assert (experiment.white_box[0].name, experiment.run.attack.name) == (surrogate, attack)
        assert {target.name for target in experiment.black_box} == target_names - {surrogate}
        assert experiment.run.report.baseline == SWEPT[preset]["attack"][0]
        objective = vars(experiment.attack.objective)
        if experiment.run.attack.name.startswith("fia"):
            assert objective["keep"] == (0.9 if preset.startswith("defended") else 0.7)


@pytest.mark.parametrize("attack", ["fia", "fia_pd"])
def test_fia_of_the_defended_presets_is_otherwise_as_usual(attack: str) -> None:
    usual = compose_attack_run(composed("targets=defended", f"attack={attack}")).run.attack
    preset = compose_attack_run(composed("experiment=defended", f"attack={attack}")).run.attack
    given = compose_attack_run(
        composed("experiment=defended", f"attack={attack}", "attack.objective.keep=0.8")
    ).run.attack
    assert (usual.objective["keep"], preset.objective.pop("keep"), given.objective["keep"]) == (0.7, 0.9, 0.8)
    del usual.objective["keep"]
    assert preset == usual


@pytest.mark.parametrize("preset", ABLATIONS)
def test_ablations_pass_through_the_published_setting(preset: str) -> None:
    """One job is plain NAA, the baseline; the others are not, and each differs from all others."""
    plain = compose_attack_run(composed("surrogate=inception_v3", "attack=naa"))
    experiments = list(jobs(preset))
    found = [(repr(job.run.attack), repr(job.white_box[0])) for job in experiments]
    assert len(set(found)) == len(found)
    assert found.count((repr(plain.run.attack), repr(plain.white_box[0]))) == 1
    (baseline,) = {job.run.report.baseline for job in experiments}
    assert baseline is not None
    for said in baseline.split(", "):
        key, value = said.split("=")
        published = {**plain.run.attack.objective, "layer": plain.white_box[0].layer}[key]
        assert str(published) == value


def test_ablated_layers_are_layers_of_the_network_in_its_order() -> None:
    with torch.device("meta"):
        network = timm.create_model("inception_v3", pretrained=False)
    order = [name for name, _ in network.named_modules()]
    places = [order.index(layer) for layer in choices("ablation_layer")["surrogate.layer"]]
    assert places == sorted(places)


QUICK = ["attack.budget.steps=1", "~logger", "callbacks=training", *NO_PICTURES]
MINIATURE = ["surrogate=digits_plain", "data=digits", "~targets", "data.limit=2", *QUICK]
CHOSEN = {
    "undefended": {"attack": ["fia", "nrdm"]},
    "undefended_pd": {"attack": ["fia_pd"]},
    "defended": {"attack": ["fia", "mim"]},
    "defended_pd": {"attack": ["fia_pd"]},
    "ablation_layer": {"surrogate.layer": ["middle", "top"]},
    "ablation_gamma": {"attack.objective.gamma": ["0.0", "2.0"]},
    "ablation_functions": {"attack.objective.positive": ["log"], "attack.objective.negative": ["identity", "square"]},
    "ablation_path_points": {"attack.objective.path_points": ["1", "2"]},
}
# Each as its own run of the program, but libraries are loaded once.
COMMAND_LINES = """
import json, runpy, sys, traceback
del sys.argv[0]
for arguments in json.load(sys.stdin):
    sys.argv[1:] = arguments
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except (Exception, SystemExit):
        traceback.print_exc()
"""


def run_all(lines: Sequence[Sequence[str]], program: str = "attack") -> str:
    """Run a program with each of these command lines, and return what is on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND_LINES, f"{program}.py"],
        cwd=ROOT,
        env={**os.environ, "WANDB_MODE": "offline"},
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stderr


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory, models_dir: str) -> dict[str, list[dict[str, Any]]]:
    """What each preset leaves, in miniature on digits: the results of its jobs."""
    folder = tmp_path_factory.mktemp("sweeps")
    lines = []
    for preset, swept in CHOSEN.items():
        of_sweep = [f"{key}={','.join(values)}" for key, values in swept.items()]
        few = ["attack.objective.path_points=2"] if preset in ABLATIONS and preset != "ablation_path_points" else []
        where = f"hydra.sweep.dir={folder}/{preset}"
        lines.append(["-m", f"experiment={preset}", *MINIATURE, models_dir, *few, *of_sweep, where])
    assert "Traceback" not in (errors := run_all(lines)), errors
    return {
        preset: [json.loads(path.read_text()) for path in sorted((folder / preset).glob("*/results.json"))]
        for preset in CHOSEN
    }


def option(results: dict[str, Any], key: str) -> str:
    value: Any = results["config"]
    for part in key.split("."):
        value = value[part]
    return str(value["name"] if isinstance(value, dict) else value)


@pytest.mark.parametrize("preset", CHOSEN)
def test_every_sweep_runs_in_miniature(preset: str, sweeps: dict[str, list[dict[str, Any]]]) -> None:
    swept = CHOSEN[preset]
    assert set(swept) <= set(choices(preset))
    found = sorted(tuple(option(results, key) for key in swept) for results in sweeps[preset])
    assert found == sorted(itertools.product(*swept.values()))
    for results in sweeps[preset]:
        assert results["config"]["surrogate"]["name"] == "digits_plain"
        keep = results["config"]["attack"]["objective"].get("keep")
        fia = 0.9 if preset.startswith("defended") else 0.7
        assert keep == (fia if results["attack"].startswith("fia") else None)


def test_every_preset_that_sweeps_is_tried() -> None:
    modes = {path.stem: "mode: MULTIRUN" in path.read_text() for path in (CONF / "experiment").glob("*.yaml")}
    assert {name for name, is_sweep in modes.items() if is_sweep} == set(CHOSEN)
