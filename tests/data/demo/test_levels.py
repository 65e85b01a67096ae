"""The best forecast of each label stands where the papers' models stand, on the very rows the label mart makes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.data import labels
from evals.bench.demo import auc, levels
from tests.data.demo.conftest import Simulated


@pytest.fixture(scope="module")
def found(simulated: Simulated) -> dict[str, float]:
    return levels(simulated.book, simulated.truth)


# Each band is the issue's, widened by two standard errors of 5 000 accounts.
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("f_pu MAE", 7.0, 8.0),
        ("f_pu RMSE", 9.8, 11.8),
        ("f_pa MAE", 0.19, 0.22),
        ("f_pa RMSE", 0.25, 0.31),
        ("APS AUC", 0.59, 0.70),
        ("UPS renewal AUC", 0.80, 0.86),
        ("UPS renewal top-decile lift", 2.5, 3.5),
        ("UPS add-on AUC", 0.79, 0.87),
        ("touch AUC", 0.66, 0.70),
        ("persuadable", 0.25, 0.31),
        ("sure things", 0.24, 0.30),
        ("lost causes", 0.22, 0.28),
        ("sleeping dogs", 0.02, 0.06),
    ],
)
def test_the_oracle_stands_at_the_papers_level(found: dict[str, float], name: str, low: float, high: float) -> None:
    assert low <= found[name] <= high


def test_there_is_something_to_gain_over_the_last_value(found: dict[str, float]) -> None:
    assert 0.10 < found["f_pu skill"] < 0.20
    assert 0.2 < found["f_pa skill"] < 0.4


def calibration(label: pd.Series, chance: pd.Series) -> pd.DataFrame:
    fifth = pd.qcut(chance.rank(method="first"), 5, labels=False)
    return pd.DataFrame({"label": label, "chance": chance}).groupby(fifth).mean()


def test_the_chances_of_settled_new_business_and_add_ons_come_true(simulated: Simulated) -> None:
    aps = labels.aps(simulated.book).frame.merge(simulated.truth["aps"], on="opportunity_id")
    aps = aps[aps["settled"]]
    rows = calibration(aps["label"], aps["chance"])
    np.testing.assert_allclose(rows["label"], rows["chance"], atol=0.1)
    sold = labels.ups(simulated.book, case="add_on").frame
    sold = sold.merge(simulated.truth["ups_add_on"], on=["opportunity_id", "product"])
    sold = sold[sold["settled"]]
    rows = calibration(sold["label"], sold["chance"])
    np.testing.assert_allclose(rows["label"], rows["chance"], atol=0.07)


def test_the_chance_that_a_renewal_brings_more_of_a_product_comes_true(simulated: Simulated) -> None:
    key = ["account_id", "product", "as_of"]
    rows = labels.ups(simulated.book, case="renewal").frame.merge(simulated.truth["ups_renewal"], on=key, how="left")
    not_due = rows["chance"].isna()
    assert 0 < not_due.mean() < 0.05
    assert (rows["label"][not_due] == 0).all()
    due = calibration(rows["label"][~not_due], rows["chance"][~not_due])
    np.testing.assert_allclose(due["label"], due["chance"], atol=0.02)


def test_every_settled_label_is_known_whatever_came_of_it(simulated: Simulated) -> None:
    deals = simulated.draft.tables["opportunities"].set_index("opportunity_id")
    for case, known in (
        ("aps", labels.aps(simulated.book).frame),
        ("ups_add_on", labels.ups(simulated.book, case="add_on").frame),
    ):
        truth = simulated.truth[case].set_index("opportunity_id")
        settled = truth.index[truth["settled"]]
        assert len(settled) > 800
        assert set(settled) <= set(known["opportunity_id"])
        assert deals.loc[settled, "status"].isin(["won", "lost"]).all()


def test_no_forecast_near_the_oracles_is_better(simulated: Simulated) -> None:
    keys = ["account_id", "product", "month"]
    targets = labels.engagement_targets(simulated.book).frame
    rows = targets.merge(simulated.truth["engagement"], on=keys, suffixes=("", "_best"))
    assert len(rows) == len(targets)
    for column, shift, top in (("utilization_pct", 3.0, 100.0), ("adoption", 0.05, 1.0)):
        best = (rows[column] - rows[f"{column}_best"]).abs().mean()
        for moved in (
            rows[f"{column}_best"] + shift,
            rows[f"{column}_best"] - shift,
            top / 2 + 0.8 * (rows[f"{column}_best"] - top / 2),
            top / 2 + 1.2 * (rows[f"{column}_best"] - top / 2),
        ):
            assert (rows[column] - moved.clip(0, top)).abs().mean() > best


def test_the_markets_fall_and_the_turn_of_the_third_year_show_in_the_renewals(simulated: Simulated) -> None:
    """In the shock EMEA shrinks more than before it; from July 2025 on use tells less of a renewal than it did."""
    past = simulated.truth["renewals"]
    past = past[~past["upcoming"] & (past["chain"] == "main")]
    region = simulated.draft.tables["accounts"].set_index("account_id")["region"].reindex(past["account_id"]).to_numpy()
    fell = past["churn0"] & (region == "EMEA")
    shock = past["rtcd"].between("2025-01-01", "2025-06-30")
    rest = past["rtcd"] < "2025-01-01"
    emea = region == "EMEA"
    other = (region == "APAC") | (region == "LATAM")
    deeper = fell[shock & emea].mean() - fell[rest & emea].mean()
    assert deeper - (past["churn0"][shock & other].mean() - past["churn0"][rest & other].mean()) > 0.02
    usage = simulated.draft.tables["usage_monthly"].groupby(["account_id", "event_ts"])["utilization_pct"].mean()
    month = (past["rtcd"] - pd.Timedelta(days=60)).dt.to_period("M").dt.to_timestamp() - pd.DateOffset(months=1)
    used = usage.reindex(pd.MultiIndex.from_arrays([past["account_id"], month])).reset_index(drop=True)
    grew, late = past["up0"].reset_index(drop=True), (past["rtcd"] >= "2025-07-01").reset_index(drop=True)
    assert auc(grew[~late], used[~late]) - auc(grew[late], used[late]) > 0.05
