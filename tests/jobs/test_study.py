"""Studies on the tiny book: from the YAML file to the report, and what a running one hides from every tool."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot import rooms
from copilot.access import EVERYTHING, Ctx, Principal, Scope
from copilot.agent.narrator import narrate
from copilot.data.hidden import FACTS, held
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import BadInput, CopilotError, MissingData
from copilot.jobs import study, study_report
from copilot.measure.report import page as html
from copilot.measure.verdict import Verdict
from copilot.store.database import Store, Turn
from copilot.text.cells import flatten
from tests.conftest import NOW

SPEC = """
name: summer-test
kind: ab
question: Does calling by uplift bring more renewals?
starts: 2026-07-01
ends: 2026-12-31
outcome: rig
strata: [segment, region]
smallest_effect: 0.1
"""


@pytest.fixture
def workspace(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the tiny workspace that a test may write to."""
    return Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w")))


def written(folder: Path, text: str = SPEC, **change: str) -> Path:
    """Write a study's file with some of its lines changed; an empty text takes the line out."""
    lines = dict(line.split(": ", 1) for line in text.strip().splitlines()) | change
    file = folder / "study.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value), encoding="utf-8")
    return file


@pytest.fixture
def running(workspace: Workspace, tmp_path: Path) -> Workspace:
    study.create(workspace, written(tmp_path), NOW)
    study.start(workspace, "summer-test", NOW)
    return workspace


def controls(workspace: Workspace) -> pd.Index:
    rows = held(workspace.root)[0].assignment()
    return pd.Index(rows.loc[rows["arm"] == "control", "account_id"])


def treated(workspace: Workspace) -> pd.Index:
    rows = held(workspace.root)[0].assignment()
    return pd.Index(rows.loc[rows["arm"] == "treated", "account_id"])


class Walk:
    """All that the tools say of accounts, as cells and as text, to somebody who may read these and some others."""

    def __init__(self, workspace: Workspace, accounts: list[str], others: list[str]) -> None:
        snapshot, mine = open_snapshot(workspace), [*accounts, *others]
        owners = snapshot.table("accounts", EVERYTHING).set_index("account_id")["owner_rep_id"]
        scope = Scope(frozenset(mine), frozenset(owners[mine]))
        self.ctx = Ctx(
            workspace.root, Principal("noor", "analyst"), scope, snapshot, lambda: NOW, np.random.default_rng(7)
        )
        self.values: set[float] = set()
        self.texts: list[str] = []
        self.refusals: list[str] = []
        for account in accounts:
            for name in ("get_account", "estimate_uplift", "predict_growth", "forecast_engagement", "recommend_action"):
                self.call(name, account=account)
            for about in ("churn", "upsell", "engagement", "uplift"):
                self.call("explain_account", account=account, about=about)
            self.call("compare_accounts", accounts=[account, *others[:2]])
        for key in ("priority", "uplift", "churn", "growth", "engagement_drop", "renewal_date"):
            self.call("rank_accounts", sort_by=key, limit=50)
        for action in ("boost_engagement", "prevent_churn", "promote_upsell"):
            self.call("rank_accounts", action=action, limit=50)
        for group in ("action", "segment", "region", "product", "quadrant", "month", "rep", "stage"):
            self.call("summarize_book", group_by=group)
        self.call("recommend_action", limit=50)
        self.call("measure_impact")

    def call(self, name: str, **arguments: Any) -> None:
        try:
            record = rooms.registry()[name](self.ctx, arguments)
        except CopilotError as error:
            if "account" in arguments:
                self.refusals.append(str(error))
            return
        for _, cell in flatten(record.data, "t"):
            if isinstance(cell.value, float):
                self.values.add(round(cell.value, 9))
        if name == "get_account":
            self.texts.append(narrate([record], question="").told.text)


