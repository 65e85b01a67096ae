"""The demo book keeps its promises: known only what could be known, contracts as the truth says, effects to find."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import copilot
from copilot.data.book import TABLES, conform
from copilot.data.demo import AS_OF, DEMO_USERS, make, response, simulate
from copilot.data.workspace import Draft
from copilot.errors import BadInput

TODAY = pd.Timestamp(AS_OF)
Array = np.ndarray[Any, Any]
Made = tuple[Draft, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def demo() -> Made:
    return make("demo")


@pytest.fixture(scope="module")
def small() -> Made:
    return make("tiny")


@pytest.fixture(scope="module")
def past(demo: Made) -> pd.DataFrame:
    """Past renewals with what came of them by the truth."""
    rows = demo[1]["renewals"]
    rows = rows[~rows["upcoming"]].copy()
    rows["treated"] = rows["treated"].astype(bool)
    rows["delta_usd"] = rows["y1_usd"].where(rows["treated"], rows["y0_usd"])
    return rows


def auc(y: Array, score: Array) -> float:
    """Mann-Whitney, by ranks."""
    ranks = pd.Series(score).rank().to_numpy()
    ones = y.sum()
    return float((ranks[y].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def spearman(a: pd.Series, b: pd.Series) -> float:
    return float(np.corrcoef(a.rank(), b.rank())[0, 1])


# The book as a book


def test_every_table_is_there_and_passes_its_schema(small: Made) -> None:
    tables = small[0].tables
    assert set(tables) == set(TABLES)
    for name, frame in tables.items():
        assert len(frame)
        pd.testing.assert_frame_equal(conform(name, frame), frame)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_nothing_is_known_before_it_happened_or_after_the_books_date(small: Made, demo: Made, name: str) -> None:
    for draft in (small[0], demo[0]):
        frame = draft.tables[name]
        assert (frame["event_ts"] <= frame["known_ts"]).all()
        assert frame["known_ts"].max() <= TODAY


def test_every_id_that_is_referred_to_exists(small: Made) -> None:
    tables = small[0].tables
    accounts, reps = set(tables["accounts"]["account_id"]), set(tables["reps"]["rep_id"])
    for name, frame in tables.items():
        if "account_id" in frame:
            assert set(frame["account_id"]) <= accounts, name
        if "rep_id" in frame:
            assert set(frame["rep_id"].dropna()) <= reps, name
    assert set(tables["accounts"]["owner_rep_id"]) <= reps
    assert set(tables["reps"]["manager_id"].dropna()) <= reps
    assert set(tables["opportunity_lines"]["opportunity_id"]) == set(tables["opportunities"]["opportunity_id"])
    assert set(tables["feedback"]["recommendation_id"]) <= set(tables["recommendations"]["recommendation_id"])
    assert set(tables["notes"]["author"]) <= set(tables["reps"]["name"])


def test_the_same_seed_gives_the_same_book_and_another_seed_another(small: Made) -> None:
    again, other = make("tiny", seed=7), make("tiny", seed=8)
    for name, frame in small[0].tables.items():
        pd.testing.assert_frame_equal(frame, again[0].tables[name])
        assert not frame.equals(other[0].tables[name]), name
    for name, frame in small[1].items():
        pd.testing.assert_frame_equal(frame, again[1][name])
        assert not frame.equals(other[1][name]), name


def test_an_unknown_preset_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(BadInput, match=r"'huge'; choose one of tiny, demo, bench"):
        make("huge")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"accounts": 299}, "at least 300 accounts, 10 reps and 20 accounts a rep, not 299 and 10"),
        ({"accounts": 400, "reps": 9}, "not 400 and 9"),
        ({"accounts": 400, "reps": 21}, "not 400 and 21"),
        ({"accounts": 400, "side_months": 11}, "12 to 36 months of history, not 11"),
        ({"accounts": 400, "side_months": 37}, "not 37"),
        ({"accounts": 400, "seed": -1}, "from 0 on, not -1"),
    ],
)
def test_a_size_that_cannot_be_simulated_is_refused_with_what_could(size: dict[str, int], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        simulate(**size)


def test_the_smallest_size_and_a_shorter_history_of_signals_are_simulated() -> None:
    draft, truth = simulate(accounts=300, side_months=12, seed=3)
    assert len(draft.tables["accounts"]) == 300
    assert draft.tables["signals_monthly"]["event_ts"].nunique() == 12
    assert draft.tables["usage_monthly"]["event_ts"].nunique() == 36
    assert len(truth["planted_notes"]) == 12


def test_each_stage_is_announced_once() -> None:
    stages: list[str] = []
    make("tiny", progress=stages.append)
    assert len(stages) == len(set(stages)) >= 4


def test_company_names_are_distinct_by_their_first_word_and_mail_goes_nowhere(demo: Made) -> None:
    accounts, contacts = demo[0].tables["accounts"], demo[0].tables["contacts"]
    assert accounts["name"].str.split().str[0].is_unique
    assert contacts["email"].str.fullmatch(r"[a-z0-9.]+@[a-z-]+\.example").all()
    assert contacts["email"].is_unique
    assert contacts.groupby("account_id").size().reindex(accounts["account_id"]).between(1, 4).all()


@pytest.mark.parametrize("made", ["small", "demo"])
def test_ana_mia_and_otto_have_their_places(made: str, request: pytest.FixtureRequest) -> None:
    tables = request.getfixturevalue(made)[0].tables
    reps = tables["reps"].set_index("rep_id")
    rep_of = {username: rep_id for username, _, rep_id in DEMO_USERS}
    ana, mia, otto = rep_of["ana"], rep_of["mia"], rep_of["otto"]
    assert reps.loc[ana, "name"].startswith("Ana ")
    assert reps.loc[ana, "manager_id"] == mia != reps.loc[otto, "manager_id"]
    assert reps.loc[mia, "role"] == "manager"
    assert rep_of["noor"] is rep_of["ada"] is None
    running = tables["contracts"].loc[tables["contracts"]["rtcd"] > TODAY, "account_id"].unique()
    owners = tables["accounts"].set_index("account_id")["owner_rep_id"]
    for rep in (ana, otto):
        assert 40 <= (owners == rep).sum() <= 60
        assert (owners[running] == rep).sum() >= 25
    assert reps.loc[reps["role"] == "rep", "quota_usd"].gt(0).all()
    assert reps["name"].is_unique
    by_team = reps[reps["role"] == "rep"].groupby("manager_id")
    pd.testing.assert_series_equal(
        by_team["quota_usd"].sum(), reps.loc[reps["role"] == "manager", "quota_usd"].sort_index(), check_names=False
    )
    assert (by_team["region"].nunique() == 1).all()


# Contracts and the truth


def full_terms(contracts: pd.DataFrame) -> pd.Series:
    """Mark the terms; what was added within one is shorter than a year."""
    return contracts["rtcd"] == contracts["start_date"] + pd.DateOffset(years=1)


def test_terms_last_a_year_and_add_ons_end_with_the_term_they_were_added_to(demo: Made) -> None:
    contracts = demo[0].tables["contracts"]
    full = full_terms(contracts)
    assert (contracts["rtcd"] == contracts["end_date"])[full].all()
    assert contracts["annual_usd"].gt(0).all()
    assert contracts["quantity"].ge(1).all()
    assert not contracts.duplicated(["account_id", "product", "start_date"]).any()
    term_of = contracts[full][["account_id", "rtcd", "start_date"]].drop_duplicates()
    added = contracts[~full].merge(term_of, on=["account_id", "rtcd"], how="left", suffixes=("", "_term"))
    assert len(added) > 500
    assert (added["start_date"] > added["start_date_term"] + pd.Timedelta(days=30)).all()
    early = added["end_date"] < added["rtcd"]
    assert 0.02 < early.mean() < 0.12
    assert (added["end_date"] <= added["rtcd"] - pd.Timedelta(days=60))[early].all()  # not in a renewal's window
    running = contracts[contracts["rtcd"] > TODAY]
    assert (running["rtcd"] <= TODAY + pd.DateOffset(years=1)).all()


def test_a_few_accounts_renew_a_product_on_dates_far_from_those_of_the_others(demo: Made) -> None:
    contracts, renewals = demo[0].tables["contracts"], demo[1]["renewals"]
    running = contracts[contracts["rtcd"] > TODAY].groupby("account_id")["rtcd"].nunique()
    assert set(running) == {1, 2}
    assert 0.003 < (running == 2).mean() < 0.05
    both = renewals.merge(renewals, on="account_id")
    gap = (both["rtcd_x"] - both["rtcd_y"]).dt.days
    assert gap[gap > 0].min() > 90  # a window of 60 days before and 30 after holds one renewal
    assert set(renewals["chain"]) == {"main", "apart", "again"}


@pytest.mark.parametrize("made", ["small", "demo"])
def test_spend_changes_at_each_renewal_by_exactly_the_future_that_came_true(
    made: str, request: pytest.FixtureRequest
) -> None:
    draft, truth = request.getfixturevalue(made)
    contracts, renewals = draft.tables["contracts"], truth["renewals"]
    key = pd.MultiIndex.from_frame(renewals[["account_id", "rtcd"]])
    assert key.is_unique
    ended = contracts[contracts["end_date"] == contracts["rtcd"]].groupby(["account_id", "rtcd"])["annual_usd"].sum()
    begun = contracts[full_terms(contracts)].groupby(["account_id", "start_date"])["annual_usd"].sum()
    assert set(ended.index) == set(key)
    assert (ended.reindex(key).to_numpy() == renewals["base_usd"]).all()
    past = ~renewals["upcoming"].to_numpy()
    delta = (begun.reindex(key, fill_value=0).to_numpy() - renewals["base_usd"])[past]
    treated = renewals["treated"][past].astype(bool)
    assert (delta == renewals["y1_usd"][past].where(treated, renewals["y0_usd"][past])).all()
    # Both futures do differ, so that the line above is no tautology.
    assert (delta != renewals["y0_usd"][past].where(treated, renewals["y1_usd"][past])).mean() > 0.2
    assert renewals["treated"].isna().equals(renewals["upcoming"])


def test_an_account_is_touched_in_the_sixty_days_before_a_renewal_only_where_the_truth_says_so(demo: Made) -> None:
    touches, renewals = demo[0].tables["touches"], demo[1]["renewals"]
    pairs = renewals.merge(touches[["account_id", "event_ts", "kind"]], on="account_id", suffixes=("", "_seen"))
    days = (pairs["rtcd"] - pairs["event_ts"]).dt.days
    inside = pairs[days.between(0, 60)]
    touched = pd.MultiIndex.from_frame(renewals[["account_id", "rtcd"]]).isin(
        pd.MultiIndex.from_frame(inside[["account_id", "rtcd"]])
    )
    assert (touched == renewals["treated"].fillna(False).astype(bool)).all()
    assert (inside["kind"] == inside["kind_seen"]).all()
    assert (days > 60).any()


def test_the_kinds_of_customers_come_in_the_shares_aimed_at(past: pd.DataFrame) -> None:
    up0, up1, churn0, churn1 = (past[name] for name in ("up0", "up1", "churn0", "churn1"))
    share = {
        "persuadable": ((up1 & ~up0) | (churn0 & ~churn1)).mean(),
        "sure things": (up0 & up1).mean(),
        "lost causes": (churn0 & churn1).mean(),
        "sleeping dogs": (past["y1_usd"] < past["y0_usd"]).mean(),
    }
    assert share == pytest.approx(
        {"persuadable": 0.28, "sure things": 0.27, "lost causes": 0.25, "sleeping dogs": 0.04}, abs=0.025
    )
    grew, shrank = (past["delta_usd"] > 0).mean(), (past["delta_usd"] < 0).mean()
    assert 0.15 < grew < 0.36
    assert 0.15 < shrank < 0.35
    assert 0.05 < (past["delta_usd"] == -past["base_usd"]).mean() < 0.15


def test_the_choice_to_touch_is_confounded_as_aimed_at(past: pd.DataFrame) -> None:
    assert past["propensity"].between(0.05, 0.95).all()
    assert auc(past["treated"].to_numpy(), past["propensity"].to_numpy()) == pytest.approx(0.68, abs=0.02)
    assert past["treated"].mean() == pytest.approx(past["propensity"].mean(), abs=0.02)
    ratio = past[["delta_usd", "y0_usd", "y1_usd"]].div(past["base_usd"], axis=0)
    naive = ratio["delta_usd"][past["treated"]].mean() - ratio["delta_usd"][~past["treated"]].mean()
    # Reps turn to accounts that are doing worse, so that a plain comparison understates what a touch does.
    assert naive < (ratio["y1_usd"] - ratio["y0_usd"]).mean() - 0.01


def test_the_effect_differs_between_accounts_and_its_expectation_is_right(past: pd.DataFrame) -> None:
    cate = past["tau_usd"] / past["base_usd"]
    assert cate.std() > 0.06
    fifth = pd.qcut(cate.to_numpy(), 5, labels=False)
    # Known propensities give an unbiased estimate from the outcomes alone.
    weight = past["treated"] / past["propensity"] - ~past["treated"] / (1 - past["propensity"])
    seen = (weight * past["delta_usd"] / past["base_usd"]).groupby(fifth).mean()
    true = cate.groupby(fifth).mean()
    individual = ((past["y1_usd"] - past["y0_usd"]) / past["base_usd"]).groupby(fifth).mean()
    np.testing.assert_allclose(individual, true, atol=0.015)
    np.testing.assert_allclose(seen, true, atol=0.09)
    assert seen[4] - seen[0] > 0.1


def test_the_effect_of_each_kind_is_there_and_the_mix_lies_between(demo: Made) -> None:
    renewals = demo[1]["renewals"]
    kinds = renewals[[f"tau_{kind}_usd" for kind in response.KIND_STRENGTH]]
    assert (renewals["tau_usd"] <= kinds.max(axis=1) + 1e-6).all()
    assert (renewals["tau_usd"] >= kinds.min(axis=1) - 1e-6).all()
    mean = kinds.div(renewals["base_usd"], axis=0).mean()
    assert mean["tau_meeting_usd"] > mean["tau_call_usd"] > mean["tau_email_usd"] > 0


def test_the_effect_can_be_learned_from_the_book_alone(demo: Made, past: pd.DataFrame) -> None:
    """A ridge in each arm, on half the accounts, ranks the other half's effects."""
    rows = past.reset_index(drop=True)
    X = _known_by_the_decision(demo[0].tables, rows)
    X = np.column_stack([np.ones(len(X)), X, X[:, :3] ** 2, X[:, [0]] * X[:, [1]]])
    y = (rows["delta_usd"] / rows["base_usd"]).to_numpy()
    train = rows["account_id"].str[-1].isin(list("02468")).to_numpy()
    arms = []
    for arm in (False, True):
        kept = train & (rows["treated"] == arm).to_numpy()
        A = X[kept]
        arms.append(np.linalg.solve(A.T @ A + 5 * np.eye(A.shape[1]), A.T @ y[kept]))
    predicted = pd.Series(X[~train] @ (arms[1] - arms[0]))
    cate = (rows["tau_usd"] / rows["base_usd"])[~train].reset_index(drop=True)
    assert spearman(predicted, cate) > 0.55


