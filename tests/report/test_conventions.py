from dataclasses import fields
from typing import Any

import pytest
from omegaconf import OmegaConf

from naa_lightning.metrics import TransferRates
from naa_lightning.report import measures
from naa_lightning.report.definitions import CONVENTIONS, DEFINITIONS
from tests.experiments import CONF

ATTACKS: dict[str, Any] = {path.stem: OmegaConf.load(path) for path in (CONF / "attack").glob("*.yaml")}
# what these papers count was found in their releases or texts
FOOLING = {"naa", "naa_fast", "naa_pd", "mim_pd", "fia", "rpa", "danaa", "fda"}
ERROR = {"fgsm", "ifgsm", "tim", "sim", "nim", "pim", "vmim", "admix", "ssa", "ilpd", "ilpd_paper", "sia", "bsr"}
SUCCESS = {"dim"}


def of(attack: str) -> list[dict[str, str]]:
    return [convention for convention in CONVENTIONS if convention["paper"] in ATTACKS[attack]["paper"]]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention["paper"])
def test_every_convention_is_whole(convention: dict[str, str]) -> None:
    assert convention["rate"] in {field.name for field in fields(TransferRates)} - {"clean_accuracy"}
    assert convention["images"].strip()
    assert convention["source"].startswith(("release, ", "paper, "))


@pytest.mark.parametrize(
    ("attack", "rate"),
    [
        *((name, "fooling_rate") for name in sorted(FOOLING)),
        *((name, "error_rate") for name in sorted(ERROR)),
        *((name, "success_rate") for name in sorted(SUCCESS)),
    ],
)
def test_an_attack_finds_its_papers_convention(attack: str, rate: str) -> None:
    (convention,) = of(attack)
    assert convention["rate"] == rate
    assert int(convention["year"]) == ATTACKS[attack]["year"]


def test_every_convention_is_of_an_attack_here_or_of_the_benchmark() -> None:
    papers = {convention["paper"] for attack in ATTACKS for convention in of(attack)}
    assert {convention["paper"] for convention in CONVENTIONS} - papers == {"TransferAttack"}


def test_papers_are_listed_once_and_by_year() -> None:
    papers = [convention["paper"] for convention in CONVENTIONS]
    years = [convention["year"] for convention in CONVENTIONS]
    assert len(set(papers)) == len(papers)
    assert years == sorted(years)


def test_the_naa_release_and_the_benchmark_differ_in_rate_and_images() -> None:
    (naa,) = of("naa")
    (benchmark,) = [convention for convention in CONVENTIONS if convention["paper"] == "TransferAttack"]
    assert (naa["rate"], benchmark["rate"]) == ("fooling_rate", "error_rate")
    assert "NIPS 2017" in naa["images"]
    assert "NIPS 2017" not in benchmark["images"]


def test_every_rate_has_a_meaning_and_every_format_is_known() -> None:
    assert {key for kind, key in DEFINITIONS if kind == "rate"} == {field.name for field in fields(TransferRates)}
    for definition in DEFINITIONS.values():
        assert definition["name"]
        assert definition["meaning"]
        assert set(definition["format"].split()) <= set(measures.FORMATS)
