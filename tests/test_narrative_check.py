"""The checker of evals reads what is right, and finds each kind of fault that is planted."""

import numpy as np
import pandas as pd
import pytest

from copilot.data.features import FeatureSpec
from evals.narrative_check import Mart, UnsupportedError, check, faults, sentences
from evals.narrative_faults import elsewhere


def spec(name: str, **more: object) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", "events", **({"label": name.partition("_")[0]} | more))  # type: ignore[arg-type]


SPECS = [
    spec("logins_l3m", window=3, direction="higher is better"),
    spec("logins_l6m_l3m", window=3, lag=3),
    spec("logins_sales_l3m", window=3, where="team = 'Sales'", label="logins, team Sales"),
    spec("adoption_l1m", window=1, unit="percent"),
    spec("adoption_l2m_l1m", window=1, lag=1, unit="percent"),
    spec("growth_yoy", window=12, transform="yoy", unit="percent"),
    FeatureSpec("seats", "contracts", "quantity", label="seats"),
    FeatureSpec("spend", "contracts", "annual_usd", unit="usd", label="spend"),
    spec("emea", unit="flag", label="region EMEA"),
    spec("retention_l3m", window=3, unit="pct", aggregate="mean"),
    spec("retention_l3m_yoy", window=3, unit="percent", aggregate="mean", transform="yoy", label="retention in a year"),
]
VALUES = pd.DataFrame(
    [
        [150, 100, 40, 0.30, 0.42, 0.25, 12, 2500, 1, 55, 0.375],
        [10, 0, 0, 0.1, 0.1, -0.5, 3, 99.5, 0, 80, 3],
        [10, 10, 0, 0.1, 0.1, 3, 3, 99.5, 0, 80, 3],
    ],
    index=["a", "b", "c"],
    columns=[one.name for one in SPECS],
    dtype=float,
)
SHARES = pd.DataFrame(0.0, VALUES.index, VALUES.columns).assign(
    logins_l3m=-0.5, logins_l6m_l3m=0.2, seats=-0.1, retention_l3m_yoy=0.3
)
OUTLOOKS = {("logins_l3m", "it thrives"): 1, ("logins_l3m", "it fades"): -1, ("seats", "it settles"): 1}
MART = Mart(SPECS, VALUES, pd.Series("Small", VALUES.index), {"churn": SHARES}, OUTLOOKS)
YEAR = "the last 3 months against a year before"
OVER = "the last 3 months against the 3 months before"

