"""What changes anything waits for a person: proposed by a turn, approved by its asker alone, once, and taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from copilot import rooms
from copilot.access import Ctx, Principal
from copilot.agent.approval import Settled, Verdict, settle
from copilot.agent.ask import ask
from copilot.agent.events import Answer
from copilot.agent.scope import scope_of
from copilot.data.hidden import hidden
from copilot.data.history import versions
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import BadInput, RoleLacksTool, TryAgain
from copilot.jobs import feedback
from copilot.store import proposals
from copilot.store.database import Store
from copilot.store.tables import proposals as table
from copilot.store.tables import transaction
from tests.conftest import NOW


@dataclass
class House:
    """A workspace of its own, its database, and a clock that tests may turn."""

    place: Workspace
    store: Store
    now: datetime = NOW
    tools: dict[str, Any] = field(default_factory=lambda: dict(rooms.registry()))

    def ask(self, text: str, user: str = "ana", thread: str | None = None) -> Answer:
        who, rng = self.store.principal(user), np.random.default_rng(7)
        return ask(self.place, self.store, self.tools, text, who, thread=thread, clock=lambda: self.now, rng=rng)

    def settle(self, name: str, verdict: Verdict, user: str = "ana") -> Settled:
        who, rng = Principal(user, "rep"), np.random.default_rng(7)
        return settle(self.place, self.store, self.tools, name, who, verdict, clock=lambda: self.now, rng=rng)

    def owners(self) -> dict[str, str]:
        return self.place.book().table("accounts").set_index("account_id")["owner_rep_id"].dropna().to_dict()

    def with_action(self, rep: str = "R-ana") -> list[tuple[str, str]]:
        accounts = open_snapshot(self.place).scores("accounts", scope_of(Principal("x", "rep", rep), self.place.book()))
        mine = accounts[accounts["action"].notna()]
        return list(zip(mine["account_id"], mine["name"], strict=True))


@pytest.fixture
def house(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("approval") / "tiny"
    shutil.copytree(tiny.root, home)
    place = Workspace(home)
    with Store.open(place.database) as store:
        yield House(place, store)


def test_feedback_waits_is_noted_once_and_can_be_taken_back(house: House) -> None:
    account, name = house.with_action()[0]
    answer = house.ask(f"{name} is done because we met today")
    (call,) = answer.tool_calls
    assert call == {
        "name": "record_feedback",
        "arguments": {"account": account, "feedback": "done", "reason": "we met today"},
        "ok": None,
    }
    assert answer.approval is not None
    assert answer.approval["id"] == "P-1"
    assert name in answer.approval["summary"]
    assert answer.approval["expires"] == (NOW + timedelta(days=1)).isoformat()
    assert "Nothing is changed yet" in answer.answer
    assert answer.exit_code == 0
    assert house.store.turns(answer.thread, "ana")[0].approval == answer.approval
    assert house.store.events(feedback.EVENT) == []

    first, again = house.settle("P-1", "approve"), house.settle("P-1", "approve")
    assert first == again
    assert "done" in first.text
    (event,) = house.store.events(feedback.EVENT)
    assert (event["username"], event["subject"], event["data"]["feedback"]) == ("ana", account, "done")
    assert event["data"]["reason"] == "we met today"
    counted = list(feedback._of_the_screens(house.place))
    assert [one["feedback"] for one in counted] == ["done"]

    assert house.settle("P-1", "undo").status == "undone"
    house.settle("P-1", "undo")
    assert list(feedback._of_the_screens(house.place)) == []
    assert house.store.verify_audit()
    for verdict in ("approve", "reject"):
        with pytest.raises(BadInput, match="was taken back"):
            house.settle("P-1", verdict)  # type: ignore[arg-type]


def test_a_turn_proposes_all_it_would_change_as_one(house: House) -> None:
    (one, first), (other, second) = house.with_action()[:2]
    answer = house.ask(f"Mark {first} and {second} as done")
    assert [(call["arguments"]["account"], call["ok"]) for call in answer.tool_calls] == [(one, None), (other, None)]
    house.settle("P-1", "approve")
    assert [event["subject"] for event in house.store.events(feedback.EVENT)] == [one, other]
    house.settle("P-1", "undo")
    assert list(feedback._of_the_screens(house.place)) == []


def test_only_the_asker_settles_and_others_learn_nothing(house: House) -> None:
    house.ask(f"{house.with_action()[0][1]} is done")
    said = set()
    for user, name in (("otto", "P-1"), ("mia", "P-1"), ("otto", "P-7")):
        for verdict in ("approve", "reject", "undo"):
            with pytest.raises(BadInput) as refused:
                house.settle(name, verdict, user)  # type: ignore[arg-type]
            said.add(str(refused.value).replace("P-7", "P-1"))
    assert len(said) == 1
    assert house.store.events(feedback.EVENT) == []


def test_rejected_expired_or_altered_it_is_not_done(house: House) -> None:
    name = house.with_action()[0][1]
    for _ in range(3):
        house.ask(f"{name} is done")
    assert house.settle("P-1", "reject") == house.settle("P-1", "reject")
    with pytest.raises(BadInput, match="was rejected"):
        house.settle("P-1", "approve")
    with pytest.raises(BadInput, match="not approved yet"):
        house.settle("P-2", "undo")
    other = [{"name": "record_feedback", "arguments": {"account": house.with_action()[1][0], "feedback": "dismissed"}}]
    with transaction(house.store.engine, writes=True) as connection:
        connection.execute(sa.update(table).where(table.c.id == 3).values(calls=other))
    with pytest.raises(BadInput, match="not what was proposed"):
        house.settle("P-3", "approve")
    house.now = NOW + timedelta(days=1)
    with pytest.raises(BadInput, match="ask for it once more"):
        house.settle("P-2", "approve")
    assert house.store.events(feedback.EVENT) == []


def test_rights_are_those_of_the_moment_of_approval(house: House) -> None:
    house.ask(f"{house.with_action()[0][1]} is done")
    house.store.add_user("ana", "analyst")
    with pytest.raises(RoleLacksTool):
        house.settle("P-1", "approve")
    house.store.add_user("ana", "rep", "R-otto")  # another's book now
    with pytest.raises(TryAgain, match="There is no account"):
        house.settle("P-1", "approve")
    house.store.remove_user("ana")
    with pytest.raises(BadInput, match="no user"):
        house.settle("P-1", "approve")
    assert house.store.events(feedback.EVENT) == []


def test_what_died_half_way_can_be_carried_out_again(house: House) -> None:
    house.ask(f"{house.with_action()[0][1]} is done")
    waiting = proposals.find(house.store, "P-1", "ana")
    assert proposals.advance(house.store, waiting, "running", house.now)
    with pytest.raises(BadInput, match="at this very moment"):
        house.settle("P-1", "approve")
    house.now = NOW + timedelta(minutes=6)
    assert house.settle("P-1", "approve").status == "approved"


def test_what_has_no_action_cannot_be_spoken_of_and_nothing_waits(house: House) -> None:
    scope = scope_of(house.store.principal("ana"), house.place.book())
    accounts = open_snapshot(house.place).scores("accounts", scope)
    idle = accounts[accounts["action"].isna()]
    foreign = house.with_action("R-otto")[0][1]
    questions = [f"Mark {foreign} as done", *(f"Mark {name} as done" for name in idle["name"].head(1))]
    for question in questions:
        answer = house.ask(question)
        assert answer.approval is None
        assert [call["ok"] for call in answer.tool_calls] == [False]
    with pytest.raises(BadInput):
        proposals.find(house.store, "P-1", "ana")


def test_a_control_account_of_a_study_takes_no_feedback(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account, name = house.with_action()[0]
    why = "hidden until 2027-01-01: control of pilot"
    assert hidden(house.place.root, house.place.book().as_of) == {}
    monkeypatch.setattr("copilot.data.snapshot.hidden", lambda *_: {account: why})
    answer = house.ask(f"{name} is done")
    assert (answer.approval, why in answer.answer) == (None, True)


def test_an_approved_scenario_moves_the_owners_and_its_undo_moves_them_back(house: House) -> None:
    before = house.owners()
    tried = house.ask("What if I move 3 accounts from Mateo to Ana?", "mia")
    proposed = house.ask("OK, propose it", "mia", tried.thread)
    assert proposed.tool_calls == [{"name": "propose_assignment", "arguments": {"scenario": "S-1"}, "ok": None}]
    assert house.owners() == before
    done = house.settle("P-1", "approve", "mia")
    assert "3" in done.text
    after = house.owners()
    moved = {account for account, owner in after.items() if owner != before[account]}
    assert len(moved) == 3
    assert {after[account] for account in moved} == {"R-ana"}
    assert {before[account] for account in moved} == {"R-0006"}
    assert all(name in proposed.answer for name in _names(house, moved))
    # Nothing else of the book is another: every table, and what earlier imports set aside.
    assert (
        house.place.book().manifest["tables"].items() >= {"touches": len(house.place.book().table("touches"))}.items()
    )
    again = house.ask("propose S-1", "mia")
    assert (again.approval, "another owner by now" in again.answer) == (None, True)
    assert house.settle("P-1", "undo", "mia").status == "undone"
    assert house.owners() == before


def test_a_manager_who_has_lost_the_team_cannot_take_a_handover_back(house: House) -> None:
    house.ask("What if I move 2 accounts from Mateo to Ana?", "mia")
    house.ask("propose S-1", "mia")
    house.settle("P-1", "approve", "mia")
    after = house.owners()
    house.store.add_user("mia", "manager", "R-otto")
    with pytest.raises(TryAgain, match="not of your team"):
        house.settle("P-1", "undo", "mia")
    assert house.owners() == after
    house.store.add_user("mia", "manager", "R-mia")
    assert house.settle("P-1", "undo", "mia").status == "undone"


def test_a_handover_keeps_the_rest_of_the_book_and_what_was_known_before(house: House) -> None:
    book = house.place.book()
    names = list(book.manifest["tables"])
    was = {name: book.table(name) for name in names if name != "accounts"}
    house.ask("What if I move 2 accounts from Mateo to Ana?", "mia")
    house.ask("propose S-1", "mia")
    house.settle("P-1", "approve", "mia")
    now = house.place.book()
    assert set(now.manifest["tables"]) - {"accounts_history"} == set(names)
    for name, frame in was.items():
        pd.testing.assert_frame_equal(now.table(name), frame)
    rows = versions(now, "accounts")
    twice = rows[rows.duplicated("account_id", keep=False)]
    assert sorted(twice["owner_rep_id"].unique()) == ["R-0006", "R-ana"]


def test_a_scenario_is_not_proposed_on_newer_scores_or_when_it_moves_nothing(house: House) -> None:
    house.ask("What if I move 3 accounts from Mateo to Ana?", "mia")
    snapshot = open_snapshot(house.place)
    who = house.store.principal("mia")
    ctx = Ctx(house.place.root, who, scope_of(who, house.place.book()), snapshot, lambda: NOW, np.random.default_rng(0))
    house.tools["propose_assignment"](ctx, {"scenario": "S-1"})
    _newer(snapshot.folder)
    with pytest.raises(TryAgain, match="no longer the newest"):
        house.tools["propose_assignment"](replace(ctx, snapshot=open_snapshot(house.place)), {"scenario": "S-1"})
    with pytest.raises(BadInput, match="no scenario"):
        house.tools["propose_assignment"](ctx, {"scenario": "S-9"})


def test_after_a_night_what_was_proposed_before_speaks_of_other_actions_and_is_not_done(house: House) -> None:
    name = house.with_action()[0][1]
    house.ask(f"{name} is done")
    house.ask(f"{name} is done")
    house.settle("P-2", "approve")
    _newer(open_snapshot(house.place).folder)
    with pytest.raises(BadInput, match="no longer the newest"):
        house.settle("P-1", "approve")
    assert house.settle("P-2", "undo").status == "undone"  # what was done can be taken back all the same
    assert house.settle("P-1", "reject").status == "rejected"


def test_a_tool_that_writes_does_nothing_by_itself(house: House) -> None:
    who = house.store.principal("ana")
    snapshot = open_snapshot(house.place)
    ctx = Ctx(house.place.root, who, scope_of(who, snapshot.book), snapshot, lambda: NOW, np.random.default_rng(0))
    account = house.with_action()[0][0]
    writing: dict[str, Callable[..., Any]] = {name: tool for name, tool in house.tools.items() if tool.writes}
    assert set(writing) == {"record_feedback", "propose_assignment"}
    writing["record_feedback"](ctx, {"account": account, "feedback": "done"})
    assert house.store.events(feedback.EVENT) == []
    assert ctx.events is None


def _names(house: House, accounts: set[str]) -> list[str]:
    frame = house.place.book().table("accounts")
    return list(frame[frame["account_id"].isin(accounts)]["name"])


def _newer(folder: Path) -> None:
    """Make the same scores the newest under another name."""
    newer = folder.with_name(folder.name[:-1] + "x")
    shutil.copytree(folder, newer)
    (newer.parent / "CURRENT").write_text(newer.name)
