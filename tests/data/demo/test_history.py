"""What the label windows need is there: every kind of booking event, attempts again, seasons, and losses that turn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.demo import newbusiness
from copilot.data.demo.world import MONTHS, World
from copilot.data.labels.events import KINDS, bookings
from tests.data.demo.conftest import Simulated


def test_every_kind_of_booking_event_is_found(simulated: Simulated) -> None:
    events, _, left_out = bookings(simulated.book)
    assert set(events["kind"]) == set(KINDS)
    assert not sum(left_out.values())
    frame = labels.booking_windows(simulated.book).frame
    assert set(frame["kind"]) == set(KINDS) - {"opening"}
    assert set(frame["outcome"]) == {"upsell", "flat", "churn"}


def test_the_label_windows_see_the_add_ons_that_were_sold(simulated: Simulated) -> None:
    events, _, _ = bookings(simulated.book)
    starts = events[events["kind"].isin(("add_on", "add_on_non_co_term"))]
    deals = simulated.draft.tables["opportunities"]
    won = deals[(deals["kind"] == "add_on") & (deals["status"] == "won")]
    # A product taken up at a renewal is part of that renewal's deal.
    renewed = simulated.truth["renewals"][["account_id", "rtcd"]].rename(columns={"rtcd": "event_ts"})
    within = starts.merge(renewed, on=["account_id", "event_ts"], how="left", indicator=True)
    within = within[within["_merge"] == "left_only"]
    assert 0 < len(within) < len(starts)
    assert set(zip(within["account_id"], within["event_ts"], strict=True)) == set(
        zip(won["account_id"], won["close_date"], strict=True)
    )
    assert within["delta_usd"].sum() == won["amount_usd"].sum()


def test_lost_deals_turn_into_won_ones_in_both_seasons_and_all_regions(simulated: Simulated) -> None:
    aps = labels.aps(simulated.book)
    frame = aps.frame.merge(simulated.truth["aps"][["opportunity_id", "settled"]], on="opportunity_id")
    frame = frame[frame["settled"]]
    assert 0.08 < frame["flipped"].mean() < 0.3
    share = frame.groupby(["region", "season"])["label"].agg(["mean", "size"])
    assert len(share) == 8
    assert share["size"].min() >= 20
    assert 0.4 < frame["label"].mean() < 0.75
    assert aps.censored > 50
    stages = simulated.draft.tables["opportunities"].query("kind == 'new' and status == 'lost'")["stage"]
    assert {"Disengaged", "Closed lost"} == set(stages)


def test_some_former_customers_come_back(simulated: Simulated) -> None:
    renewals = simulated.truth["renewals"]
    back = renewals[renewals["chain"] == "again"]
    assert len(back) >= 5
    contracts = simulated.draft.tables["contracts"]
    for row in back.itertuples():
        held = contracts[contracts["account_id"] == row.account_id].sort_values("start_date")
        assert (held["start_date"].to_numpy()[1:] - held["end_date"].cummax().to_numpy()[:-1]).max() >= np.timedelta64(
            60, "D"
        )


def test_the_chance_of_a_label_is_that_of_two_attempts(world: World) -> None:
    """Many runs of the same prospects: how often each label comes true is what was promised."""
    who = np.arange(world.n)
    promised, came_true = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        attempts, won = newbusiness.chase(world, who, np.full(world.n, 4), rng)
        frame = pd.DataFrame(
            {name: getattr(attempts, name) for name in ("who", "created", "closed", "won", "chance_label")}
        )
        wins = frame.loc[frame["won"]].set_index("who")["closed"]
        win = wins.reindex(frame["who"]).to_numpy()
        within = (win >= frame["closed"]) & (win <= frame["closed"] + pd.DateOffset(months=12))
        first = frame["created"] < np.datetime64("2024-01-01")
        promised.append(frame["chance_label"][first].to_numpy())
        came_true.append((frame["won"] | within)[first].to_numpy())
        assert (won.month[frame["who"][frame["won"]]] < MONTHS).all()
    chance, label = np.concatenate(promised), np.concatenate(came_true)
    fifth = pd.qcut(pd.Series(chance).rank(method="first"), 5, labels=False).to_numpy()
    for k in range(5):
        assert abs(label[fifth == k].mean() - chance[fifth == k].mean()) < 0.025
    assert chance.std() > 0.1
