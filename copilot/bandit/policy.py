"""Choose the next action and learn from what came of it: linear or neural-linear Thompson sampling or UCB (MATHS §5).

What ``select`` reads is one immutable snapshot, swapped by reference; it takes no lock. One thread at a time updates.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from copilot.bandit import propensity, saving
from copilot.bandit.drift import Cusum
from copilot.bandit.history import History, Rows, blank
from copilot.bandit.retrain import Retrainer, retrain
from copilot.bandit.view import View, build, scaling
from copilot.errors import BadInput
from copilot.stats import Floats

Kind = Literal["auto", "linear", "neural", "ucb", "linear_ucb", "neural_ucb"]
Retraining = Literal["inline", "process", "manual"]

ALPHA = 0.35  # β of Thompson sampling and γ of UCB: how many posterior deviations δ has
EPSILON = 0.001  # the share of choices made by lot
FIRST, GROWTH = 4, 1.3  # rows before the first refit, and how much the log grows from one to the next
NEURAL_ROWS = 48  # rows before a torso is worth training
MEMORY = 0.995  # of the losses that choose between linear and neural: the last two hundred rewards count


@dataclass(frozen=True)
class Decision:
    """The arm chosen and the probability with which it was chosen, for the log."""

    arm: Hashable
    propensity: float


@dataclass(frozen=True)
class Snapshot:
    """Everything a choice needs. ``losses`` are the discounted squared errors of linear and neural, before learning."""

    linear: View
    neural: View | None
    losses: tuple[float, float] = (0.0, 0.0)
    cusum: Cusum = field(default_factory=Cusum)


class Policy:
    """A contextual bandit over a fixed set of arms.

    Args:
        arms: Their names, or how many (then named 0, 1 …).
        n_features: Length of a context vector.
        kind: ``linear`` and ``neural`` sample (Thompson), ``auto`` uses whichever of the two predicted recent rewards
            better before learning from them; ``ucb``, ``linear_ucb``, ``neural_ucb`` add γσ instead.
        rng: Draws the choices and seeds the torso.
        alpha: β of Thompson sampling, γ of UCB.
        epsilon: Share of choices made by lot, so that each arm's propensity is at least ``epsilon`` / arms.
        forget: ``"auto"`` drops what was learned before a change of the rewards, as a CUSUM test finds it; a number
            below 1 lets each reward weigh that much less with every newer one; 1 never forgets.
        retraining: ``inline`` trains the torso within ``update``, ``process`` in a process of low priority (its
            weights are taken up by a later ``update`` or by ``settle``), ``manual`` only when ``retrain`` is called.

    Raises:
        BadInput: Fewer than two arms, an arm twice, or an option out of its range.
    """

    def __init__(
        self,
        arms: Sequence[Hashable] | int,
        n_features: int,
        *,
        kind: Kind = "auto",
        rng: np.random.Generator,
        alpha: float = ALPHA,
        epsilon: float = EPSILON,
        forget: float | Literal["auto"] = "auto",
        retraining: Retraining = "inline",
    ) -> None:
        names = tuple(range(arms)) if isinstance(arms, int) else tuple(arms)
        if len(names) < 2 or len(set(names)) < len(names):
            raise BadInput(f"A policy chooses among two or more different arms; got {list(names)}.")
        if n_features < 1:
            raise BadInput(f"A policy needs at least one feature; got n_features={n_features}.")
        if kind not in get_args(Kind):
            raise BadInput(f"There is no kind of policy {kind!r}; choose from {', '.join(get_args(Kind))}.")
        if retraining not in get_args(Retraining):
            raise BadInput(f"There is no retraining {retraining!r}; choose from {', '.join(get_args(Retraining))}.")
        if not 0 <= epsilon <= 1 or not alpha >= 0:
            raise BadInput(f"epsilon lies between 0 and 1 and alpha is not negative; got {epsilon} and {alpha}.")
        if forget != "auto" and not (isinstance(forget, int | float) and 0.5 < forget <= 1):
            raise BadInput(f'forget is "auto" or a number above 0.5 and up to 1; got {forget!r}.')
        self.arms, self.n_features, self.kind = names, n_features, kind
        self.alpha, self.epsilon, self.forget, self.retraining = float(alpha), float(epsilon), forget, retraining
        self._place = {name: position for position, name in enumerate(names)}
        self._rng = rng
        self._seed = int(rng.integers(2**31))
        self._history = History(blank(0, n_features))
        self._writing = threading.RLock()
        self._retrainer = Retrainer()
        self._next_refit = FIRST
        self._now = self._fresh()

    # -- choosing: reads one snapshot, takes no lock

    def select(self, x: npt.ArrayLike, *, suggested: Hashable | None = None) -> Decision:
        """Choose an arm.

        Thompson's draw and the log's propensity cannot disagree: the arm is drawn from the very probabilities that
        ``propensities`` returns.

        Args:
            x: The context, (n_features,), or one row an arm, (arms, n_features).
            suggested: The heuristic's choice (Algorithm 1): the prior favours it until feedback says otherwise.

        Raises:
            BadInput: The shape is another, a number is not finite, or ``suggested`` is no arm.
        """
        return self.draw(self.propensities(x, suggested=suggested))

    def draw(self, chance: Floats) -> Decision:
        """Draw an arm from given probabilities, (arms,): the policy's own, or a mixture that holds them."""
        drawn = int(chance.cumsum().searchsorted(self._rng.random() * chance.sum(), "right"))
        place = min(drawn, len(chance) - 1)
        return Decision(self.arms[place], float(chance[place]))

    def propensities(self, x: npt.ArrayLike, *, suggested: Hashable | None = None) -> Floats:
        """Return the probability of each arm, (arms,), in the order of ``arms``; arguments as in ``select``."""
        mean, sd = self.scores(x, suggested=suggested)
        if self.kind.endswith("ucb"):
            chance = propensity.greedy(mean + self.alpha * sd)
        else:
            chance = propensity.thompson(mean, self.alpha * sd)
        return propensity.floored(chance, self.epsilon)

    def propensities_of_rows(self, x: npt.ArrayLike, suggested: Sequence[Hashable | None]) -> Floats:
        """Return ``propensities`` of many contexts, (n, arms); arguments as in ``scores_of_rows``."""
        mean, sd = self.scores_of_rows(x, suggested)
        if self.kind.endswith("ucb"):
            chance = propensity.greedy(mean + self.alpha * sd)
        else:
            chance = propensity.thompson_rows(mean, self.alpha * sd)
        return propensity.floored(chance, self.epsilon)

    def scores(self, x: npt.ArrayLike, *, suggested: Hashable | None = None) -> tuple[Floats, Floats]:
        """Return each arm's expected reward and the standard deviation of that expectation, (arms,) each."""
        context = self._context(x)
        place = None if suggested is None else self._arm(suggested)
        return self._active(self._now).scores(context, place)

    def scores_of_rows(self, x: npt.ArrayLike, suggested: Sequence[Hashable | None]) -> tuple[Floats, Floats]:
        """Return ``scores`` of many contexts (n, n_features), (n, arms) each; ``suggested`` names one arm a row."""
        rows = np.asarray(x, dtype=float).reshape(-1, self.n_features)
        if len(rows) != len(suggested) or not np.isfinite(rows).all():
            raise BadInput(
                f"Each of {len(suggested)} choices needs a context of {self.n_features} finite numbers; "
                f"got the shape {np.shape(x)}."
            )
        places = np.array([-1 if arm is None else self._arm(arm) for arm in suggested], dtype=np.intp)
        return self._active(self._now).scores_of_rows(rows, places)

    @property
    def active(self) -> Literal["linear", "neural"]:
        """Which of the two models chooses now."""
        return "neural" if self._active(self._now) is self._now.neural else "linear"

    @property
    def seen(self) -> int:
        """How many rewards this policy has learned from."""
        return self._history.seen

    # -- learning: one writer

    def update(self, x: npt.ArrayLike, arm: Hashable, reward: float, *, suggested: Hashable | None = None) -> int:
        """Learn one reward and return its number, by which ``amend`` can correct it.

        Args:
            x: The context as given to ``select``.
            arm: The arm that was played.
            reward: What came of it, a finite number; −1 to 1 in the product.
            suggested: As given to ``select``.
        """
        context, place, value = self._context(x), self._arm(arm), _finite(reward)
        row = context if context.ndim == 1 else context[place]
        is_suggested = suggested is not None and self._arm(suggested) == place
        with self._writing:
            number = self._history.add(row, place, value, is_suggested)
            self._now = self._learned(self._now, number, row, place, value, is_suggested)
            if self._now.cusum.alarm and self.forget == "auto":
                self._history.drop_before(self._now.cusum.since)
                self._next_refit = 0
                self._retrainer.drop()
                self._now = replace(self._fresh(), cusum=Cusum(number + 1))
            if self.retraining == "process":
                self.settle()
            if len(self._history.rows()) >= self._next_refit:
                self._refit()
            return number

    def amend(self, number: int, reward: float) -> bool:
        """Correct the reward of update ``number``; False where that row is no longer remembered."""
        value = _finite(reward)
        with self._writing:
            at = self._history.position(number)
            if at is None:
                return False
            rows = self._history.rows()
            old, place = float(rows.reward[at]), int(rows.arm[at])
            rows.reward[at] = value
            views: list[View | None] = []
            for view in (self._now.linear, self._now.neural):
                if view is not None:
                    phi = view.of_arm(rows.x[at], bool(rows.suggested[at]))
                    view = replace(view, posterior=view.posterior.amended(place, phi, old, value))
                views.append(view)
            assert views[0] is not None
            self._now = replace(self._now, linear=views[0], neural=views[1])
            return True

    def retrain(self) -> None:
        """Train the torso and refit both models on all that is remembered, now and in this process."""
        with self._writing:
            self._retrainer.drop()
            self._refit(inline=True)

    def retrain_beside(self) -> None:
        """Begin training the torso in a process of low priority; ``settle`` or a later ``update`` takes it up."""
        with self._writing:
            self._retrainer.start(*self._job())

    def settle(self, *, wait: bool = False) -> bool:
        """Take up the weights of a finished retraining; with ``wait``, wait for the one that runs. True if taken."""
        with self._writing:
            found = self._retrainer.collect(wait=wait)
            if found is None:
                return False
            rows = self._history.rows()
            neural = build(rows, len(self.arms), self._weights(len(rows)), *found)
            self._now = replace(self._now, neural=neural)
            return True

    def close(self) -> None:
        """End a retraining that still runs; the policy itself stays as it is."""
        with self._writing:
            self._retrainer.drop()

    # -- keeping

    def save(self, path: Path | str) -> Path:
        """Write the whole state, the generator's included, to one file, in one step (``saving.write``)."""
        with self._writing:
            return saving.write(self, Path(path))

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """Return the policy saved at ``path``: it continues as the saved one would have.

        Raises:
            NotSetUp: There is no such file.
            BadInput: The file is damaged or not a policy's.
        """
        return saving.read(cls, Path(path))

    # -- inside

    def _fresh(self) -> Snapshot:
        rows = self._history.rows()
        return Snapshot(build(rows, len(self.arms), self._weights(len(rows)), scaling(rows.x), None), None)

    def _active(self, now: Snapshot) -> View:
        if now.neural is None or self.kind.startswith("linear"):
            return now.linear
        if self.kind.startswith("neural") or now.losses[1] < now.losses[0]:
            return now.neural
        return now.linear

    def _learned(
        self, now: Snapshot, number: int, row: Floats, place: int, reward: float, is_suggested: bool
    ) -> Snapshot:
        forget = 1.0 if self.forget == "auto" else float(self.forget)
        active, cusum = self._active(now), now.cusum
        views: list[View | None] = []
        losses: list[float] = []
        for view in (now.linear, now.neural):
            if view is None:
                views.append(None)
                losses.append(losses[0])
                continue
            phi = view.of_arm(row, is_suggested)
            error = reward - float(view.posterior.mean[place] @ phi)
            losses.append(error * error)
            if view is active and self.forget == "auto":
                cusum = cusum.seen(number, error)
            views.append(view.updated(place, phi, reward, forget))
        linear, neural = (MEMORY * old + new for old, new in zip(now.losses, losses, strict=True))
        assert views[0] is not None
        return Snapshot(views[0], views[1], (linear, neural), cusum)

    def _weights(self, n: int) -> Floats:
        gamma = 1.0 if self.forget == "auto" else float(self.forget)
        weights: Floats = gamma ** np.arange(n - 1, -1, -1.0)
        return weights

    def _refit(self, *, inline: bool = False) -> None:
        """Rescale, choose the priors anew, and train the torso where there is enough to train on."""
        rows = self._history.rows()
        longest = np.inf if self.forget in ("auto", 1) else max(1 / (1 - float(self.forget)), FIRST)
        self._next_refit = int(len(rows) + min(max((GROWTH - 1) * len(rows), FIRST), longest))
        weights, arms = self._weights(len(rows)), len(self.arms)
        linear = build(rows, arms, weights, scaling(rows.x), None)
        neural = self._now.neural
        if neural is not None:
            neural = build(rows, arms, weights, neural.scaling, neural.torso)
        if not self.kind.startswith("linear") and len(rows) >= NEURAL_ROWS:
            job = self._job()
            if inline or self.retraining == "inline":
                neural = build(rows, arms, weights, *retrain(*job))
            elif self.retraining == "process":
                self._retrainer.start(*job)
        self._now = replace(self._now, linear=linear, neural=neural)

    def _job(self) -> tuple[Rows, Floats, int, int]:
        rows = self._history.rows()
        return rows, self._weights(len(rows)), len(self.arms), self._seed + self._history.seen

    def _arm(self, arm: Hashable) -> int:
        try:
            return self._place[arm]
        except (KeyError, TypeError):
            raise BadInput(f"There is no arm {arm!r}; the arms are {', '.join(map(str, self.arms))}.") from None

    def _context(self, x: npt.ArrayLike) -> Floats:
        try:
            context = np.asarray(x, dtype=float)
        except (TypeError, ValueError):
            raise BadInput("A context must be numbers; encode texts and dates first (see Contexts).") from None
        if context.shape not in ((self.n_features,), (len(self.arms), self.n_features)):
            raise BadInput(
                f"A context has {self.n_features} numbers, or one such row for each of {len(self.arms)} arms; "
                f"got the shape {context.shape}."
            )
        if not np.isfinite(context).all():
            raise BadInput("A context holds a number that is missing or infinite; fill it before choosing.")
        return context


def _finite(reward: float) -> float:
    try:
        value = float(reward)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise BadInput(f"A reward must be a finite number; got {reward!r}.")
    return value