def _known_by_the_decision(tables: dict[str, pd.DataFrame], rows: pd.DataFrame) -> Array:
    """Mean utilisation of three months, white space, size and hiring, known 60 days before each renewal."""
    day = rows["rtcd"] - pd.Timedelta(days=60)

    def window(frame: pd.DataFrame, column: str, months: int) -> Array:
        joined = rows[["account_id"]].assign(day=day).reset_index().merge(frame, on="account_id")
        age = (joined["day"] - joined["known_ts"]).dt.days
        found = joined[age.between(0, 30 * months)].groupby("index")[column].mean()
        return np.asarray(found.reindex(rows.index))

    usage = tables["usage_monthly"]
    used = window(usage[usage["product"] == "Talent Hub"], "utilization_pct", 3)
    elsewhere = window(tables["signals_monthly"], "other_spend_usd", 3)
    hired = window(tables["people_monthly"], "hires", 6)
    employees = tables["accounts"].set_index("account_id")["employees"].reindex(rows["account_id"]).to_numpy()
    white = np.log1p(12 * elsewhere) - np.log(rows["base_usd"].to_numpy())
    X = np.column_stack([used / 100, np.maximum(white, -6), np.log(employees), np.log1p(hired)])
    X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))


def test_the_expected_ratio_agrees_with_the_average_over_drawn_noise() -> None:
    rng = np.random.default_rng(3)
    noise = rng.logistic(0, response.NOISE, 400_000)
    means = np.array([-3.0, -1.2, -0.5, 0.0, 0.4, 1.3, 4.0])
    drawn = [response.spend_ratio(mean + noise).mean() for mean in means]
    np.testing.assert_allclose(response.expected_ratio(means), drawn, atol=0.003)


