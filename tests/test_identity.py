"""One list says what results depend on; what is told apart by it is tested where it is used."""

from dataclasses import asdict
from typing import Any

import pytest

from naa_lightning.identity import changes_results, images_depend_on, results_depend_on
from tests.experiments import attack_run

DIGITS = ("experiment=digits",)


def config(*overrides: str) -> dict[str, Any]:
    return asdict(attack_run(*DIGITS, *overrides))


IDLE = [
    "tags=[new]",
    "logger=many_loggers",
    "callbacks=training",
    "extras.print_config=true",
    "trainer.profiler=simple",
    "report.first_images=0",
    "report.baseline=mim",
    "paths.models_dir=elsewhere",
    "data.num_workers=3",
    "+data.class_names=names.txt",
    "trainer=ddp",
    "trainer.devices=4",
    "attack.name=mine",
    "attack.paper=none",
]
OF_RESULTS = ["targets.digits_plain.layer=top", "attribution.exact_images=1", "data.limit=3", "study=layers"]
OF_IMAGES = [
    "seed=1",
    "attack.budget.eps=8/255",
    "attack.targeted=true",
    "surrogate.layer=top",
    "data.batch_size=2",
    "data.seed=2",
    "trainer.precision=bf16-mixed",
    "engine.tf32=true",
]


@pytest.mark.parametrize("override", IDLE)
def test_nothing_depends_on_what_is_shown_where_it_is_kept_and_how_it_is_run(override: str) -> None:
    assert results_depend_on(config(override)) == results_depend_on(config())
    assert not changes_results(override.partition("=")[0], config())


@pytest.mark.parametrize("override", OF_RESULTS)
def test_results_but_no_images_depend_on_what_is_done_with_them(override: str) -> None:
    assert results_depend_on(config(override)) != results_depend_on(config())
    assert images_depend_on(config(override)) == images_depend_on(config())
    assert changes_results(override.partition("=")[0], config())


@pytest.mark.parametrize("override", OF_IMAGES)
def test_images_depend_on_what_crafts_them(override: str) -> None:
    assert images_depend_on(config(override)) != images_depend_on(config())
    assert changes_results(override.partition("=")[0], config())


def test_weights_are_known_by_a_digest_not_by_their_file() -> None:
    moved = {"surrogate": {"name": "a", "weights": "a.pt", "members": {"b": {"name": "b", "weights": "b.pt"}}}}
    assert images_depend_on(moved) == {"surrogate": {"name": "a", "members": {"b": {"name": "b"}}}}
    assert results_depend_on(moved) == moved


def test_a_copy_of_a_published_data_set_may_lie_anywhere_but_not_a_folder_of_ones_own() -> None:
    published = {"data": {"root": "here", "cache": "there", "limit": 3}}
    own = {"data": {"root": "here"}}
    assert results_depend_on(published) == {"data": {"limit": 3}}
    assert results_depend_on(own) == own
    assert not changes_results("data.root", published)
    assert changes_results("data.root", own)


def test_a_target_may_be_called_like_an_option() -> None:
    targets = {"targets": {"cache": {"name": "cache"}, "logger": {"name": "logger"}, "report": {"name": "report"}}}
    assert results_depend_on(targets) == targets
