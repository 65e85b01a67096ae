from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.data.features import FeatureSpec
from copilot.errors import BadInput
from copilot.explain.insights import insights
from copilot.explain.thresholds import Threshold, Thresholds, ordinary_change, rules

SPECS = [
    FeatureSpec("e_l3m", "usage_monthly", "errors", window=3, label="errors", super_name="errors"),
    FeatureSpec("e_l6m_l3m", "usage_monthly", "errors", window=3, lag=3, label="errors", super_name="errors"),
]
TOLD = insights(SPECS)
NOW = np.arange(101.0)  # changes of 0, 1, 2 … 100 from nothing
VALUES = pd.DataFrame({"e_l3m": NOW, "e_l6m_l3m": 0.0})


def test_an_ordinary_change_is_the_median_of_those_that_changed() -> None:
    assert ordinary_change(TOLD[0], VALUES) == 50.5
    assert ordinary_change(TOLD[0], VALUES.head(20)) == 0.0  # nineteen changes say nothing
    assert ordinary_change(TOLD[0], VALUES.assign(e_l3m=0.0)) == 0.0


def test_without_a_file_a_change_must_be_as_large_as_the_ordinary_one() -> None:
    held = Thresholds.of((), TOLD, VALUES)
    assert list(np.flatnonzero(held.changed(TOLD[0], "churn", NOW, np.zeros(101)))) == list(range(51, 101))


def test_the_last_line_that_covers_a_feature_and_model_decides() -> None:
    lines = (Threshold(feature="*", change="> 98"), Threshold(feature="errors", model="churn", change=">= 10"))
    held = Thresholds.of(lines, TOLD, VALUES)
    assert held.changed(TOLD[0], "churn", NOW, np.zeros(101)).sum() == 91
    assert held.changed(TOLD[0], "upsell", NOW, np.zeros(101)).sum() == 2
    table = held.table(TOLD).set_index("model")["threshold"]
    assert (table["churn"], table["upsell"]) == (">= 10", "> 98")


def test_a_value_that_is_missing_is_never_shown() -> None:
    held = Thresholds((Threshold(feature="e_l3m", value="<= 1", importance="> 0.5"),))
    shown = held.shown(TOLD[0], "churn", np.array([np.nan, np.inf, 0, 1, 2, 1]), np.array([1, 1, 1, 1, 1, 0.5]))
    assert list(shown) == [False, False, True, True, False, False]


def test_a_workspace_adds_to_the_glossary_and_sets_its_own_thresholds(tmp_path: Path) -> None:
    text = "thresholds: [{feature: errors, change: '> 3'}]\nglossary: {errors: {worse: it is annoyed}}\n"
    (tmp_path / "narratives.yaml").write_text(text, encoding="utf-8")
    found = rules(tmp_path)
    assert found.thresholds[0].change == "> 3"
    assert found.glossary["errors"].worse == "it is annoyed"
    assert found.glossary["support"] == rules().glossary["support"]
    assert found.actionable == rules().actionable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "must hold the keys"),
        ("thresholds: [{feature: errors, change: about 3}]", "write a sign and a number"),
        ("thresholds: [{feature: errors, model: weather, change: '> 3'}]", "model"),
        ("glossary: {errors: {worse: 'see <b>{{t1.name}}</b>'}}", "worse"),
        ("actionable: {weight: 0.1}", "weight"),
        ("colour: red", "colour"),
        ("glossary: [", "narratives.yaml"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "narratives.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        rules(tmp_path)


def test_a_threshold_of_a_feature_that_no_narrative_shows_is_refused() -> None:
    with pytest.raises(BadInput, match="'erors'"):
        Thresholds.of((Threshold(feature="erors", change="> 3"),), TOLD, VALUES)