def test_the_spend_ratio_has_its_four_parts() -> None:
    index = np.array([-1.51, -1.499, -0.521, -0.519, 0.479, 0.481, 1.48, 9.0])
    np.testing.assert_allclose(response.spend_ratio(index), [0, 0.587, 0.9, 1, 1, 1.05, 1.27, 1.604], atol=1e-3)


# The tables around it


def test_won_deals_add_up_to_what_begins_on_their_day_but_for_terms_from_the_older_system(small: Made) -> None:
    deals, contracts = small[0].tables["opportunities"], small[0].tables["contracts"]
    won = deals[deals["status"] == "won"].groupby(["account_id", "close_date"])["amount_usd"].sum()
    begun = contracts.groupby(["account_id", "start_date"])["annual_usd"].sum()
    assert won.to_dict() == begun[begun.index.isin(won.index)].to_dict()
    first = contracts.groupby("account_id")["start_date"].min()
    moved = begun[~begun.index.isin(won.index)]
    accounts = moved.index.get_level_values(0)
    assert accounts.is_unique
    assert (moved.index.get_level_values(1) == first[accounts]).all()
    assert (first[accounts] < "2024-07-01").all()
    assert 0.6 < len(accounts) / len(small[0].tables["accounts"]) < 0.85
    assert set(deals.loc[deals["status"] == "won", "kind"]) == {"new", "renewal", "add_on"}


