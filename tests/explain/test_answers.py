"""Answers on real data against published totals, and on the tiny book against the tables themselves."""

import contextlib
from typing import Any

import pandas as pd
import pytest

from copilot.access import EVERYTHING
from copilot.agent.narrator import narrate
from copilot.agent.scope import scope_of
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import MissingData, TryAgain, UnknownAccount
from copilot.explain.answers import account, actions, predictions, ranking, summary
from copilot.explain.answers.common import ACTIONS
from copilot.text.cells import Record


def told(record: Record, *focus: str) -> str:
    narration = narrate([record], question="", focus=focus)
    assert narration.faults == ()
    return narration.told.text


def by_group(record: Record, column: str) -> dict[str, Any]:
    return {row["group"].value: row[column].value for row in record.data["rows"] if row[column].value is not None}


def test_mavens_totals_equal_the_published_ones_to_the_dollar(maven: Workspace) -> None:
    snapshot = open_snapshot(maven)
    whole = summary.summarize(snapshot, EVERYTHING).data["total"]
    assert whole["won_usd"].value == 10_005_534
    assert whole["win_rate"].value == pytest.approx(0.6315, abs=5e-5)
    regions = by_group(summary.summarize(snapshot, EVERYTHING, group_by="region"), "won_usd")
    assert regions == {"West": 3_568_647, "Central": 3_346_293, "East": 3_090_594}
    reps = by_group(summary.summarize(snapshot, EVERYTHING, group_by="rep"), "won_usd")
    assert max(reps, key=reps.__getitem__) == "Darcel Schlecht"
    assert reps["Darcel Schlecht"] == 1_153_214
    assert len(reps) == 30
    assert sum(reps.values()) == 10_005_534


def test_open_deals_of_a_region_say_that_they_carry_no_amount_and_give_list_price(maven: Workspace) -> None:
    record = summary.summarize(open_snapshot(maven), EVERYTHING, region="central")
    book = maven.book()
    reps, deals, lines = (book.table(name) for name in ("reps", "opportunities", "opportunity_lines"))
    deals = deals[(deals["status"] == "open") & deals["rep_id"].isin(reps.loc[reps["region"] == "Central", "rep_id"])]
    prices = lines.loc[lines["opportunity_id"].isin(deals["opportunity_id"]), "list_price_usd"]
    assert record.data["total"]["open_deals"].value == len(deals)
    assert record.data["total"]["open_list_usd"].value == prices.sum()
    text = told(record, "open_deals")
    assert f"{len(deals):,}" in text
    assert "no amount" in text
    assert f"${prices.sum():,.0f} " in text or f"${prices.sum():,.0f}." in text


def test_win_rates_by_rep_and_product_equal_a_plain_count(maven: Workspace) -> None:
    snapshot, book = open_snapshot(maven), maven.book()
    deals = book.table("opportunities").merge(
        book.table("opportunity_lines")[["opportunity_id", "product"]], on="opportunity_id"
    )
    closed = deals[deals["status"] != "open"].merge(book.table("reps")[["rep_id", "name"]], on="rep_id")
    for by, column in (("rep", "name"), ("product", "product")):
        expected = closed.groupby(column)["status"].apply(lambda s: (s == "won").mean()).to_dict()
        found = by_group(summary.summarize(snapshot, EVERYTHING, group_by=by), "win_rate")  # type: ignore[arg-type]
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("book", ["maven", "ravenstack"])
def test_uplift_without_touches_is_one_sentence_that_says_how_to_provide_them(
    book: str, request: pytest.FixtureRequest
) -> None:
    snapshot = open_snapshot(request.getfixturevalue(book))
    name = snapshot.table("accounts", EVERYTHING)["name"].iloc[0]
    with pytest.raises(MissingData, match=r"^No touches are recorded.*touches\.csv.*\.$"):
        predictions.uplift(snapshot, EVERYTHING, name)