def scores_of(workspace: Workspace, accounts: list[str]) -> set[float]:
    """Every fractional score of these accounts, in whatever frame of the snapshot, that no other account shares."""
    folder = workspace.current("snapshots")
    mine, others = set[float](), set[float]()
    assert folder is not None
    # What the book itself tells, and a reason's weight, which no tool tells of anybody.
    facts = {"engagement_current", "current", "previous", "value", "importance", "weight"}
    for file in folder.glob("*.parquet"):
        frame = pd.read_parquet(file)
        if "account_id" not in frame:
            continue
        here = frame["account_id"].isin(accounts)
        for column in frame.columns.difference([*FACTS, *facts]):
            if frame[column].dtype.kind == "f":
                for into, rows in ((mine, here), (others, ~here)):
                    into |= {round(value, 9) for value in frame.loc[rows, column].dropna() if value != round(value, 1)}
    return mine - others


def test_no_tool_says_a_score_of_a_control_account_while_the_study_runs(
    workspace: Workspace, running: Workspace
) -> None:
    accounts, others = list(controls(running)[:3]), list(treated(running)[:3])
    secret = scores_of(running, accounts)
    assert len(secret) > 50
    walk = Walk(running, accounts, others)
    assert not walk.values & secret
    assert len(walk.refusals) >= 8 * len(accounts)
    assert all("hidden until 2026-12-31: control of summer-test" in said for said in walk.refusals)
    for said in walk.refusals:
        assert said.endswith(".")
        assert "\n" not in said
    assert sum("hidden until 2026-12-31: control of summer-test" in text for text in walk.texts) == len(accounts)
    # The same walk without a running study says hundreds of them: the check can fail.
    study.stop(running, "summer-test", NOW)
    assert len(Walk(workspace, accounts[:1], []).values & secret) > 15


def test_lists_totals_and_worklists_hold_treated_accounts_alone(tiny: Workspace, running: Workspace) -> None:
    out, names = set(controls(running)), ["reasons", "plan", "forecasts"]
    before, after = open_snapshot(tiny), open_snapshot(running)
    # A model without skill on this book leaves no frame of its own.
    names += [name for name in ("quantities", "propensity") if len(before.scores(name, EVERYTHING))]
    for name in names:
        whole, shown = before.scores(name, EVERYTHING), after.scores(name, EVERYTHING)
        assert set(shown["account_id"]) == set(whole["account_id"]) - out
    accounts = after.scores("accounts", EVERYTHING).set_index("account_id")
    assert len(accounts) == 500
    scores = accounts.columns.difference([*FACTS, "hidden"])
    assert accounts.loc[list(out), scores].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        accounts.drop(index=list(out))[scores],
        before.scores("accounts", EVERYTHING).set_index("account_id").drop(index=list(out))[scores],
        check_dtype=False,
    )
    ranked = rooms.registry()["rank_accounts"](
        Ctx(running.root, Principal("noor", "analyst"), EVERYTHING, after, lambda: NOW, np.random.default_rng(1)),
        {"limit": 50},
    )
    assert ranked.data["considered"].value < 500
    assert not {row["account_id"].value for row in ranked.data["rows"]} & out


def test_facts_of_a_control_account_stay_and_its_page_says_why_scores_do_not(running: Workspace) -> None:
    account = controls(running)[0]
    ctx = Ctx(
        running.root, Principal("noor", "analyst"), EVERYTHING, open_snapshot(running), lambda: NOW,
        np.random.default_rng(1),
    )  # fmt: skip
    record = rooms.registry()["get_account"](ctx, {"account": account})
    text = narrate([record], question="").told.text
    assert "Its scores are hidden until 2026-12-31: control of summer-test." in text
    assert record.data["name"].value in text
    assert record.data["uplift_usd"].value is None
    with pytest.raises(MissingData, match="hidden until 2026-12-31: control of summer-test"):
        rooms.registry()["explain_account"](ctx, {"account": account})


