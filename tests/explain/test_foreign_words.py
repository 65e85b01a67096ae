"""A team's own model gets our narratives: its values, its windows, its pushes; what is not known is not told."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from copilot.errors import BadInput
from copilot.explain.attribution import attribute
from copilot.explain.export import export
from copilot.explain.foreign_words import narrate, numbers, read_table
from copilot.explain.record import Attribution, local_accuracy
from tests.conftest import Run

NAMES = ("login_cnt_l3m", "login_cnt_l6m_l3m", "login_avg_l3m", "客户")
GROUPS = pd.DataFrame(
    {
        "feature_name": NAMES,
        "super_name": ["logins", "logins", "logins", "city"],
        "ultra_name": ["logins", "logins", "logins", "city"],
        "category": ["Usage", "Usage", "Usage", ""],
        "meaning": ["", "", "", "=city of the customer"],
    }
)


def given(*rows: list[float]) -> Attribution:
    values = np.array(rows, float)
    sums = values.sum(axis=1)
    fidelity = local_accuracy(sums, sums, tolerance=0, what="contributions")
    return Attribution("foreign", values, np.zeros(len(values)), NAMES, "outcome", fidelity)


def told(values: list[list[float]], *rows: list[float], about: str = "score") -> list[tuple[str, float, str]]:
    table = pd.DataFrame(values, columns=list(NAMES))
    accounts = [f"A{k}" for k in range(len(values))]
    found = narrate(given(*rows), accounts, table, groups=GROUPS, about=about)
    return list(found[["account_id", "weight", "text"]].itertuples(index=False, name=None))


def test_a_window_is_told_against_the_one_before_it_of_the_same_stem_alone() -> None:
    found = told([[12.0, 8.0, 7.5, 2.5]], [3.0, -1.0, 0.5, 0.0], about="churn")
    change = "Logins rose from 8 to 12 (up 50 %), the last 3 months against the 3 months before (points to churn)."
    assert found == [("A0", 3.0, change)]
    alone = told([[12.0, 8.0, 7.5, 2.5]], [0.5, 0.0, -3.0, 0.0], about="churn")
    assert alone == [("A0", -3.0, "Logins over the last 3 months: 7.500 (points away from churn).")]


def test_what_is_not_known_is_neither_a_value_nor_a_change() -> None:
    gap = np.nan
    assert told([[gap, 8.0, 1.0, 1.0]], [3.0, 0.0, 0.0, 0.0]) == [("A0", 3.0, "Logins (raises it).")]
    assert told([[12.0, gap, 1.0, 1.0]], [3.0, 0.0, 0.0, 0.0]) == [
        ("A0", 3.0, "Logins over the last 3 months: 12 (raises it).")
    ]
    assert told([[gap, gap, gap, gap]], [0.0, 0.0, 0.0, -2.0]) == [("A0", -2.0, "=city of the customer (lowers it).")]


def test_each_account_has_its_own_reasons_one_a_family() -> None:
    found = told([[1.0, 1.0, 1.0, 4.0]] * 2, [5.0, 0.0, 4.0, 2.0], [0.0, 0.0, 0.0, 1.0])
    assert [(account, weight) for account, weight, _ in found] == [("A0", 5.0), ("A1", 1.0)]  # 2 is below the average


def test_groups_that_lack_a_feature_are_refused() -> None:
    with pytest.raises(BadInput, match="lack the feature '客户'"):
        narrate(given([1.0] * 4), ["A0"], pd.DataFrame([[1.0] * 4]), groups=GROUPS.head(3))
    with pytest.raises(BadInput, match="lack the column meaning"):
        narrate(given([1.0] * 4), ["A0"], pd.DataFrame([[1.0] * 4]), groups=GROUPS.drop(columns="meaning"))
    with pytest.raises(BadInput, match="one id and one value"):
        narrate(given([1.0] * 4), ["A0", "A1"], pd.DataFrame([[1.0] * 4]), groups=GROUPS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("account_id,a\nA1,1\nA1,2\n", "line 3 has 'A1' once more"),
        ("account_id,a\n ,1\n", "line 2 names none"),
        ("id,a\nA1,1\n", "no column account_id"),
        ("", "not a UTF-8 CSV"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        read_table(tmp_path / "rows.csv", "account_id")


@pytest.mark.parametrize("cell", ["1,000", "inf", "many", "1e999"])
def test_cells_that_are_no_finite_numbers_are_refused(cell: str) -> None:
    with pytest.raises(BadInput, match=r"'a' holds .* in line 3"):
        numbers(pd.DataFrame({"a": ["1.5", cell]}))
    assert numbers(pd.DataFrame({"a": ["1.5", " "]}))["a"].isna().tolist() == [False, True]


def test_the_command_words_a_model_and_its_exported_contributions_alike(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.poisson(20, (40, 4)), columns=list(NAMES)).astype(float)
    booster = xgb.train({"max_depth": 2, "nthread": 1}, xgb.DMatrix(X, X["login_cnt_l3m"] - X["客户"]), 8)
    booster.save_model(tmp_path / "model.json")
    accounts = ["=A0", *(f"A{k}" for k in range(1, 40))]
    X.assign(account_id=accounts).to_csv(tmp_path / "rows.csv", index=False)
    export(attribute(booster, X), accounts, tmp_path / "shares.csv")
    GROUPS.to_csv(tmp_path / "groups.csv", index=False)
    more = ("--groups", tmp_path / "groups.csv", "--out", tmp_path / "out.csv")
    code, out, err = run("narrate", "--model", tmp_path / "model.json", "--rows", tmp_path / "rows.csv", *more)
    assert (code, err) == (0, "")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        ours = list(csv.DictReader(file))
    assert {row["account_id"] for row in ours} <= {"'=A0", *accounts[1:]}
    assert any("against the 3 months before" in row["text"] for row in ours)
    assert f"Reasons: {len(ours)}, of accounts: 40 (local accuracy 1)" in out
    assert run("narrate", "--contributions", tmp_path / "shares.csv", *more)[0] == 0
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        theirs = list(csv.DictReader(file))
    first = [row for row in ours if row["rank"] == "1"]
    strongest = {row["account_id"]: row["ultra_name"] for row in theirs if row["rank"] == "1"}
    assert all(strongest[row["account_id"]] == row["ultra_name"] for row in first)
    assert not any(char.isdigit() for row in theirs for char in row["text"].replace("3 months", ""))


def test_the_command_says_what_it_needs(run: Run, tmp_path: Path) -> None:
    code, _, err = run("narrate", "--out", tmp_path / "out.csv")
    assert (code, err) == (2, "Give --contributions FILE, or --model FILE with --rows FILE.\n")
    code, _, err = run("narrate", "--contributions", tmp_path / "none.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert "no readable file 'none.csv'" in err
