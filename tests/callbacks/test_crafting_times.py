from types import SimpleNamespace
from typing import Any

import pytest
import torch

from naa_lightning.callbacks import CraftingTimes
from naa_lightning.callbacks.stopwatch import Stopwatch


def test_a_batch_is_taken_apart_and_waiting_is_what_lies_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    for place in ("callbacks.stopwatch", "callbacks.crafting_times"):
        monkeypatch.setattr(f"naa_lightning.{place}.time", clock)
    stopwatch = Stopwatch()
    callback = CraftingTimes(stopwatch)
    anything: Any = None
    seconds = {"seconds": 10.0, "preparation_seconds": 4.0, "attribution_seconds": 2.0, "arranging_seconds": 1.0}
    batch: Any = {name: torch.tensor(value) for name, value in seconds.items()}
    clock.now += 100
    callback.on_predict_start(anything, anything)
    for number in range(2):
        clock.now += 3
        callback.on_predict_batch_start(anything, anything, anything, number)
        clock.now += 13
        clock.now += 50  # of other callbacks
        callback.on_predict_batch_end(anything, anything, batch, anything, number)
    assert stopwatch.seconds() == {
        "other": 200,
        "crafting/images": 6,
        "crafting/arranging": 2,
        "crafting/preparation": 8,
        "crafting/steps": 12,
        "crafting/attribution": 4,
    }
