import pytest

from naa_lightning.records.results import Cost, PhaseResult
from naa_lightning.report.phases import phase_times, stage_shares

SECONDS = {
    "other": 1.0,
    "start_up": 4.0,
    "targets/a/build": 2.0,
    "targets/a/ask": 5.0,
    "targets/org/b+jpeg/ask": 6.0,
    "crafting/steps": 2.0,
    "crafting/build": 0.0,
}
COST = Cost(phases={name: PhaseResult(seconds=seconds, share=seconds / 20) for name, seconds in SECONDS.items()})


def test_targets_are_shown_together_in_the_order_of_a_run() -> None:
    shown = [(name, phase.seconds, phase.share) for name, phase in phase_times(COST).items()]
    assert shown == [
        ("start_up", 4, 0.2),
        ("crafting/steps", 2, 0.1),
        ("targets/build", 2, 0.1),
        ("targets/ask", 11, 0.55),
        ("other", 1, 0.05),
    ]


def test_stages_come_by_their_share() -> None:
    names = [name for name, _ in stage_shares(COST)]
    assert names == ["targets", "start-up", "crafting", "other"]
    assert dict(stage_shares(COST))["targets"] == pytest.approx(0.65)


def test_results_of_an_older_version_have_no_phases() -> None:
    old = Cost(seconds=900.0)
    assert phase_times(old) == {}
    assert stage_shares(old) == []
