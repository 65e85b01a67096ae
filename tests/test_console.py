"""What a terminal shows while something runs."""

import pytest

from copilot.console import _Left, run_stages
from copilot.jobs.prepare import Stage


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_is_the_usual_one_at_first_and_counts_down() -> None:
    clock = Clock()
    left = _Left([10, 30], clock)
    left.begin(0)
    assert left.seconds() == 40
    clock.now += 4
    assert left.seconds() == 36
    assert left.share() == pytest.approx(0.1)


def test_a_slow_machine_stretches_what_is_left() -> None:
    clock = Clock()
    left = _Left([10, 30], clock)
    left.begin(0)
    clock.now += 20  # twice as long as usual
    left.begin(1)
    assert left.seconds() == 60


def test_a_stage_that_failed_at_once_does_not_make_the_rest_look_free() -> None:
    left = _Left([10, 30], Clock())
    left.begin(1)
    assert left.seconds() == 15


def test_a_stage_that_takes_longer_than_usual_is_never_said_to_be_over() -> None:
    clock = Clock()
    left = _Left([10, 30], clock)
    left.begin(0)
    clock.now += 500
    assert left.seconds() > 30
    assert left.share() < 1


def test_where_nobody_watches_each_stage_is_one_line_and_its_sentences_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock, order = Clock(), list[str]()

    def first(tell: object) -> list[str]:
        order.append("first")
        clock.now += 10
        return ["ana has the password abc"]

    def second(tell: object) -> list[str]:
        order.append("second")
        return []

    run_stages([Stage("Make it", 10, first), Stage("Use it", 30, second)], clock)
    out, err = capsys.readouterr()
    assert order == ["first", "second"]
    assert out == "ana has the password abc\n"
    assert err.splitlines() == [
        "1/2 Make it (about 40 s for all that is left)",
        "2/2 Use it (about 30 s for all that is left)",
    ]
