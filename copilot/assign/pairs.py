"""Which rep may work on which account, and what each pair is worth (MATHS §4): frames in, pairs out.

v_ij = value_i · fit_ij + continuity bonus where j owns i today; a pair exists only where the account passes the
thresholds, is not resting, and the rep is allowed to take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from copilot.assign.problem import need
from copilot.errors import BadInput


@dataclass(frozen=True)
class Rules:
    """How accounts and reps fit together.

    Attributes:
        must_match: Columns of both frames that have to agree for a pair to exist, as ``("territory", "language")``. A
            rep's cell may list several, parted by commas; an empty cell of a rep fits every account, an empty cell
            of an account every rep.
        discounts: Columns that should agree, and what a pair is worth where they do not, as ``{"skill": 0.8}``.
        keep_owner_bonus: Added where the rep owns the account today, in units of value.
        min_uplift_usd: T_U: only accounts whose ``uplift_usd`` exceeds it; None: no threshold.
        min_engagement: T_E: only accounts whose ``engagement_change`` exceeds it; None: no threshold.
        cooldown_days: Accounts recommended on one of this many days before today rest.
    """

    must_match: tuple[str, ...] = ()
    discounts: tuple[tuple[str, float], ...] = ()
    keep_owner_bonus: float = 0.0
    min_uplift_usd: float | None = None
    min_engagement: float | None = None
    cooldown_days: int = 14

    def __post_init__(self) -> None:
        """Refuse rules that mean nothing."""
        for column, share in self.discounts:
            if not 0 <= share <= 1:
                raise BadInput(f"The discount of {column} is {share}; it is a share of the value, from 0 to 1.")
        if not (np.isfinite(self.keep_owner_bonus) and self.keep_owner_bonus >= 0):
            raise BadInput(f"keep_owner_bonus is {self.keep_owner_bonus}; give a number of at least 0.")
        if self.cooldown_days < 0:
            raise BadInput(f"cooldown_days is {self.cooldown_days}; give a number of days of at least 0.")


@dataclass(frozen=True, eq=False)
class Eligible:
    """Pairs for the plan, and the accounts that have none.

    ``pairs``: ``account_id``, ``rep_id``, ``value`` and, where accounts have ``hours``, ``load``. ``out``:
    ``account_id``, ``why`` (``no value``, ``below the uplift threshold``, ``below the engagement threshold``,
    ``resting``, ``no rep fits``).
    """

    pairs: pd.DataFrame
    out: pd.DataFrame


def build(accounts: pd.DataFrame, reps: pd.DataFrame, rules: Rules, *, today: date | None = None) -> Eligible:
    """Return the eligible pairs of accounts and reps and what each is worth.

    Args:
        accounts: ``account_id``, ``value`` (of Eq. 2) and, where the rules ask for them, ``owner_rep_id``,
            ``uplift_usd``, ``engagement_change``, ``recommended_on`` (the last time, for the cooldown), ``hours``, and
            the columns to match. A missing uplift or engagement does not exceed a threshold.
        reps: ``rep_id``, the columns to match, and optionally ``speed`` (an account of h hours takes h / speed).
        rules: Thresholds, cooldown, matching and the continuity bonus.
        today: Needed where accounts have ``recommended_on``.

    Raises:
        BadInput: A column that the rules ask for is missing, an id is repeated, or hours or speeds make no sense.
    """
    asked = [*rules.must_match, *(column for column, _ in rules.discounts)]
    thresholds = {"uplift_usd": rules.min_uplift_usd, "engagement_change": rules.min_engagement}
    needed = ["account_id", "value", *asked, *(name for name, least in thresholds.items() if least is not None)]
    needed += ["owner_rep_id"] if rules.keep_owner_bonus else []
    _need(accounts, needed, "accounts", "account_id")
    _need(reps, ["rep_id", *asked], "reps", "rep_id")
    why = _kept_out(accounts, rules, thresholds, today)
    left = accounts[why.isna()]
    fits = np.ones((len(left), len(reps)), dtype=bool)
    for column in rules.must_match:
        fits &= _agree(left[column], reps[column])
    i, j = np.nonzero(fits)
    value = pd.to_numeric(left["value"]).to_numpy("float64")[i]
    for column, share in rules.discounts:
        value = np.where(_agree(left[column], reps[column])[i, j], value, value * share)
    pairs = pd.DataFrame({"account_id": left["account_id"].to_numpy()[i], "rep_id": reps["rep_id"].to_numpy()[j]})
    if rules.keep_owner_bonus:
        owner = left["owner_rep_id"].to_numpy()[i]
        value = value + rules.keep_owner_bonus * (owner == pairs["rep_id"].to_numpy())
    pairs["value"] = value
    if "hours" in accounts:
        pairs["load"] = (
            _hours(left["hours"])[i] / (_speeds(reps["speed"]) if "speed" in reps else np.ones(len(reps)))[j]
        )
    why = why.mask(why.isna() & ~accounts["account_id"].isin(pairs["account_id"]), "no rep fits")
    out = pd.DataFrame({"account_id": accounts["account_id"], "why": why})
    return Eligible(pairs, out[out["why"].notna()].reset_index(drop=True))


def _need(frame: pd.DataFrame, columns: list[str], name: str, key: str) -> None:
    need(frame, list(dict.fromkeys(columns)), name)
    if frame[key].duplicated().any():
        raise BadInput(f"{name} lists {frame.loc[frame[key].duplicated(), key].iloc[0]} more than once.")


def _numbers(accounts: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as numbers; what is missing stays so, what is no number is refused."""
    numbers = pd.to_numeric(accounts[column], errors="coerce")
    wrong = accounts[numbers.isna() & accounts[column].notna()]
    if len(wrong):
        raise BadInput(
            f"Account {wrong['account_id'].iloc[0]} has {wrong[column].iloc[0]!r} as {column}; "
            "give a number, or leave it empty."
        )
    return numbers


