"""The exact posterior: rank-one steps against the batch solution, and the evidence against its definition."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from scipy.stats import multivariate_t

from copilot.bandit.posterior import NOISE_ROWS, NOISE_VARIANCE, PRECISIONS, Posterior, best_precision, fit


def world(n: int = 60, arms: int = 3, m: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, m)), rng.integers(arms, size=n), rng.normal(size=n)


def same(one: Posterior, other: Posterior) -> None:
    for field in fields(Posterior):
        assert getattr(one, field.name) == pytest.approx(getattr(other, field.name), abs=1e-9), field.name


def test_rank_one_steps_end_where_the_batch_solution_does() -> None:
    phi, arm, y = world()
    prior = np.full((3, 5), 0.2)
    step = fit(phi[:0], arm[:0], y[:0], np.empty(0), precision=np.full(5, 2.0), prior_mean=prior)
    for row, a, reward in zip(phi, arm, y, strict=True):
        step = step.updated(int(a), row, float(reward))
    same(step, fit(phi, arm, y, np.ones(60), precision=np.full(5, 2.0), prior_mean=prior))


def test_forgetting_weighs_a_reward_by_its_age_for_all_arms() -> None:
    phi, arm, y = world(40)
    flat, prior = np.full(5, 1e-9), np.zeros((3, 5))
    step = fit(phi[:30], arm[:30], y[:30], 0.9 ** np.arange(29, -1, -1.0), precision=flat, prior_mean=prior)
    for row, a, reward in zip(phi[30:], arm[30:], y[30:], strict=True):
        step = step.updated(int(a), row, float(reward), forget=0.9)
    whole = fit(phi, arm, y, 0.9 ** np.arange(39, -1, -1.0), precision=flat, prior_mean=prior)
    assert step.mean == pytest.approx(whole.mean, abs=1e-6)
    assert step.rows == pytest.approx(whole.rows)


def test_an_amended_reward_gives_the_posterior_of_the_right_one() -> None:
    phi, arm, y = world()
    options = {"precision": np.ones(5), "prior_mean": np.zeros((3, 5))}
    wrong = y.copy()
    wrong[7] = 5.0
    mended = fit(phi, arm, wrong, np.ones(60), **options).amended(int(arm[7]), phi[7], 5.0, float(y[7]))
    same(mended, fit(phi, arm, y, np.ones(60), **options))


def test_scores_are_the_same_for_one_context_and_for_its_copy_in_each_arms_row() -> None:
    phi, arm, y = world()
    post = fit(phi, arm, y, np.ones(60), precision=np.ones(5), prior_mean=np.zeros((3, 5)))
    one, rows = post.scores(phi[0]), post.scores(np.repeat(phi[:1], 3, axis=0))
    assert one[0] == pytest.approx(rows[0])
    assert one[1] == pytest.approx(rows[1])


def test_the_chosen_precision_has_the_highest_evidence_by_the_multivariate_t() -> None:
    rng = np.random.default_rng(5)
    for signal in (0.05, 0.6, 3.0):
        phi = rng.normal(size=(40, 4)) / 2
        y = phi @ rng.normal(0, signal, 4) + rng.normal(0, 0.4, 40)
        density = [
            multivariate_t(
                shape=NOISE_VARIANCE * (np.eye(40) + phi @ phi.T / precision), df=NOISE_ROWS
            ).logpdf(y)
            for precision in PRECISIONS
        ]  # fmt: skip
        assert best_precision([(phi, y, np.ones(40))]) == PRECISIONS[int(np.argmax(density))]


def test_what_a_snapshot_holds_does_not_change_under_its_reader() -> None:
    phi, arm, y = world()
    held = fit(phi, arm, y, np.ones(60), precision=np.ones(5), prior_mean=np.zeros((3, 5)))
    before = [getattr(held, field.name).copy() for field in fields(Posterior)]
    held.updated(1, phi[0], 1.0, 0.9)
    held.amended(1, phi[0], 0.0, 1.0)
    for field, old in zip(fields(Posterior), before, strict=True):
        assert (getattr(held, field.name) == old).all()
