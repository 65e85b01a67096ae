"""Off-policy values: hand-computed, covered by their intervals, and refused where the log cannot carry them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.bandit.offpolicy import evaluate
from copilot.bandit.policy import Policy
from copilot.errors import BadInput
from tests.conftest import real

WEIGHTS, OTHER = np.random.default_rng(6).normal(size=(2, 4, 3))


def chances(x: np.ndarray, by: np.ndarray, floor: float = 0.1) -> np.ndarray:
    score = np.exp(x @ by)
    return floor / 3 + (1 - floor) * score / score.sum(axis=1, keepdims=True)


def click(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.sin(2 * x @ WEIGHTS)))


def log(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = rng.normal(size=(n, 4))
    logged, row = chances(x, OTHER), np.arange(n)
    arm = (rng.random((n, 1)) > logged.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(n) < click(x)[row, arm]).astype(float)
    return {"x": x, "arm": arm, "reward": reward, "propensity": logged[row, arm]}


def test_ips_snips_and_effective_sample_are_the_hand_computed_ones() -> None:
    rng = np.random.default_rng(2)
    arm, reward = np.tile([0, 1, 1], 40), rng.normal(size=120)
    found = evaluate(
        {"x": rng.normal(size=(120, 2)), "arm": arm, "reward": reward, "propensity": np.where(arm == 0, 1 / 3, 2 / 3)},
        np.full((120, 2), 0.5),
    ).set_index("estimator")
    weight = np.where(arm == 0, 1.5, 0.75)
    assert found.loc["IPS", "value"] == pytest.approx((weight * reward).mean())
    assert found.loc["SNIPS", "value"] == pytest.approx((weight * reward).sum() / weight.sum())
    assert found["ess"].tolist() == pytest.approx([weight.sum() ** 2 / (weight**2).sum()] * 3)


def test_the_intervals_cover_the_true_value_in_ninety_of_a_hundred_logs() -> None:
    rng = np.random.default_rng(1)
    big = rng.normal(size=(200_000, 4))
    truth = float((chances(big, WEIGHTS) * click(big)).sum(axis=1).mean())
    held = pd.Series(0, index=["IPS", "SNIPS", "DR"])
    width = held.astype(float)
    for _ in range(100):
        rows = log(600, rng)
        found = evaluate(rows, chances(rows["x"], WEIGHTS)).set_index("estimator")
        held += ((found["low"] <= truth) & (truth <= found["high"])).astype(int)
        width += found["high"] - found["low"]
    assert held["DR"] >= 90
    assert held.min() >= 88
    assert width["DR"] <= width["IPS"]


def test_a_frame_a_function_and_a_policy_with_named_arms_give_the_same_values() -> None:
    rows = log(400, np.random.default_rng(3))
    policy = Policy(["a", "b", "c"], 4, kind="linear", rng=np.random.default_rng(0), epsilon=0.5)
    for t in range(30):
        policy.update(rows["x"][t], "abc"[rows["arm"][t]], float(rows["reward"][t]))
    frame = pd.DataFrame({
        "x": list(rows["x"]),
        "arm": ["abc"[k] for k in rows["arm"]],
        "reward": rows["reward"],
        "propensity": rows["propensity"],
    }).iloc[30:]  # fmt: skip
    by_policy = evaluate(frame, policy)
    by_function = evaluate(frame, policy.propensities, arms=["a", "b", "c"])
    by_matrix = evaluate(frame, np.array([policy.propensities(x) for x in frame["x"]]), arms=["a", "b", "c"])
    pd.testing.assert_frame_equal(by_policy, by_function)
    pd.testing.assert_frame_equal(by_policy, by_matrix)


def test_one_row_an_arm_is_valued_by_each_arms_own_row() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2, 3))
    arm = rng.integers(2, size=300)
    reward = x[np.arange(300), arm, 0]
    found = evaluate(
        {"x": x, "arm": arm, "reward": reward, "propensity": np.full(300, 0.5)},
        lambda rows: np.eye(2)[int(np.asarray(rows)[:, 0].argmax())],
    ).set_index("estimator")
    assert found.loc["DR", "value"] == pytest.approx(x[:, :, 0].max(axis=1).mean(), abs=0.05)


def changed(**columns: Any) -> dict[str, Any]:
    return log(200, np.random.default_rng(4)) | columns


@pytest.mark.parametrize(
    ("rows", "policy", "says"),
    [
        (changed(propensity=np.ones(200)), np.tile([0.02, 0.02, 0.96], (200, 1)), "rows are worth|weights average"),
        (changed(arm=np.zeros(200, int), propensity=np.ones(200)), np.full((200, 3), 1 / 3), "never played 1, 2"),
        (changed(propensity=np.full(200, 0.001)), np.full((200, 3), 1 / 3), "weights average"),
        (changed(propensity=np.zeros(200)), np.full((200, 3), 1 / 3), "above 0 and at most at 1"),
        (changed(reward=np.full(200, np.nan)), np.full((200, 3), 1 / 3), "missing or infinite"),
        (changed(x=["a"] * 200), np.full((200, 3), 1 / 3), "number vectors"),
        (changed(), np.full((200, 3), 0.5), "sum to 1"),
        (changed(), np.full((100, 3), 1 / 3), "probabilities"),
        (changed(), np.full((200, 2), 0.5), "does not know"),
        (changed(arm=np.zeros(7, int)), np.full((200, 3), 1 / 3), "same length"),
        ({"x": [], "arm": [], "reward": []}, np.empty((0, 3)), "missing: propensity"),
        ({"x": [], "arm": [], "reward": [], "propensity": []}, np.empty((0, 3)), "30 are needed|never played"),
    ],
)
def test_a_log_that_cannot_carry_the_policy_is_refused_in_one_sentence(rows: Any, policy: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says) as refused:
        evaluate(rows, policy)
    assert "\n" not in str(refused.value)


def test_a_policy_far_from_the_log_has_too_few_effective_rows() -> None:
    x = np.zeros((3000, 1))
    arm = np.r_[np.zeros(2985, int), np.ones(15, int)]
    rows = {"x": x, "arm": arm, "reward": arm * 1.0, "propensity": np.where(arm == 0, 0.995, 0.005)}
    with pytest.raises(BadInput, match="3000 rows are worth 15"):
        evaluate(rows, np.tile([0.0, 1.0], (3000, 1)))


def test_real_logs_of_two_policies_agree_on_the_value_of_one() -> None:
    """The Open Bandit data: what Bernoulli Thompson sampling earned, guessed from the log of random choices."""
    folder = real("open_bandit")
    logs = {name: pd.read_csv(folder / name / "men.csv.gz") for name in ("random", "bts")}
    share = logs["bts"]["item_id"].value_counts(normalize=True).reindex(range(34), fill_value=0).to_numpy()
    rows = logs["random"]
    x = rows[[f"user-item_affinity_{k}" for k in range(4)]].to_numpy(float)
    found = evaluate(
        {"x": x, "arm": rows["item_id"], "reward": rows["click"], "propensity": rows["propensity_score"]},
        np.tile(share, (len(rows), 1)),
    ).set_index("estimator")
    earned = logs["bts"]["click"].mean()
    for name in ("IPS", "SNIPS", "DR"):
        assert found.loc[name, "low"] <= earned <= found.loc[name, "high"]
        assert found.loc[name, "value"] == pytest.approx(earned, abs=0.005)