def test_each_deals_lines_add_up_to_its_amount_and_every_date_stands_in_order(small: Made) -> None:
    deals, lines = small[0].tables["opportunities"], small[0].tables["opportunity_lines"]
    total = lines.groupby("opportunity_id")["amount_usd"].sum()
    assert (total.reindex(deals["opportunity_id"]).to_numpy() == deals["amount_usd"]).all()
    assert deals["close_date"].isna().equals(deals["status"] == "open")
    closed = deals.dropna(subset="close_date")
    assert (closed["created_date"] <= closed["close_date"]).all()
    assert deals.loc[deals["status"] == "lost", "amount_usd"].eq(0).all()
    assert deals.loc[deals["status"] != "lost", "amount_usd"].gt(0).all()
    assert lines.groupby("product")["list_price_usd"].nunique().eq(1).all()


def test_the_renewals_of_the_next_120_days_are_open_deals_of_their_spend(small: Made) -> None:
    deals, contracts = small[0].tables["opportunities"], small[0].tables["contracts"]
    due = contracts[(contracts["rtcd"] > TODAY) & (contracts["rtcd"] <= TODAY + pd.Timedelta(days=120))]
    due = due[due["end_date"] > TODAY]  # a seasonal add-on may end before
    spend = due.groupby("account_id")["annual_usd"].sum()
    open_renewals = deals[(deals["kind"] == "renewal") & (deals["status"] == "open")].set_index("account_id")
    assert open_renewals["target_usd"].sort_index().to_dict() == spend.to_dict()
    assert {"new", "add_on"} <= set(deals.loc[deals["status"] == "open", "kind"])


