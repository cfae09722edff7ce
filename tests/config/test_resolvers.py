"""Names of sweeps' folders and of W&B's groups."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from naa_lightning.config.building import plain_values
from naa_lightning.config.resolvers import LONGEST, job_folder, run_group
from naa_lightning.sweeps.job_names import JobNames
from tests.experiments import composed

KEYS = ["attack", "attack.budget.eps", "seed", "surrogate"]
values = st.one_of(
    st.from_regex(r"[a-z0-9_.-]{0,8}", fullmatch=True),
    st.from_regex(r"[-0-9/]{1,5}", fullmatch=True),
    st.text(max_size=60),
)
lists_of_values = st.lists(values, min_size=len(KEYS), max_size=len(KEYS))


def overrides(chosen: list[str]) -> list[str]:
    return [f"{key}={value}" for key, value in zip(KEYS, chosen, strict=True)]


@given(st.lists(st.one_of(st.text(max_size=200), st.builds("{}={}".format, values, values)), max_size=12))
def test_names_can_be_pasted(job: list[str]) -> None:
    name = job_folder(job)
    assert re.fullmatch(r"[A-Za-z0-9_+.-]+", name)
    assert not name.startswith((".", "-", "+"))
    assert len(name) <= LONGEST


@given(lists_of_values, lists_of_values)
def test_jobs_of_a_sweep_have_different_names(one: list[str], other: list[str]) -> None:
    assert (job_folder(overrides(one)) == job_folder(overrides(other))) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("attack.budget.eps=8/255", "attack.budget.eps=8-255"),
        ("attack.budget.eps=8/255", "attack.budget.eps=8//255"),
        ("surrogate.layer=[middle,top]", "surrogate.layer=[middle/top]"),
        ("surrogate.layer=[a_b]", "surrogate.layer=[a b]"),
        ("attack.name='a b'", "attack.name='a.b'"),
        ("attack.name=" + "a" * 120, "attack.name=" + "a" * 121),
        ("attack.name=é", "attack.name=è"),
        ("x=-1", "x=1"),
    ],
)
def test_what_is_replaced_or_cut_still_tells_jobs_apart(one: str, other: str) -> None:
    assert job_folder([one]) != job_folder([other])


def test_separators_in_values_tell_jobs_apart() -> None:
    """Both read a-1_b-2_b-3."""
    assert job_folder(["a=1_b-2", "b=3"]) != job_folder(["a=1", "b=2_b-3"])


@given(st.permutations([*overrides(["naa", "8/255", "1", "digits_plain"]), "logger=csv"]))
def test_a_name_depends_neither_on_the_order_nor_on_what_is_left_out(job: list[str]) -> None:
    assert job_folder(job, ["logger"]) == "attack-naa_seed-1_surrogate-digits_plain_attack.budget.eps-8-255"


@pytest.mark.parametrize(
    ("job", "name"),
    [
        ([], "job"),
        (["logger=csv", "logger@second=csv"], "job"),
        (["+seed=1", "++tag=x"], "seed-1_tag-x"),
        (["~targets", "attack=mim"], "attack-mim_targets-null"),
        (["attack/objective=fia"], "attack.objective-fia"),
        (["+surrogate@targets.mine=vgg16"], "surrogate.targets.mine-vgg16"),
        (["attack.objective.gamma=0.125"], "attack.objective.gamma-0.125"),
        (["attack.budget.eps=-1"], "attack.budget.eps--1"),
    ],
)
def test_plain_names(job: list[str], name: str) -> None:
    assert job_folder(job, ["logger"]) == name


def test_a_long_name_begins_like_the_job_and_ends_with_a_digest() -> None:
    name = job_folder([f"targets.digits_plain.weights=/{'x' * 200}.pt", "attack=mim"])
    assert len(name) == LONGEST
    assert re.fullmatch(r"attack-mim_targets\.digits_plain\.weights-x+-[0-9a-f]{8}", name)
    assert re.fullmatch(r"attack\.name-a+-[0-9a-f]{8}", job_folder([f"attack.name={'a' * LONGEST}"]))


def sweep(*task: str, **params: str) -> Any:
    """What the jobs of a sweep are told, as Hydra's main configuration has it."""
    return OmegaConf.create(
        {
            "data": {"root": None, "cache": "data"},
            "hydra": {
                "sweeper": {"params": params or None},
                "overrides": {"task": list(task), "hydra": ["hydra.sweep.dir=here"]},
            },
        }
    )