def test_a_foreign_control_account_reads_like_any_foreign_one(running: Workspace) -> None:
    foreign = controls(running)[0]
    scope = Scope(frozenset(controls(running)[1:3]), frozenset())
    ctx = Ctx(
        running.root, Principal("ana", "rep"), scope, open_snapshot(running), lambda: NOW, np.random.default_rng(1)
    )
    with pytest.raises(CopilotError, match="There is no account") as told:
        rooms.registry()["explain_account"](ctx, {"account": foreign})
    assert "hidden" not in str(told.value)


def test_the_nightly_score_reads_past_the_blanking_but_puts_no_control_on_a_worklist(
    tiny: Workspace, running: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot.jobs import explanations
    from copilot.jobs.score import score

    monkeypatch.setattr(explanations, "write", lambda *_, **__: None)  # half of the time, and not what is asked here
    score(running, NOW)
    fresh, before = running.current("snapshots"), tiny.current("snapshots")
    assert fresh is not None
    assert before is not None
    now, then = (pd.read_parquet(folder / "accounts.parquet").set_index("account_id") for folder in (fresh, before))
    lists = ["worklist_rank", "action"]  # who stands on one has an action of its own drawn
    pd.testing.assert_frame_equal(now.drop(columns=lists), then.drop(columns=lists))
    out = list(controls(running))
    assert now.loc[out, "priority"].notna().sum() > 100
    assert not pd.read_parquet(fresh / "plan.parquet")["account_id"].isin(out).any()
    assert then.loc[out, "worklist_rank"].notna().sum() > 50
    assert now.loc[out, "worklist_rank"].isna().all()
    assert open_snapshot(running).hidden


def test_arms_are_drawn_inside_the_books_and_kept(running: Workspace) -> None:
    rows = held(running.root)[0].assignment().merge(running.book().table("accounts"), on="account_id")
    cells = (rows["arm"] == "treated").groupby([rows["owner_rep_id"], rows["segment"], rows["region"]])
    assert ((cells.sum() - cells.count() / 2).abs() < 1).all()
    about = json.loads((running.root / "studies" / "summer-test" / "study.json").read_text())
    assert about["state"] == "running"
    assert about["seed"] == 7


def test_reps_of_a_later_step_see_nothing_before_their_turn(workspace: Workspace, tmp_path: Path) -> None:
    study.create(workspace, written(tmp_path, waves="4", wave_days="30"), NOW)
    study.start(workspace, "summer-test", NOW)
    rows = held(workspace.root)[0].assignment()
    assert rows["visible_from"].nunique() == 4
    later = rows[(rows["arm"] == "treated") & (rows["visible_from"] > "2026-07-01")]
    said = open_snapshot(workspace).hidden
    assert set(later["account_id"]) <= set(said)
    assert "has not reached its rep yet" in said[later["account_id"].iloc[0]]


def test_create_says_how_alike_the_arms_are_and_what_it_can_see(workspace: Workspace, tmp_path: Path) -> None:
    lines = study.create(workspace, written(tmp_path), NOW)
    assert any("treated and" in line and "control accounts" in line for line in lines)
    assert any("standard deviations" in line for line in lines)
    assert any("renew in that time: it will see effects from" in line for line in lines)
    assert not open_snapshot(workspace).hidden  # nothing is hidden before it starts


def test_nothing_is_shown_where_a_running_study_cannot_be_read(running: Workspace) -> None:
    (running.root / "studies" / "summer-test" / "assignment.parquet").write_bytes(b"broken")
    with pytest.raises(BadInput, match="which scores to hide"):
        open_snapshot(running)
    study.stop(running, "summer-test", NOW)
    assert not open_snapshot(running).hidden
    (running.root / "studies" / "summer-test" / "study.json").write_text("{")
    with pytest.raises(BadInput, match="which scores to hide"):
        open_snapshot(running)


def test_states_go_one_way_and_an_account_is_in_one_test_at_a_time(running: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is running"):
        study.start(running, "summer-test", NOW)
    with pytest.raises(BadInput, match="summer-test already"):
        study.create(running, written(tmp_path), NOW)
    study.create(running, written(tmp_path, name="second"), NOW)
    with pytest.raises(BadInput, match="one test at a time"):
        study.start(running, "second", NOW)
    study.stop(running, "summer-test", NOW)
    with pytest.raises(BadInput, match="only a running one"):
        study.stop(running, "summer-test", NOW)
    study.start(running, "second", NOW)
    with pytest.raises(BadInput, match="no study 'third'; there are second, summer-test"):
        study.find(running, "third")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "magic"}, "kind"),
        ({"starts": "someday"}, "starts"),
        ({"ends": "2026-06-01"}, "not after it starts"),
        ({"strata": "[colour]"}, "colour"),
        ({"share": "2"}, "share"),
        ({"seeds": "3"}, "seeds"),
        ({"name": "Summer Test!"}, "short name"),
        ({"kind": "did"}, "needs regions"),
        ({"regions": "Mars"}, "no region 'Mars'"),
        ({"regions": "Mars", "kind": "did"}, "no region 'Mars'"),
        ({"regions": "[APAC, EMEA, LATAM, NA]", "kind": "did"}, "none to compare with"),
        ({"starts": "0001-01-01"}, "outside the years 1990 to 2099"),
        ({"ends": "9999-12-31"}, "outside the years 1990 to 2099"),
        ({"ends": "2036-12-31"}, "longer than three years"),
        ({"starts": "1500000000"}, "must be a day as 2026-07-01"),
        ({"strata": "{segment: 1}"}, "a name or a list of names"),
        ({"strata": "null"}, "a name or a list of names"),
        ({"name": ""}, "name"),
    ],
)
def test_a_bad_study_file_is_refused_in_one_sentence(
    workspace: Workspace, tmp_path: Path, change: dict[str, str], says: str
) -> None:
    with pytest.raises(BadInput, match=says) as told:
        study.create(workspace, written(tmp_path, **change), NOW)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)
    assert not list((workspace.root / "studies").glob("*"))


