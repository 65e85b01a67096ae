"""Train and score propensities on a workspace: APS for accounts without a contract, UPS for customers by product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.labels import Labels
from copilot.data.propensity_features import Case, components, features, unearned_usage
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.jobs.samples import MOST_ROWS, Samples, drawn
from copilot.jobs.segments import by_segment, chances
from copilot.models import registry

FEWEST_SAMPLES, FEWEST_OF_AN_OUTCOME = 100, 20
SLOWEST = 0.95  # of the labels of either outcome are known after the wait that settles the youngest sample
YEAR_END = 12  # the month in which the team's year ends
PLAIN = ("employees", "spend_usd", "tenure_months", "own_spend_usd", "own_seats", "own_tenure_months", "attempts")
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Question:
    """One thing to predict: its labels, the column that is pooled, and what to call it."""

    case: Case
    words: str
    pool: str
    labels: Callable[[Book], Labels]
    needs: tuple[str, ...]


def _aps(book: Book) -> Labels:
    return labels.aps(book, year_ends=YEAR_END)


def _renewal(book: Book) -> Labels:
    return labels.ups(book, case="renewal")


def _add_on(book: Book) -> Labels:
    return labels.ups(book, case="add_on")


_SOLD = ("opportunities", "opportunity_lines", "contracts")
QUESTIONS: Mapping[str, Question] = {
    "aps": Question("new", "winning an account", "region", _aps, ("opportunities",)),
    "ups_renewal": Question("renewal", "selling more at a renewal", "product", _renewal, ("contracts",)),
    "ups_add_on": Question("add_on", "selling an add-on", "offer", _add_on, _SOLD),
}


def why_not(book: Book) -> str | None:
    """Return the sentence that says why this book can train no propensity, or None where it can train one."""
    reasons = [_lacks(book, question) for question in QUESTIONS.values()]
    return None if None in reasons else reasons[0]


def samples(book: Book, name: str) -> tuple[Samples, timedelta]:
    """Return the labelled samples of one question that are old enough, and the wait that made them so.

    The quick outcome is known long before the slow one (a win at once, a loss for good after 12 months). Young samples
    would therefore show one outcome only: those younger than the slow outcome's wait are left out, whatever became of
    them.

    Args:
        book: The book.
        name: A key of ``QUESTIONS``.

    Returns:
        The samples and the wait: the larger of both outcomes' 95th percentile from ``as_of`` to ``known_at``.
    """
    known = QUESTIONS[name].labels(book)
    frame = known.frame
    if frame.empty:
        return Samples(known, 0), timedelta(0)
    wait = (frame["known_at"] - frame["as_of"]) / DAY
    days = int(np.ceil(wait.groupby(frame["label"]).quantile(SLOWEST).max()))
    old = frame[frame["as_of"] <= pd.Timestamp(book.as_of) - days * DAY].reset_index(drop=True)
    return Samples(replace(known, frame=drawn(old, MOST_ROWS)), len(old)), timedelta(days=days)


def fit(
    workspace: Workspace, rng: np.random.Generator, *, tell: Callable[[str], None] = lambda stage: None
) -> tuple[dict[str, Any], dict[str, Samples], dict[str, Any], str]:
    """Fit the propensities that the book has labels for.

    Args:
        workspace: Where the book is.
        rng: Seeds the models.
        tell: Told each model as it begins.

    Returns:
        The models by name ("aps", "ups_renewal", "ups_add_on"); the samples each learned from; what to keep about them
        (``report`` with each one's under ``parts`` and ``skill`` where any has it, ``facts`` for the words,
        ``left_out`` with reasons); a summary.
    """
    from copilot.models import propensity
    from copilot.models.propensity import words

    book = workspace.book()
    models: dict[str, Any] = {}
    learned: dict[str, Samples] = {}
    facts: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    lines = []
    for (name, question), seed in zip(QUESTIONS.items(), rng.spawn(len(QUESTIONS)), strict=True):
        reason = _lacks(book, question)
        if reason is None:
            used, wait = samples(book, name)
            chosen, reason = used.rows, _too_few(used.rows, question)
        if reason is not None:
            left_out[name] = reason
            continue
        tell(f"Training the propensity of {question.words}")
        X = features(workspace, chosen, question.case)
        model = propensity.fit(
            X,
            chosen["label"],
            pool=question.pool if question.pool in X else None,
            rng=seed,
            groups=chosen["account_id"],
            time=chosen["as_of"],
            embargo=wait,
            components=components(list(X.columns)),
            season="season" if question.case == "new" else None,
            plain=PLAIN,
        )
        models[name], learned[name], facts[name] = model, used, words.facts(X)
        lines.append(f"{question.words}: {_summary(model.report)}")
    apart = [
        {"question": QUESTIONS[name].words, **row}
        for name, model in models.items()
        if model.judged is not None
        for row in by_segment(_judged(model.judged, learned[name].rows), book.table("accounts"), chances("p", "label"))
    ]
    reports = {name: model.report for name, model in models.items()}
    report = {"skill": any(part["skill"] for part in reports.values()), "parts": reports}
    lines += [f"{QUESTIONS[name].words}: left out. {reason}" for name, reason in left_out.items()]
    if (doubt := unearned_usage(book)) is not None:
        lines.append(doubt)
    return (
        models,
        learned,
        {"report": report, "facts": facts, "left_out": left_out, "features": [], "segments": apart},
        " ".join(lines),
    )


def score(workspace: Workspace, folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Score today's accounts with the models that ``fit`` made, where they have skill.

    Args:
        workspace: Where the book is.
        folder: The published version: one folder a model and ``manifest.json`` with what ``fit`` said to keep.

    Returns:
        One row an account ("new": accounts without a running contract), or an account and product ("renewal": what it
        holds; "add_on": every product at a customer): ``account_id``, ``product`` (None for "new"), ``case``,
        ``probability``, ``tier`` (High, Medium, Low), ``<component>_level``, ``<component>_words``, ``advice``. And,
        for each model whose scores are not shown, the sentence that says why.
    """
    from copilot.models.propensity import words

    book, about = workspace.book(), read_manifest(folder)
    hidden = dict(about["left_out"])
    found = []
    for name in about["parts"]:
        question, report = QUESTIONS[name], about["report"]["parts"][name]
        if not report["skill"]:
            hidden[name] = (
                f"The propensity of {question.words} has no measurable skill on this book, so it is not shown."
            )
            continue
        asked = to_score(book, question.case)
        if asked.empty:
            hidden[name] = f"There is no account to ask about {question.words}."
            continue
        model = registry.load(folder / name)
        X = features(workspace, asked, question.case)
        p = model.predict(X)
        told = words.tell(model.levels(X), X, about["facts"][name], question.case)
        head = asked[["account_id", "product"]].assign(case=question.case, probability=p, tier=model.tiers(p))
        found.append(pd.concat([head, told], axis=1))
    plain = pd.DataFrame(columns=["account_id", "product", "case", "probability", "tier", "advice"])
    return (pd.concat(found, ignore_index=True) if found else plain), hidden


