"""Coarsened exact matching against published numbers, hand-computed weights and another implementation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import cem
from tests.conftest import real

LALONDE = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]


@pytest.fixture(scope="module")
def lalonde() -> pd.DataFrame:
    return pd.read_csv(real("lalonde_matchit") / "lalonde.csv")


def hand() -> pd.DataFrame:
    """Stratum a: 2 treated, 1 control; b: 1 treated, 3 controls; c: a treated one alone; d: a control alone."""
    return pd.DataFrame(
        {
            "kind": list("aaabbbbcd"),
            "treated": [1, 1, 0, 1, 0, 0, 0, 1, 0],
            "y": [5.0, 7.0, 4.0, 10.0, 1.0, 2.0, 3.0, 99.0, -99.0],
        },
        index=range(100, 109),
    )


def confounded(n: int, seed: int = 3) -> pd.DataFrame:
    """Large accounts are treated more often and renew more; the effect is 2 for everybody."""
    rng = np.random.default_rng(seed)
    size, rep = rng.normal(size=n), rng.integers(0, 40, n)
    treated = rng.random(n) < 1 / (1 + np.exp(-1.5 * size))
    y = 3 * size + 2 * treated + rng.normal(size=40)[rep] * 0.3 + rng.normal(size=n) + 10
    return pd.DataFrame({"size": size, "rep": rep, "treated": treated, "y": y})


def test_matches_lalonde_as_matchit_does(lalonde: pd.DataFrame) -> None:
    match = cem.match(lalonde, "treat", LALONDE)
    assert match.matched == {"treated": 65, "control": 75}
    assert match.total == {"treated": 185, "control": 429}
    assert float(match.att("re78")) == pytest.approx(1070.907, abs=5e-4)
    assert match.coverage == pytest.approx(65 / 185)
    assert match.l1_after < match.l1_before


def test_finds_the_effect_of_the_randomised_nsw_without_matching_anything() -> None:
    nsw = pd.read_csv(real("nsw_dw_cps") / "nsw_mixtape.csv").assign(all="everybody")
    match = cem.match(nsw, "treat", ["all"])
    assert match.matched == {"treated": 185, "control": 260}
    assert float(match.att("re78")) == pytest.approx(1794.342, abs=5e-4)


def test_weights_are_those_of_the_paper_computed_by_hand() -> None:
    match = cem.match(hand(), "treated", ["kind"])
    # Matched: 3 treated, 4 controls. Controls weigh (4 / 3) * (2 / 1) in a and (4 / 3) * (1 / 3) in b.
    assert match.matched == {"treated": 3, "control": 4}
    assert list(match.weights.index) == list(range(100, 109))
    expected = [1, 1, 8 / 3, 1, 4 / 9, 4 / 9, 4 / 9, 0, 0]
    np.testing.assert_allclose(match.weights, expected)
    # Difference of weighted means: (5 + 7 + 10) / 3 - (2 * 4 + 2) / 3.
    assert float(match.att("y")) == pytest.approx(22 / 3 - 10 / 3)
    assert list(match.strata < 0) == [False] * 7 + [True] * 2
    # Before: half the absolute differences of (2, 1, 1, 0)/4 and (1, 3, 0, 1)/5; after: none is left.
    assert match.l1_before == pytest.approx((0.3 + 0.35 + 0.25 + 0.2) / 2)
    assert match.l1_after == pytest.approx(0, abs=1e-12)


def test_error_agrees_with_weighted_least_squares_of_statsmodels() -> None:
    import statsmodels.api as statsmodels

    frame = confounded(600)
    match = cem.match(frame, "treated", ["size"])
    kept = match.weights > 0
    design = np.column_stack([np.ones(kept.sum()), frame.loc[kept, "treated"], frame.loc[kept, "size"]]).astype(float)
    model = statsmodels.WLS(frame.loc[kept, "y"].to_numpy(), design, weights=match.weights[kept].to_numpy())
    plain, clustered = (
        model.fit(cov_type="HC1"),
        model.fit(cov_type="cluster", cov_kwds={"groups": frame.loc[kept, "rep"].to_numpy()}),
    )
    ours = match.att("y", covariates=["size"])
    assert float(ours) == pytest.approx(plain.params[1], rel=1e-9)
    assert ours.se == pytest.approx(plain.bse[1], rel=1e-9)
    assert match.att("y", covariates=["size"], cluster="rep").se == pytest.approx(clustered.bse[1], rel=1e-9)


def test_recovers_a_known_effect_that_the_naive_difference_misses() -> None:
    frame = confounded(4000)
    naive = frame.groupby("treated")["y"].mean().diff().iloc[-1]
    effect = cem.match_to_coverage(frame, "treated", ["size"]).att("y", covariates=["size"], cluster="rep")
    assert naive > 4
    assert effect.low < 2 < effect.high
    assert effect.high - effect.low < 0.5


def test_relative_effect_is_att_over_what_would_have_been_and_its_limits_match_the_bootstrap() -> None:
    frame = confounded(1500)
    match = cem.match(frame, "treated", ["size"])
    found = match.rte("y")
    effect = float(match.att("y"))
    level = frame.loc[(match.weights > 0) & frame["treated"], "y"].mean()
    assert found.value == pytest.approx(effect / (level - effect))
    rng = np.random.default_rng(0)
    kept = np.flatnonzero(match.weights > 0)
    y, arm, weight = (column.to_numpy()[kept] for column in (frame["y"], frame["treated"].astype(bool), match.weights))
    drawn = []
    for _ in range(400):
        pick = rng.integers(0, len(kept), len(kept))
        one, other = (np.average(y[pick][side], weights=weight[pick][side]) for side in (arm[pick], ~arm[pick]))
        drawn.append(one / other - 1)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(np.std(drawn), rel=0.2)


def test_given_cutpoints_are_right_closed_with_the_lowest_included() -> None:
    frame = pd.DataFrame({"x": [0, 10, 11, 20, 21, 5], "treated": [1, 0, 1, 0, 1, 0]})
    strata = cem.match(frame, "treated", ["x"], cutpoints={"x": [0, 10, 20]}).strata
    assert strata[0] == strata[1] == strata[5]
    assert strata[2] == strata[3]
    assert strata[4] == -1


def test_categories_can_be_drawn_together() -> None:
    frame = pd.DataFrame({"plan": ["basic", "pro", "enterprise", "trial"], "treated": [1, 0, 1, 0], "y": [3, 1, 9, 9]})
    with pytest.raises(BadInput, match="like it"):
        cem.match(frame, "treated", ["plan"])
    match = cem.match(frame, "treated", ["plan"], cutpoints={"plan": [["basic", "pro"], ["enterprise"]]})
    assert match.matched == {"treated": 1, "control": 1}
    assert float(match.att("y")) == pytest.approx(2)


def test_coarsens_until_the_coverage_is_reached_and_leaves_given_cutpoints_alone(lalonde: pd.DataFrame) -> None:
    fine = cem.match(lalonde, "treat", LALONDE)
    match = cem.match_to_coverage(lalonde, "treat", LALONDE, coverage=0.8, cutpoints={"age": [17, 25, 35, 60]})
    assert fine.coverage < 0.8 <= match.coverage
    assert match.bins["age"] is None
    assert set(match.imbalance.index) == {"scott", "matching", "fine"}
    assert match.imbalance.loc["matching", "after"] == pytest.approx(0, abs=1e-9)
    assert match.imbalance.loc["fine", "before"] == pytest.approx(fine.imbalance.loc["fine", "before"])


def test_missing_values_are_matched_with_missing_values() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.0, np.nan, np.nan, 9.0, 9.0], "treated": [1, 0, 1, 0, 1, 0]})
    match = cem.match(frame, "treated", ["x"])
    assert match.matched == {"treated": 3, "control": 3}
    assert match.strata.nunique() == 3


def test_treatment_may_be_words_booleans_or_whole_floats() -> None:
    expected = cem.match(hand(), "treated", ["kind"]).weights
    for told in ({1: "treated", 0: "control"}, {1: True, 0: False}, {1: 1.0, 0: 0.0}, {1: "Yes", 0: "No"}):
        frame = hand().assign(treated=hand()["treated"].map(told))
        pd.testing.assert_series_equal(cem.match(frame, "treated", ["kind"]).weights, expected)


@pytest.mark.parametrize(
    ("change", "covariates", "says"),
    [
        ({"treated": 1}, ["kind"], "no controls"),
        ({"treated": 0}, ["kind"], "Nothing is treated"),
        ({"kind": None}, ["kind"], "missing in every row"),
        ({"treated": 2}, ["kind"], "holds 2"),
        ({"treated": None}, ["kind"], "missing in 9 rows"),
        ({}, ["size"], "no column size"),
        ({}, [], "at least one covariate"),
        ({"x": np.inf}, ["x"], "infinite"),
        ({}, ["treated"], "cannot be matched on"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change: dict[str, object], covariates: list[str], says: str) -> None:
    with pytest.raises(BadInput, match=says) as told:
        cem.match(hand().assign(**change), "treated", covariates)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)


def test_bad_cutpoints_and_outcomes_are_refused_in_one_sentence() -> None:
    frame = hand().assign(x=range(9))
    for cutpoints, says in (
        ({"z": 3}, "not matched on"),
        ({"x": 0}, "0 bins"),
        ({"x": ["a"]}, "list of finite numbers"),
        ({"kind": 3}, "holds categories"),
    ):
        with pytest.raises(BadInput, match=says):
            cem.match(frame, "treated", ["x", "kind"], cutpoints=cutpoints)
    match = cem.match(frame, "treated", ["kind"])
    with pytest.raises(BadInput, match="no column revenue"):
        match.att("revenue")
    with pytest.raises(BadInput, match="no number"):
        match.att("kind")
    with pytest.raises(BadInput, match="one cluster"):
        cem.match(frame.assign(rep="ana"), "treated", ["kind"]).att("y", cluster="rep")
    with pytest.raises(BadInput, match="share"):
        cem.match_to_coverage(frame, "treated", ["kind"], coverage=80)