def test_a_report_before_anything_happened_says_so(running: Workspace) -> None:
    with pytest.raises(BadInput, match="too early"):
        study_report.report(running, "summer-test")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    with Store.open(workspace.database) as opened:
        yield opened


def test_a_past_ab_study_reports_a_page_that_loads_nothing(workspace: Workspace, tmp_path: Path) -> None:
    file = written(tmp_path, starts="2025-07-01", ends="2026-06-30", question="<b>Bold?</b>")
    study.create(workspace, file, NOW)
    found, page = study_report.report(workspace, "summer-test")
    # The arms were drawn after the outcomes: nothing can have been caused, and the interval holds 0.
    assert found.effect.low < 0 < found.effect.high
    assert found.effect.clusters > 20
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 2  # balance and deciles
    assert "By the score when the arms were drawn" in page
    assert found.tables["deciles"]["decile"].tolist() == list(range(1, 11))
    assert found.verdict.sentences[0][:40] in page
    assert "&lt;b&gt;Bold?" in page
    for outside in ("src=", 'href="http', "<script", "@import", "url(http", "<link"):
        assert outside not in page
    assert html(study_report.spec_of(study.find(workspace, "summer-test")), found, workspace.book().as_of) == page


def test_a_report_says_what_limits_it_and_calls_a_number_an_effect_only_where_it_is_proven(
    workspace: Workspace, tmp_path: Path
) -> None:
    study.create(workspace, written(tmp_path, starts="2025-09-01", ends="2026-10-31"), NOW)
    one = study.find(workspace, "summer-test")
    early = "this is an early look"
    planned = study_report.measure(one, workspace.book()).verdict.sentences
    assert any("never started" in sentence for sentence in planned)
    study.start(workspace, "summer-test", NOW)
    study.stop(workspace, "summer-test", NOW)
    found, page = study_report.report(workspace, "summer-test")
    said = " ".join(found.verdict.sentences)
    assert "Nothing was hidden before 2026-06-30, though renewals count from 2025-09-01 on." in said
    assert "It was stopped on 2026-06-30 and its controls shown, though renewals count to 2026-10-31." in said
    assert early in said
    assert early in page
    spec, today = study_report.spec_of(one), workspace.book().as_of
    for word, called, other in (
        ("causal", "Effect on rig", "Not proven"),
        ("underpowered", "Not proven: the difference in rig", "Effect on rig"),
    ):
        text = html(spec, replace(found, verdict=Verdict(word, ("So it is.",))), today)  # type: ignore[arg-type]
        assert called in text
        assert other not in text
        assert ("Relative to no treatment" in text) == (word == "causal")