RIGHT = [
    ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER} (points away from churn); it could mean that it thrives."),
    ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}, of them 40 in Sales (team)."),
    ("b", f"Logins: new, from 0 to 10, {OVER}."),
    ("a", "Adoption fell from 42 % to 30 % (down 12.0 points), the last month against the month before."),
    ("a", "Growth, the last 12 months: up 25 %."),
    ("c", "Growth, the last 12 months: up 300 % or more."),
    ("a", f"Retention rose from 40 % to 55 % (up 15.0 points), {YEAR} (points to churn)."),
    ("a", "Seats: 12 for $2,500 a year (points away from churn)."),
    ("b", "Spend: $99.50."),
    ("a", "It belongs to region EMEA."),
    ("a", "Logins over the last 3 months: 150, highest of the 3 in segment Small."),
]
PLANTED = {
    "another number": ("a", f"Logins rose from 100 to 151 (up 50 %), {OVER}."),
    "another change": ("a", f"Logins rose from 100 to 150 (up 33.3 %), {OVER}."),
    "wrong direction": ("a", f"Logins fell from 100 to 150, {OVER}."),
    "swapped sides": ("a", f"Logins fell from 150 to 100 (down 33.3 %), {OVER}."),
    "up for down": ("a", "Adoption fell from 42 % to 30 % (up 12.0 points), the last month against the month before."),
    "percent for points": (
        "a",
        "Adoption fell from 42 % to 30 % (down 28.6 %), the last month against the month before.",
    ),
    "share of nothing": ("b", f"Logins: new, from 0 to 10 (up 100 %), {OVER}."),
    "rose, though new": ("b", f"Logins rose from 0 to 10, {OVER}."),
    "another window": ("a", "Logins rose from 100 to 150 (up 50 %), the last month against the month before."),
    "no window": ("a", "Logins: 150."),
    "another unit": ("a", "Seats: $12 for $2,500 a year."),
    "no unit": ("a", "Spend: 2,500."),
    "wrong plural": (
        "a",
        "Adoption fell from 42 % to 30 % (down 12.0 point), the last month against the month before.",
    ),
    "another price": ("a", "Seats: 12 for $2,600 a year."),
    "another group's count": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}, of them 41 in Sales (team)."),
    "a group that is not": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}, of them 40 in Legal (team)."),
    "pushes the other way": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER} (points to churn)."),
    "another model": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER} (points to growth)."),
    "the other meaning": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}; it could mean that it fades."),
    "a meaning of its own": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}; it could mean that all is well."),
    "another family's meaning": (
        "a",
        f"Logins rose from 100 to 150 (up 50 %), {OVER} (points away from churn); it could mean that it settles.",
    ),
    "a meaning without a push": ("a", f"Logins rose from 100 to 150 (up 50 %), {OVER}; it could mean that it thrives."),
    "comma moved": ("a", "Seats: 12 for $2,50,0 a year."),
    "held back, not told": ("c", "Growth, the last 12 months: up 300 %."),
    "a year before in percent": ("a", f"Retention rose from 40 % to 55 % (up 37.5 %), {YEAR}."),
    "another year before": ("a", f"Retention rose from 41 % to 55 % (up 14.0 points), {YEAR}."),
    "turned against a year before": ("a", f"Retention fell from 40 % to 55 % (down 15.0 points), {YEAR}."),
    "a year before that was held back": ("b", f"Retention rose from 20 % to 80 % (up 60.0 points), {YEAR}."),
    "pushes otherwise in a year": (
        "a",
        f"Retention rose from 40 % to 55 % (up 15.0 points), {YEAR} (points away from churn).",
    ),
    "another place": ("a", "Logins over the last 3 months: 150, second highest of the 3 in segment Small."),
    "lowest for highest": ("a", "Logins over the last 3 months: 150, lowest of the 3 in segment Small."),
    "other peers": ("a", "Logins over the last 3 months: 150, highest of the 20 in segment Small."),
    "another segment": ("a", "Logins over the last 3 months: 150, highest of the 3 in segment Large."),
    "another account": ("b", "Seats: 12 for $2,500 a year."),
    "not a member": ("b", "It belongs to region EMEA."),
    "turned year on year": ("b", "Growth, the last 12 months: up 50 %."),
    "or more": ("a", "Growth, the last 12 months: up 25 % or more."),
    "an unknown feature": ("a", "Weather over the last 3 months: 150."),
    "free text": ("a", "Logins are great and rising."),
    "a sentence added": ("a", "Seats: 12 for $2,500 a year and 13 next week."),
}


@pytest.mark.parametrize(("account", "sentence"), RIGHT)
def test_a_sentence_that_the_mart_bears_out_passes(account: str, sentence: str) -> None:
    check(sentence, account, "churn", MART)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    account, sentence = PLANTED[fault]
    with pytest.raises(UnsupportedError):
        check(sentence, account, "churn", MART)


def test_each_sentence_of_a_narrative_is_checked_its_heading_and_that_its_family_is_told_once() -> None:
    text = "Seats: 12 for $2,500 a year. Spend: $2,600. It belongs to region EMEA. Seats: 12 for $2,500 a year."
    assert len(sentences(text)) == 4
    frame = pd.DataFrame({"account_id": ["a"], "about": ["churn"], "category": [""], "text": [text]})
    assert list(faults(frame, MART)) == [
        ("Spend: $2,600.", "'$2,600' is not 2500"),
        ("Seats: 12 for $2,500 a year.", "a second narrative of its family"),
    ]
    assert next(fault for _, fault in faults(frame.assign(category="Usage"), MART)) == "stands under Usage, not "


def test_a_sentence_that_is_true_of_both_accounts_is_not_planted_as_told_of_another() -> None:
    row = {"account_id": "b", "about": "churn", "category": "", "text": "Spend: $99.50."}
    told = elsewhere([row] * 60, MART, np.random.default_rng(0))
    assert {one["account_id"] for one in told} == {"a"}  # b and c spend the same
    assert 10 < len(told) < 30  # a third of the draws
    assert len(list(faults(pd.DataFrame(told[:1]), MART))) == 1
