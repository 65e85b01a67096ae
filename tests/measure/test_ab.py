"""Assignment inside the books, balance, and the effects of an A/B test."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import ab


def accounts(n: int = 503, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "account_id": [f"A-{k}" for k in range(n)],
            "rep": rng.choice(["ana", "ben", "cleo", "dora"], n, p=[0.5, 0.3, 0.15, 0.05]),
            "segment": rng.choice(["small", "large", None], n),
            "region": rng.choice(["NA", "EMEA"], n),
            "size": rng.lognormal(size=n),
        }
    )


@pytest.mark.parametrize("share", [0.5, 0.2, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_stratum_every_book_and_the_whole_are_within_one_of_the_share(share: float, seed: int) -> None:
    rows = ab.assign(accounts(), book="rep", strata=["segment", "region"], share=share, seed=seed)
    rows["one"] = (rows["arm"] == "treated").astype(float)
    for keys in (["rep", "segment", "region"], ["rep"]):
        cells = rows.groupby(keys, dropna=False)["one"].agg(["sum", "count"])
        assert (np.abs(cells["sum"] - share * cells["count"]) < 1).all()
    assert abs(rows["one"].sum() - share * len(rows)) < 1


def test_the_same_seed_gives_the_same_arms_in_any_order_and_in_another_process() -> None:
    frame = accounts()
    first = ab.assign(frame, book="rep", strata=["segment"], seed=7).set_index("account_id")["arm"]
    shuffled = ab.assign(frame.sample(frac=1, random_state=3), book="rep", strata=["segment"], seed=7)
    pd.testing.assert_series_equal(shuffled.set_index("account_id")["arm"].reindex(first.index), first)
    code = (
        "import pandas as pd; from copilot.measure import ab;"
        "f = pd.DataFrame({'account_id': [f'A-{k}' for k in range(9)], 'rep': ['x'] * 4 + ['y'] * 5});"
        "print(''.join(ab.assign(f, book='rep', strata=[], seed=7)['arm'].str[0]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": str(k)}
        ).stdout
        for k in (1, 2)
    }
    assert len(told) == 1
    assert set(told.pop().strip()) == {"t", "c"}


def test_another_seed_gives_other_arms_and_each_account_its_share_of_them() -> None:
    frame = accounts(60)
    drawn = np.array([ab.assign(frame, book="rep", strata=["segment"], share=0.3, seed=k)["arm"] for k in range(400)])
    share = (drawn == "treated").mean(axis=0)
    assert np.abs(share - 0.3).max() < 0.1  # 4.4 standard errors
    together = ((drawn[:, 0] == "treated") & (drawn[:, 1] == "treated")).mean()
    assert 0 < together < 0.3


def test_assignment_refuses_what_it_cannot_randomise() -> None:
    frame = accounts(20)
    for change, says in (
        (frame.assign(rep=None), "rep is missing"),
        (pd.concat([frame, frame.iloc[:1]]), "more than once"),
        (frame.assign(account_id=frame["account_id"].where(frame.index > 0)), "needs a name"),
        (frame.drop(columns="segment"), "no column segment"),
        (frame.iloc[:0], "no rows"),
    ):
        with pytest.raises(BadInput, match=says):
            ab.assign(change, book="rep", strata=["segment"], seed=1)
    for seed in ("x", None, 1.5):
        with pytest.raises(BadInput, match="whole number"):
            ab.assign(frame, book="rep", strata=[], seed=seed)  # type: ignore[arg-type]
    for share in (0, 1, -1, 50, "half"):
        with pytest.raises(BadInput, match="share"):
            ab.assign(frame, book="rep", strata=[], share=share, seed=1)  # type: ignore[arg-type]


def test_strata_may_be_one_name_or_none_at_all() -> None:
    frame = accounts(60)
    several = ab.assign(frame, book="rep", strata=["segment"], seed=1)
    pd.testing.assert_frame_equal(ab.assign(frame, book="rep", strata="segment", seed=1), several)
    plain = ab.assign(frame, book="rep", strata=[], seed=1)
    pd.testing.assert_frame_equal(ab.assign(frame, book="rep", strata=None, seed=1), plain)  # type: ignore[arg-type]
    rows = several.assign(y=np.arange(60.0))
    given = {"outcome": "y", "arm": "arm", "book": "rep"}
    assert ab.effect(rows, strata="segment", **given) == ab.effect(rows, strata=["segment"], **given)  # type: ignore[arg-type]


def test_reps_are_let_in_in_even_steps_that_the_seed_decides() -> None:
    reps = [f"R-{k}" for k in range(11)]
    steps = ab.waves(reps, 4, seed=5)
    assert set(steps) == set(reps)
    assert sorted(np.bincount(list(steps.values()))) == [2, 3, 3, 3]
    assert ab.waves(reps[::-1], 4, seed=5) == steps
    assert ab.waves(reps, 4, seed=6) != steps


def test_balance_is_in_standard_deviations_and_shows_missing_values() -> None:
    frame = pd.DataFrame(
        {
            "arm": ["treated", "treated", "control", "control"],
            "size": [1.0, 3.0, 2.0, 6.0],
            "segment": ["small", None, "small", "large"],
        }
    )
    table = ab.balance(frame, arm="arm", covariates=["size", "segment"]).set_index(["covariate", "level"])
    assert table.loc[("size", "mean"), "treated"] == 2
    # Means 2 and 4; variances 1 and 4.
    assert table.loc[("size", "mean"), "difference"] == pytest.approx(-2 / np.sqrt(2.5))
    assert table.loc[("segment", "missing"), "treated"] == 0.5
    assert table.loc[("segment", "small"), "difference"] == 0


def test_effect_within_books_is_the_mean_of_the_books_differences() -> None:
    # Book x: 2 treated of 4; book y: 1 treated of 2. Regression weighs books by n p (1 − p): 1 and 1/2.
    frame = pd.DataFrame({"rep": list("xxxxyy"), "arm": [1, 1, 0, 0, 1, 0], "y": [5.0, 7.0, 3.0, 1.0, 10.0, 9.0]})
    assert float(ab.effect(frame, outcome="y", arm="arm", book="rep")) == pytest.approx((4 * 1 + 1 * 0.5) / 1.5)
    assert float(ab.effect(frame, outcome="y", arm="arm")) == pytest.approx(22 / 3 - 13 / 3)


def test_effect_agrees_with_statsmodels_on_dummies_and_clusters() -> None:
    import statsmodels.api as statsmodels

    rows = ab.assign(accounts(300), book="rep", strata=["region"], seed=3)
    rng = np.random.default_rng(1)
    rows["y"] = (rows["arm"] == "treated") * 0.4 + rng.normal(size=len(rows))
    rows["pair"] = np.arange(len(rows)) // 2
    cells = pd.get_dummies(rows["rep"] + rows["region"]).astype(float)
    design = cells.assign(on=(rows["arm"] == "treated").astype(float))
    model = statsmodels.OLS(rows["y"], design)
    names = {"outcome": "y", "arm": "arm", "book": "rep", "strata": ["region"]}
    ours = ab.effect(rows, **names)  # type: ignore[arg-type]
    assert float(ours) == pytest.approx(model.fit().params["on"])
    assert ours.se == pytest.approx(model.fit(cov_type="HC1").bse["on"])
    assert ours.se_corrected == pytest.approx(model.fit(cov_type="HC2").bse["on"])
    oracle = model.fit(cov_type="cluster", cov_kwds={"groups": rows["pair"]})
    assert ab.effect(rows, **names, cluster="pair").se == pytest.approx(oracle.bse["on"])  # type: ignore[arg-type]


def test_effect_on_books_whose_rep_looked_leaves_both_arms_of_the_others_out() -> None:
    rng = np.random.default_rng(3)
    frame = accounts(2000).drop(columns="segment")
    rows = ab.assign(frame, book="rep", strata=[], seed=1)
    rows["looked"] = rows["rep"].isin(["ana", "cleo"]) & (rows.groupby("rep").cumcount() == 0)  # one account is enough
    inside = rows["rep"].isin(["ana", "cleo"])
    rows["y"] = rng.normal(size=2000) * 0.1 + inside * (rows["arm"] == "treated")
    assert float(ab.effect(rows, outcome="y", arm="arm", book="rep", looked="looked")) == pytest.approx(1, abs=0.05)
    assert float(ab.effect(rows, outcome="y", arm="arm", book="rep")) < 0.8
    with pytest.raises(BadInput, match="No rep ever looked"):
        ab.effect(rows.assign(looked=False), outcome="y", arm="arm", book="rep", looked="looked")


def test_compliers_get_the_effect_of_looking_with_the_assignment_as_instrument() -> None:
    """Eager reps look more and do better anyway: comparing who looked is wrong, the instrument is right."""
    rng = np.random.default_rng(9)
    rows = ab.assign(accounts(4000), book="rep", strata=[], seed=1)
    eager = rng.random(4000) < 0.6
    rows["looked"] = eager & (rows["arm"] == "treated")
    rows["y"] = 2.0 * rows["looked"] + 3.0 * eager + rng.normal(size=4000)
    naive = rows.groupby("looked")["y"].mean().diff().iloc[-1]
    found = ab.compliers(rows, outcome="y", arm="arm", looked="looked", book="rep")
    assert naive > 3
    assert found.low < 2.0 < found.high
    assert found.high - found.low < 0.8
    with pytest.raises(BadInput, match="not looked at more often"):
        ab.compliers(rows.assign(looked=eager), outcome="y", arm="arm", looked="looked", book="rep")


def test_effect_refuses_an_empty_arm_and_strata_without_both() -> None:
    frame = pd.DataFrame({"rep": ["x", "y"], "arm": [1, 0], "y": [1.0, 2.0]})
    with pytest.raises(BadInput, match="both treated and control"):
        ab.effect(frame, outcome="y", arm="arm", book="rep")
    with pytest.raises(BadInput, match="no controls"):
        ab.effect(frame.assign(arm=1), outcome="y", arm="arm")
    with pytest.raises(BadInput, match="no number"):
        ab.effect(frame.assign(y="x"), outcome="y", arm="arm")
