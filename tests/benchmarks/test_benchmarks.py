"""The benchmark measures what it says. How fast anything is, no test asks."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
import torchattack
from torch import Tensor

from naa_lightning.config.building import plain_values
from naa_lightning.exceptions import UserError
from tests.benchmarks.__main__ import main
from tests.benchmarks.contenders import CONTENDERS, METHODS, Crafting, their_mim, theirs
from tests.benchmarks.figure import draw_scaling
from tests.benchmarks.ours import our_crafting
from tests.benchmarks.race import Race
from tests.benchmarks.reference import plain_crafting
from tests.benchmarks.scaling import Extent
from tests.benchmarks.settings import Settings
from tests.benchmarks.subject import random_batch, random_surrogate
from tests.experiments import composed

TINY = Settings(network="digits_plain", images=8, points=3, steps=2)
SMALL = ["--network", "digits_plain", "--images", "2", "--points", "3", "--steps", "2", "--device", "cpu"]
PEAK = {precision: {"conv2d": 1e9, "matmul": 2e9} for precision in ("float32", "bfloat16")}


def raced(*contenders: str, rounds: int = 3) -> Race:
    race = Race(contenders, TINY, rounds)
    for job in race.jobs():
        job.do()
    return race


def test_the_command_leaves_its_numbers_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extent = Extent(batch=[1], points=[2], images=[2], ranks=[1])
    only = ["--only", "naa", "reference_naa", "--rounds", "2"]
    main([*SMALL, *only, "--scaling", "--out", str(tmp_path / "out")], extent)
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith(f"results: {tmp_path / 'out'}")
    assert "digits_plain at middle, 32x32, images: 2, points: 3, steps: 2; " in " ".join(shown.split())
    results = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert list(results["contenders"]) == ["naa", "reference_naa"]
    for one in results["contenders"].values():
        assert len(one["seconds"]) == 2
        assert min(one["seconds"]) > 0
        assert one["operations"] > 0
        assert one["times_as_fast_as_torchattack"] is None
        assert 0 < one["memory"]["before_bytes"] <= one["memory"]["peak_bytes"]
    assert results["failed"] == {}
    assert {"torch", "torchattack", "timm"} <= results["machine"]["versions"].keys()
    assert results["machine"]["threads"] == torch.get_num_threads()
    assert results["settings"]["rounds"] == 2
    sizes = {key: {name: [run["size"] for run in runs] for name, runs in by.items()} for key, by in scaled(results)}
    assert sizes == {
        "images": {"attack.py": [2]},
        "points": {"naa": [2]},
        "batch": {"naa": [1]},
        "ranks": {"attack.py": [1]},
    }
    assert all(run["peak_bytes"] > 0 for _, by in scaled(results) for runs in by.values() for run in runs)
    assert ElementTree.parse(tmp_path / "out" / "scaling.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("broken", [["memory"], ["memory", "end_to_end"]])
def test_what_cannot_be_measured_is_told_and_costs_nothing_else(
    broken: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise UserError("killed")

    for module in broken:
        monkeypatch.setattr(f"tests.benchmarks.{module}.output_of", fail)
    extent = Extent(batch=[1], points=[2], images=[2], ranks=[1])
    main([*SMALL, "--only", "naa", "--rounds", "1", "--scaling", "--out", str(tmp_path)], extent)
    results = json.loads((tmp_path / "benchmark.json").read_text())
    assert len(results["contenders"]["naa"]["seconds"]) == 1
    assert results["contenders"]["naa"]["memory"] is None
    expected = ["memory of naa", "naa, batch 1", "naa, points 2"]
    if len(broken) == 2:
        expected.append("attack.py, 2 images")
    assert results["failed"] == dict.fromkeys(expected, "killed")
    assert "memory of naa cannot be measured: killed" in capsys.readouterr().out
    assert ElementTree.parse(tmp_path / "scaling.svg").getroot().tag.endswith("svg")


def scaled(results: dict[str, Any]) -> list[tuple[str, dict[str, list[dict[str, Any]]]]]:
    return list(results["scaling"].items())


@pytest.mark.parametrize("name", CONTENDERS)
def test_contenders_craft_within_the_budget(name: str) -> None:
    batch = random_batch(TINY)
    crafted = CONTENDERS[name].ready(random_surrogate(TINY), TINY)(batch)
    assert crafted.dtype is torch.uint8
    change = (crafted.float() - 255 * batch["image"]).abs()
    assert change.amax((1, 2, 3)).tolist() == pytest.approx([16] * 8, abs=1e-3)


def test_contenders_take_the_gradients_that_are_published() -> None:
    for name in ("naa", "naa_fast", "mim", "fia"):
        published = plain_values(composed(f"attack={name}"))["attack"]["gradient_evaluations"]
        assert CONTENDERS[name].gradients(Settings()) == published


NAA = ["attack=naa", "attack.objective.path_points=3", "attack.objective.noise=0", "attack.budget.steps=2"]


@pytest.mark.parametrize(
    ("peer", "ours"),
    [
        (plain_crafting, NAA),
        (theirs("NAA"), [*NAA, "attack.objective.rule=left"]),
        (their_mim, ["attack=mim", "attack.budget.steps=2"]),
        (theirs("FIA"), ["attack=fia", "attack.objective.masks=3", "attack.objective.keep=1", "attack.budget.steps=2"]),
    ],
    ids=["plain", *METHODS],
)
def test_peers_craft_what_we_craft_where_methods_coincide(
    peer: Crafting, ours: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without noise and masks, at the same points of the path, and for FIA of the logit, as in `test_peers`."""
    if ours[0] == "attack=fia":
        monkeypatch.setattr(torch, "softmax", lambda logits, dim: logits)
        monkeypatch.setattr(torchattack.FIA, "drop_pixels", lambda _, images: images.clone().requires_grad_())
    batch = random_batch(TINY)
    crafted = our_crafting(random_surrogate(TINY), TINY, ours)(batch)
    assert alike(crafted, peer(random_surrogate(TINY), TINY)(batch)) > 0.99
    other = our_crafting(random_surrogate(TINY), TINY, ["attack=nrdm", "attack.budget.steps=2"])(batch)
    assert alike(crafted, other) < 0.9


