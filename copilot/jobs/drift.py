"""Is each model still healthy: its inputs and scores today beside the day of its training, its errors on later labels.

Both days are built from the book as it is now, reading only what was known on either (MATHS §1): the same accounts, by
the same rule, so that a change of the sample is not taken for drift. On the day of its training a model has none. What
looks as it did a year before counts as the season's, which the model has seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.choice import chosen_specs
from copilot.data.features import build
from copilot.data.labels.record import contracts_over_time, next_day
from copilot.data.labels.renewals import active
from copilot.data.propensity_features import Case, account_specs, features, product_specs
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput, NotSetUp
from copilot.jobs import propensity, samples, train
from copilot.jobs.fits import ENGAGEMENT
from copilot.models import registry, versions
from copilot.monitor.drift import FEWEST_ROWS
from copilot.monitor.health import NORMAL_95, Health, Part, Quality, Side, compare, quality_of
from copilot.stats import Interval, auc_interval, mean_interval
from copilot.text.cells import Unit

MOST_ACCOUNTS = 20_000  # compared a day; drawn by a hash, the same ones on both
MOST_MONTHS = 12  # of forecasts judged anew
FEWEST_OF_A_CLASS = 20  # labels of either outcome that an AUC needs
PERIODS = 3  # of each unit that the forecast's card judged
KEPT = "drift.json"
UPLIFT_UNKNOWN = (
    "what a touch changed is never seen account by account, so no later label can tell whether the estimate got worse; "
    "a study can: sales-copilot study"
)
Tell = Callable[[str], None]


def report(
    workspace: Workspace,
    now: datetime,
    rng: np.random.Generator,
    *,
    only: str | None = None,
    tell: Tell = lambda _: None,
) -> list[Health]:
    """Check the models in use and keep the verdicts in the workspace, where ``doctor`` reads them.

    Raises:
        BadInput: There is no such model.
        NotSetUp: There is no book, no such trained model, or nothing was scored yet.
    """
    if only is not None and only not in train.MODELS:
        raise BadInput(f"There is no model {only!r}; drift knows {', '.join(train.MODELS)}.")
    names = [only] if only else list(train.MODELS)
    workspace.book()
    if all(train.trained(workspace, name) is None for name in names):
        what = f"The model {only} is not" if only else "No model is"
        raise NotSetUp(f"{what} trained on this book yet: run `sales-copilot train`, then `sales-copilot score`.")
    open_snapshot(workspace)
    found = []
    for name in names:
        if train.trained(workspace, name) is not None:
            tell(f"Comparing {name}")
            found.append(check(workspace, name, rng))
    with workspace.writing():
        _keep(workspace, found, now)
    return found


def check(workspace: Workspace, name: str, rng: np.random.Generator) -> Health:
    """Check one trained model against the book of today."""
    manifest, folder, book = train.trained(workspace, name), train.bundle(workspace, name), workspace.book()
    assert manifest is not None
    since = versions.since(workspace.models, name) or manifest["trained_at"]
    health = Health(name, folder.name, since[:10], manifest["as_of"], book.as_of.isoformat())
    if not manifest["report"]["beats_constant" if name == "uplift" else "skill"]:
        return replace(health, note="not in use, for it showed no skill at its training")
    if book.as_of.isoformat() <= manifest["as_of"]:
        return replace(health, note="trained on the newest data there are; nothing has come in since to compare")
    parts = tuple(CHECKS[name](_Both(workspace, manifest, folder, rng)))
    return replace(health, parts=parts, note="" if parts else "too few accounts on either day to compare")


def kept(workspace: Workspace) -> dict[str, Any]:
    """Return the newest verdict on each model, by name; empty where none was made or it cannot be read."""
    try:
        found = json.loads((workspace.root / "monitor" / KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class _Both:
    """A model, the book today, and the same book as it was known on the day of the model's training."""

    def __init__(self, workspace: Workspace, manifest: dict[str, Any], folder: Path, rng: np.random.Generator) -> None:
        self.workspace, self.manifest, self.folder, self.rng = workspace, manifest, folder, rng
        self.now = workspace.book()
        self.then = _as_of(self.now, date.fromisoformat(manifest["as_of"]))

    @property
    def days(self) -> tuple[Book, ...]:
        """The book on the day of training, today, and on the last of today's dates in the years before the training."""
        today, then = pd.Timestamp(self.now.as_of), pd.Timestamp(self.then.as_of)
        years = next(k for k in range(1, 100) if today - pd.DateOffset(years=k) <= then)
        season = (today - pd.DateOffset(years=years)).date()
        return (self.then, self.now, *([_as_of(self.now, season)] if season < self.then.as_of else []))