def test_most_deals_are_the_owners_and_the_rest_their_team_mates(demo: Made) -> None:
    tables = demo[0].tables
    deals, team = tables["opportunities"], tables["reps"].set_index("rep_id")["manager_id"]
    owner = deals["account_id"].map(tables["accounts"].set_index("account_id")["owner_rep_id"])
    assert 0.9 < (deals["rep_id"] == owner).mean() < 1
    assert (deals["rep_id"].map(team) == owner.map(team)).all()


def test_usage_is_there_for_every_month_of_a_contract_and_no_other(small: Made) -> None:
    usage, contracts = small[0].tables["usage_monthly"], small[0].tables["contracts"]
    first, last = (contracts[name].dt.to_period("M") for name in ("start_date", "end_date"))
    expected = set()
    for later in range(12):
        month = first + later
        runs = (month < last) & (month <= TODAY.to_period("M"))
        expected |= set(zip(contracts["account_id"][runs], contracts["product"][runs], month[runs], strict=True))
    assert set(zip(usage["account_id"], usage["product"], usage["event_ts"].dt.to_period("M"), strict=True)) == expected


def test_people_rows_are_never_empty_and_the_market_dips_where_the_shock_was(small: Made) -> None:
    people, macro = small[0].tables["people_monthly"], small[0].tables["macro_monthly"]
    assert (people["hires"] + people["leavers"]).gt(0).all()
    shock = macro["event_ts"].between("2025-01-01", "2025-06-01")
    level = macro.groupby(["region", shock])["index"].mean().unstack()
    assert level.loc["EMEA", True] < level.loc["EMEA", False] - 8
    assert level.loc["APAC", True] == pytest.approx(level.loc["APAC", False], abs=2)


def test_tickets_follow_errors_and_end_before_today_or_not_at_all(demo: Made) -> None:
    tickets, usage = demo[0].tables["tickets"], demo[0].tables["usage_monthly"]
    errors = usage.groupby("account_id")["errors"].sum()
    count = tickets.groupby("account_id").size().reindex(errors.index, fill_value=0)
    assert spearman(errors, count) > 0.4
    done = tickets.dropna(subset="closed_date")
    assert done["closed_date"].between(done["event_ts"], TODAY).all()
    waiting = tickets[tickets["closed_date"].isna()]
    assert len(waiting)
    assert waiting[["resolution_hours", "satisfaction"]].isna().all(axis=None)


