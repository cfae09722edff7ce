import math
from typing import Any

import pytest
import torch
from torch import nn

from naa_lightning.training import Augmentation, Recipe, Robustness
from naa_lightning.training.losses import CleanTraining
from naa_lightning.training.recipe import precision_on

OPTIONS: dict[str, Any] = {
    "start": "random",
    "epochs": 2,
    "optimizer": "sgd",
    "learning_rate": 0.4,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "one_cycle",
    "warmup": 0.25,
    "ema_decay": None,
    "precision": "auto",
    "seed": 0,
    "augmentation": Augmentation(),
    "loss": CleanTraining(),
    "robustness": None,
}


def rates(steps: int, **options: Any) -> list[float]:
    """The learning rate of each step."""
    recipe = Recipe(**{**OPTIONS, **options})
    optimizer = recipe.make_optimizer([nn.Parameter(torch.zeros(1))])
    schedule = recipe.make_schedule(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_one_cycle_rises_and_falls_along_cosines() -> None:
    found = rates(41)
    top = 0.25 * 41 - 1  # where torch puts the peak
    assert max(found) == pytest.approx(0.4, rel=0.01)
    assert found[0] == pytest.approx(0.4 / 25)
    assert found[-1] == pytest.approx(0.4 / 25 / 1e4)
    rising = [0.4 / 25 + (0.4 - 0.4 / 25) * (1 - math.cos(math.pi * step / top)) / 2 for step in range(10)]
    assert found[:10] == pytest.approx(rising, rel=1e-6)


def test_cosine_rises_linearly_and_falls_along_a_cosine() -> None:
    found = rates(40, schedule="cosine")
    assert found[:10] == pytest.approx([0.4 * (0.01 + 0.99 * step / 10) for step in range(10)])
    assert found[10:] == pytest.approx([0.4 * (1 + math.cos(math.pi * step / 30)) / 2 for step in range(30)])


def test_cosine_without_a_warm_up() -> None:
    found = rates(30, schedule="cosine", warmup=0.0)
    assert found == pytest.approx([0.4 * (1 + math.cos(math.pi * step / 30)) / 2 for step in range(30)])


def test_optimizers_have_the_recipes_numbers() -> None:
    weights = [nn.Parameter(torch.zeros(1))]
    sgd = Recipe(**OPTIONS).make_optimizer(weights)
    assert isinstance(sgd, torch.optim.SGD)
    expected = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "lr": 0.4}
    assert expected.items() <= sgd.param_groups[0].items()
    adamw = Recipe(**{**OPTIONS, "optimizer": "adamw"}).make_optimizer(weights)
    assert isinstance(adamw, torch.optim.AdamW)
    assert {"weight_decay": 5e-4, "lr": 0.4}.items() <= adamw.param_groups[0].items()
    plain = Recipe(**{**OPTIONS, "momentum": 0.0}).make_optimizer(weights)
    assert not plain.param_groups[0]["nesterov"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"epochs": 1.5}, r"epochs must be an integer of at least 1, got 1\.5"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, got -1.0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"warmup": -0.1}, r"warmup must be in \[0, 1\), got -0.1"),
        ({"ema_decay": 1.0}, "ema_decay must be between 0 and 1, got 1.0"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"seed": 0.5}, r"seed must be an integer of at least 0, got 0\.5"),
        ({"batches": 0}, "batches must be an integer of at least 1, got 0"),
        ({"batches": 1.5}, r"batches must be an integer of at least 1, got 1\.5"),
    ],
)
def test_what_is_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{**OPTIONS, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": "8"}, "eps must be between 0 and 1"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"relative_step_size": "x"}, "relative_step_size must be a number or a fraction"),
        ({"test_images": -1}, "test_images must be at least 0, got -1"),
        ({"validation_images": -1}, "validation_images must be at least 0, got -1"),
    ],
)
def test_robustness_out_of_range(change: dict[str, Any], message: str) -> None:
    options = {"eps": "8/255", "steps": 20, "relative_step_size": "1/4", "validation_images": 0, "test_images": 0}
    with pytest.raises(ValueError, match=message):
        Robustness(**{**options, **change})


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_mixes_precisions_where_the_cpu_computes_in_bfloat16(
    native: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native}, raising=False)
    assert precision_on("auto", torch.device("cpu")) == precision


def test_a_cpu_that_does_not_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision_on("auto", torch.device("cpu")) == "32-true"


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_auto_mixes_precisions_on_a_gpu(native: bool, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert precision_on("auto", torch.device("cuda")) == precision
