"""Measure a study of a workspace, past the blanking, say what limits it, and write its page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
from pydantic import ValidationError

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

EARLY = (
    "It has not come to its end: this is an early look, and whoever looks again and again finds an effect by chance."
)


def report(workspace: Workspace, name: str, store: Store | None = None) -> tuple[studies.Finding, str]:
    """Measure the study of that name and return the finding and its page.

    Raises:
        BadInput: There is no such study; or as ``measure``.
    """
    study, book = find(workspace, name), workspace.book()
    found = measure(study, book, store)
    return found, page(spec_of(study), found, book.as_of)


def measure(study: Held, book: Book, store: Store | None = None) -> studies.Finding:
    """Measure a study as far as outcomes are known, past the blanking.

    Args:
        study: As it lies in the workspace.
        book: The book with its outcomes.
        store: The product's own log, for who looked; without it an A/B test is measured on all books.

    Raises:
        BadInput: Its file says what no study can be, or too little has happened yet; one sentence says what.
    """
    spec, name = spec_of(study), study.name
    if pd.Timestamp(book.as_of) < pd.Timestamp(spec.starts) + outcomes.AROUND:
        raise BadInput(f"The study {name} starts on {spec.starts}; the book ends on {book.as_of}, too early to tell.")
    found = {"ab": _experiment, "mau": _steady_use, "did": _regional}[spec.kind](spec, book, study, store)
    sentences = (*found.verdict.sentences, *_limits(spec, study, book.as_of))
    return replace(found, verdict=replace(found.verdict, sentences=sentences))


def spec_of(study: Held) -> StudySpec:
    """Return what a study was written down as.

    Raises:
        BadInput: Its file was changed by hand into what no study can be.
    """
    try:
        return StudySpec.model_validate({key: study.about[key] for key in StudySpec.model_fields if key in study.about})
    except ValidationError:
        raise BadInput(
            f"The study file {study.name}/study.json was changed into what no study can be; put it back."
        ) from None


def _limits(spec: StudySpec, study: Held, as_of: date) -> list[str]:
    """Say where the renewals that are counted do not lie in the time in which the arms were treated apart."""
    said = []
    if spec.kind == "ab":
        began, ended = (study.about.get(key) for key in ("started_on", "stopped_on"))
        if began is None:
            said.append("It was never started, so nothing was hidden from anybody: both arms were treated alike.")
        elif began > spec.starts.isoformat():
            said.append(f"Nothing was hidden before {began}, though renewals count from {spec.starts} on.")
        if ended is not None and ended < spec.ends.isoformat():
            said.append(f"It was stopped on {ended} and its controls shown, though renewals count to {spec.ends}.")
    return [*said, EARLY] if as_of < spec.ends else said


def _uses(store: Store) -> pd.DataFrame:
    """Return the product's own log of use: ``rep_id, at`` (UTC), one row a question that a rep asked."""
    log = pd.DataFrame(store.questions(), columns=["rep_id", "at"])
    return log.assign(at=pd.to_datetime(log["at"], utc=True).dt.tz_localize(None))


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
        log = _uses(store)
        log = log[log["at"].between(starts, ends + pd.Timedelta(days=1))]
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
    active = adoption.active_months(_uses(store), user="rep_id")
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
