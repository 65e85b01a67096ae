"""RIG and Net Ratio by hand-computed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import ab, ratios

NAMES = {"bookings": "booked", "target": "due", "arm": "arm"}


def book() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": ["treated"] * 3 + ["control"] * 3,
            "booked": [110.0, 90.0, 400.0, 100.0, 50.0, 330.0],
            "due": [100.0, 100.0, 200.0, 100.0, 100.0, 300.0],
            "more": [10.0, np.nan, 40.0, 0.0, 25.0, 0.0],
        }
    )


def test_rig_is_the_mean_of_ratios_beside_the_ratio_of_sums() -> None:
    found = ab.rig(book(), **NAMES)  # type: ignore[arg-type]
    assert found.treated == pytest.approx((1.1 + 0.9 + 2.0) / 3)
    assert found.control == pytest.approx((1.0 + 0.5 + 1.1) / 3)
    assert float(found.difference) == pytest.approx(4 / 3 - 2.6 / 3)
    assert found.lift.value == pytest.approx(4 / 2.6 - 1)
    assert found.sum_treated == pytest.approx(600 / 400)
    assert found.sum_control == pytest.approx(480 / 500)
    assert found.sum_lift.value == pytest.approx(1.5 / 0.96 - 1)
    assert found.note == ""


def test_net_ratio_adds_the_add_ons_and_takes_none_known_as_none() -> None:
    found = ratios.net_ratio(book(), renewal="booked", add_on="more", target="due", arm="arm")
    assert found.treated == pytest.approx((1.2 + 0.9 + 2.2) / 3)
    assert found.control == pytest.approx((1.0 + 0.75 + 1.1) / 3)
    assert found.sum_treated == pytest.approx(650 / 400)


def test_zero_missing_and_tiny_targets_are_left_out_and_said() -> None:
    odd = pd.DataFrame(
        {
            "arm": ["treated", "treated", "control", "control", "control"],
            "booked": [50.0, 70.0, 80.0, np.nan, 10.0],
            "due": [0.0, -5.0, np.nan, 100.0, 0.5],
            "more": 0.0,
        }
    )
    found = ab.rig(pd.concat([book(), odd]), **NAMES)  # type: ignore[arg-type]
    plain = ab.rig(book(), **NAMES)  # type: ignore[arg-type]
    assert found.treated == plain.treated
    assert found.control == plain.control  # 10 / 0.5 would have made it 5.65
    assert found.sum_control == pytest.approx((480 + 10) / 500.5)
    assert "3 without a due above 0" in found.note
    assert "1 with a target but no known booked" in found.note
    assert "1 with a tiny target" in found.note


def test_controls_that_booked_nothing_give_a_difference_and_no_lift() -> None:
    frame = book().assign(booked=[100.0, 100.0, 200.0, 0, 0, 0])
    found = ab.rig(frame, **NAMES)  # type: ignore[arg-type]
    assert float(found.difference) == 1
    assert np.isnan(found.lift.value)
    assert np.isnan(found.sum_lift.value)


def test_limits_of_the_lifts_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    held = np.zeros(2)
    for _ in range(300):
        due = rng.lognormal(3, 0.5, 240)
        arm = np.arange(240) % 2
        booked = due * rng.lognormal(0, 0.4, 240) * np.where(arm == 1, 1.2, 1.0)
        found = ab.rig(pd.DataFrame({"booked": booked, "due": due, "arm": arm}), **NAMES)  # type: ignore[arg-type]
        held += [found.lift.low < 0.2 < found.lift.high, found.sum_lift.low < 0.2 < found.sum_lift.high]
    assert (held / 300 > 0.91).all()
    assert (held / 300 < 0.985).all()


def test_bad_input_is_refused_in_one_sentence() -> None:
    for change, says in (
        (book().assign(due=0.0), "no row with a due above 0"),
        (book().assign(booked=np.nan), "missing in every row"),
        (book().assign(booked="much"), "no number"),
        (book().assign(arm="treated"), "no controls"),
        (book().assign(arm="blue"), "holds 'blue'"),
        (book().drop(columns="due"), "no column due"),
    ):
        with pytest.raises(BadInput, match=says):
            ab.rig(change, **NAMES)  # type: ignore[arg-type]
