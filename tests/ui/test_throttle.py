"""Guessing passwords takes longer and longer; other people are not held up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ui import throttle
from ui.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_four_failures_are_free_and_the_fifth_makes_one_wait() -> None:
    clock = Clock()
    held = Throttle(clock)
    waits = []
    for _ in range(5):
        held.failed(["ana"])
        waits.append(held.wait(["ana"]))
    assert waits == [0, 0, 0, 0, 30]
    assert held.wait(["otto"]) == 0
    assert held.wait(["otto", "ana"]) == 30
    clock.on(29.5)
    assert held.wait(["ana"]) == 1
    clock.on(0.5)
    assert held.wait(["ana"]) == 0


def test_failures_that_lie_apart_never_add_up() -> None:
    clock = Clock()
    held = Throttle(clock)
    for _ in range(50):
        held.failed(["ana"])
        clock.on(76)  # at most four within five minutes
        assert held.wait(["ana"]) == 0


def test_each_further_failure_doubles_the_wait_up_to_an_hour() -> None:
    clock = Clock()
    held = Throttle(clock)
    for _ in range(4):
        held.failed(["ana"])
    waits = []
    for _ in range(9):
        held.failed(["ana"])
        waits.append(held.wait(["ana"]))
        clock.on(waits[-1])
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_after_a_calm_hour_the_first_mistake_is_free_again() -> None:
    clock = Clock()
    held = Throttle(clock)
    for _ in range(5):
        held.failed(["ana"])
    clock.on(30 + 3601)
    held.failed(["ana"])
    assert held.wait(["ana"]) == 0


def test_success_clears_the_name_it_was_for() -> None:
    held = Throttle(Clock())
    for _ in range(4):
        held.failed(["ana", "address"])
    held.succeeded("ana")
    held.failed(["ana", "address"])
    assert held.wait(["ana"]) == 0
    assert held.wait(["address"]) == 30


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "REMEMBERED", 3)
    held = Throttle(Clock())
    for name in range(10):
        held.failed([str(name)])
    assert len(held._records) == 3