def alike(images: Tensor, others: Tensor) -> float:
    """The share of values that are the same but for rounding to 8 bits: a sign decides whether one moves."""
    return ((images.int() - others.int()).abs() <= 1).float().mean().item()


def test_a_race_tells_times_and_operations_of_the_same_work() -> None:
    race = raced("naa", "torchattack_naa", "reference_naa", "naa_bf16")
    results = race.results(PEAK)
    assert {name: len(one["seconds"]) for name, one in results.items()} == dict.fromkeys(race.seconds, 3)
    assert results["torchattack_naa"]["times_as_fast_as_torchattack"] == 1
    ours = results["naa"]
    ratios = [their / own for their, own in zip(race.seconds["torchattack_naa"], race.seconds["naa"], strict=True)]
    assert ours["times_as_fast_as_torchattack"] == sorted(ratios)[1]
    assert ours["share_of_peak"] == pytest.approx(ours["operations"] / ours["median_seconds"] / 2e9)
    # ours stops at the layer, the plain loop does not, and torchattack differentiates weights as well
    assert ours["operations"] < results["reference_naa"]["operations"] < results["torchattack_naa"]["operations"]
    assert ours["operations"] == results["naa_bf16"]["operations"]


def test_nobody_is_left_out_of_a_network_that_all_can_attack() -> None:
    race = raced(*CONTENDERS, rounds=1)
    assert race.failed == {}
    assert list(race.results(PEAK)) == list(CONTENDERS)


def test_who_cannot_craft_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IndexError("Dimension out of range\nof a transformer's tokens")

    monkeypatch.setattr(torchattack.FIA, "forward", fail)
    race = raced("fia", "torchattack_fia", rounds=1)
    assert race.failed == {"torchattack_fia": "Dimension out of range"}
    assert race.results(PEAK)["fia"]["times_as_fast_as_torchattack"] is None
    assert "torchattack_fia" not in race.results(PEAK)


def test_the_figure_shows_every_run_of_several_contenders(tmp_path: Path) -> None:
    def runs(*sizes: int) -> list[dict[str, Any]]:
        return [{"size": size, "images": size, "seconds": 2.0 * size, "peak_bytes": 2**30} for size in sizes]

    two = {"naa": runs(1, 2, 4), "torchattack_naa": runs(1, 2, 4)}
    one = {"attack.py": runs(1, 2)}
    path = tmp_path / "scaling.svg"
    draw_scaling(path, {"images": one, "points": two, "batch": two, "ranks": one}, "a title")
    assert path.read_text().count("<!-- a title -->") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "lenet"], "error: --network must be one of cifar10_densenet, cifar10_inception, "),
        (["--images", "0"], "error: --images must be at least 1, got 0"),
        (["--rounds", "0"], "error: --rounds must be at least 1, got 0"),
        (["--points", "many"], "error: argument --points: invalid int value: 'many'"),
        (["--only", "naa", "art"], "error: --only must name some of naa, naa_bf16, "),
        (["--only", "mim", "--scaling"], "error: --scaling measures naa and torchattack_naa: name one of them"),
        (["--device", "tpu"], "error: argument --device: invalid choice: 'tpu'"),
        (["--fast"], "error: unrecognized arguments: --fast"),
    ],
)
def test_bad_options_are_refused_in_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*SMALL, "--out", str(tmp_path / "out"), *options])
    assert str(stopped.value.code).startswith(message)
    assert "\n" not in str(stopped.value.code)
    assert not (tmp_path / "out").exists()
