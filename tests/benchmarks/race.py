"""Speed: contenders craft the same images, alternating in one process."""

import gc
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from statistics import median
from typing import Any

from naa_lightning.exceptions import reason_of
from tests.benchmarks.contenders import CONTENDERS, Contender
from tests.benchmarks.jobs import Job
from tests.benchmarks.operations import operations_of
from tests.benchmarks.ours import Craft
from tests.benchmarks.peak import synchronise
from tests.benchmarks.settings import Settings
from tests.benchmarks.subject import random_batch, random_surrogate


class Race:
    """Rounds in which every contender crafts once.

    A second, untimed run counts the operations of its convolutions and matrix products, forwards and backwards. Who
    fails in it is left out: torchattack cannot attack every layer of every network.

    Args:
        contenders: By name.
        settings: Of a run.
        rounds: How many.

    Attributes:
        seconds: Of each contender, one a round.
        operations: Of each contender's run.
        failed: Why contenders are left out.
    """

    def __init__(self, contenders: Sequence[str], settings: Settings, rounds: int) -> None:
        self.contenders = [CONTENDERS[name] for name in contenders]
        self.settings = settings
        self.rounds = rounds
        self.seconds: dict[str, list[float]] = {}
        self.operations: dict[str, int] = {}
        self.failed: dict[str, str] = {}
        self._surrogate = random_surrogate(settings)
        self._batch = random_batch(settings)
        self._crafts: dict[str, Craft] = {}

    def jobs(self) -> Iterator[Job]:
        """Yield a warm-up of each contender, then the rounds; at last the networks are let go."""
        for one in self.contenders:
            yield Job(f"warm-up of {one.name}", 2 * self._cost(one), partial(self._warm_up, one))
        for number in range(1, self.rounds + 1):
            for one in self.contenders:
                yield Job(f"round {number} of {self.rounds}, {one.name}", self._cost(one), partial(self._time, one))
        yield Job("letting go of networks", 0, self._let_go)

    def results(self, peak: dict[str, dict[str, float]]) -> dict[str, dict[str, Any]]:
        """Return each contender's numbers.

        Args:
            peak: Of the device; see `measured_peak`.
        """
        return {one.name: self._result(one, peak) for one in self.contenders if one.name in self.seconds}

    def _cost(self, contender: Contender) -> float:
        return float(self.settings.images * contender.gradients(self.settings))

    def _warm_up(self, contender: Contender) -> None:
        try:
            craft = contender.ready(deepcopy(self._surrogate), self.settings)
            craft(self._batch)  # our module arranges its network in the first run
            operations = operations_of(partial(craft, self._batch))
        except Exception as error:  # noqa: BLE001 - a library fails on a network in any way
            self.failed[contender.name] = reason_of(error)
            return
        self._crafts[contender.name] = craft
        self.operations[contender.name] = operations
        self.seconds[contender.name] = []

    def _time(self, contender: Contender) -> None:
        craft = self._crafts.get(contender.name)
        if craft is not None:
            self.seconds[contender.name].append(seconds(craft, self._batch, self.settings.device))

    def _let_go(self) -> None:
        self._crafts.clear()
        gc.collect()  # modules refer to themselves

    def _result(self, contender: Contender, peak: dict[str, dict[str, float]]) -> dict[str, Any]:
        times = self.seconds[contender.name]
        speed = self.operations[contender.name] / median(times)
        theirs = self.seconds.get(contender.baseline)
        ratios = None if theirs is None else [their / own for their, own in zip(theirs, times, strict=True)]
        return {
            "method": contender.method,
            "precision": contender.precision,
            "gradients_per_image": contender.gradients(self.settings),
            "seconds": times,
            "median_seconds": median(times),
            "images_per_second": self.settings.images / median(times),
            "times_as_fast_as_torchattack": None if ratios is None else median(ratios),
            "operations": self.operations[contender.name],
            "operations_per_second": speed,
            "share_of_peak": speed / max(peak[contender.fastest].values()),
        }


def seconds(craft: Craft, batch: Any, device: str) -> float:
    """Return how long a run takes, until its images are in the machine's memory."""
    synchronise(device)
    start = time.perf_counter()
    craft(batch)
    return time.perf_counter() - start
