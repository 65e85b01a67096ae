"""What another policy would have earned on the decisions already made: IPS, SNIPS and doubly robust (MATHS §5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.bandit.history import Rows
from copilot.bandit.view import build, scaling
from copilot.errors import BadInput
from copilot.stats import Floats, Ints

FOLDS = 5
LEAST_ESS = 30.0  # fewer effective rows than this have no interval worth the name
UNSEEN = 0.01  # the most probability that may lie on arms the log never played
OFF = 0.1  # how far the mean weight may lie from 1, beyond chance
COLUMNS = ("arm", "reward", "propensity")


class Chooser(Protocol):
    """Anything that knows the probability of each of its arms in a context."""

    @property
    def arms(self) -> Sequence[Hashable]:
        """The arms, in the order of the probabilities."""

    def propensities(self, x: npt.ArrayLike) -> Floats:
        """Return (arms,) probabilities in one context."""


Candidate = Chooser | Callable[[Floats], npt.ArrayLike] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """A log that was checked: contexts (n, d) or (n, arms, d), positions of the arms, rewards, propensities."""

    x: Floats
    arm: Ints
    reward: Floats
    propensity: Floats


def evaluate(
    log: pd.DataFrame | Mapping[str, Any],
    policy: Candidate,
    *,
    arms: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the mean reward ``policy`` would have had in the log's contexts.

    With w = π(a|x) / p, p the logged propensity: IPS is the mean of w·r, SNIPS Σwr / Σw, and DR the mean of
    Σ_a π(a|x) q̂(x, a) + w·(r − q̂(x, a)) (Dudík, Langford & Li 2011), q̂ linear by arm and fitted on the other folds.
    The limits are Student's with ESS − 1 degrees of freedom, so that a few heavy weights widen them.

    Args:
        log: ``x`` (one vector a row, or one row an arm), ``arm``, ``reward``, ``propensity`` (of the arm that was
            played); a ``suggested`` column is handed on to a ``Policy``. The policy must not have learned from these
            rows: hold some back.
        policy: Has ``propensities`` (and ``arms``), or is a function from a context to (arms,) probabilities, or is
            the matrix (n, arms) of them.
        arms: The order of the probabilities; by default the policy's own, else the arms of the log in order.
        level: Of the limits.

    Returns:
        Frame ``estimator, value, low, high, ess``: rows IPS, SNIPS, DR in the reward's unit; ``ess`` = (Σw)² / Σw².

    Raises:
        BadInput: The log is malformed, or cannot carry this policy: its effective sample is below 30 rows, it never
            played an arm the policy wants, or its weights do not average 1 (the policy that made it had propensities
            of 0, as UCB has, or they were logged wrongly).
    """
    if not 0 < level < 1:
        raise BadInput(f"The level lies between 0 and 1, as 0.95; got {level}.")
    names = _arms(log, policy, arms)
    rows = _checked(log, names)
    chance = _chances(log, rows.x, policy, len(names))
    n = len(rows.arm)
    weight = chance[np.arange(n), rows.arm] / rows.propensity
    ess = _support(rows, chance, weight, names)
    guess = _cross_fitted(rows, len(names))
    direct = (chance * guess).sum(axis=1)
    snips = float(weight @ rows.reward / weight.sum())
    parts = {
        "IPS": weight * rows.reward,
        "SNIPS": snips + weight * (rows.reward - snips) / weight.mean(),
        "DR": direct + weight * (rows.reward - guess[np.arange(n), rows.arm]),
    }
    found = [(name, *_limits(part, ess, level), ess) for name, part in parts.items()]
    return pd.DataFrame(found, columns=["estimator", "value", "low", "high", "ess"])


def _arms(log: pd.DataFrame | Mapping[str, Any], policy: Candidate, arms: Sequence[Hashable] | None) -> list[Hashable]:
    missing = [name for name in ("x", *COLUMNS) if name not in log]
    if missing:
        raise BadInput(f"A log needs the columns x, arm, reward and propensity; missing: {', '.join(missing)}.")
    if arms is not None:
        return list(arms)
    if hasattr(policy, "arms"):
        return list(policy.arms)
    if isinstance(policy, np.ndarray) and policy.ndim == 2:
        return list(range(policy.shape[1]))
    return list(pd.unique(pd.Series(log["arm"]).sort_values()))


