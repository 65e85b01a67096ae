"""Algorithm 1, branch by branch, and against a plain re-reading of its text."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.assign.actions import COLUMNS, choose
from copilot.errors import BadInput

NAN = math.nan
BOOST, CHURN, UPSELL = "boost_engagement", "prevent_churn", "promote_upsell"


def _one(
    uplift: float, money: float, engagement: float, weight: float, low: float, high: float, growth: float
) -> pd.DataFrame:
    return pd.DataFrame([(uplift, money, engagement, weight, low, high, growth)], columns=COLUMNS)


@pytest.mark.parametrize(
    ("row", "default", "as_printed"),
    [
        # Money leads: uplift up or down, growth without a touch down, flat, up, unknown.
        ((500, 80, 10, 0.5, -5, 2, -100), CHURN, UPSELL),
        ((500, 80, 10, 0.5, -5, 2, 0), UPSELL, UPSELL),
        ((500, 80, 10, 0.5, -5, 2, 100), UPSELL, UPSELL),
        ((500, 80, 10, 0.5, -5, 2, NAN), UPSELL, UPSELL),
        ((-500, 80, 10, 0.5, -5, 2, -100), None, CHURN),
        ((-500, 80, 10, 0.5, -5, 2, 100), None, CHURN),
        # Engagement leads: the largest fall against the largest rise; equal goes to boost.
        ((500, 10, 80, 0.5, -40, 20, 100), BOOST, BOOST),
        ((500, 10, 80, 0.5, -20, 40, -100), UPSELL, UPSELL),
        ((500, 10, 80, 0.5, -40, 40, 100), BOOST, BOOST),
        ((500, 10, 80, 0.5, -40, -10, 100), BOOST, BOOST),
        ((500, 10, 80, 0.5, 10, 40, 100), UPSELL, UPSELL),
        ((500, 10, 80, 0.5, 40, 40, 100), UPSELL, UPSELL),
        ((-500, 10, 80, 0.5, -40, 20, -100), BOOST, BOOST),
        # A tie goes to engagement; nothing at all means no alert.
        ((500, 50, 50, 0.5, -40, 20, -100), BOOST, BOOST),
        ((500, 30, 10, 0.25, -4, 20, -100), UPSELL, UPSELL),
        ((0, 0, 0, 0.5, 0, 0, 0), None, None),
        ((500, 60, 0, 0, 0, 0, 50), None, None),
        # Missing: no uplift, no engagement, neither, no weight.
        ((NAN, NAN, 1, 1, -3, 1, -100), BOOST, BOOST),
        ((NAN, NAN, 1, 1, -1, 3, -100), UPSELL, UPSELL),
        ((NAN, NAN, 0, 1, 0, 0, -100), None, None),
        ((500, 1, NAN, 0, NAN, NAN, -100), CHURN, UPSELL),
        ((-500, 1, NAN, 0, NAN, NAN, -100), None, CHURN),
        ((0, 0, NAN, 0, NAN, NAN, -100), None, CHURN),
        ((500, 1, 90, 0, NAN, NAN, 100), UPSELL, UPSELL),
        ((NAN, NAN, NAN, NAN, NAN, NAN, NAN), None, None),
        ((500, 51, 50, NAN, -3, 1, -1), CHURN, UPSELL),
        ((500, 50, 51, NAN, -3, 1, -1), BOOST, BOOST),
    ],
)
def test_each_branch_recommends_what_its_text_says(
    row: tuple[float, ...], default: str | None, as_printed: str | None
) -> None:
    assert choose(_one(*row)).tolist() == [default]
    assert choose(_one(*row), rule="as_printed").tolist() == [as_printed]


_size, _signed = st.floats(0, 100), st.floats(-100, 100)


@given(rows=st.lists(st.tuples(_signed, _size, _size, st.floats(0, 1), _signed, _signed, _signed), min_size=1))
@settings(deadline=None, derandomize=True)
def test_many_accounts_at_once_get_what_each_would_get_alone(rows: list[tuple[float, ...]]) -> None:
    def alone(
        uplift: float, money: float, engagement: float, weight: float, a: float, b: float, growth: float
    ) -> str | None:
        fall, rise = max(0.0, -min(a, b)), max(0.0, max(a, b))
        if weight * money <= (1 - weight) * engagement:
            if fall == rise == 0:
                return None
            return BOOST if fall >= rise else UPSELL
        if uplift <= 0:
            return None
        return CHURN if growth < 0 else UPSELL

    frame = pd.DataFrame([(u, m, e, w, min(a, b), max(a, b), g) for u, m, e, w, a, b, g in rows], columns=COLUMNS)
    assert choose(frame).tolist() == [alone(*row) for row in rows]


def test_the_answer_keeps_the_index_and_none_stays_none() -> None:
    frame = pd.concat([_one(500, 80, 10, 0.5, -5, 2, -1), _one(-500, 80, 10, 0.5, -5, 2, -1)])
    frame.index = pd.Index(["A-2", "A-1"])
    action = choose(frame)
    assert action.to_dict() == {"A-2": CHURN, "A-1": None}
    assert action["A-1"] is None


def test_no_accounts_give_no_actions() -> None:
    assert choose(pd.DataFrame(columns=list(COLUMNS))).empty


def test_missing_columns_wrong_weights_and_unknown_rules_are_refused_in_words() -> None:
    frame = _one(500, 80, 10, 0.5, -5, 2, -1)
    with pytest.raises(BadInput, match="missing: weight, growth_usd"):
        choose(frame.drop(columns=["weight", "growth_usd"]))
    with pytest.raises(BadInput, match="between 0 and 1"):
        choose(frame.assign(weight=2.0))
    with pytest.raises(BadInput, match="default, as_printed"):
        choose(frame, rule="newest")  # type: ignore[arg-type]