@pytest.mark.parametrize(
    ("task", "params", "left_out"),
    [
        (["attack=mim,naa", "data.limit=3"], {}, "seed"),
        (
            ["logger=csv", "paths.models_dir=m", "data.root=r", "data.batch_size=4", "attack=mim,naa"],
            {},
            "seed,logger,paths.models_dir,data.root",
        ),
        (["~logger=null", "+trainer.max_epochs=1", "trainer=cpu"], {}, "seed,logger,trainer.max_epochs,trainer"),
        (["trainer.precision=16-true", "report.first_images=0"], {}, "seed,report.first_images"),
        (["data.num_workers=0,2", "data.batch_size=range(1,3)", "logger=choice(csv,wandb)"], {}, "seed"),
        (["attack=mim"], {"attack": "mim,naa", "trainer": "cpu,gpu"}, "seed"),
        (["trainer=gpu"], {"attack": "mim,naa", "trainer": "cpu,gpu"}, "seed,trainer"),
        (["reporter=1", "tagsoup=2"], {}, "seed"),
    ],
)
def test_what_results_do_not_depend_on_is_left_out_unless_it_is_swept(
    task: list[str], params: dict[str, str], left_out: str
) -> None:
    config = sweep(*task, **params)
    JobNames(left_out=["seed"]).on_multirun_start(config)
    passed_on = "hydra.callbacks.job_names.left_out"
    assert config.hydra.overrides.hydra == ["hydra.sweep.dir=here", f"{passed_on}=[{left_out}]"]


def folder_of(config: DictConfig) -> str:
    return str(config.hydra.sweep.subdir)


def test_the_folder_of_a_job_is_named_so() -> None:
    """With what JobNames passes on, through Hydra's own configuration."""
    from hydra import compose, initialize_config_dir  # noqa: PLC0415

    from tests.experiments import CONF  # noqa: PLC0415

    job = ["experiment=digits", "attack=mim", "logger=csv"]
    passed_on = "hydra.callbacks.job_names.left_out=[logger]"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("attack", overrides=[*job, passed_on], return_hydra_config=True)
    assert folder_of(config) == "attack-mim_experiment-digits"


def group(*more: str, program: str = "attack") -> str:
    return str(plain_values(composed("logger=wandb", *more, program=program))["logger"]["wandb"]["group"])


def name(*more: str, program: str = "attack") -> str:
    return str(plain_values(composed("logger=wandb", *more, program=program))["logger"]["wandb"]["name"])


def test_a_run_is_named_after_its_parts_and_seed() -> None:
    assert name("experiment=undefended", "surrogate=inception_v3") == "inception_v3-naa-nips2017-seed0"
    assert name("surrogate=[vgg16,resnet50]", "attack=mim", "seed=7").endswith("-mim-nips2017-seed7")


def test_a_training_is_named_after_the_seed_that_it_uses() -> None:
    assert name("surrogate=digits_plain", program="train") == "digits_plain-train-digits-seed0"
    assert name("surrogate=digits_plain", "+training.seed=4", program="train").endswith("-digits-seed4")
    assert name("surrogate=digits_plain", "+training.seed=4", "seed=2", program="train").endswith("-digits-seed2")


def test_names_and_groups_that_wandb_would_not_take_are_cut(tmp_path: Path) -> None:
    long = "s" * 200
    names = [name("experiment=digits", f"surrogate.name={long}", f"seed={seed}") for seed in (0, 1)]
    assert [len(found) for found in names] == [128, 128]
    assert names[0] != names[1]
    folder = f"hydra.sweep.dir={tmp_path}/{long}"
    assert len(group("hydra.mode=MULTIRUN", folder)) == len(group(f"attack.name={long}")) == 128


def test_runs_of_a_sweep_are_one_group(tmp_path: Path) -> None:
    assert group("attack=mim") == "mim"
    assert group(program="train") == "train"
    assert group("attack=mim", "hydra.mode=MULTIRUN", f"hydra.sweep.dir={tmp_path}/my-sweep/") == "my-sweep"
    assert group("experiment=undefended", "hydra.sweep.dir=/") == "naa"
    assert group("experiment=undefended", "hydra.mode=RUN") == "naa"


def test_a_sweep_in_the_working_folder_is_named_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    composed("hydra.mode=MULTIRUN", "hydra.sweep.dir=.")
    assert run_group("naa") == "here"
