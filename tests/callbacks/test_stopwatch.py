import pytest

from naa_lightning.callbacks.stopwatch import Stopwatch


class Clock:
    """A clock that moves only where it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def perf_counter(self) -> float:
        return self.seconds

    def go(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("naa_lightning.callbacks.stopwatch.time", clock)
    return clock


def test_a_phase_takes_its_time_from_the_one_around_it(clock: Clock) -> None:
    stopwatch = Stopwatch(began=98.0)
    with stopwatch.phase("outer"):
        clock.go(1)
        with stopwatch.phase("inner"):
            clock.go(10)
        clock.go(3)
    clock.go(20)
    with stopwatch.phase("inner"):
        clock.go(40)
    assert stopwatch.seconds() == {"other": 22, "outer": 4, "inner": 50}


def test_time_is_moved_between_phases_and_none_is_lost(clock: Clock) -> None:
    stopwatch = Stopwatch(began=95.0)
    stopwatch.move("start_up")
    with stopwatch.phase("crafting"):
        clock.go(7)
        stopwatch.move("steps", 4)
        stopwatch.move("steps", 2)
    assert stopwatch.seconds() == {"other": 0, "start_up": 5, "crafting": 1, "steps": 6}


def test_time_counts_while_a_phase_goes_on_and_where_it_fails(clock: Clock) -> None:
    stopwatch = Stopwatch()

    def failing() -> None:
        with stopwatch.phase("failing"):
            clock.go(2)
            assert stopwatch.seconds()["failing"] == 2
            clock.go(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    clock.go(1)
    assert stopwatch.seconds() == {"other": 1, "failing": 5}
