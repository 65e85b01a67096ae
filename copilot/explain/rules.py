"""Rules from a tree ensemble (TE2Rules, Lal et al. 2022): when does the model say yes, as a short list of conditions.

Candidates are the paths to the trees' nodes, then pairs and triples of them from different trees. A rule counts when
nearly all data rows it covers are ones the model says yes to; conditions it can do without are dropped. A greedy cover
keeps the fewest that explain the yeses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.errors import BadInput
from copilot.explain.record import Attribution, Fidelity
from copilot.stats import Floats

MOST_RULES, MOST_CONDITIONS = 20, 6
PRECISION = 0.9  # share of the rows a rule covers that the model must say yes to
LEAST_ROWS = 3  # yeses a rule must cover
BEAM = 200  # candidates that are combined further
MOST_TREES = 2_000

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
        return _mask(self.conditions, X)


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
        return _any([rule.holds(rows) for rule in self.rules], len(rows))

    def words(self) -> list[str]:
        """Return one line a rule."""
        return [
            " and ".join(one.words(self.features) for one in rule.conditions)
            + f" ({rule.covered} rows, {rule.precision:.0%} yes)"
            for rule in self.rules
        ]


def extract(
    booster: Any,
    X: Floats,
    yes: Mask,
    *,
    features: tuple[str, ...],
    rounds: tuple[int, int] = (0, 0),
    output: int = 0,
    most: int = MOST_RULES,
    precision: float = PRECISION,
) -> RuleList:
    """Return the rules that explain when a boosted model says yes.

    Args:
        booster: An ``xgboost.Booster`` of trees with numeric splits.
        X: (n, f) data rows, NaN where missing; a thousand to ten thousand do.
        yes: (n,), what the model says of them.
        features: f names.
        rounds: From (included) and to (excluded); (0, 0) takes all.
        output: Which class or target.
        most: Rules at most.
        precision: Each rule's, at least.

    Raises:
        BadInput: The model says the same of all rows, is no ensemble of numeric trees, or is too large.
    """
    if not yes.any() or yes.all():
        raise BadInput("The model says the same of every row given, so no rule can tell its yeses; give other rows.")
    rows = single(X)
    pool = {tuple(path): _mask(path, rows) for path in set(_paths(booster, rounds, output))}
    good: dict[tuple[Condition, ...], Mask] = {}
    singles = _ranked(pool, yes)
    frontier = singles
    for stage in range(3):
        for path, mask in frontier:
            if int((mask & yes).sum()) >= LEAST_ROWS and (mask & yes).sum() >= precision * mask.sum():
                good |= dict([_shortened(path, mask, rows, yes, precision)])
        left = yes & ~_any(list(good.values()), len(yes))
        if stage == 2 or left.sum() < LEAST_ROWS:
            break
        frontier = _joined([one for one in frontier if one[0] not in good], singles, left, yes)
    chosen = _cover(good, yes, most)
    rules = tuple(Rule(path, int(mask.sum()), float(yes[mask].mean())) for path, mask in chosen)
    said = _any([mask for _, mask in chosen], len(yes))
    return RuleList(
        rules, features, float((said == yes).mean()), float(said[yes].mean()), float((~said[~yes]).mean()),
        float(yes.mean()),
    )  # fmt: skip


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


def _paths(booster: Any, rounds: tuple[int, int], output: int) -> Iterator[tuple[Condition, ...]]:
    """Yield the merged conditions of the way to each node of each tree."""
    learner = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    model = learner.get("model", learner.get("gbtree", {}).get("model", {}))
    if "trees" not in model:
        raise BadInput("Rules come from an ensemble of trees; a linear model was given.")
    starts = model["iteration_indptr"]
    first, last = starts[rounds[0]], starts[min(rounds[1], len(starts) - 1) if rounds[1] else -1]
    if last - first > MOST_TREES:
        raise BadInput(f"Rules are made from at most {MOST_TREES} trees; the model has {last - first}.")
    for tree, own in zip(model["trees"][first:last], model["tree_info"][first:last], strict=True):
        if own != output:
            continue
        if any(tree["split_type"]):
            raise BadInput("Rules are made from numeric splits; the model splits by category, so encode it as numbers.")
        waiting: list[tuple[int, dict[int, Condition]]] = [(0, {})]
        while waiting:
            node, path = waiting.pop()
            if 0 < len(path) <= MOST_CONDITIONS:
                yield tuple(sorted(path.values()))
            left, right = tree["left_children"][node], tree["right_children"][node]
            if left == -1:
                continue
            feature, at = tree["split_indices"][node], float(np.float32(tree["split_conditions"][node]))
            gap_left = bool(tree["default_left"][node])
            sides = (Condition(feature, high=at, missing=gap_left), Condition(feature, low=at, missing=not gap_left))
            for child, side in zip((left, right), sides, strict=True):
                waiting.append((child, path | {feature: _both(path[feature], side) if feature in path else side}))


def _shortened(
    path: tuple[Condition, ...], mask: Mask, rows: Floats, yes: Mask, precision: float
) -> tuple[tuple[Condition, ...], Mask]:
    """Drop the conditions without which a rule is still as precise as asked, so that it is short and covers more."""
    for one in path:
        if len(path) == 1:
            break
        rest = tuple(other for other in path if other != one)
        wider = _mask(rest, rows)
        if yes[wider].mean() >= precision:
            path, mask = rest, wider
    return path, mask


def _both(a: Condition, b: Condition) -> Condition:
    return Condition(a.feature, max(a.low, b.low), min(a.high, b.high), a.missing and b.missing)


def _mask(path: tuple[Condition, ...], rows: Floats) -> Mask:
    return np.asarray(np.logical_and.reduce([one.holds(rows[:, one.feature]) for one in path]), bool)


def _any(masks: list[Mask], n: int) -> Mask:
    return np.asarray(np.logical_or.reduce([np.zeros(n, bool), *masks]), bool)


def _ranked(pool: dict[tuple[Condition, ...], Mask], yes: Mask) -> list[tuple[tuple[Condition, ...], Mask]]:
    """Return the candidates that cover yeses, the best first; of equal coverage the shorter path."""
    seen: dict[bytes, tuple[tuple[Condition, ...], Mask]] = {}
    for path, mask in sorted(pool.items(), key=lambda one: (len(one[0]), one[0])):
        if int((mask & yes).sum()) >= LEAST_ROWS:
            seen.setdefault(np.packbits(mask).tobytes(), (path, mask))
    return sorted(seen.values(), key=lambda one: (-_worth(one[1], yes), len(one[0]), one[0]))


def _worth(mask: Mask, yes: Mask) -> float:
    """Return how many more yeses a mask covers than its size leads one to expect, (a weighted relative accuracy)."""
    return float((mask & yes).sum() - yes.mean() * mask.sum())


def _joined(
    some: list[tuple[tuple[Condition, ...], Mask]], others: list[tuple[tuple[Condition, ...], Mask]], left: Mask,
    yes: Mask,
) -> list[tuple[tuple[Condition, ...], Mask]]:  # fmt: skip
    """Return pairs of candidates that still cover yeses without a rule and are purer than either."""
    pool: dict[tuple[Condition, ...], Mask] = {}
    for path, mask in some[:BEAM]:
        rate = yes[mask].mean()
        for more, other in others[:BEAM]:
            both = mask & other
            reach = int((both & left).sum())
            if reach < LEAST_ROWS or yes[both].mean() <= rate:
                continue
            merged = {one.feature: one for one in path}
            for one in more:
                merged[one.feature] = _both(merged[one.feature], one) if one.feature in merged else one
            if len(merged) <= MOST_CONDITIONS:
                pool[tuple(sorted(merged.values()))] = both
    return _ranked(pool, yes)


def _cover(good: dict[tuple[Condition, ...], Mask], yes: Mask, most: int) -> list[tuple[tuple[Condition, ...], Mask]]:
    """Choose rules greedily: each time the one that explains most yeses that are still open."""
    open_, waiting = yes.copy(), dict(good)
    chosen: list[tuple[tuple[Condition, ...], Mask]] = []
    while waiting and len(chosen) < most:
        path = max(waiting, key=lambda path: (int((waiting[path] & open_).sum()), -len(path), path))
        mask = waiting.pop(path)
        if int((mask & open_).sum()) < LEAST_ROWS:
            break
        chosen.append((path, mask))
        open_ &= ~mask
    return chosen