def _kept_out(
    accounts: pd.DataFrame, rules: Rules, thresholds: dict[str, float | None], today: date | None
) -> pd.Series:
    """Say for each account why it is no candidate; missing where it is one."""
    why = pd.Series([None] * len(accounts), index=accounts.index, dtype=object)
    why = why.mask(_numbers(accounts, "value").isna(), "no value")
    for column, words in (("uplift_usd", "uplift"), ("engagement_change", "engagement")):
        least = thresholds[column]
        if least is not None:
            why = why.mask(why.isna() & ~(_numbers(accounts, column) > least), f"below the {words} threshold")
    if "recommended_on" in accounts:
        if today is None:
            raise BadInput("accounts has recommended_on, so give today= to count the cooldown from.")
        last = pd.to_datetime(accounts["recommended_on"], format="ISO8601", errors="coerce")
        if (wrong := last.isna() & accounts["recommended_on"].notna()).any():
            shown = accounts.loc[wrong, "recommended_on"].iloc[0]
            raise BadInput(f"accounts has {shown!r} as recommended_on; give a date as 2026-07-01, or leave it empty.")
        days = (pd.Timestamp(today) - last).dt.days
        why = why.mask(why.isna() & days.between(1, rules.cooldown_days), "resting")
    return why


def _agree(of_accounts: pd.Series, of_reps: pd.Series) -> NDArray[np.bool_]:
    """Return accounts × reps: whether the account's word is among the rep's, or either has none."""
    code, words = pd.factorize(of_accounts)
    place = {word: number for number, word in enumerate(words)}
    table = np.zeros((len(words) + 1, len(of_reps)), dtype=bool)
    table[-1] = True  # an account without a word (code −1)
    for j, cell in enumerate(of_reps):
        listed = [] if pd.isna(cell) else [word.strip() for word in str(cell).split(",") if word.strip()]
        table[:, j] |= not listed
        for word in [*listed, cell]:
            if word in place:
                table[place[word], j] = True
    agree: NDArray[np.bool_] = table[code]
    return agree


def _hours(hours: pd.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pd.to_numeric(hours, errors="coerce").to_numpy("float64", na_value=np.nan)
    if not (numbers >= 0).all() or np.isinf(numbers).any():
        raise BadInput("Every account needs hours of 0 or more; fill in what is missing.")
    return numbers


def _speeds(speed: pd.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pd.to_numeric(speed, errors="coerce").to_numpy("float64", na_value=np.nan)
    if not ((numbers > 0) & np.isfinite(numbers)).all():
        raise BadInput("Every rep's speed must be a number above 0; 1 is the usual pace.")
    return numbers
