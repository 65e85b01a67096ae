from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models.encoding import Encoding

N = 60


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "spend": np.linspace(0, 10, N),
            "channel": ["web"] * 30 + ["fair"] * 25 + ["rare"] * 5,
            "paid": [True, False] * 30,
            "since": pd.date_range("1970-01-02", periods=N, freq="D"),
            "wait": pd.to_timedelta(np.arange(N) * 12, "h"),
            "code": pd.Categorical(np.arange(N) % 2),
        }
    )


def test_each_kind_of_column_becomes_numbers_by_its_rule() -> None:
    encoding = Encoding.fit(table())
    told = encoding.transform(table())
    assert list(told) == ["spend", "channel=web", "channel=fair", "paid", "since", "wait", "code=0", "code=1"]
    assert (told.dtypes == np.float32).all()
    assert told.loc[3, ["channel=web", "channel=fair", "paid", "since", "wait", "code=1"]].tolist() == [
        1,
        0,
        0,
        4,
        1.5,
        1,
    ]
    assert told.loc[59, ["channel=web", "channel=fair"]].tolist() == [0, 0]  # "rare" is too rare for a flag
    assert encoding.positions("channel") == [1, 2]
    assert encoding.positions("absent") == []


def test_a_value_never_seen_reads_as_any_other_and_an_empty_cell_stays_empty() -> None:
    fresh = table().assign(channel="space", code=pd.Categorical([7] * N))
    fresh.loc[0, "channel"], fresh.loc[1, "spend"], fresh.loc[2, "since"] = None, np.nan, pd.NaT
    told = Encoding.fit(table()).transform(fresh)
    assert told.loc[5, ["channel=web", "channel=fair", "code=0", "code=1"]].tolist() == [0, 0, 0, 0]
    assert told.loc[0, ["channel=web", "channel=fair"]].isna().all()
    assert np.isnan(told.loc[1, "spend"])
    assert np.isnan(told.loc[2, "since"])


def test_columns_that_say_nothing_are_left_out_by_name() -> None:
    odd = table().assign(empty=np.nan, same=3.0, one="x", name=[f"account {i}" for i in range(N)])
    encoding = Encoding.fit(odd)
    assert dict(encoding.left_out) == {
        "empty": "it has no values",
        "same": "it holds one value",
        "one": "it holds one value",
        "name": "no value of it is common",
    }
    assert list(encoding.transform(table())) == list(Encoding.fit(table()).transform(table()))


def test_an_encoding_survives_json() -> None:
    encoding = Encoding.fit(table())
    again = Encoding.from_state(json.loads(json.dumps(encoding.as_state())))
    pd.testing.assert_frame_equal(again.transform(table()), encoding.transform(table()), check_exact=True)


def test_names_that_boosters_refuse_are_spelled_otherwise_and_stay_distinct() -> None:
    odd = pd.DataFrame({"a[1]": np.arange(40.0), "b": ["<10"] * 20 + ["‹10"] * 20})
    names = Encoding.fit(odd).names
    assert len(set(names)) == len(names) == 3
    assert not any(set(name) & set("[]<") for name in names)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda X: X.drop(columns="spend"), "lack 'spend'"),
        (lambda X: X.assign(spend=np.inf), "'spend' hold infinite"),
        (lambda X: X.assign(spend=1e300), "'spend' hold infinite"),
        (lambda X: X.assign(spend="much"), "'spend' held a number"),
        (lambda X: pd.concat([X, X[["paid"]]], axis=1), "'paid' twice"),
        (lambda X: X.to_numpy(), "got a ndarray"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_sentence(change: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Encoding.fit(table()).transform(change(table()))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (pd.DataFrame({"a": [[1], [2]]}), "'a' holds mixed"),
        (pd.DataFrame({"a": [1 + 2j, 3j]}), "'a' holds complex"),
        (pd.DataFrame({0: [1.0, 2.0]}), "rename '0'"),
        (pd.DataFrame(index=[0, 1]), "none: there are none"),
    ],
)
def test_columns_that_no_rule_reads_are_refused(odd: pd.DataFrame, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Encoding.fit(odd)