def test_without_skill_the_ranking_leads_with_that_and_gives_facts(ravenstack: Workspace) -> None:
    snapshot = open_snapshot(ravenstack)
    assert snapshot.manifest["models"]["growth"]["skill"] is False
    record = ranking.rank(snapshot, EVERYTHING, sort_by="churn")
    text = told(record)
    found = snapshot.manifest["models"]["growth"]["auc_churn"]
    assert text.startswith("I cannot rank by that")
    assert f"AUC is {found['value']:.3f}" in text.split("\n")[0]
    assert f"{found['low']:.3f} to {found['high']:.3f}" in text.split("\n")[0]
    assert "churn_probability" not in record.columns
    assert all(row["churn_probability"].value is None for row in record.data["rows"])
    assert all(row["spend_usd"].value > 0 for row in record.data["rows"])


def test_every_answer_of_a_book_without_skill_passes_the_verifier(ravenstack: Workspace) -> None:
    snapshot = open_snapshot(ravenstack)
    assert "no skill" in told(predictions.growth(snapshot, EVERYTHING, "Company_7"))
    assert "no skill" in told(predictions.explain(snapshot, EVERYTHING, "Company_7"))
    assert "Company" in told(ranking.rank(snapshot, EVERYTHING))
    assert "fills no table opportunities" in told(summary.summarize(snapshot, EVERYTHING))
    told(account.profile(snapshot, EVERYTHING, "Company_7"))
    with pytest.raises(MissingData, match="fills no table opportunities"):
        summary.summarize(snapshot, EVERYTHING, group_by="rep")
    with pytest.raises(MissingData, match="no renewal dates"):
        ranking.rank(snapshot, EVERYTHING, renewal_within_days=30)


def people(workspace: Workspace) -> dict[str, Any]:
    from copilot.store.database import Store

    with Store.open(workspace.database) as store:
        return {user["username"]: store.principal(user["username"]) for user in store.users()}


