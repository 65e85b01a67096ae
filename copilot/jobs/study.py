"""Studies of a workspace: create, start and stop; what a running one hides is the snapshot reader's part."""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.data.hidden import Held, held
from copilot.data.labels import record
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput
from copilot.measure import ab, outcomes, power
from copilot.measure.spec import StudySpec, read_spec

COVARIATES = ("segment", "region", "spend_usd")


def create(workspace: Workspace, file: Path, now: datetime) -> list[str]:
    """Write down a study, assign its accounts, and say how alike the arms are and what it will be able to see.

    Nothing is hidden before it is started.

    Raises:
        BadInput: The file is broken, the name is taken, or the book cannot carry the study.
    """
    spec, book = read_spec(file), workspace.book()
    with workspace.writing():
        if spec.name in {study.name for study in held(workspace.root)}:
            raise BadInput(f"There is a study {spec.name} already; give this one another name.")
        accounts = accounts_of(spec, book)
        lines = [f"{spec.name}: {spec.kind} on {spec.outcome}, {spec.starts} to {spec.ends}."]
        assigned = None
        if spec.kind == "ab":
            assigned, told = _assigned(spec, accounts)
            lines += told
        lines += _foresee(spec, book, assigned)
        folder = workspace.root / "studies" / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        if assigned is not None:
            draft = folder / ".assignment"
            assigned = assigned.assign(book=assigned["owner_rep_id"], score=_predicted(workspace, assigned))
            assigned[["account_id", "arm", "visible_from", "book", "score"]].to_parquet(draft, index=False)
            os.replace(draft, folder / "assignment.parquet")
        _write(folder, {**spec.model_dump(mode="json"), "state": "planned", "created": now.isoformat()})
    return [*lines, f"Next: sales-copilot study start {spec.name}"]


def start(workspace: Workspace, name: str, now: datetime) -> list[str]:
    """Start a study: from the next question on its controls are hidden.

    Raises:
        BadInput: There is no such study, it ran already, its time is over, or another one hides accounts of its own.
    """
    with workspace.writing():
        study = find(workspace, name)
        if study.about["state"] != "planned":
            raise BadInput(f"The study {name} is {study.about['state']}; create another under a new name.")
        if study.about["kind"] == "ab" and workspace.book().as_of > study.ends:
            raise BadInput(
                f"The study {name} ends on {study.ends}, before the book's own date; create one with later dates."
            )
        others = [one for one in held(workspace.root) if one.running and one.about["kind"] == "ab"]
        if study.about["kind"] == "ab":
            mine = set(study.assignment()["account_id"])
            for other in others:
                if shared := mine & set(other.assignment()["account_id"]):
                    raise BadInput(
                        f"{len(shared)} accounts are in the running study {other.name} too; "
                        f"wait for its end or stop it: an account is in one test at a time."
                    )
        began = {"state": "running", "started": now.isoformat(), "started_on": workspace.book().as_of.isoformat()}
        _write(study.folder, study.about | began)
        if study.about["kind"] != "ab":
            return [f"{name} runs. Nothing is hidden; report on it at any time."]
        arms = study.assignment()["arm"].value_counts()
    return [
        f"{name} runs: {arms.get('treated', 0):,} accounts treated, "
        f"{arms.get('control', 0):,} controls hidden to {study.ends}."
    ]


def stop(workspace: Workspace, name: str, now: datetime) -> list[str]:
    """End a study for good; its controls are shown again.

    Raises:
        BadInput: There is no such study, or it does not run.
    """
    with workspace.writing():
        study = find(workspace, name)
        if not study.running:
            raise BadInput(f"The study {name} is {study.about['state']}; only a running one can be stopped.")
        ended = {"state": "stopped", "stopped": now.isoformat(), "stopped_on": workspace.book().as_of.isoformat()}
        _write(study.folder, study.about | ended)
    return [f"{name} is stopped; its accounts are shown again."]


def find(workspace: Workspace, name: str) -> Held:
    """Return the study of that name.

    Raises:
        BadInput: There is none; names those there are.
    """
    known = {study.name: study for study in held(workspace.root)}
    if name not in known:
        raise BadInput(f"There is no study {name[:60]!r}; there {_are(list(known))}.")
    return known[name]


