"""What the best possible forecast would say of each label that the label mart makes of the demo book.

Only scorers read these frames. They are keyed as the labels are, so that an oracle's AUC or error is computed on
exactly the labels a model is judged by. They know what no model can see (an account's growth, its sense for prices, a
rep's skill), but not the noise that decides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.demo.addons import SEASONAL_SHARE
from copilot.data.demo.history import History
from copilot.data.demo.renewals import WINDOW_DAYS
from copilot.data.demo.words import PRODUCTS, text
from copilot.data.demo.world import AS_OF

# Days until a label is known at the latest. New business: five months, then twelve to be tried again; an add-on: 70
# days to its close, a year to its renewal and 30 days after that.
_SETTLES = {"new": 520, "add_on": 480}


def renewals(history: History, account: pd.Series) -> dict[str, pd.DataFrame]:
    """Return the frames ``renewals`` (both futures) and ``ups_renewal``.

    ``ups_renewal`` has ``account_id``, ``product``, ``as_of`` (60 days before the renewal) and ``chance``, of the
    product's quantity rising; one row a product that is up for renewal. The label mart also judges, on the date of one
    chain, the products of an account's other chain, which are not due: their chance is 0 and they have no row.
    """
    futures = history.futures.copy()
    futures.insert(0, "account_id", account.take(futures["who"]).array)
    products = history.by_product
    more = pd.DataFrame(
        {
            "account_id": account.take(products["who"]).array,
            "product": text(PRODUCTS, products["product"].to_numpy()),
            "as_of": products["rtcd"] - pd.Timedelta(days=WINDOW_DAYS),
            "chance": products["chance"],
        }
    )
    return {"renewals": futures.drop(columns="who"), "ups_renewal": more}


def deals(
    history: History, opportunities: pd.DataFrame, lines: pd.DataFrame, chance: np.ndarray
) -> dict[str, pd.DataFrame]:
    """Return the frames ``aps`` and ``ups_add_on``.

    ``aps`` has ``opportunity_id``, ``account_id``, ``chance`` of "won, or followed by a won one within 12 months" and
    ``settled``: begun so long ago that its label is known by now whatever came of it. Of younger ones the label mart
    knows the wins and not yet the losses (add-ons: the losses and not yet the wins), so that the mere date foretells
    the label; score an oracle or a model on settled ones.
    ``ups_add_on`` has ``opportunity_id``, ``account_id``, ``product``, ``settled`` and ``chance`` of "won and still
    under contract after the renewal". What an account will be like at that renewal is not known when the attempt
    begins: the chance that it stays is the mean of the tenth of attempts with a like chance of being won.
    """
    deals = opportunities[["opportunity_id", "account_id", "kind"]].assign(chance=chance)
    begun = opportunities["created_date"]
    wait = deals["kind"].map(_SETTLES).fillna(0).to_numpy()
    deals["settled"] = begun.astype("datetime64[s]") <= np.datetime64(AS_OF, "s") - np.array(wait, "timedelta64[D]")
    new, add_on = (deals[deals["kind"] == kind].drop(columns="kind") for kind in ("new", "add_on"))
    add_on = add_on.merge(lines[["opportunity_id", "product"]], on="opportunity_id")
    tried = pd.DataFrame({"who": history.tries.who, "rtcd": history.tries.rtcd, "chance": history.tries.chance})
    main = history.futures[history.futures["chain"] == "main"]
    tried = tried.merge(main[["who", "rtcd", "stays"]], on=["who", "rtcd"])
    edges = tried["chance"].quantile(np.arange(0.1, 1, 0.1)).to_numpy()
    stays = tried["stays"].groupby(np.searchsorted(edges, tried["chance"])).mean()
    add_on["chance"] *= (1 - SEASONAL_SHARE) * stays.reindex(np.searchsorted(edges, add_on["chance"])).to_numpy()
    columns = ["opportunity_id", "account_id", "product", "chance", "settled"]
    return {"aps": new.reset_index(drop=True), "ups_add_on": add_on[columns]}
