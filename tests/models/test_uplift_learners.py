from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.models import uplift
from copilot.models.uplift import learners, nuisance, select
from copilot.models.uplift.estimators import Memo
from copilot.models.uplift.learners import Cases
from copilot.models.uplift.trial import Trial
from copilot.stats import Floats, folds


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def cases(n: int = 320, seed: int = 1, *, binary: bool = False) -> tuple[Cases, Floats]:
    """A trial with gaps: x0 moves the outcome, x1 the effect. The nuisances are the true ones."""
    g = rng(seed)
    X = g.normal(size=(n, 4))
    arm = (g.random(n) < 0.5).astype(float)
    tau = 1.0 + X[:, 1]
    y = 2 * X[:, 0] + tau * arm + 0.5 * g.normal(size=n)
    middle = 2 * X[:, 0] + tau / 2
    if binary:
        low, high = (1 / (1 + np.exp(-(X[:, 0] + lift))) for lift in (0.0, tau))
        y, tau, middle = (g.random(n) < np.where(arm == 1, high, low)).astype(float), high - low, (low + high) / 2
    X = np.where(g.random(X.shape) < 0.03, np.nan, X)
    task = "chance" if binary else "mean"
    return Cases(X, arm, y, np.arange(n) // 2.0, task, middle, np.full(n, 0.5)), tau  # type: ignore[arg-type]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("kind", ["s", "t", "x", "dr", "t_linear"])
def test_our_combination_of_the_parts_is_econmls_own_effect(kind: str, binary: bool) -> None:
    data, _ = cases(240, binary=binary)
    theirs = learners.fit_econml(kind, data, seed=3)
    ours = learners.parts_of(kind, theirs)
    rows = learners.with_account(data.X, data.groups)
    said = theirs.effect(rows) if kind in "st" else theirs.const_marginal_effect(rows)
    np.testing.assert_allclose(ours.effect(data.X), np.asarray(said).ravel(), atol=1e-6)


@pytest.mark.parametrize("kind", learners.CANDIDATES)
def test_every_learner_finds_a_known_effect_and_its_contributions_sum_to_it(kind: str) -> None:
    data, tau = cases(400)
    fitted = learners.fit(kind, data, seed=3)
    told = fitted.effect(data.X)
    # An S-learner may pass over the arm where outcomes are driven by other things, and here it does.
    assert np.sqrt(np.mean((told - tau) ** 2)) < (0.9 if kind == "s" else 0.6) * tau.std()
    shares = fitted.contributions(data.X)
    np.testing.assert_allclose(shares.sum(axis=1), told, atol=1e-4)
    moved = np.abs(shares[:, :4] - shares[:, :4].mean(axis=0)).mean(axis=0)
    assert moved[1] > 1.5 * moved[[0, 2, 3]].max()  # the effect depends on x1 alone
    assert len(fitted.surfaces) == len(learners.Learner.PARTS[kind])


def test_learners_on_the_same_rows_share_their_arms() -> None:
    data, _ = cases(240)
    memo = Memo()
    first = learners.fit("t", data, seed=3, memo=memo)
    before = len(memo)
    learners.fit("x", data, seed=3, memo=memo)
    assert before == 2
    assert len(memo) == 5  # two effects and the propensity, the arms were there
    alone = learners.fit("t", data, seed=3)
    np.testing.assert_array_equal(first.effect(data.X), alone.effect(data.X))


def test_nuisances_never_see_the_row_they_speak_about() -> None:
    g = rng(2)
    X, arm = g.normal(size=(200, 2)), (g.random(200) < 0.5).astype(float)
    y, groups = g.normal(size=200), np.arange(200.0)
    before = nuisance.cross_fitted(X, arm, y, groups, "mean", rng(5))
    y[7] += 1e4
    after = nuisance.cross_fitted(X, arm, y, groups, "mean", rng(5))
    assert after[0][7] == before[0][7]
    assert np.abs(after[0] - before[0]).max() > 1
    np.testing.assert_array_equal(after[1], before[1])


def trial(effects: dict[str, Floats], refits: dict[str, Floats]) -> tuple[Trial, Floats]:
    data, tau = cases(3000)
    everything = np.arange(3000)
    return Trial(
        data, everything, everything % 5, {k: v(tau) if callable(v) else v for k, v in effects.items()},
        refits, {}, {}, np.full(3000, tau.mean()),
    ), tau  # fmt: skip


def test_the_most_stable_of_those_that_cannot_be_told_apart_is_chosen_and_the_worse_are_not() -> None:
    _, tau = cases(3000)
    far = tau + 2.0 * rng(18).normal(size=3000)
    steady = {"t": tau[:, None] + 0.5 * rng(12).normal(size=(3000, 5)), "x": tau[:, None] + np.zeros((1, 5)),
              "s": tau[:, None] + np.zeros((1, 5))}  # fmt: skip
    found, _ = trial({"t": tau, "x": tau, "s": far}, steady)
    _, choice = select.choose(found)
    assert choice.name in ("x", "stack")  # s is as stable and much worse, t as good and shakier
    table = choice.candidates
    assert table["s"]["behind_best"] > 0.1
    assert table["x"]["same_decile"] == table["s"]["same_decile"] == 1
    assert "deciles are the most stable" in choice.reason
    alone, _ = trial({"s": far}, {"s": steady["s"]})
    assert select.choose(alone)[1].reason == "The S-learner was asked for."


def test_a_stack_takes_the_better_half_of_two_learners_that_each_know_half() -> None:
    g = rng(4)
    X, arm = g.normal(size=(4000, 2)), (g.random(4000) < 0.5).astype(float)
    tau = X[:, 0] + X[:, 1]
    data = Cases(X, arm, tau * arm + g.normal(size=4000), np.arange(4000.0), "mean", tau / 2, np.full(4000, 0.5))
    effects = {"t": X[:, 0], "x": X[:, 1], "s": g.normal(size=4000)}
    # The truth is the sum of both; weights sum to one at most, so that half of each is found.
    refits = {k: np.repeat(v[:, None], 5, axis=1) for k, v in effects.items()}
    start = Trial(data, np.arange(4000), np.arange(4000) % 5, effects, refits, {}, {}, np.zeros(4000))
    _, choice = select.choose(start)
    assert choice.name == "stack"
    assert choice.weights == {"t": pytest.approx(0.5, abs=0.05), "x": pytest.approx(0.5, abs=0.05)}


def test_a_loaded_model_predicts_without_importing_econml_or_torch(tmp_path: Path) -> None:
    data, _ = cases(200)
    X = pd.DataFrame(data.X, columns=list("abcd"))
    model = uplift.fit(X, data.arm, data.y, learner="x", rng=rng())
    model.save(tmp_path / "m")
    X.to_csv(tmp_path / "x.csv", index=False)
    code = (
        "import sys, pathlib, pandas as pd; from copilot.models import registry; "
        "at = pathlib.Path(sys.argv[1]); told = registry.load(at / 'm').predict(pd.read_csv(at / 'x.csv')); "
        "print(len(told), [m for m in ('econml', 'torch', 'sklearn.ensemble') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "200 []"


def test_folds_of_the_same_accounts_stay_together_inside_the_base_learners() -> None:
    data, _ = cases(240)
    for fold in folds(data.groups, None, n=3, rng=rng()):
        near = data.take(fold.train)
        assert not set(near.groups) & set(data.groups[fold.test])
        assert len(near.middle) == len(fold.train)
