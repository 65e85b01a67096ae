from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.models import uplift
from copilot.models.uplift import bounded, learners, select
from copilot.models.uplift.select import STACK, Choice


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_few_rows_all_screen() -> None:
    arm, y = np.tile([0.0, 1.0], 2000), rng().normal(size=4000)
    np.testing.assert_array_equal(bounded.rows(arm, y, np.arange(4000.0), 90, rng()), np.arange(4000))


def test_of_many_rows_whole_accounts_screen_with_touches_and_outcomes_in_proportion() -> None:
    g = rng(1)
    account = g.integers(20_000, size=60_000).astype(float)
    arm, y = (g.random(60_000) < 0.1).astype(float), (g.random(60_000) < 0.05).astype(float)
    found = bounded.rows(arm, y, account, 100, rng(2))
    assert len(found) == pytest.approx(10_000, rel=0.05)
    assert (np.diff(found) > 0).all()
    assert not set(account[found]) & set(np.delete(account, found))
    # A plain draw of as many rows misses both shares by about .003 and .002.
    assert arm[found].mean() == pytest.approx(arm.mean(), abs=0.003)
    assert y[found].mean() == pytest.approx(y.mean(), abs=0.002)
    assert not np.array_equal(found, bounded.rows(arm, y, account, 100, rng(3)))
    np.testing.assert_array_equal(found, bounded.rows(arm, y, account, 100, rng(2)))


def test_a_rare_touch_keeps_enough_rows_and_a_narrow_table_lets_more_rows_screen() -> None:
    y, account = rng().normal(size=60_000), np.arange(60_000.0)
    rare = (np.arange(60_000) % 120 == 0).astype(float)  # 500 touched
    found = bounded.rows(rare, y, account, 100, rng())
    assert 230 <= rare[found].sum() <= 270
    even = (np.arange(60_000) % 2).astype(float)
    assert len(bounded.rows(even, y, account, 40, rng())) == 25_000
    assert len(bounded.rows(even, y, account, 5, rng())) == 40_000
    assert len(bounded.rows((account < 100).astype(float), y, account, 100, rng())) == 60_000


def test_the_three_that_go_on_are_the_screenings_choice_and_those_of_least_loss() -> None:
    losses = {"s": 0.4, "t": 0.3, "x": 0.0, "dr": 0.1, "r": 0.2, "t_linear": 0.5}
    table = {name: {"behind_best": loss} for name, loss in losses.items()} | {STACK: {"behind_best": 0.05}}
    assert select.shortlist(Choice("t_linear", {}, "", table)) == ("t_linear", "x", "dr")
    assert select.shortlist(Choice(STACK, {}, "", table)) == ("x", "dr", "r")


def test_rows_beyond_the_screening_are_fitted_and_the_report_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "CELLS", 0)
    monkeypatch.setattr(bounded, "FEWEST", 240)
    monkeypatch.setattr(bounded, "LEAST_OF_ARM", 50)
    monkeypatch.setattr(learners, "CANDIDATES", ("s", "t", "r", "t_linear"))
    seen: list[int] = []
    whole = learners.fit

    def fit(kind: str, cases: learners.Cases, **more: Any) -> learners.Learner:
        seen.append(len(cases.y))
        return whole(kind, cases, **more)

    monkeypatch.setattr(learners, "fit", fit)
    g = rng(4)
    X = pd.DataFrame(g.normal(size=(500, 3)), columns=list("abc"))
    treated = (g.random(500) < 0.5).astype(float)
    tau = 0.5 + X["a"]
    model = uplift.fit(X, treated, X["b"] + tau * treated + 0.5 * g.normal(size=500), rng=rng())
    assert isinstance(model, uplift.UpliftModel)
    report = model.report
    assert (report["n"], report["n_screened"], report["n_fitted"], report["n_judged"]) == (500, 240, 500, 500)
    assert set(report["screened"]) >= {"s", "t", "r", "t_linear"}
    assert len(set(report["candidates"]) - {STACK}) == select.SHORTLIST
    assert "screened on 240 rows" in report["reason"]
    assert "judged on all 500" in report["reason"]
    # Four learners in five folds, then three on the folds of all rows; last the one chosen, ten times to serve.
    assert report["learner"] == "t_linear"
    assert seen == [192] * 20 + [400] * 15 + [450] * 10
    assert np.corrcoef(model.predict(X)["uplift"], tau)[0, 1] > 0.95
