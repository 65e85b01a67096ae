"""Measure a study of a workspace, past the blanking, and write its page."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from copilot.data.hidden import Held
from copilot.data.labels import record
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput
from copilot.jobs.study import COVARIATES, accounts_of, find
from copilot.measure import adoption, outcomes, studies
from copilot.measure.report import page
from copilot.measure.shock import shock
from copilot.measure.spec import StudySpec
from copilot.store.database import Store

MANY = 1_000_000  # turns read of one conversation: all of them


def report(workspace: Workspace, name: str, store: Store | None = None) -> tuple[studies.Finding, str]:
    """Measure a study as far as outcomes are known, past the blanking, and return the finding and its page.

    Args:
        workspace: Where the study lies.
        name: Its name.
        store: The product's own log, for who looked; without it an A/B test is measured on all books.

    Raises:
        BadInput: There is no such study, or too little has happened yet; one sentence says what.
    """
    study, book = find(workspace, name), workspace.book()
    spec = StudySpec.model_validate({key: study.about[key] for key in StudySpec.model_fields if key in study.about})
    if pd.Timestamp(book.as_of) < pd.Timestamp(spec.starts) + outcomes.AROUND:
        raise BadInput(f"The study {name} starts on {spec.starts}; the book ends on {book.as_of}, too early to tell.")
    measure = {"ab": _experiment, "mau": _steady_use, "did": _regional}[spec.kind]
    found = measure(spec, book, study, store)
    return found, page(spec, found, book.as_of)


def usage_log(store: Store) -> pd.DataFrame:
    """Return the product's own log of use: ``rep_id, at``, one row a question that a rep asked."""
    rows = []
    for user in store.users():
        if user["rep_id"] is None:
            continue
        for thread, *_ in store.threads(user["username"], limit=MANY):
            rows += [(user["rep_id"], turn.asked_at) for turn in store.turns(thread, user["username"], limit=MANY)]
    return pd.DataFrame(rows, columns=["rep_id", "at"])


def _experiment(spec: StudySpec, book: Book, study: Held, store: Store | None) -> studies.Finding:
    contracts, today = record.contracts(book)[0], pd.Timestamp(book.as_of)
    starts, ends = pd.Timestamp(spec.starts), pd.Timestamp(spec.ends)
    # The book is that of the lot, whoever owns the account today.
    rows = accounts_of(spec, book).merge(study.assignment(), on="account_id")
    now = outcomes.bookings(contracts, starts, ends, today)
    year = pd.DateOffset(years=1)
    past = outcomes.bookings(contracts, starts - year, ends - year, min(today, starts))
    rows = rows.merge(now, on="account_id")
    # A renewal that fell due before its rep was let in says nothing of the treatment, in either arm.
    rows = rows[rows["due"] >= rows["visible_from"]]
    if rows.empty:
        raise BadInput(f"No account of the study {spec.name} has a settled renewal yet; report again later.")
    rows["bookings_usd"] = rows["renewal_usd"] + (rows["add_on_usd"] if spec.outcome == "net_ratio" else 0.0)
    rows["before"] = rows["account_id"].map(past.set_index("account_id")[spec.outcome])
    if store is not None:
        log = usage_log(store)
        log = log[pd.to_datetime(log["at"], utc=True) >= starts.tz_localize("UTC")]
        if len(log):
            rows["looked"] = rows["book"].isin(log["rep_id"])
    return studies.experiment(
        rows, outcome=spec.outcome, strata=spec.strata, smallest_effect=spec.smallest_effect,
        covariates=COVARIATES, before="before",
    )  # fmt: skip


def _steady_use(spec: StudySpec, book: Book, study: Held, store: Store | None) -> studies.Finding:
    if store is None:
        raise BadInput("A study of steady use reads the product's own log; name the workspace that has it.")
    contracts, today = record.contracts(book)[0], pd.Timestamp(book.as_of)
    starts, ends = pd.Timestamp(spec.starts), pd.Timestamp(spec.ends)
    accounts = accounts_of(spec, book)
    users = sorted(accounts["owner_rep_id"].unique())
    active = adoption.active_months(usage_log(store), user="rep_id")
    last = min(ends, today).to_period("M")
    before = adoption.consistency(active, users, starts.to_period("M") - 1, spec.before_months)
    during = adoption.consistency(active, users, last, (last - starts.to_period("M")).n + 1)
    converted = adoption.converters(before, during)
    if converted.nunique() < 2:
        raise BadInput(
            f"Of {len(users)} reps {int((converted == 1).sum())} came from infrequent to consistent use and "
            f"{int((converted == 0).sum())} stayed infrequent; the study needs some of both."
        )
    now = outcomes.bookings(contracts, starts, ends, today)
    past = outcomes.bookings(
        contracts, starts - pd.DateOffset(months=spec.before_months), starts - pd.Timedelta(days=1), today
    )
    rows = accounts.rename(columns={"owner_rep_id": "rep_id"}).merge(now, on="account_id")
    rows["converted"] = rows["rep_id"].map(converted)
    rows["before"] = rows["account_id"].map(past.set_index("account_id")[spec.outcome])
    rows = rows.dropna(subset=["converted"])
    found = studies.steady_use(
        rows, outcome=spec.outcome, before="before", covariates=COVARIATES, smallest_effect=spec.smallest_effect
    )
    months = pd.period_range(starts.to_period("M"), last, freq="M")
    use = {"adoption": adoption.adoption(active, users, months), "retention": adoption.retention(active, last)}
    return replace(found, tables=found.tables | use)


def _regional(spec: StudySpec, book: Book, study: Held, store: Store | None) -> studies.Finding:
    contracts, today = record.contracts(book)[0], pd.Timestamp(book.as_of)
    starts, ends = pd.Timestamp(spec.starts), pd.Timestamp(spec.ends)
    first = starts - pd.DateOffset(months=spec.before_months)
    rows = outcomes.by_period(contracts, first, ends, today, 3)
    rows = rows.merge(accounts_of(spec, book).rename(columns={"owner_rep_id": "rep_id"}), on="account_id")
    rows["region_treated"] = rows["region"].isin(spec.regions).astype(int)
    market = book.table("macro_monthly")
    found = shock(market, spec.regions, first, starts, min(ends, today))
    return studies.regional(
        rows, outcome=spec.outcome, starts=starts, covariates=("segment", "target_usd"),
        smallest_effect=spec.smallest_effect, shock=found,
    )  # fmt: skip
