from collections.abc import Mapping

import pytest

from naa_lightning.records.results import Cost
from naa_lightning.report.phases import phase_times, stage_shares
from naa_lightning.runs.stages.summary import cost_of
from tests.report.cases import saved_image

SECONDS = {
    "other": 1.0,
    "start_up": 4.0,
    "targets/a/build": 2.0,
    "targets/a/ask": 5.0,
    "targets/org/b+jpeg/ask": 6.0,
    "crafting/steps": 2.0,
    "crafting/build": 0.0,
}


def times(seconds: Mapping[str, float]) -> Cost:
    return cost_of([saved_image()], seconds, None, None)


def test_shares_are_those_of_the_whole() -> None:
    cost = times(SECONDS)
    assert cost.seconds == 20
    assert {name: phase.seconds for name, phase in cost.phases.items()} == SECONDS
    assert cost.phases["targets/a/ask"].share == 0.25
    assert sum(phase.share for phase in cost.phases.values()) == pytest.approx(1)


def test_targets_are_shown_together_in_the_order_of_a_run() -> None:
    shown = [(phase.name, phase.seconds, phase.share) for phase in phase_times(times(SECONDS))]
    assert shown == [
        ("start-up", 4, 0.2),
        ("crafting: steps", 2, 0.1),
        ("targets: building", 2, 0.1),
        ("targets: asking", 11, 0.55),
        ("other", 1, 0.05),
    ]


def test_stages_come_by_their_share() -> None:
    names = [name for name, _ in stage_shares(times(SECONDS))]
    assert names == ["targets", "start-up", "crafting", "other"]
    assert dict(stage_shares(times(SECONDS)))["targets"] == pytest.approx(0.65)


def test_results_of_an_older_version_have_no_phases() -> None:
    old = Cost(seconds=900.0)
    assert phase_times(old) == []
    assert stage_shares(old) == []