def _growth(both: _Both) -> Iterator[Part]:
    model = registry.load(both.folder / "spend")
    chance = "churn" in model.boosters
    sides = []
    for book in both.days:
        X, base = _paying(both, book)
        sides.append((X, model.predict(X, base)["p_churn" if chance else "score"] if len(X) else base))
    rows = samples.read(both.now, "growth").rows
    rows = rows[rows["known_at"] >= next_day(both.then)].reset_index(drop=True)
    quality, unknown = None, _too_few("renewals or quarters", rows["delta_usd"] < 0)
    if not unknown and chance:
        told = model.predict(_of(both, rows), rows["base_usd"])["p_churn"].to_numpy()
        rows = rows.assign(told=told, came=rows["delta_usd"] < 0)
        quality = _auc("AUC for shrinking accounts", both.manifest["report"]["auc_churn"], rows, both.rng)
    words, unit = ("chance to shrink", "percent") if chance else ("growth score", "score")
    yield from _compared(both, words, sides, cast(Unit, unit), quality=quality, unknown=unknown)


def _uplift(both: _Both) -> Iterator[Part]:
    model, sides = registry.load(both.folder / "uplift"), []
    for book in both.days:
        X, base = _paying(both, book)
        sides.append((X, model.predict(X)["uplift"] if len(X) else base))
    yield from _compared(both, "what a touch changes, as a share of spend", sides, "percent", unknown=UPLIFT_UNKNOWN)


def _engagement(both: _Both) -> Iterator[Part]:
    drawn = samples.usage_accounts(both.now)
    for column, words, unit, _ in ENGAGEMENT:
        if column not in both.manifest["parts"]:
            continue
        model, sides = registry.load(both.folder / column), []
        for book in both.days:
            usage, reads = _usage(book, column, drawn), [column, *model.drivers]
            if book is not both.now and not {*reads} <= {*usage.columns}:  # too early: what it reads was not there yet
                usage = usage[:0].reindex(columns=[*usage.columns.union(reads)])
            rows = usage[usage["event_ts"] == usage["event_ts"].max()]
            sides.append((rows[reads], _forecast(model, usage)["forecast"]))
        judged = _forecasts_since(both, model, column, drawn)
        quality, unknown = None, "" if len(judged) else "no month of use has come in since the training"
        if len(judged):
            card, factor = both.manifest["report"]["parts"][column], 100 if unit == "percent" else 1
            error = mean_interval(factor * (judged["forecast"] - judged[column]).abs(), groups=judged["account_id"])
            guess = float(factor * (judged["last"] - judged[column]).abs().mean())
            quality = quality_of(
                f"mean error of next month's {words}", _error_of(card, factor), error,
                rows=len(judged), days=judged["event_ts"], guess=guess,
            )  # fmt: skip
        yield from _compared(both, f"next month's {words}", sides, cast(Unit, unit), quality=quality, unknown=unknown)


def _propensity(both: _Both) -> Iterator[Part]:
    for name in both.manifest["parts"]:
        question, card = propensity.QUESTIONS[name], both.manifest["report"]["parts"][name]
        if not card["skill"]:
            continue
        model, sides = registry.load(both.folder / name), []
        for book in both.days:
            asked = propensity.to_score(book, question.case)
            known = labels.read(book, "accounts")[0]["account_id"]
            asked = samples.drawn(asked[asked["account_id"].isin(known)], MOST_ACCOUNTS).reset_index(drop=True)
            X = features(both.workspace, asked, question.case)
            sides.append((X, pd.Series(model.predict(X)) if len(X) else pd.Series(dtype="float64")))
        # Young cases have shown their quick outcome only; the training left them out by the same rule.
        learned, _ = propensity.samples(both.then, name)
        rows, _ = propensity.samples(both.now, name)
        newest = learned.rows["as_of"].max() if len(learned.rows) else pd.Timestamp.min
        later = rows.rows[rows.rows["as_of"] > newest].reset_index(drop=True)
        quality, unknown = None, _too_few(f"cases of {question.words}", later["label"] == 1)
        if not unknown:
            chance = np.asarray(model.predict(features(both.workspace, later, question.case)))
            quality = _auc("AUC", card["auc"], later.assign(told=chance, came=later["label"] == 1), both.rng)
        yield from _compared(both, f"chance of {question.words}", sides, "percent", case=question.case,
                             quality=quality, unknown=unknown)  # fmt: skip


CHECKS: dict[str, Callable[[_Both], Iterator[Part]]] = {
    "growth": _growth,
    "uplift": _uplift,
    "engagement": _engagement,
    "propensity": _propensity,
}


def _compared(
    both: _Both, words: str, sides: list[Side], unit: Unit, *, case: Case | None = None,
    quality: Quality | None = None, unknown: str = "",
) -> Iterator[Part]:  # fmt: skip
    """Yield what the sides (of ``both.days``) compare to; nothing where training's day or today has too few rows."""
    then, now, *seasons = sides
    if min(len(then[0]), len(now[0])) < FEWEST_ROWS:
        return
    specs = chosen_specs(both.workspace, both.now)
    if case is None:  # today without what the book or the lists no longer give
        there = {spec.name for spec in specs} | (set(now[0].columns) - set(both.manifest["features"]))
        now = (now[0][[name for name in now[0].columns if name in there]], now[1])
    else:
        specs = [*account_specs(both.workspace, both.now, case), *product_specs(both.now)]
    yield compare(
        words, then, now, season=next((one for one in seasons if len(one[0]) >= FEWEST_ROWS), None), unit=unit,
        specs={spec.name: spec for spec in specs if spec.label}, importance=both.manifest.get("importance") or None,
        quality=quality, unknown=unknown,
    )  # fmt: skip