def test_ranking_keeps_to_its_filters_and_order(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    frame = snapshot.scores("accounts", EVERYTHING)
    rows = ranking.rank(
        snapshot, EVERYTHING, segment="smb", region="emea", renewal_within_days=120, sort_by="renewal_date", limit=50
    ).data["rows"]
    expected = frame[
        (frame["segment"] == "SMB") & (frame["region"] == "EMEA") & frame["days_to_renewal"].between(0, 120)
    ]
    assert len(rows) == min(50, len(expected))
    days = [row["days_to_renewal"].value for row in rows]
    assert days == sorted(days)
    priorities = [row["priority"].value for row in ranking.rank(snapshot, EVERYTHING, limit=50).data["rows"]]
    assert priorities == sorted(priorities, reverse=True)
    for action in ("boost_engagement", "prevent_churn", "promote_upsell"):
        found = ranking.rank(snapshot, EVERYTHING, action=action).data["rows"]  # type: ignore[arg-type]
        assert {row["action"].value.split()[0] for row in found} <= {action.split("_")[0]}
    with pytest.raises(TryAgain, match="There is no segment 'Giants' in your book; it has"):
        ranking.rank(snapshot, EVERYTHING, segment="Giants")


def test_every_answer_of_the_tiny_book_passes_the_verifier(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    scope = scope_of(people(tiny)["ana"], snapshot.book)
    for sort_by in ("priority", "uplift", "churn", "growth", "engagement_drop", "renewal_date"):
        told(ranking.rank(snapshot, scope, sort_by=sort_by, limit=50))  # type: ignore[arg-type]
    for group in (None, "action", "segment", "region", "product", "quadrant", "month", "rep", "stage"):
        if group not in ("action", "quadrant") or snapshot.scores("accounts", scope)[group].notna().any():
            told(summary.summarize(snapshot, scope, group_by=group))  # type: ignore[arg-type]
    for name in snapshot.table("accounts", scope)["account_id"].head(25):
        told(account.profile(snapshot, scope, name))
        told(actions.recommend(snapshot, scope, name))
        for about in ("churn", "upsell", "engagement", "uplift"):
            told(predictions.explain(snapshot, scope, name, about))  # type: ignore[arg-type]
        for predict in (predictions.uplift, predictions.growth, predictions.engagement):
            with contextlib.suppress(MissingData):
                told(predict(snapshot, scope, name))


def test_a_profile_holds_the_books_own_figures(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    row = snapshot.scores("accounts", EVERYTHING).dropna(subset=["renewal_date"]).iloc[0]
    data = account.profile(snapshot, EVERYTHING, row["account_id"]).data
    contracts = snapshot.table("contracts", EVERYTHING).query("account_id == @row.account_id")
    today = pd.Timestamp(snapshot.as_of)
    running = contracts[(contracts["start_date"] <= today) & (contracts["end_date"] > today)]
    assert data["spend_usd"].value == pytest.approx(running["annual_usd"].sum())
    assert data["renewal_date"].value == running["rtcd"].min().date()
    assert sum(part["spend_usd"].value for part in data["contracts"]) == pytest.approx(running["annual_usd"].sum())


def test_a_name_is_resolved_by_its_whole_its_first_word_or_its_id(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    names = snapshot.table("accounts", EVERYTHING).set_index("account_id")["name"]
    first = names.str.split().str[0]
    unique = first[~first.duplicated(keep=False) & (first.str.len() > 3)]
    some_id = unique.index[0]
    for asked in (some_id, some_id.lower(), names[some_id], names[some_id].upper(), unique[some_id]):
        assert account.profile(snapshot, EVERYTHING, asked).accounts == (some_id,)


def test_a_foreign_account_reads_like_one_that_does_not_exist(tiny: Workspace) -> None:
    snapshot, users = open_snapshot(tiny), people(tiny)
    ana = scope_of(users["ana"], snapshot.book)
    foreign = snapshot.table("accounts", scope_of(users["otto"], snapshot.book))
    reads = (
        lambda asked: account.profile(snapshot, ana, asked),
        lambda asked: actions.recommend(snapshot, ana, asked),
        lambda asked: predictions.uplift(snapshot, ana, asked),
        lambda asked: predictions.growth(snapshot, ana, asked),
        lambda asked: predictions.engagement(snapshot, ana, asked),
        lambda asked: predictions.explain(snapshot, ana, asked),
    )
    own = set(snapshot.table("accounts", ana)["name"])
    for row in foreign.head(10).to_dict("records"):
        for asked in (row["account_id"], row["name"], row["name"].split()[0]):
            if any(asked.lower() in name.lower().split() for name in own):
                continue
            for read in reads:
                with pytest.raises(UnknownAccount) as refused:
                    read(asked)
                assert str(refused.value).startswith(f"There is no account {asked!r} in your book.")
                assert set(refused.value.closest) <= own


def test_no_reading_tool_lets_a_row_of_another_team_through(tiny: Workspace) -> None:
    snapshot, users = open_snapshot(tiny), people(tiny)
    ana, otto = (scope_of(users[name], snapshot.book) for name in ("ana", "otto"))
    foreign = snapshot.table("accounts", otto)
    secrets = (
        set(foreign["account_id"]) | set(foreign["name"]) | set(snapshot.table("opportunities", otto)["opportunity_id"])
    )
    records = [ranking.rank(snapshot, ana, sort_by=key, limit=50) for key in ranking.KEYS]
    records += [
        summary.summarize(snapshot, ana, group_by=group)
        for group in (None, "rep", "region", "product", "month", "stage")
    ]
    records += [actions.recommend(snapshot, ana, limit=50)]
    from copilot.text.cells import flatten

    shown = {str(cell.value) for record in records for _, cell in flatten(record.data, "t")}
    assert len(shown) > 500
    assert not shown & secrets


def test_the_recommended_action_is_the_lists_action_with_its_chance_and_their_sources(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    listed = {
        row["account_id"].value: row["action"] for row in ranking.rank(snapshot, EVERYTHING, limit=50).data["rows"]
    }
    drawn = snapshot.scores("actions", EVERYTHING).set_index("account_id")
    found = actions.recommend(snapshot, EVERYTHING, limit=10).data["rows"]
    assert len(found) == 10
    for row in found:
        account = row["account_id"].value
        assert row["action"].value == ACTIONS[drawn.loc[account, "action"]]
        assert row["propensity"].value == drawn.loc[account, "propensity"] > 0
        assert row["propensity"].origin == f"snapshot {snapshot.id}:actions[{account}].propensity"
        assert row["reactions"].value == snapshot.manifest["bandit"]["reactions"] > 0
        if account in listed:
            assert listed[account] == row["action"]
    assert set(listed) & {row["account_id"].value for row in found}