def test_a_study_changed_by_hand_into_none_is_one_sentence(running: Workspace) -> None:
    file = running.root / "studies" / "summer-test" / "study.json"
    file.write_text(file.read_text().replace('"rig"', '"magic"'))
    with pytest.raises(BadInput, match="changed into what no study can be; put it back") as told:
        study_report.report(running, "summer-test")
    assert "\n" not in str(told.value)


def test_a_regional_study_reports_an_event_study(workspace: Workspace, tmp_path: Path) -> None:
    study.create(workspace, written(tmp_path, kind="did", regions="[NA]", starts="2025-07-01", ends="2026-03-31"), NOW)
    assert "Nothing is hidden" in study.start(workspace, "summer-test", NOW)[0]
    assert not open_snapshot(workspace).hidden
    found, page = study_report.report(workspace, "summer-test")
    assert set(found.tables["event"]["key"]) >= {-2, -1, 0, 1}
    assert found.verdict.word == "too few clusters"
    assert page.count("<svg") == 2


def test_a_regional_study_says_beforehand_what_the_same_comparison_saw_when_nothing_was_done(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, kind="did", regions="[NA]", starts="2026-07-01", ends="2027-03-31")
    assert "units of assignment" in study.create(workspace, file, NOW)[1]  # ten reps tell no error
    monkeypatch.setattr("copilot.measure.verdict.FEWEST_CLUSTERS", 5)
    monkeypatch.setattr("copilot.measure.verdict.FEWEST_IN_AN_ARM", 2)
    said = study.create(workspace, written(tmp_path, kind="did", regions="[NA]", name="other", starts="2026-07-01",
                                           ends="2027-03-31"), NOW)[1]  # fmt: skip
    earlier = study.create(workspace, written(tmp_path, kind="did", regions="[NA]", name="earlier", starts="2025-07-01",
                                              ends="2026-03-31"), NOW)  # fmt: skip
    seen = study_report.measure(study.find(workspace, "earlier"), workspace.book()).detectable
    assert f"from 2025-07-01 to 2026-03-31 would have seen effects from {seen:.3f} on" in said
    assert "No earlier season tells what it could see" in earlier[1]


def test_a_study_of_steady_use_reads_the_products_own_log(workspace: Workspace, tmp_path: Path, store: Store) -> None:
    said = study.create(workspace, written(tmp_path, kind="mau", starts="2025-07-01", ends="2026-06-30"), NOW)
    assert "which nobody knows yet" in said[1]
    with pytest.raises(BadInput, match="came from infrequent to consistent use"):
        study_report.report(workspace, "summer-test", store)
    with pytest.raises(BadInput, match="own log"):
        study_report.report(workspace, "summer-test")
    # Ana comes to use it often, Nina of the same region stays where she was.
    store.add_user("nina", "rep", "R-0007")
    for user, months in (("ana", (2, 4, 8, 9, 10, 11)), ("nina", (3, 9))):
        for month in months:
            when = datetime(2025, month, 9, 12, tzinfo=UTC)
            store.log_turn(Turn(store.new_thread(user, when), user, when, "Who?", "Acme.", "rules"))
    found, page = study_report.report(workspace, "summer-test", store)
    assert found.verdict.word == "too few clusters"
    assert found.effect.clusters == 2
    assert found.tables["adoption"].set_index("month")["active"].loc["2025-09"] == 2
    assert found.tables["retention"]["share"].iloc[0] == 1
    assert page.count("<svg") == 3