def to_score(book: Book, case: Case) -> pd.DataFrame:
    """Return whom to ask about today: ``account_id``, ``product`` (None for new business), ``as_of``, ``season``."""
    accounts, contracts, today = book.table("accounts"), book.table("contracts"), pd.Timestamp(book.as_of)
    running = contracts[
        (contracts["start_date"] <= today) & (contracts["end_date"].isna() | (contracts["end_date"] > today))
    ]
    if case == "new":
        free = accounts.loc[~accounts["account_id"].isin(running["account_id"]), ["account_id"]]
        return free.assign(product=None, as_of=today, season=season_of(today)).reset_index(drop=True)
    held = running[["account_id", "product"]].drop_duplicates()
    if case == "add_on":
        products = pd.DataFrame({"product": sorted(contracts["product"].dropna().unique())})
        held = held[["account_id"]].drop_duplicates().merge(products, how="cross")
    return held.assign(as_of=today).sort_values(["account_id", "product"]).reset_index(drop=True)


def season_of(day: pd.Timestamp) -> str:
    """Return the season of an opportunity that would be created on the day after, by the rule of ``labels.aps``."""
    month = (day + DAY).month
    return "year_end" if (month - YEAR_END - 1) % 12 >= 6 else "mid_year"


def _judged(judged: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what was said out of fold beside the account and the label it was said of."""
    return rows.iloc[judged["row"]][["account_id", "label"]].reset_index(drop=True).assign(p=judged["p"].to_numpy())


def _lacks(book: Book, question: Question) -> str | None:
    for table in question.needs:
        if not book.manifest["tables"].get(table):
            reason: str = book.manifest["missing"].get(table, f"The book has no rows in its table {table}.")
            return reason
    return None


def _too_few(chosen: pd.DataFrame, question: Question) -> str | None:
    if len(chosen) < FEWEST_SAMPLES:
        return (
            f"There are {len(chosen)} past cases of {question.words} to learn from, and a model needs {FEWEST_SAMPLES}."
        )
    ones = int(chosen["label"].sum())
    if min(ones, len(chosen) - ones) < FEWEST_OF_AN_OUTCOME:
        return (
            f"Of {len(chosen)} past cases of {question.words} {ones} came true; a model needs {FEWEST_OF_AN_OUTCOME} "
            "that did and as many that did not."
        )
    return None


def _summary(report: Mapping[str, Any]) -> str:
    if not report["skill"]:
        return str(report["note"])
    area, top = report["auc"], report["tiers"][0]["lift"]
    limits = f"95 % interval {area['low']:.3f} to {area['high']:.3f}"
    return (
        f"AUC {area['value']:.3f} ({limits}, {report['n_judged']:,} judged), "
        f"tier High {top['value']:.1f} times the average ({top['low']:.1f} to {top['high']:.1f})."
    )