def _as_of(book: Book, day: date) -> Book:
    """Return the book as of an earlier day; its labels are then what was known by that day."""
    return Book(book.path, book.manifest | {"as_of": day.isoformat()})


def _paying(both: _Both, book: Book) -> tuple[pd.DataFrame, pd.Series]:
    """Return the model's features of the accounts with spend on the book's day, and that spend."""
    rows = samples.drawn(book.table("accounts")[["account_id"]], MOST_ACCOUNTS).assign(as_of=pd.Timestamp(book.as_of))
    spend = active(contracts_over_time(both.now), rows, "as_of", known=True)["annual_usd"]
    paying = rows[spend > 0].reset_index(drop=True)
    return _of(both, paying), spend[spend > 0].reset_index(drop=True)


def _of(both: _Both, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the model's features of rows with ``account_id`` and ``as_of``; those that have gone are null."""
    wanted = both.manifest["features"]
    specs = [spec for spec in chosen_specs(both.workspace, both.now) if spec.name in set(wanted)]
    return build(both.workspace, specs=specs, as_of=rows[samples.KEYS]).reindex(columns=wanted)


def _usage(book: Book, column: str, drawn: pd.Series | None) -> pd.DataFrame:
    usage, _ = labels.read(book, "usage_monthly")
    if drawn is not None:
        usage = usage[usage["account_id"].isin(drawn)]
    return samples.panel(book, usage, column)


def _forecast(model: Any, usage: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast of each unit that was in use in the newest month."""
    newest = usage.loc[usage["event_ts"] == usage["event_ts"].max(), ["account_id", "product"]]
    found: pd.DataFrame = model.predict(usage).merge(newest.drop_duplicates(), on=["account_id", "product"])
    return found


def _forecasts_since(both: _Both, model: Any, column: str, drawn: pd.Series | None) -> pd.DataFrame:
    """Return each month's forecast from the months before, beside what came true, since the training."""
    usage, learned = _usage(both.now, column, drawn), _usage(both.then, column, drawn)
    months = np.sort(usage.loc[usage["event_ts"] > learned["event_ts"].max(), "event_ts"].unique())
    parts = []
    for month in months[-MOST_MONTHS:]:
        past = usage[usage["event_ts"] < month]
        last = past.loc[past["event_ts"] == past["event_ts"].max(), ["account_id", "product", column]]
        told = _forecast(model, past).merge(last.rename(columns={column: "last"}), on=["account_id", "product"])
        came = usage.loc[usage["event_ts"] == month, ["account_id", "product", "event_ts", column]]
        parts.append(told.merge(came, on=["account_id", "product"]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _error_of(card: dict[str, Any], factor: float) -> Interval:
    """Return the card's mean error with 95 % limits, each unit counting once for all its judged periods."""
    spread = max(card["rmse"] ** 2 - card["mae"] ** 2, 0.0) ** 0.5
    reach = NORMAL_95 * spread / max(card["n_judged"] / PERIODS, 1.0) ** 0.5
    return Interval(*(factor * figure for figure in (card["mae"], card["mae"] - reach, card["mae"] + reach)))


def _auc(what: str, card: dict[str, Any], rows: pd.DataFrame, rng: np.random.Generator) -> Quality:
    now = auc_interval(rows["came"], rows["told"], groups=rows["account_id"], rng=rng)
    known = Interval(*(np.nan if card[end] is None else card[end] for end in ("value", "low", "high")))
    gap = mean_interval(rows["told"] - rows["came"], groups=rows["account_id"])
    return quality_of(what, known, now, rows=len(rows), days=rows["as_of"], gap=gap)


def _too_few(what: str, came: pd.Series) -> str:
    ones = int(came.sum())
    if min(ones, len(came) - ones) >= FEWEST_OF_A_CLASS:
        return ""
    return (
        f"{len(came)} {what} have become known since the training, {ones} of them came true; to judge it takes "
        f"{FEWEST_OF_A_CLASS} that did and as many that did not"
    )


def _keep(workspace: Workspace, found: list[Health], now: datetime) -> None:
    home = workspace.root / "monitor"
    home.mkdir(exist_ok=True)
    told = {
        one.model: {"version": one.version, "today": one.today, "checked_at": now.isoformat(), "alarms": one.alarms,
                    "verdict": one.verdict}
        for one in found
    }  # fmt: skip
    draft = home / f".drift-{os.getpid()}"
    draft.write_text(json.dumps(kept(workspace) | told, indent=1), encoding="utf-8")
    os.replace(draft, home / KEPT)
