"""Accounts side by side: the gap in priority and its two sides against the scores, the leaders, and what is unknown."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.access import EVERYTHING, Scope
from copilot.agent.narrator import narrate
from copilot.assign.value import Scales
from copilot.data.hidden import hidden
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import TryAgain, UnknownAccount
from copilot.explain.answers.account import profile
from copilot.explain.answers.compare import MEASURES, compare
from copilot.explain.answers.ranking import rank
from copilot.jobs import study
from copilot.text.cells import Record
from tests.conftest import NOW


def told(record: Record, *focus: str) -> str:
    narration = narrate([record], question="", focus=focus)
    assert narration.faults == ()
    return narration.told.text


def ranked(snapshot: Snapshot) -> pd.DataFrame:
    frame = snapshot.scores("accounts", EVERYTHING).set_index("account_id", drop=False)
    return frame[frame["priority"].notna()].sort_values("priority", ascending=False)


def test_the_highest_priority_comes_first_and_the_gap_is_money_and_use_by_equation_two(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    frame = ranked(snapshot)
    chosen = frame.iloc[[40, 3, 150]]
    record = compare(snapshot, EVERYTHING, list(chosen["account_id"]))
    first, second, _ = rows = record.data["rows"]
    assert [row["account_id"].value for row in rows] == list(frame.iloc[[3, 40, 150]]["account_id"])
    gap = first["priority"].value - second["priority"].value
    assert second["gap"].value == pytest.approx(gap)
    assert second["gap_money"].value + second["gap_use"].value == pytest.approx(gap)
    scales = Scales.from_dict(snapshot.manifest["scales"])
    money, use = [], []
    for row in (frame.iloc[3], frame.iloc[40]):  # the two summands of Eq. 2, computed apart
        money.append(row["weight"] * float(scales.uplift_100(np.abs([row["growth_usd"]]))[0]))
        use.append((1 - row["weight"]) * float(scales.engagement_100([row["engagement_change"]])[0]))
    assert second["gap_money"].value == pytest.approx(money[0] - money[1])
    assert second["gap_use"].value == pytest.approx(use[0] - use[1])
    text = told(record)
    assert text.startswith(f"{frame.iloc[3]['name']} comes first, with priority {first['priority'].shown}.")
    assert f"{frame.iloc[40]['name']} has priority {second['priority'].shown}: a difference of" in text


def test_every_pair_passes_the_verifier_and_names_the_leader_of_each_measure_first(tiny: Workspace) -> None:
    snapshot, rng = open_snapshot(tiny), np.random.default_rng(5)
    frame = snapshot.scores("accounts", EVERYTHING).set_index("account_id", drop=False)
    for size in (2, 2, 2, 3, 4, 5, 5, 5):
        record = compare(snapshot, EVERYTHING, list(rng.choice(frame["account_id"], size, replace=False)))
        text = told(record)
        rows = record.data["rows"]
        for name, measure in MEASURES.items():
            known = [row for row in rows if row[name].value is not None]
            values = [row[name].value for row in known]
            line = {"churn_probability": "churn probability", "spend_usd": "annual spend"}.get(name)
            if line and len({row[name].shown for row in known}) == len(known) > 1:
                leader = known[values.index((max if measure.most else min)(values))]
                assert f"- {leader['name'].value}: {line} {leader[name].shown};" in text


def test_the_figures_are_those_of_the_ranking_and_of_the_accounts_own_page(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    listed = rank(snapshot, EVERYTHING, limit=4).data["rows"]
    record = compare(snapshot, EVERYTHING, [row["name"].value for row in listed])
    for row, other in zip(record.data["rows"], listed, strict=True):
        same = set(row) & set(other) - {"rank", "why"}
        assert {name: row[name] for name in same} == {name: other[name] for name in same}
        page = profile(snapshot, EVERYTHING, row["account_id"].value).data
        assert row["open_deals"].value == page["open_deals"].value
        assert row["spend_usd"] == page["spend_usd"]


def test_what_is_asked_for_stands_alone(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    record = compare(snapshot, EVERYTHING, list(ranked(snapshot)["account_id"].iloc[[0, 9]]))
    text = told(record, "churn")
    assert "churn probability" in text
    assert "Chance to shrink" in text
    assert "comes first" not in text
    assert "Annual spend" not in text


def test_a_column_stands_for_each_account_and_the_owner_only_where_there_are_several(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    frame = ranked(snapshot)
    accounts = list(frame["account_id"].iloc[:3])
    lines = [line for line in told(compare(snapshot, EVERYTHING, accounts)).split("\n") if line.startswith("|")]
    assert lines[0] == "| Account | " + " | ".join(frame["name"].iloc[:3]) + " |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert lines[2].startswith("| Owner | ")
    mine = frame[frame["owner_rep_id"] == "R-ana"]["account_id"]
    alone = compare(snapshot, Scope(frozenset(mine), frozenset({"R-ana"})), list(mine[:2]))
    assert "| Owner |" not in told(alone)


def test_what_is_known_of_one_alone_is_said_of_the_other(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    frame = snapshot.scores("accounts", EVERYTHING)
    blank = frame[frame["priority"].isna()].iloc[0]
    record = compare(snapshot, EVERYTHING, [blank["account_id"], ranked(snapshot)["account_id"].iloc[0]])
    text = told(record)
    assert f"Not known of {blank['name']}: priority, " in text
    assert "alone has a priority here" in text
    assert record.data["rows"][1]["gap_use"].value is None


@pytest.mark.parametrize("book", ["maven", "ravenstack"])
def test_without_scores_facts_are_compared_and_nobody_comes_first(book: str, request: pytest.FixtureRequest) -> None:
    snapshot = open_snapshot(request.getfixturevalue(book))
    frame = snapshot.scores("accounts", EVERYTHING)
    frame = frame[frame["priority"].isna()] if book == "maven" else frame
    text = told(compare(snapshot, EVERYTHING, list(frame["account_id"].head(3))))
    if frame["priority"].isna().all():
        assert text.startswith("No priority is known for any of them, so none comes first")


def test_equal_priorities_are_called_level(tiny: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w", symlinks=True)))
    folder = workspace.current("snapshots")
    assert folder is not None
    frame = pd.read_parquet(folder / "accounts.parquet")
    pair = frame.index[frame["priority"].notna()][:2]
    frame.loc[pair, "priority"] = [20.01, 20.02]
    frame.to_parquet(folder / "accounts.parquet", index=False)
    text = told(compare(open_snapshot(workspace), EVERYTHING, list(frame.loc[pair, "account_id"])))
    assert text.startswith("Level in priority: ")
    assert "comes first" not in text


def test_one_account_by_two_names_and_unknown_or_foreign_ones_are_refused_in_a_sentence(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    accounts = snapshot.table("accounts", EVERYTHING)
    one = accounts.iloc[0]
    with pytest.raises(TryAgain, match=rf"^Every name given means {one['name']}; name another account to compare"):
        compare(snapshot, EVERYTHING, [one["account_id"], one["name"], one["name"].upper()])
    mine = accounts[accounts["owner_rep_id"] == "R-ana"]
    scope = Scope(frozenset(mine["account_id"]), frozenset({"R-ana"}))
    foreign = accounts.loc[accounts["owner_rep_id"] == "R-otto", "account_id"].iloc[0]
    said = []
    for other in (foreign, "A-999999"):
        with pytest.raises(UnknownAccount) as refused:
            compare(snapshot, scope, [mine["account_id"].iloc[0], other])
        said.append(str(refused.value).replace(other, "X"))
    assert said[0] == said[1]


def test_a_control_of_a_running_study_has_facts_and_no_place(tiny: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w", symlinks=True)))
    file = tmp_path / "study.yaml"
    file.write_text("name: summer-test\nkind: ab\nstarts: 2026-07-01\nends: 2026-12-31\n", encoding="utf-8")
    top = list(ranked(open_snapshot(workspace))["account_id"])
    study.create(workspace, file, NOW)
    study.start(workspace, "summer-test", NOW)
    out = set(hidden(workspace.root, workspace.book().as_of))
    control = next(account for account in top if account in out)
    others = [account for account in top if account not in out][:2]
    record = compare(open_snapshot(workspace), EVERYTHING, [control, *others])
    text, row = told(record), record.data["rows"][-1]
    assert record.accounts == (*others, control)
    name = row["name"].value
    assert f"{name} has no place here: its scores are hidden until 2026-12-31: control of summer-test." in text
    assert f"Not known of {name}: " not in text.replace(f"Not known of {name}: last touch", "")
    assert row["spend_usd"].value is not None
    scores = ("priority", "uplift_usd", "growth_usd", "churn_probability", "engagement_change", "weight", "gap_use")
    assert [row[score].value for score in scores] == [None] * len(scores)
