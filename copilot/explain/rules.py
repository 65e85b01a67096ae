"""Rules from a tree ensemble (TE2Rules, Lal et al. 2022): when does the model say yes, as a short list of conditions.

Candidates are the paths to the trees' nodes, then pairs and triples of them from different trees. A rule counts when
nearly all data rows it covers are ones the model says yes to; conditions it can do without are dropped. A greedy cover
keeps the fewest that explain the yeses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from copilot.errors import BadInput
from copilot.explain.rule_list import Condition, Mask, Rule, RuleList, all_hold, any_of, single
from copilot.stats import Floats

MOST_RULES, MOST_CONDITIONS = 20, 6
PRECISION = 0.9  # share of the rows a rule covers that the model must say yes to
LEAST_ROWS = 3  # yeses a rule must cover
BEAM = 200  # candidates that are combined further
MOST_TREES = 2_000


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
    pool = {tuple(path): all_hold(path, rows) for path in set(_paths(booster, rounds, output))}
    good: dict[tuple[Condition, ...], Mask] = {}
    singles = _ranked(pool, yes)
    frontier = singles
    for stage in range(3):
        for path, mask in frontier:
            if int((mask & yes).sum()) >= LEAST_ROWS and (mask & yes).sum() >= precision * mask.sum():
                good |= dict([_shortened(path, mask, rows, yes, precision)])
        left = yes & ~any_of(list(good.values()), len(yes))
        if stage == 2 or left.sum() < LEAST_ROWS:
            break
        frontier = _joined([one for one in frontier if one[0] not in good], singles, left, yes)
    chosen = _cover(good, yes, most)
    rules = tuple(Rule(path, int(mask.sum()), float(yes[mask].mean())) for path, mask in chosen)
    said = any_of([mask for _, mask in chosen], len(yes))
    return RuleList(
        rules, features, float((said == yes).mean()), float(said[yes].mean()), float((~said[~yes]).mean()),
        float(yes.mean()),
    )  # fmt: skip


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
        wider = all_hold(rest, rows)
        if yes[wider].mean() >= precision:
            path, mask = rest, wider
    return path, mask


def _both(a: Condition, b: Condition) -> Condition:
    return Condition(a.feature, max(a.low, b.low), min(a.high, b.high), a.missing and b.missing)


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
