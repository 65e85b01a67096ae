"""The global view and the waterfall add up to the contributions they are drawn from."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from copilot.data.features import FeatureSpec
from copilot.errors import BadInput
from copilot.explain.overview import overview
from copilot.explain.record import Attribution, Fidelity
from copilot.explain.waterfall import Bar, svg, waterfall


def spec(name: str, ultra: str) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", "seats_used", super_name=name, ultra_name=ultra, category="Product usage")


SPECS = [spec("seats_l1m", "seats"), spec("seats_l3m", "seats"), spec("tickets_l1m", "tickets")]
NAMES = [one.name for one in SPECS]


def test_shares_means_and_changes_are_those_worked_by_hand() -> None:
    now = pd.DataFrame([[3.0, -1.0, 1.0], [-3.0, 1.0, 1.0]], columns=NAMES)  # families: seats ±2, tickets 1
    before = pd.DataFrame([[1.0, 0.0, 3.0]], columns=NAMES)
    found = overview(now, SPECS, previous=before).set_index("ultra")
    assert found.index.tolist() == ["seats", "tickets"]
    assert found["mean_abs"].tolist() == [2, 1]
    assert found["mean"].tolist() == [0, 1]
    np.testing.assert_allclose(found["share"], [2 / 3, 1 / 3])
    np.testing.assert_allclose(found["share_before"], [1 / 4, 3 / 4])
    np.testing.assert_allclose(found["share_change"], [2 / 3 - 1 / 4, 1 / 3 - 3 / 4])
    assert set(found["category"]) == {"Product usage"}


def test_more_of_a_feature_means_what_its_contributions_say() -> None:
    rng = np.random.default_rng(1)
    values = pd.DataFrame(rng.normal(size=(2_000, 3)), columns=NAMES).mask(rng.random((2_000, 3)) < 0.1)
    shares = pd.DataFrame({NAMES[0]: 2 * values[NAMES[0]], NAMES[1]: 0.1, NAMES[2]: -(values[NAMES[2]] ** 3)}).fillna(0)
    found = overview(shares, SPECS, values=values).set_index("ultra")["more_means"]
    assert found.to_dict() == {"seats": "higher", "tickets": "lower"}
    bent = overview(shares.assign(tickets_l1m=values[NAMES[2]].fillna(0) ** 2), SPECS, values=values)
    assert bent.set_index("ultra").loc["tickets", "more_means"] == "mixed"


def test_columns_without_a_spec_and_silent_models_are_told_too() -> None:
    found = overview(pd.DataFrame({"strange": [0.0, 0.0]}), SPECS)
    assert found["ultra"].tolist() == ["Other"]
    assert found["share"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        (pd.DataFrame(columns=NAMES), None, "must have rows"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), None, "each column once"),
        (pd.DataFrame({"a": [np.nan]}), None, "missing or infinite"),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]}), "values must be those"),
    ],
)
def test_unusable_tables_are_refused(table: pd.DataFrame, values: pd.DataFrame | None, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        overview(table, SPECS, values=values)


def attribution() -> Attribution:
    values = np.array([[3.0, -1.0, -4.0]])
    return Attribution(
        "exact", values, np.array([10.0]), tuple(NAMES), "money", Fidelity("local accuracy", 1, values, 0)
    )


def test_a_waterfall_steps_from_the_baseline_to_the_prediction_family_by_family() -> None:
    assert waterfall(attribution(), 0, SPECS) == [
        Bar("Baseline", 0, 10, "baseline"), Bar("tickets", 10, 6, "down"), Bar("seats", 6, 8, "up"),
        Bar("Prediction", 0, 8, "prediction"),
    ]  # fmt: skip
    short = waterfall(attribution(), 0, SPECS, top=1)
    assert [bar.label for bar in short] == ["Baseline", "tickets", "All others", "Prediction"]
    assert short[-2].end == short[-1].end
    for row, top in ((1, 3), (-1, 3), (0, 0)):
        with pytest.raises(BadInput, match="There is no row"):
            waterfall(attribution(), row, SPECS, top=top)


def test_the_picture_is_well_formed_holds_every_bar_in_its_place_and_escapes_names() -> None:
    bars = [Bar("Baseline", 0, 10, "baseline"), Bar('<script>&"', 10, 6, "down"), Bar("Prediction", 0, 6, "prediction")]
    root = ElementTree.fromstring(svg(bars, title="Acme <& Co>", unit="USD"))
    space = "{http://www.w3.org/2000/svg}"
    rects = root.findall(f"{space}rect")
    widths = [float(one.attrib["width"]) for one in rects]
    assert widths[1] / widths[0] == pytest.approx(0.4, abs=0.01)
    assert float(rects[1].attrib["x"]) == pytest.approx(float(rects[2].attrib["x"]) + widths[2], abs=0.2)
    assert not root.findall(f".//{space}script")
    assert [one.text for one in root.findall(f"{space}text")][2:4] == ['<script>&"', "-4"]
    with pytest.raises(BadInput, match="finite ends"):
        svg([Bar("x", 0, float("nan"), "up")], title="")