def _checked(log: pd.DataFrame | Mapping[str, Any], names: list[Hashable]) -> Log:
    place = {name: position for position, name in enumerate(names)}
    played = list(log["arm"])
    strange = sorted({str(arm) for arm in played if arm not in place})
    if strange:
        raise BadInput(f"The log played {', '.join(strange[:5])}, which the policy does not know; name all with arms=.")
    try:
        x = np.stack([np.asarray(row, float) for row in log["x"]]) if len(played) else np.empty((0, 1))
        reward, chance = (np.asarray(log[name], float) for name in ("reward", "propensity"))
    except (TypeError, ValueError):
        raise BadInput(
            "The log's x must hold number vectors of one length, its reward and propensity numbers."
        ) from None
    if x.ndim == 1:
        x = x[:, None]
    if not len(x) == len(played) == len(reward) == len(chance):
        raise BadInput("The log's columns x, arm, reward and propensity must have the same length.")
    if not (np.isfinite(x).all() and np.isfinite(reward).all()):
        raise BadInput("The log holds a context or reward that is missing or infinite; drop such rows.")
    if not ((chance > 0) & (chance <= 1)).all():
        raise BadInput("Every logged propensity must lie above 0 and at most at 1; such a row cannot have been played.")
    return Log(x, np.array([place[arm] for arm in played], np.intp), reward, chance)


def _chances(log: pd.DataFrame | Mapping[str, Any], x: Floats, policy: Candidate, arms: int) -> Floats:
    if isinstance(policy, np.ndarray):
        chance = np.asarray(policy, float)
    elif hasattr(policy, "propensities"):
        hints = [{}] * len(x) if "suggested" not in log else [_hint(arm) for arm in log["suggested"]]
        chance = np.array([policy.propensities(row, **hint) for row, hint in zip(x, hints, strict=True)], float)
    else:
        chance = np.array([policy(row) for row in x], float)
    if not len(x):
        chance = np.empty((0, arms))
    if chance.shape != (len(x), arms):
        raise BadInput(
            f"The policy's probabilities have the shape {chance.shape} for {len(x)} rows and {arms} arms; "
            "give one row of probabilities for each row of the log."
        )
    if not (np.isfinite(chance).all() and (chance >= 0).all() and np.allclose(chance.sum(axis=1), 1, atol=1e-6)):
        raise BadInput("The policy's probabilities must be at least 0 and sum to 1 in every context.")
    return chance


def _hint(arm: Any) -> dict[str, Any]:
    return {} if arm is None or arm is pd.NA or arm != arm else {"suggested": arm}


def _support(rows: Log, chance: Floats, weight: Floats, names: list[Hashable]) -> float:
    played = np.bincount(rows.arm, minlength=len(names)) > 0
    unseen = float(chance[:, ~played].sum() / max(len(chance), 1))
    if unseen > UNSEEN:
        never = ", ".join(str(name) for name, was in zip(names, played, strict=True) if not was)
        raise BadInput(
            f"The log never played {never}, which this policy chooses in {unseen:.0%} of its contexts; "
            "let some choices be made by lot first."
        )
    ess = float(weight.sum() ** 2 / (weight @ weight)) if weight.any() else 0.0
    if ess < LEAST_ESS:
        raise BadInput(
            f"This policy differs too much from the log: its {len(weight)} rows are worth {ess:.0f} of the policy's "
            f"own, {LEAST_ESS:.0f} are needed; collect more feedback or judge a policy closer to it."
        )
    off = abs(float(weight.mean()) - 1)
    if off > OFF and off > 5 * float(weight.std(ddof=1)) / math.sqrt(len(weight)):
        raise BadInput(
            f"The weights average {weight.mean():.2f} where 1 is due: the log's propensities are wrong, or its policy "
            "never plays what this one wants; log a policy with a floor."
        )
    return ess


def _cross_fitted(rows: Log, arms: int) -> Floats:
    """Return q̂ (n, arms), each row's by a model that has not seen its fold; folds are dealt row by row."""
    n = len(rows.arm)
    own = rows.x if rows.x.ndim == 2 else rows.x[np.arange(n), rows.arm]
    guess = np.empty((n, arms))
    for fold in range(FOLDS):
        held = np.arange(n) % FOLDS == fold
        seen = Rows(own[~held], rows.arm[~held], rows.reward[~held], np.zeros(int((~held).sum()), bool))
        view = build(seen, arms, np.ones(len(seen)), scaling(seen.x), None)
        for a in range(arms):
            x = rows.x[held] if rows.x.ndim == 2 else rows.x[held, a]
            guess[held, a] = view.features(x) @ view.posterior.mean[a]
    return guess


def _limits(part: Floats, ess: float, level: float) -> tuple[float, float, float]:
    from scipy.special import stdtrit

    value = float(part.mean())
    reach = float(stdtrit(ess - 1, 0.5 + level / 2)) * float(part.std(ddof=1)) / math.sqrt(len(part))
    return value, value - reach, value + reach
