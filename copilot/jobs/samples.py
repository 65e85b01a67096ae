"""What the models learn from: rows of the label mart, features as of each row's own day, and the gold set they become.

A label set is frozen as it was used, so that a model's manifest can name it and a later model can be judged on it. Of a
large book the accounts are drawn by a hash of their id, whole and the same ones in every run: beyond some ten thousand
rows a model gains little, and training would take hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.features import FeatureSpec, build
from copilot.data.labels import Labels
from copilot.data.workspace import Book, Workspace

MOST_ROWS = 50_000  # of a label set by account or product, about
MOST_USAGE_ROWS = 1_000_000  # of monthly usage, about; the forecast learns from 60 000 pairs of months
KEYS = ["account_id", "as_of"]


@dataclass(frozen=True)
class Samples:
    """The rows one model learns from.

    Attributes:
        labels: The rows drawn, with what they mean.
        of: How many rows the label mart knows.
    """

    labels: Labels
    of: int

    @property
    def rows(self) -> pd.DataFrame:
        """The rows drawn."""
        return self.labels.frame

    def told(self) -> str:
        """Say how many samples there are, as in "120 samples" or "50,000 of 340,000 samples"."""
        return (
            f"{len(self.rows)} samples" if len(self.rows) == self.of else f"{len(self.rows):,} of {self.of:,} samples"
        )


def read(book: Book, name: str) -> Samples:
    """Return the label set ``name`` (of ``SETS``): all rows, or those of so many accounts that ``MOST_ROWS`` remain."""
    found = SETS[name](book)
    most = MOST_USAGE_ROWS if name == "engagement" else MOST_ROWS
    return Samples(replace(found, frame=drawn(found.frame, most)), len(found.frame))


def usage_accounts(book: Book) -> pd.Series | None:
    """Return the accounts whose usage is learned from; None where that is all of them."""
    rows = book.manifest["tables"].get("usage_monthly", 0)
    if rows <= MOST_USAGE_ROWS:
        return None
    accounts = book.table("accounts")["account_id"]
    return accounts[_chosen(accounts, MOST_USAGE_ROWS / rows)]


def panel(book: Book, usage: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the monthly rows with ``column``, and beside it what drives use.

    Args:
        book: Its ``people_monthly``, where it has one, gives ``hires``, the people an account hired that month (0 for
            a month without a row).
        usage: Rows of ``usage_monthly``.
        column: The measure of use; rows without it are left out. Beside adoption stands utilisation.
    """
    beside = [name for name in ("utilization_pct",) if column == "adoption" and usage[name].notna().any()]
    rows = usage.loc[usage[column].notna(), ["account_id", "product", "event_ts", column, *beside]]
    rows = rows.reset_index(drop=True)
    if not book.has("people_monthly"):
        return rows
    people, known = book.table("people_monthly"), pd.Index(book.table("accounts")["account_id"])
    account, month = known.get_indexer(pd.Index(people["account_id"])), _month(people["event_ts"])
    first, span = month.min(), int(month.max() - month.min()) + 1
    hired = np.zeros((len(known) + 1, span + 1))  # the last row and column for what is not there
    np.add.at(hired, (account, month - first), people["hires"].to_numpy(dtype="float64", na_value=0.0))
    hired[-1] = 0.0
    there, then = known.get_indexer(pd.Index(rows["account_id"])), _month(rows["event_ts"]) - first
    return rows.assign(hires=hired[there, np.where((then >= 0) & (then < span), then, span)])


def _month(days: pd.Series) -> np.ndarray:
    return np.asarray(days.dt.year * 12 + days.dt.month, dtype="int64")


def drawn(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return ``frame``, or the rows of so many whole accounts that about ``most`` remain."""
    if len(frame) <= most:
        return frame
    return frame[_chosen(frame["account_id"], most / len(frame))].reset_index(drop=True)


def _chosen(accounts: pd.Series, share: float) -> np.ndarray:
    hashed = pd.util.hash_array(accounts.to_numpy(dtype=object))
    return np.asarray(hashed < np.uint64(share * float(2**64 - 1)))


def features_of(workspace: Workspace, specs: list[FeatureSpec], sets: Mapping[str, Samples]) -> dict[str, pd.DataFrame]:
    """Return the features of each set's rows, in their order, as they could be known on each row's ``as_of``."""
    asked = pd.concat([one.rows[KEYS] for one in sets.values()]).drop_duplicates(ignore_index=True)
    built = build(workspace, specs=specs, as_of=asked)
    found = {}
    for name, one in sets.items():
        at = places(one.rows, asked)
        found[name] = built if np.array_equal(at, np.arange(len(built))) else built.take(at).reset_index(drop=True)
    return found


def places(rows: pd.DataFrame, among: pd.DataFrame) -> np.ndarray:
    """Return at which row of ``among`` the account and ``as_of`` of each row stand, -1 where they do not."""
    there = among[KEYS].assign(place=range(len(among)))
    found = rows[KEYS].merge(there, on=KEYS, how="left")["place"]
    return np.asarray(found.fillna(-1), dtype="int64")


def frozen(workspace: Workspace, name: str, used: Samples, now: datetime) -> dict[str, Any]:
    """Freeze the rows that were used as the gold set ``name``; the same rows again are the version that is there.

    The caller holds the writer lock.

    Returns:
        ``set, version, sha256, rows`` for a model's manifest.
    """
    gold = labels.freeze_once(
        workspace,
        name,
        used.rows,
        owner="sales-copilot train",
        note=f"Learned from by the model trained at {now.isoformat(timespec='seconds')}.",
        now=now,
        spec=used.labels.spec,
    )
    return {"set": name, "version": gold.version, "sha256": gold.manifest["sha256"], "rows": gold.manifest["rows"]}


def with_products(features: pd.DataFrame, product: pd.Series, products: list[str]) -> pd.DataFrame:
    """Return the features beside one column a product, ``product_<place in products>``, 1 in its own rows."""
    codes = pd.Index(products).get_indexer(pd.Index(product))
    hot = {f"product_{place}": (codes == place).astype("float32") for place in range(len(products))}
    return pd.concat([features.reset_index(drop=True), pd.DataFrame(hot)], axis=1)


def _quantities(book: Book) -> Labels:
    found = labels.growth(book, by="product")
    frame = found.frame.dropna(subset=["base_quantity", "delta_quantity"])
    return replace(found, frame=frame[frame["base_quantity"] > 0].reset_index(drop=True))


def _usage(book: Book) -> Labels:
    return labels.engagement_targets(book, accounts=usage_accounts(book))


# Name of the gold set -> its labels. A kind of touch stays in the pairs as their arm; any kind is a treatment.
SETS: dict[str, Callable[[Book], Labels]] = {
    "growth": labels.growth,
    "growth_quantity": _quantities,
    "uplift": labels.uplift_pairs,
    "engagement": _usage,
}
