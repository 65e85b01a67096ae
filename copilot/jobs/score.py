"""The nightly score: every account's predictions, priority, action, plan and reasons, as one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.assign import value
from copilot.assign.actions import choose
from copilot.config import settings
from copilot.data import note_index
from copilot.data.choice import chosen_specs
from copilot.data.features import FeatureSpec, build
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput, NotSetUp
from copilot.jobs import bandit, explanations, last_month, propensity, recommend, train
from copilot.jobs.fits import measured
from copilot.jobs.samples import panel as panel_of
from copilot.jobs.samples import with_products
from copilot.models import registry
from copilot.text.encoder import Encoder, Ngrams

Frames = dict[str, pd.DataFrame]


def score(
    workspace: Workspace, now: datetime, *, tell: Callable[[str], None] = lambda stage: None, all_notes: bool = False
) -> list[str]:
    """Score the current book and switch to the new snapshot; stages whose tables are missing are left out by name.

    Args:
        workspace: Holds the book and the models.
        now: Names the snapshot.
        tell: Hears what is being done.
        all_notes: Index the notes even where there are very many of them.

    Returns:
        Sentences about what was scored and what was left out.

    Raises:
        NotSetUp: There is no book, or a model that could be trained was not.
    """
    book = workspace.book()
    with workspace.writing():
        run = _Run(workspace, book, tell)
        tell("Facts of the book")
        run.accounts()
        tell("Features")
        run.features()
        for stage in (run.engagement, run.growth, run.uplift, run.propensity):
            tell(f"Scoring {stage.__name__}")
            stage()
        tell("Priorities, actions and the plan")
        run.plan()
        run.actions(now)
        run.notes(all_of_them=all_notes)
        folder = workspace.publish("snapshots", lambda place: run.write(place, now), now)
        note_index.prune(workspace)
    done = f"Scored {len(run.frames['accounts']):,} accounts as of {book.as_of}: snapshot {folder.name}."
    return [done, *run.said, *(f"Left out: {name}. {reason}" for name, reason in run.skipped.items())]


# what is kept of an account's largest forecast change
USE = {
    "engagement_product": "product",
    "engagement_metric": "label",
    "engagement_unit": "unit",
    "engagement_current": "current",
    "engagement_forecast": "forecast",
}


class _Run:
    """One score: frames grow stage by stage; what cannot be made is noted with its reason."""

    def __init__(self, workspace: Workspace, book: Book, tell: Callable[[str], None]) -> None:
        self.workspace, self.book, self.tell = workspace, book, tell
        self.frames: Frames = {}
        self.skipped: dict[str, str] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.specs: list[FeatureSpec] = []
        self.explained: list[explanations.Explained] = []
        self.said: tuple[str, ...] = ()
        self.bandit: dict[str, Any] = {}
        self.indexed: dict[str, Any] = {}
        for name in train.MODELS:
            manifest = train.trained(workspace, name)
            # What could be trained can be scored as long as its tables are there; only without a model is it asked why.
            reason = train.why_not(book, name) if manifest is None else train.why_not_at_all(book, name)
            if reason is not None:
                self.skipped[name] = reason
            elif manifest is None:
                raise NotSetUp(f"The model {name} is not trained on this book yet: run `sales-copilot train`.")
            else:
                self.models[name] = manifest

    def accounts(self) -> None:
        """Lay out one row an account with the facts that people filter and sort by."""
        accounts, contracts, reps = self.book.table("accounts"), self.book.table("contracts"), self.book.table("reps")
        today = pd.Timestamp(self.book.as_of)
        running = contracts[
            (contracts["start_date"] <= today) & (contracts["end_date"].isna() | (contracts["end_date"] > today))
        ]
        self.running = running
        by_account = running.groupby("account_id")
        due = contracts[contracts["rtcd"] >= today].groupby("account_id")["rtcd"].min()
        frame = accounts[["account_id", "name", "segment", "region", "industry", "owner_rep_id"]].set_index(
            "account_id"
        )
        frame["owner"] = frame["owner_rep_id"].map(reps.set_index("rep_id")["name"])
        frame["spend_usd"] = (
            by_account["annual_usd"].sum().reindex(frame.index, fill_value=0.0 if len(contracts) else np.nan)
        )
        frame["seats"] = by_account["quantity"].sum().reindex(frame.index)
        frame["renewal_date"] = due.reindex(frame.index)
        frame["days_to_renewal"] = (frame["renewal_date"] - today).dt.days.astype("float64")
        frame["last_touch"] = self.book.table("touches").groupby("account_id")["event_ts"].max().reindex(frame.index)
        for column in (
            "uplift_usd",
            "untouched_usd",
            "touched_usd",
            "growth_usd",
            "growth_score",
            "seats_growth",
            "upsell_probability",
            "churn_probability",
            "engagement_change",
            "min_change",
            "max_change",
        ):
            frame[column] = np.nan
        frame[["engagement_product", "engagement_metric", "engagement_unit"]] = None
        frame[["engagement_current", "engagement_forecast"]] = np.nan
        self.frames["accounts"] = frame
        if frame["renewal_date"].isna().all():
            self.skipped["renewals"] = "This book holds no renewal dates."

    def features(self) -> None:
        """Build today's features."""
        self.specs = chosen_specs(self.workspace, self.book)
        self.today = build(self.workspace, specs=self.specs).reindex(self.frames["accounts"].index)

    def engagement(self) -> None:
        """Forecast next month's use and keep the largest change of each account."""
        self._skill(
            "engagement",
            "skill",
            "The engagement forecast is no better than repeating the last value on this book, so it is not shown.",
        )
        if "engagement" in self.skipped:
            return
        usage, folder, parts = self.book.table("usage_monthly"), train.bundle(self.workspace, "engagement"), []
        for column, words, unit, bounds in measured(usage):
            panel = panel_of(self.book, usage, column)
            part = registry.load(folder / column).predict(panel)
            last = panel.sort_values("event_ts").drop_duplicates(["account_id", "product"], keep="last")
            part = part.merge(
                last[["account_id", "product", column, "event_ts"]].rename(columns={column: "current"}),
                on=["account_id", "product"],
            )
            part = part[part["event_ts"] == usage["event_ts"].max()]  # no forecast for what is no longer used
            top = bounds[1] or max(float(part["current"].quantile(0.99)), 1.0)
            parts.append(
                part.assign(
                    metric=column, label=words, unit=unit, points=100 / top * (part["forecast"] - part["current"])
                )
            )
        forecasts = pd.concat(parts, ignore_index=True).drop(columns="event_ts")
        self.frames["forecasts"] = forecasts
        frame, by_account = self.frames["accounts"], forecasts.groupby("account_id")["points"]
        frame["min_change"], frame["max_change"] = (
            by_account.min().reindex(frame.index),
            by_account.max().reindex(frame.index),
        )
        largest = forecasts.loc[forecasts["points"].abs().groupby(forecasts["account_id"]).idxmax()].set_index(
            "account_id"
        )
        frame["engagement_change"] = largest["points"].reindex(frame.index)
        for column, source in USE.items():
            frame[column] = largest[source].reindex(frame.index)

    def growth(self) -> None:
        """Predict growth and churn for accounts with spend, and what drives them."""
        self._skill("growth", "skill", "The growth model has no skill on this book, so its scores are not shown.")
        if "growth" in self.skipped:
            return
        frame, folder = self.frames["accounts"], train.bundle(self.workspace, "growth")
        paying = frame.index[frame["spend_usd"] > 0]
        features = self._features("growth", paying)
        model = registry.load(folder / "spend")
        found = model.predict(features, frame.loc[paying, "spend_usd"])
        for column, source in (
            ("growth_usd", "delta"),
            ("growth_score", "score"),
            ("upsell_probability", "p_up"),
            ("churn_probability", "p_churn"),
        ):
            frame.loc[paying, column] = found[source].to_numpy()
        if "quantity" in self.models["growth"]["parts"]:
            self._quantities(registry.load(folder / "quantity"), features)
        for about, part in (("churn", "churn"), ("upsell", "up")):
            if part in model.boosters:
                self._explain(about, partial(_shares, model.boosters[part]), features)

    def _quantities(self, model: Any, features: pd.DataFrame) -> None:
        """Predict the change of quantity of each product an account holds, and of all its products together."""
        frame, held = self.frames["accounts"], self.running.dropna(subset=["quantity"])
        held = held[held["account_id"].isin(features.index)]
        held = held.groupby(["account_id", "product"], as_index=False)["quantity"].sum()
        rows = features.take(features.index.get_indexer(held["account_id"]))
        table = with_products(rows, held["product"], self.models["growth"]["products"])
        held["delta"] = model.predict(table, held["quantity"])["delta"].to_numpy()
        self.frames["quantities"] = held
        changes = held.groupby("account_id")["delta"].sum()
        frame.loc[changes.index, "seats_growth"] = changes

    def uplift(self) -> None:
        """Estimate what a touch changes, in money, and what drives it."""
        self._skill(
            "uplift",
            "beats_constant",
            "The uplift model does not beat a constant effect on this book, so accounts are not ranked by it.",
        )
        if "uplift" in self.skipped:
            return

        frame = self.frames["accounts"]
        paying = frame.index[frame["spend_usd"] > 0]
        features = self._features("uplift", paying)
        model = registry.load(train.bundle(self.workspace, "uplift") / "uplift")
        found, spend = model.predict(features), frame.loc[paying, "spend_usd"].to_numpy()
        for column, source in (("untouched_usd", "y0"), ("touched_usd", "y1"), ("uplift_usd", "uplift")):
            frame.loc[paying, column] = found[source].to_numpy() * spend
        # The model reads all columns it was trained with; its contributions are those of model.features.
        place = list(model.features)
        self._explain("uplift", lambda rows: model.contributions(features.loc[rows.index]), features[place])

    def propensity(self) -> None:
        """Say who is likely to be won, and to buy more of which product, with the components that speak for it."""
        if "propensity" not in self.models:
            return
        found, hidden = propensity.score(self.workspace, train.bundle(self.workspace, "propensity"))
        self.frames["propensity"] = found
        self.skipped |= hidden

    def plan(self) -> None:
        """Weigh money and engagement, choose actions and solve who works on what."""
        frame, set_ = self.frames["accounts"], settings()
        money = frame["uplift_usd"]
        growth = frame["untouched_usd"]
        if money.isna().all():  # priority then rests on growth, whichever way it points, and the renewal date
            money, growth = frame["growth_usd"].abs(), frame["growth_usd"]
        change = frame["engagement_change"].abs()
        scales = value.Scales.fit(money, change)
        frame["weight"] = value.monetisation_weight(
            frame["days_to_renewal"], steepness=set_.steepness, midpoint=set_.midpoint_days
        )
        frame["priority"] = value.value(money, change, frame["weight"], scales=scales)
        frame["action"] = choose(
            pd.DataFrame(
                {
                    "uplift_usd": money,
                    "abs_uplift_100": scales.abs_uplift_100(money),
                    "engagement_100": scales.engagement_100(change),
                    "weight": frame["weight"],
                    "min_change": frame["min_change"],
                    "max_change": frame["max_change"],
                    "growth_usd": growth,
                }
            )
        ).to_numpy()
        frame["quadrant"] = _quadrant(frame["untouched_usd"], frame["uplift_usd"])
        self.scales = scales.as_dict()
        self.frames["plan"], reason = recommend.worklists(frame, self.book, self.workspace)
        if reason is not None:
            self.skipped["plan"] = reason
        frame["worklist_rank"] = (
            self.frames["plan"].set_index("account_id")["r_rank"].reindex(frame.index).astype("float64")
        )

    def actions(self, now: datetime) -> None:
        """Let the bandit draw each action; Algorithm 1's choice is kept beside it, and stands where the bandit fails.

        ``action`` is from here on the one truth that every answer, list and total reads.
        """
        frame, plan = self.frames["accounts"], self.frames["plan"]
        frame["heuristic_action"] = frame["action"]
        try:
            found = bandit.tonight(self.workspace, self.book, frame, plan, now)
        except BadInput as fault:
            self.skipped["actions"] = f"{fault} Until then the actions are Algorithm 1's own choice."
            return
        self.said, self.bandit, self.frames["actions"] = found.said, found.about, found.actions
        drawn = found.actions.set_index("account_id")["action"].reindex(frame.index).astype("object")
        frame["action"] = drawn.where(drawn.notna(), None)
        plan["action"] = plan["account_id"].map(frame["action"])

    def notes(self, *, all_of_them: bool) -> None:
        """Index the notes by meaning; without an index they are searched by their words."""
        if not self.book.has("notes"):
            return
        self.tell("Indexing the notes")
        built = note_index.build(
            self.workspace, self.book, Encoder.find() or Ngrams(), self.tell, all_of_them=all_of_them
        )
        self.indexed = built.about
        if built.reason:
            self.skipped["notes"] = built.reason

    def write(self, place: Path, now: datetime) -> dict[str, Any]:
        """Write all frames into a folder and return the manifest."""
        explained = explanations.write(
            place,
            self.explained,
            self.today,
            self.specs,
            self.frames["accounts"]["segment"],
            self.book,
            self.workspace.root,
            made_by=" ".join(train.bundle(self.workspace, name).name for name in self.models),
            tell=self.tell,
        )
        self.said = (*self.said, explained)
        self.frames["accounts"] = self.frames["accounts"].reset_index()
        before = last_month.drivers_before(self.workspace, self.book.manifest["source"], self.book.as_of)
        for name, frame in (self.frames | {last_month.FILE: before}).items():
            frame.to_parquet(place / f"{name}.parquet", index=False)
        return {
            "book": self.book.path.name,
            "as_of": self.book.as_of,
            "scored_at": now,
            "models": {
                name: _flat(manifest["report"]) | {"bundle": train.bundle(self.workspace, name).name}
                for name, manifest in self.models.items()
            },
            "skipped": self.skipped,
            "scales": self.scales,
            "bandit": self.bandit,
            "notes": self.indexed,
        }

    def _skill(self, name: str, key: str, sentence: str) -> None:
        if name in self.models and not self.models[name]["report"][key]:
            self.skipped[name] = sentence

    def _features(self, name: str, accounts: pd.Index) -> pd.DataFrame:
        """Return today's features in the order the model was trained with; a feature that has gone is null."""
        return self.today.loc[accounts].reindex(columns=self.models[name]["features"])

    def _explain(self, about: str, shares: explanations.Explainer, features: pd.DataFrame) -> None:
        self.explained.append(explanations.Explained(about, shares, features))


def _shares(booster: Any, rows: pd.DataFrame) -> np.ndarray:
    """Return the contributions of a booster, the bias last."""
    from copilot.explain.attribution import contributions

    return contributions(booster, rows)


def _quadrant(untouched: pd.Series, uplift: pd.Series) -> pd.Series:
    """Name how an account is expected to respond, in uplift modelling's own terms."""
    grows, helps = untouched > 0, uplift > 0
    names = np.select(
        [grows & helps, grows & ~helps, ~grows & helps], ["sure thing", "sleeping dog", "persuadable"], "lost cause"
    )
    return pd.Series(names, index=uplift.index, dtype="object").where(uplift.notna() & untouched.notna(), None)


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in report.items() if key != "parts"}