def test_each_planted_fact_stands_in_one_note_and_ana_and_otto_have_some(small: Made) -> None:
    tables, planted = small[0].tables, small[1]["planted_notes"]
    notes = tables["notes"].set_index("note_id")
    for row in planted.itertuples():
        found = notes.index[notes["body"].str.contains(row.fact, regex=False)]
        assert list(found) == [row.note_id]
        assert notes.loc[row.note_id, "account_id"] == row.account_id
    owner = planted["account_id"].map(tables["accounts"].set_index("account_id")["owner_rep_id"])
    assert len(planted) == 12
    assert (owner == "R-ana").sum() == (owner == "R-otto").sum() == 4
    assert notes.groupby("account_id").size().max() <= 4
    assert not notes["body"].str.contains(r"[{}]").any()


def test_past_recommendations_come_in_cycles_with_clicks_that_follow_sense(demo: Made) -> None:
    made, feedback = demo[0].tables["recommendations"], demo[0].tables["feedback"]
    days = made["event_ts"].drop_duplicates().sort_values()
    assert days.diff().dropna().eq(pd.Timedelta(days=14)).all()
    assert days.max() < TODAY - pd.Timedelta(days=14)  # the cool-down is over
    answered = made.merge(feedback, on="recommendation_id", suffixes=("", "_click"))
    wait = (answered["event_ts_click"] - answered["event_ts"]).dt.days
    assert wait.between(1, 6).all()
    assert set(feedback["feedback"]) == {"accepted", "dismissed"}
    assert 0.35 < len(feedback) / len(made) < 0.7


# Nobody reads the truth


def test_the_draft_holds_no_column_of_the_truth(small: Made) -> None:
    draft, truth = small
    shared = {"account_id", "rtcd", "kind", "recommendation_id", "opportunity_id", "product", "note_id", "segment"}
    shared |= {"action", "utilization_pct", "adoption", "month", "as_of"}
    secret = {column for frame in truth.values() for column in frame} - shared
    assert {"y0_usd", "y1_usd", "tau_usd", "propensity", "chance", "p_click", "settled", "fact"} <= secret
    for name, frame in draft.tables.items():
        assert not secret & set(frame.columns), name
    assert "fact" not in draft.tables["notes"]


def uses_of_truth(source: str) -> list[str]:
    """List what in a module names the truth or the demo maker; docstrings and comments may speak of it."""
    tree = ast.parse(source)
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = [f"{module}.{alias.name}".strip(".") for alias in node.names]
            found += [name for name in names if "data.demo" in name]
        text = getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "arg", "")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            text = node.value
        if "truth" in str(text).lower():
            found.append(str(text))
    return found


@pytest.mark.parametrize(
    "source",
    [
        "frame = read_parquet(root / 'truth' / 'renewals.parquet')",
        "from copilot.data.demo import make",
        "from copilot.data import demo",
        "import copilot.data.demo.renewals as r",
        "y = workspace.truth",
        "f'{root}/truth/renewals.parquet'",
        "def f(truth): ...",
    ],
)
def test_a_module_that_reads_the_truth_would_be_found(source: str) -> None:
    assert uses_of_truth(source)


def test_speaking_of_the_truth_is_allowed() -> None:
    assert not uses_of_truth('"""Where the truth is known."""\n\ndef f():\n    """The truth."""  # truth\n')


def test_no_training_or_scoring_code_reads_the_truth() -> None:
    root = Path(copilot.__file__).parent
    parts = ("models/**", "jobs/**", "assign/**", "bandit/**", "data", "data/labels/**", "data/importers/**")
    sources = [path for part in parts for path in root.glob(f"{part}/*.py")]
    assert any(path.parent.name == "models" for path in sources)
    uses = {path.relative_to(root).as_posix(): uses_of_truth(path.read_text(encoding="utf-8")) for path in sources}
    maker = uses.pop("jobs/setup.py", [])  # writes the truth beside the book, and must not read it
    assert {name: found for name, found in uses.items() if found} == {}
    if maker:
        tree = ast.parse((root / "jobs/setup.py").read_text(encoding="utf-8"))
        calls = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not [name for name in calls if name.startswith("read_") or name in ("load", "read_bytes", "glob")]
