"""A list of rules that say when a model says yes, and what a rule's conditions add to the chance of a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from copilot.explain.record import Attribution, Fidelity
from copilot.stats import Floats

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class Condition:
    """low ≤ value < high of one feature (float32, as the trees compare); ``missing`` says whether a gap passes."""

    feature: int
    low: float = -np.inf
    high: float = np.inf
    missing: bool = True

    def holds(self, column: Floats) -> Mask:
        """Say which values pass."""
        with np.errstate(invalid="ignore"):
            inside = (column >= self.low) & (column < self.high)
        return np.asarray(np.where(np.isnan(column), self.missing, inside), bool)

    def words(self, names: Sequence[str]) -> str:
        """Return it as text, as in "20 <= usage < 60 or missing"."""
        left = f"{self.low:.6g} <= " if np.isfinite(self.low) else ""
        right = f" < {self.high:.6g}" if np.isfinite(self.high) else ""
        if not left and not right:
            return f"{names[self.feature]} is known" if not self.missing else f"{names[self.feature]} is anything"
        return f"{left}{names[self.feature]}{right}" + (" or missing" if self.missing else "")


@dataclass(frozen=True)
class Rule:
    """Conditions that must all hold; ``covered`` data rows, of which the model says yes to the share ``precision``."""

    conditions: tuple[Condition, ...]
    covered: int
    precision: float

    def holds(self, X: Floats) -> Mask:
        """Say which rows meet all conditions."""
        return all_hold(self.conditions, X)


@dataclass(frozen=True)
class RuleList:
    """Rules that say yes together, and how far they agree with the model on the rows they were made from.

    Attributes:
        rules: The one that explains most first.
        features: Names in the order of the columns.
        agreement: Share of all rows where "a rule holds" equals the model's yes.
        on_yes, on_no: The same among the model's yeses (TE2Rules' fidelity on positives), and among its noes.
        base_rate: Share of rows the model says yes to.
    """

    rules: tuple[Rule, ...]
    features: tuple[str, ...]
    agreement: float
    on_yes: float
    on_no: float
    base_rate: float

    def predict(self, X: Floats) -> Mask:
        """Say which rows at least one rule covers."""
        rows = single(X)
        return any_of([rule.holds(rows) for rule in self.rules], len(rows))

    def words(self) -> list[str]:
        """Return one line a rule."""
        return [
            " and ".join(one.words(self.features) for one in rule.conditions)
            + f" ({rule.covered} rows, {rule.precision:.0%} yes)"
            for rule in self.rules
        ]


def as_attribution(found: RuleList, X: Floats, yes: Mask, *, data: Floats, data_yes: Mask) -> Attribution:
    """Return what the conditions of each row's strongest rule add to the chance that the model says yes.

    The share of yeses among the data rows that meet a rule's conditions, added in every order, gives each condition's
    Shapley value; together they move the base rate to the rule's precision. A row that no rule covers has contributions
    of 0 and starts from the share of yeses among such rows.

    Args:
        found: The rules.
        X: (n, f) rows to explain; ``yes`` what the model says of them, (n,).
        yes: See ``X``.
        data: (m, f) rows the rules were made from; ``data_yes`` what the model says of them, (m,).
        data_yes: See ``data``.
    """
    rows, known = single(X), single(data)
    none = ~found.predict(data)
    rest = float(data_yes[none].mean()) if none.any() else 0.0
    values, bias = np.zeros(X.shape), np.full(len(X), rest)
    open_ = np.ones(len(X), bool)
    for rule in sorted(found.rules, key=lambda rule: -rule.precision):
        own = open_ & rule.holds(rows)
        open_ &= ~own
        values[own], bias[own] = _shapley(rule, known, data_yes, found.base_rate), found.base_rate
    agrees = (~open_ == yes).astype(float)
    gap = float(np.abs(bias + values.sum(axis=1) - yes).max(initial=0.0))
    mean = float(agrees.mean()) if len(agrees) else float("nan")
    return Attribution("rules", values, bias, found.features, "probability", Fidelity("agreement", mean, agrees, gap),
                       tuple(found.words()))  # fmt: skip


def single(X: Floats) -> Floats:
    """Return the rows as the trees see them: rounded to single precision."""
    with np.errstate(over="ignore"):
        return np.asarray(X, np.float32).astype(float)


def all_hold(path: tuple[Condition, ...], rows: Floats) -> Mask:
    """Say which rows meet all conditions."""
    return np.asarray(np.logical_and.reduce([one.holds(rows[:, one.feature]) for one in path]), bool)


def any_of(masks: list[Mask], n: int) -> Mask:
    """Say which of ``n`` rows at least one mask holds; none where there is no mask."""
    return np.asarray(np.logical_or.reduce([np.zeros(n, bool), *masks]), bool)


def _shapley(rule: Rule, rows: Floats, yes: Mask, base: float) -> Floats:
    masks, count = [one.holds(rows[:, one.feature]) for one in rule.conditions], len(rule.conditions)
    rate = {}  # which conditions hold, as bits → share of yeses
    for held in range(1 << count):
        own = np.logical_and.reduce([np.ones(len(rows), bool), *(masks[k] for k in range(count) if held >> k & 1)])
        rate[held] = float(yes[own].mean()) if held else base
    shares = np.zeros(rows.shape[1])
    for place, one in enumerate(rule.conditions):
        for held in (held for held in rate if not held >> place & 1):
            size = held.bit_count()
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            shares[one.feature] += weight * (rate[held | 1 << place] - rate[held])
    return shares
