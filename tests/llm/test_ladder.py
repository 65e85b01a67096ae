"""The ladder: which rungs may be used when, by a clock of the tests."""

from __future__ import annotations

from itertools import pairwise

import pytest

from copilot.llm.client import Client, Limits, ModelFault
from copilot.llm.ladder import LONGEST_REST, SHORTEST_REST, Ladder, Rung, RungName
from tests.llm.wire import PATIENCE, Reply, serving


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def rung(name: RungName) -> Rung:
    return Rung(name, name.title(), lambda: Client("http://127.0.0.1:1", "", name))


def names(ladder: Ladder, top: RungName = "remote") -> list[str]:
    return [one.name for one in ladder.usable(top)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ladder(clock: Clock) -> Ladder:
    return Ladder([rung("local"), rung("remote")], clock=clock)


def rest(ladder: Ladder, clock: Clock, fault: ModelFault) -> float:
    """Let the remote rung fail; return after how many seconds, to the tenth, it is usable again."""
    ladder.failed(ladder.rungs[0], fault)
    began = clock.now
    while "remote" not in names(ladder):
        clock.now += 0.1
    return round(clock.now - began, 1)


def test_the_best_rung_comes_first_however_they_are_given(ladder: Ladder) -> None:
    assert names(ladder) == ["remote", "local"]
    assert names(Ladder([rung("remote"), rung("local")])) == ["remote", "local"]


def test_nothing_above_the_top_is_used(ladder: Ladder) -> None:
    assert names(ladder, "local") == ["local"]
    assert names(ladder, "rules") == []
    assert names(Ladder()) == []


def test_a_rung_that_failed_rests_alone_and_says_why(ladder: Ladder, clock: Clock) -> None:
    remote = ladder.rungs[0]
    ladder.failed(remote, ModelFault("took too long", rest=60))
    assert names(ladder) == ["local"]
    assert [(one.name, why) for one, why in ladder.state()] == [("remote", "took too long"), ("local", "")]
    clock.now += 59.9
    assert names(ladder) == ["local"]
    clock.now += 0.1
    assert names(ladder) == ["remote", "local"]
    assert [why for _, why in ladder.state()] == ["", ""]


def test_rests_double_with_each_failure_in_a_row_up_to_the_longest(ladder: Ladder, clock: Clock) -> None:
    rests = [rest(ladder, clock, ModelFault("broke off")) for _ in range(9)]
    assert rests[0] == pytest.approx(SHORTEST_REST, abs=0.15)
    assert all(later == pytest.approx(min(2 * before, LONGEST_REST), abs=0.4) for before, later in pairwise(rests))
    assert rests[-1] == pytest.approx(LONGEST_REST, abs=0.15)


def test_what_worked_is_forgiven_its_failures(ladder: Ladder, clock: Clock) -> None:
    for _ in range(3):
        rest(ladder, clock, ModelFault("broke off"))
    ladder.worked(ladder.rungs[0])
    assert rest(ladder, clock, ModelFault("broke off")) == pytest.approx(SHORTEST_REST, abs=0.15)
    ladder.failed(ladder.rungs[0], ModelFault("refused the key", rest=300))
    ladder.worked(ladder.rungs[0])
    assert names(ladder) == ["remote", "local"]


def test_thousands_of_failures_in_a_row_still_end_in_a_rest(ladder: Ladder, clock: Clock) -> None:
    for _ in range(3000):
        ladder.failed(ladder.rungs[0], ModelFault("is still loading", rest=1))
    assert rest(ladder, clock, ModelFault("broke off")) == pytest.approx(LONGEST_REST, abs=0.15)


def test_the_rest_a_server_asks_for_is_kept(ladder: Ladder, clock: Clock) -> None:
    with serving() as wire:
        wire.script(Reply([b"{}"], 429, {"Retry-After": "17"}, kind="application/json"))
        with pytest.raises(ModelFault) as raised:
            Client(wire.url, "k", "m", Limits(silent=PATIENCE)).text([{"role": "user", "content": "Hello?"}])
    assert rest(ladder, clock, raised.value) == pytest.approx(17, abs=0.15)
