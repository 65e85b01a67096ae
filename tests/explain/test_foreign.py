"""A team's own model and a file of contributions are read, and refused in one sentence where they are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from copilot.errors import BadInput
from copilot.explain.attribution import attribute
from copilot.explain.foreign import read_model
from copilot.explain.foreign_scores import read_contributions
from copilot.explain.ubj import decode
from tests.explain.test_attribution import train, world


def write(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_a_saved_model_gives_the_contributions_it_gave_before(tmp_path: Path, ending: str) -> None:
    X, y = world(np.random.default_rng(1))
    booster = train(X, y)
    booster.save_model(tmp_path / f"own.{ending}")
    again = read_model(tmp_path / f"own.{ending}")
    np.testing.assert_array_equal(attribute(again, X).values, attribute(booster, X).values)


def _broken(change: Any) -> Any:
    def make(path: Path) -> None:
        X, y = world(np.random.default_rng(2))
        train(X, y).save_model(path)
        found = json.loads(path.read_text())
        change(found["learner"]["gradient_booster"]["model"]["trees"][0], found["learner"])
        path.write_text(json.dumps(found))

    return make


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("own.pkl", lambda path: path.write_bytes(b"x"), "neither .json nor .ubj"),
        ("own.json", lambda path: None, "no readable model file"),
        ("own.json", lambda path: path.write_text(""), "not a whole XGBoost model"),
        ("own.json", lambda path: path.write_text("[" * 100_000), "not a whole XGBoost model"),
        ("own.json", lambda path: path.write_text('{"learner": 3}'), "not a whole XGBoost model"),
        ("own.ubj", lambda path: path.write_bytes(b"{L\x00\x01broken"), "not a whole XGBoost model"),
        ("own.json", _broken(lambda tree, _: tree["left_children"].__setitem__(0, 9_999)), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["left_children"].__setitem__(1, 0)), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["split_indices"].__setitem__(0, 77)), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["right_children"].pop()), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["tree_param"].update(size_leaf_vector="-1")), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["parents"].__setitem__(1, 2)), "not a whole"),
        ("own.json", _broken(lambda tree, _: tree["categories_nodes"].append(1)), "not a whole"),
        ("own.json", _broken(lambda _, learner: learner["learner_model_param"].update(num_target="-1")), "not a whole"),
        ("own.json", _broken(lambda _, learner: learner["learner_model_param"].update(num_class="9e9")), "not a whole"),
        ("own.json", _broken(lambda _, learner: learner.pop("gradient_booster")), "not a whole"),
        ("own.json", _broken(lambda _, learner: learner.update(feature_names=["a", "a", "b"])), "not a whole"),
    ],
)
def test_a_broken_model_is_refused_in_one_sentence(tmp_path: Path, name: str, make: Any, says: str) -> None:
    make(tmp_path / name)
    with pytest.raises(BadInput, match=says) as caught:
        read_model(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_binary_model_is_read_as_its_json_twin_and_damage_never_reaches_xgboost(tmp_path: Path) -> None:
    X, y = world(np.random.default_rng(2))
    booster, rng = train(X, y, 2), np.random.default_rng(3)
    raw = bytes(booster.save_raw("ubj"))
    decoded = decode(raw)
    assert decoded == json.loads(bytes(booster.save_raw("json")), parse_float=lambda text: float(np.float32(text)))
    path, refused = tmp_path / "own.ubj", 0
    for cut in (1, 50, len(raw) - 1):
        with pytest.raises(ValueError, match="cut off"):
            decode(raw[:cut])
    for _ in range(60):
        damaged = bytearray(raw)
        for place in rng.integers(0, len(raw), 3):
            damaged[place] = int(rng.integers(256))
        path.write_bytes(damaged)
        try:
            read_model(path)
        except BadInput:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    "raw", [b"", b"q", b"[" * 5_000, b"TT", b"[$d#L" + b"\x7f" * 8, b"SL" + b"\xff" * 8, b"[#L" + b"\x7f" * 8, b"Sd"]
)
def test_hostile_binary_is_refused_before_memory_is_taken(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(raw)


@pytest.mark.parametrize("how", [{"booster": "dart"}, {"booster": "gblinear"}, {"num_parallel_tree": 2}])
def test_other_whole_boosters_are_read_too(tmp_path: Path, how: dict[str, Any]) -> None:
    X, y = world(np.random.default_rng(5))
    booster = xgb.train({"nthread": 1, **how}, xgb.DMatrix(X.fillna(0), y), 3)
    for ending in ("json", "ubj"):
        booster.save_model(tmp_path / f"own.{ending}")
        again = read_model(tmp_path / f"own.{ending}")
        np.testing.assert_array_equal(
            again.predict(xgb.DMatrix(X.fillna(0))), booster.predict(xgb.DMatrix(X.fillna(0)))
        )


def test_a_model_with_categories_is_read(tmp_path: Path) -> None:
    kind = pd.Series(np.random.default_rng(6).choice(list("abcdefgh"), 300), dtype="category")
    X = pd.DataFrame({"kind": kind})
    how = {"nthread": 1, "max_cat_to_onehot": 1}
    booster = xgb.train(how, xgb.DMatrix(X, kind.isin(["a", "d", "g"]), enable_categorical=True), 3)
    booster.save_model(tmp_path / "own.ubj")
    rows = xgb.DMatrix(X, enable_categorical=True)
    np.testing.assert_array_equal(read_model(tmp_path / "own.ubj").predict(rows), booster.predict(rows))


def test_an_untrained_model_is_refused(tmp_path: Path) -> None:
    xgb.train({"nthread": 1}, xgb.DMatrix(np.zeros((3, 2)), np.zeros(3)), 0).save_model(tmp_path / "own.json")
    with pytest.raises(BadInput, match="has not been trained"):
        read_model(tmp_path / "own.json")


LONG = """account_id,feature,contribution,value,score
A1,seats,2,40,7.5
A1,usage,0.5,11,7.5
A2,seats,-1,3,4
A2,bias,5,,4
A1,bias,5,,7.5
"""


def test_the_long_layout_is_read_a_feature_not_listed_counts_zero(tmp_path: Path) -> None:
    found = read_contributions(write(tmp_path, LONG), accounts=["A1", "A2", "A3"], features=["seats", "usage"])
    assert found.accounts.tolist() == ["A1", "A2"]
    assert found.attribution.features == ("seats", "usage")
    assert found.attribution.values.tolist() == [[2, 0.5], [-1, 0]]
    assert found.attribution.bias.tolist() == [5, 5]
    assert found.scores.tolist() == [7.5, 4]
    assert found.values.to_numpy()[0].tolist() == [40, 11]
    assert np.isnan(found.values.loc["A2", "usage"])
    assert found.attribution.fidelity.measure == "local accuracy"


def test_the_wide_layout_is_read_and_a_bias_left_out_is_what_all_scores_share(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffaccount_id, seats,usage,score\nA1,2,0.5,7.5\nA2,-1,0,4\n")
    found = read_contributions(path)
    assert found.attribution.bias.tolist() == [5, 5]
    assert "no bias" in found.attribution.notes[0]


def test_without_scores_nothing_is_claimed_to_be_checked(tmp_path: Path) -> None:
    found = read_contributions(write(tmp_path, "account_id,seats\nA1,2\n"))
    assert found.attribution.fidelity.measure == "not checked"
    assert np.isnan(found.attribution.fidelity.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a UTF-8 CSV"),
        ("account_id,seats\n", "needs lines"),
        ("id,seats\nA1,2\n", "needs lines, and the columns account_id"),
        ("account_id,seats\nA1,2,3\n", "more cells than its heading"),
        ("account_id,seats\nA1,2\nA1,3\n", "Line 3 repeats the account 'A1'"),
        ("account_id,seats,seats\nA1,2,3\n", "'seats' stands twice"),
        ("account_id,seats\nA1,\n", "Line 2 holds '' as 'seats'"),
        ("account_id,seats\nA1,inf\n", "Line 2 holds 'inf'"),
        ("account_id,seats\nA1,nan\n", "Line 2 holds 'nan'"),
        ("account_id,seats\n ,2\n", "Line 2 names no account"),
        ("account_id,score\nA1,2\n", "no feature's contributions"),
        ("account_id,seats\nA9,2\n", "account 'A9', which the book does not have"),
        ("account_id,shoes\nA1,2\n", "feature 'shoes', which the book does not have"),
        ("account_id,seats,bias,score\nA1,2,1,3\nA2,2,1,9\n", "account 'A2' sum to 3 but its score is 9"),
        ("account_id,seats,score\nA1,2,3\nA2,2,9\n", "account 'A1' sum to 6 but its score is 3"),
        ("account_id,feature,contribution\nA1,seats,1\nA1,seats,2\n", "Line 3 repeats 'seats' of account 'A1'"),
        ("account_id,feature,contribution\nA1,,1\n", "Line 2 names no feature"),
        ("account_id,feature,contribution,score\nA1,seats,1,2\nA1,usage,1,3\n", "'A1' has several scores"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence_that_names_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        read_contributions(write(tmp_path, text), accounts=["A1", "A2"], features=["seats", "usage"])
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes("account_id,größe\nA1,2\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        read_contributions(path)
    with pytest.raises(BadInput, match="no readable file"):
        read_contributions(tmp_path / "none.csv")


def test_a_foreign_models_own_contributions_pass_the_check(tmp_path: Path) -> None:
    X, y = world(np.random.default_rng(3))
    booster = train(X, y)
    told = booster.predict(xgb.DMatrix(X), pred_contribs=True)
    table = pd.DataFrame(told, columns=[*X.columns, "bias"]).assign(score=booster.predict(xgb.DMatrix(X)))
    table.insert(0, "account_id", [f"A{k}" for k in range(len(X))])
    table.to_csv(tmp_path / "own.csv", index=False)
    found = read_contributions(tmp_path / "own.csv")
    np.testing.assert_allclose(found.attribution.values, attribute(booster, X).values, atol=1e-5)
