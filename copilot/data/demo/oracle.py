"""What the best possible forecast would say of each label that the label mart makes of the demo book.

Only scorers read these frames. They are keyed as the labels are, so that an oracle's AUC or error is computed on exactly
the labels a model is judged by. They know what no model can see (an account's growth, its sense for prices, a rep's
skill), but not the noise that decides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.demo.addons import SEASONAL_SHARE
from copilot.data.demo.history import History
from copilot.data.demo.renewals import WINDOW_DAYS
from copilot.data.demo.words import PRODUCTS, text


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

    ``aps`` has ``opportunity_id``, ``account_id`` and ``chance`` of "won, or followed by a won one within 12 months";
    ``ups_add_on`` has ``opportunity_id``, ``account_id``, ``product`` and ``chance`` of "won and still under contract
    after the renewal". What an account will be like at that renewal is not known when the attempt begins: the chance
    that it stays is the mean of the tenth of attempts with a like chance of being won.
    """
    deals = opportunities[["opportunity_id", "account_id", "kind"]].assign(chance=chance)
    new, add_on = (deals[deals["kind"] == kind].drop(columns="kind") for kind in ("new", "add_on"))
    add_on = add_on.merge(lines[["opportunity_id", "product"]], on="opportunity_id")
    tried = pd.DataFrame({"who": history.tries.who, "rtcd": history.tries.rtcd, "chance": history.tries.chance})
    main = history.futures[history.futures["chain"] == "main"]
    tried = tried.merge(main[["who", "rtcd", "stays"]], on=["who", "rtcd"])
    edges = tried["chance"].quantile(np.arange(0.1, 1, 0.1)).to_numpy()
    stays = tried["stays"].groupby(np.searchsorted(edges, tried["chance"])).mean()
    add_on["chance"] *= (1 - SEASONAL_SHARE) * stays.reindex(np.searchsorted(edges, add_on["chance"])).to_numpy()
    columns = ["opportunity_id", "account_id", "product", "chance"]
    return {"aps": new.reset_index(drop=True), "ups_add_on": add_on[columns]}