def _assigned(spec: StudySpec, accounts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    rows = ab.assign(accounts, book="owner_rep_id", strata=spec.strata, share=spec.share, seed=spec.seed)
    reps = rows[["owner_rep_id"]].drop_duplicates()
    waves = ab.waves(list(reps["owner_rep_id"]), spec.waves, seed=spec.seed)
    rows["visible_from"] = [
        pd.Timestamp(spec.starts + timedelta(days=spec.wave_days * waves[rep])) for rep in rows["owner_rep_id"]
    ]
    table = ab.balance(rows, arm="arm", covariates=list(COVARIATES))
    worst = table.loc[table["difference"].abs().idxmax()]
    counts = rows["arm"].value_counts()
    lines = [
        f"{counts.get('treated', 0):,} treated and {counts.get('control', 0):,} control accounts "
        f"in the books of {len(reps)} reps.",
        f"The arms differ most in {worst['covariate']} {worst['level']}: "
        f"{worst['difference']:+.2f} standard deviations (up to 0.1 is alike).",
    ]
    if spec.waves > 1:
        lines.append(f"Reps are let in in {spec.waves} steps, {spec.wave_days} days apart.")
    return rows, lines


def _predicted(workspace: Workspace, assigned: pd.DataFrame) -> pd.Series:
    """Return each account's predicted uplift, or its priority where none is known, to cut tenths by later."""
    folder = workspace.current("snapshots")
    if folder is None:
        return pd.Series(math.nan, index=assigned.index)
    known = pd.read_parquet(folder / "accounts.parquet").set_index("account_id")
    column = "uplift_usd" if known["uplift_usd"].notna().any() or "priority" not in known else "priority"
    found: pd.Series = assigned["account_id"].map(known[column]).astype("float64")
    return found


def accounts_of(spec: StudySpec, book: Book) -> pd.DataFrame:
    """Return the accounts a study is about, with ``spend_usd`` under contract today.

    Raises:
        BadInput: A region is none of the book's, or no account has an owner.
    """
    accounts = book.table("accounts")
    accounts = accounts[accounts["owner_rep_id"].notna()]
    if spec.regions:
        known = set(accounts["region"].dropna())
        if unknown := [name for name in spec.regions if name not in known]:
            raise BadInput(
                f"There is no region {unknown[0][:60]!r}; the book has {', '.join(sorted(known)) or 'none'}."
            )
        if spec.kind == "did" and known <= set(spec.regions):
            raise BadInput(
                f"Every region of the book ({', '.join(sorted(known))}) is treated, so there is none to compare with; "
                "name fewer regions."
            )
        if spec.kind != "did":
            accounts = accounts[accounts["region"].isin(spec.regions)]
    if accounts.empty:
        raise BadInput("No account of this book has an owner, so there are no books to work in; import who owns what.")
    contracts, today = record.contracts(book)[0], pd.Timestamp(book.as_of)
    running = contracts[
        (contracts["start_date"] <= today) & (contracts["end_date"].isna() | (contracts["end_date"] > today))
    ]
    spend = running.groupby("account_id")["annual_usd"].sum()
    return accounts.assign(spend_usd=accounts["account_id"].map(spend).fillna(0.0)).reset_index(drop=True)


def _foresee(spec: StudySpec, book: Book, assigned: pd.DataFrame | None) -> list[str]:
    """Say what effect the study could see, by the spread of the same season a year before."""
    if spec.kind == "mau":
        return ["What it will see depends on how many reps come to use the copilot often, which nobody knows yet."]
    contracts, today = record.contracts(book)[0], pd.Timestamp(book.as_of)
    year = pd.DateOffset(years=1)
    while pd.Timestamp(spec.ends) - year > today - outcomes.AROUND:
        year = pd.DateOffset(years=year.years + 1)
    if spec.kind == "did":
        return _foresee_regions(spec, book, year)
    try:
        past = outcomes.bookings(contracts, pd.Timestamp(spec.starts) - year, pd.Timestamp(spec.ends) - year, today)
    except BadInput as error:
        return [f"What it could see cannot be foreseen: {error}"]
    if assigned is None or len(past) < 10:
        return []
    due = contracts.loc[contracts["rtcd"].between(pd.Timestamp(spec.starts), pd.Timestamp(spec.ends)), "account_id"]
    inside = assigned[assigned["account_id"].isin(due)]
    counts = inside["arm"].value_counts()
    if len(counts) < 2 or len(inside) < 3:
        return ["Fewer than three of its accounts are due for renewal in that time, so it cannot see anything."]
    spread = float(past[spec.outcome].std())
    least = power.minimum_detectable_effect(spread, counts["treated"], counts["control"])
    chance = power.power(spec.smallest_effect, spread, counts["treated"], counts["control"])
    return [
        f"{len(inside):,} of them renew in that time: it will see effects from {least:.3f} on "
        f"(4 in 5 times), and one of {spec.smallest_effect:g} with a chance of {chance:.0%}."
    ]


def _foresee_regions(spec: StudySpec, book: Book, year: pd.DateOffset) -> list[str]:
    """Say what the same comparison saw in a season in which nothing was done."""
    from copilot.jobs.study_report import measure

    starts, ends = ((pd.Timestamp(day) - year).date() for day in (spec.starts, spec.ends))
    earlier = spec.model_copy(update={"starts": starts, "ends": ends})
    try:
        found = measure(Held(Path(spec.name), earlier.model_dump(mode="json") | {"state": "planned"}), book)
    except BadInput as error:
        return [f"No earlier season tells what it could see: {error}"]
    if found.verdict.word == "too few clusters":
        return [found.verdict.sentences[0]]
    return [
        f"The same comparison from {starts} to {ends} would have seen effects from {found.detectable:.3f} on "
        f"(4 in 5 times); the smallest sought is {spec.smallest_effect:g}."
    ]


def _write(folder: Path, about: dict[str, Any]) -> None:
    draft = folder / f".study.{os.getpid()}"
    draft.write_text(json.dumps(about, indent=1, default=str), encoding="utf-8")
    os.replace(draft, folder / "study.json")


def _are(names: list[str]) -> str:
    return "are " + ", ".join(names) if names else "are none: create one with `sales-copilot study create FILE`"
