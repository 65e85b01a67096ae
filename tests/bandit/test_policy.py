"""The policy in small worlds: it learns, repeats itself exactly, forgets what has changed and drops a bad prior."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copilot.bandit.policy import Kind, Policy
from copilot.errors import BadInput, NotSetUp
from tests.bandit.worlds import linear_world, play, rings_world


def new(arms: Any = 3, n_features: int = 4, **options: Any) -> Policy:
    return Policy(arms, n_features, rng=np.random.default_rng(options.pop("seed", 0)), **options)


@pytest.mark.parametrize("kind", ["linear", "linear_ucb"])
def test_a_linear_policy_learns_a_linear_world(kind: str) -> None:
    x, right, rewards = linear_world(600)
    arms = play(new(kind=kind), x, rewards)
    assert (arms[300:] != right[300:]).mean() < 0.12


def test_auto_turns_to_the_torso_where_a_linear_model_fails_and_beats_it() -> None:
    x, right, rewards = rings_world(700)
    auto = new(2, 2)
    wrong = {"auto": play(auto, x, rewards) != right, "linear": play(new(2, 2, kind="linear"), x, rewards) != right}
    assert auto.active == "neural"
    assert wrong["auto"][400:].mean() < 0.5 * wrong["linear"][400:].mean()


def test_auto_stays_linear_while_there_is_little_to_train_on() -> None:
    x, _, rewards = linear_world(40)
    auto = new()
    play(auto, x, rewards)
    assert auto.active == "linear"


def test_the_arms_played_follow_the_logged_propensities() -> None:
    x, _, rewards = linear_world(60)
    policy = new(kind="linear", epsilon=0.3)
    play(policy, x, rewards)
    row = np.zeros(4)
    counts = np.bincount([int(str(policy.select(row).arm)) for _ in range(4000)], minlength=3)
    chance = policy.propensities(row)
    assert chance.min() >= 0.1
    assert counts / 4000 == pytest.approx(chance, abs=0.04)
    decision = policy.select(row)
    assert decision.propensity == chance[int(str(decision.arm))]


def test_propensities_are_those_of_independent_draws_per_arm() -> None:
    x, _, rewards = linear_world(50)
    policy = new(kind="linear", epsilon=0.0, alpha=1.0)
    play(policy, x, rewards)
    mean, sd = policy.scores(x[0] / 10)
    drawn = np.random.default_rng(0).standard_normal((200_000, 3)) * sd + mean
    assert policy.propensities(x[0] / 10) == pytest.approx(np.bincount(drawn.argmax(axis=1)) / 2e5, abs=0.006)


def test_ucb_plays_one_arm_but_for_the_floor() -> None:
    x, _, rewards = linear_world(50)
    policy = new(kind="ucb", epsilon=0.06)
    play(policy, x, rewards)
    assert sorted(policy.propensities(x[0])) == pytest.approx([0.02, 0.02, 0.96])


def test_one_row_an_arm_scores_each_arm_by_its_own_row() -> None:
    x, _, rewards = linear_world(80)
    policy = new(kind="linear")
    play(policy, x, rewards)
    rows = np.stack([x[0], x[1], x[2]])
    mean, _ = policy.scores(rows)
    assert mean == pytest.approx([policy.scores(x[arm])[0][arm] for arm in range(3)])
    one, other = new(kind="linear"), new(kind="linear")
    one.update(rows, 1, 1.0)
    other.update(x[1], 1, 1.0)
    assert one.scores(x[3])[0] == pytest.approx(other.scores(x[3])[0])


@pytest.mark.parametrize("kind", ["linear", "auto"])
def test_a_saved_policy_continues_as_the_one_that_saved_it(kind: str, tmp_path: Path) -> None:
    x, _, rewards = linear_world(120)
    policy = new(["boost", "prevent", "upsell"], kind=kind)
    for row, reward in zip(x[:60], rewards[:60], strict=True):
        arm = policy.select(row).arm
        policy.update(row, arm, float(reward[policy.arms.index(arm)]))
    twin = Policy.load(policy.save(tmp_path / "deep" / "policy.npz"))
    for row, reward in zip(x[60:], rewards[60:], strict=True):
        one, other = policy.select(row), twin.select(row)
        assert one == other
        for each in (policy, twin):
            each.update(row, one.arm, float(reward[policy.arms.index(one.arm)]))
    assert policy.seen == twin.seen == 120
    assert (policy.propensities(x[0]) == twin.propensities(x[0])).all()


def test_the_same_seed_gives_the_same_choices() -> None:
    x, _, rewards = linear_world(100)
    assert (play(new(seed=4), x, rewards) == play(new(seed=4), x, rewards)).all()


def test_a_damaged_or_missing_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="There is no policy"):
        Policy.load(tmp_path / "none.npz")
    file = new().save(tmp_path / "policy.npz")
    whole = file.read_bytes()
    method = whole.index(b"PK\x01\x02") + 10  # by which the zip says its first part is packed
    packed = whole[:method] + b"\x63" + whole[method + 1 :]
    for bad in (b"", b"text", whole[: len(whole) // 2], whole[:-200] + b"\0" * 200, packed):
        file.write_bytes(bad)
        with pytest.raises(BadInput, match="damaged"):
            Policy.load(file)
    assert list(tmp_path.iterdir()) == [file]


def test_after_the_arms_change_places_the_drift_test_saves_most_of_the_regret() -> None:
    x, right, rewards = linear_world(1000)
    right[500:], rewards[500:] = (right[500:] + 1) % 3, np.roll(rewards[500:], 1, axis=1)
    wrong = {
        how: int((play(new(kind="linear", forget=how), x, rewards)[500:] != right[500:]).sum()) for how in ("auto", 1)
    }
    assert wrong["auto"] < wrong[1] / 3


def test_a_calm_world_raises_no_alarm() -> None:
    for seed in range(4):
        x, _, rewards = linear_world(600, seed)
        policy = new(kind="linear", seed=seed)
        play(policy, x, rewards)
        assert len(policy._history.rows()) == policy.seen == 600


def test_constant_forgetting_lets_old_rewards_fade() -> None:
    policy = new(2, 1, kind="linear", forget=0.9)
    for reward in [1.0] * 60 + [-1.0] * 60:
        policy.update([0.0], 0, reward)
    assert policy.scores([0.0])[0][0] < -0.8


def test_the_heuristic_leads_before_any_feedback() -> None:
    chance = new(kind="linear").propensities(np.zeros(4), suggested=2)
    assert chance[2] > 0.5
    assert chance[0] == pytest.approx(chance[1])


def test_a_misleading_heuristic_costs_little_and_a_right_one_helps() -> None:
    lost = {"none": 0, "wrong": 0, "right": 0}
    for seed in range(6):
        x, right, rewards = linear_world(500, seed)
        hints = {"none": None, "wrong": (right + 1) % 3, "right": right}
        for what, hint in hints.items():
            lost[what] += int((play(new(kind="linear", seed=seed), x, rewards, hint) != right).sum())
    assert lost["wrong"] < 1.1 * lost["none"]
    assert lost["right"] < 0.6 * lost["none"]


def test_an_amended_reward_counts_as_if_it_had_come_first() -> None:
    x, _, rewards = linear_world(30)
    wrong, mended = new(kind="linear"), new(kind="linear")
    for t in range(30):
        mended.update(x[t], 0, 0.0 if t == 4 else rewards[t, 0])
        wrong.update(x[t], 0, rewards[t, 0])
    assert mended.amend(4, rewards[4, 0])
    # Scale and prior precision were chosen before the correction, so the two agree closely and not to the digit.
    assert mended.scores(x[0])[0] == pytest.approx(wrong.scores(x[0])[0], abs=0.1)
    mended.retrain()
    wrong.retrain()
    assert mended.scores(x[0])[0] == pytest.approx(wrong.scores(x[0])[0])
    assert not mended.amend(99, 1.0)


def test_select_waits_for_no_writer() -> None:
    policy, chosen = new(kind="linear"), []
    with policy._writing:
        reader = threading.Thread(target=lambda: chosen.append(policy.select(np.zeros(4))))
        reader.start()
        reader.join(timeout=20)
    assert len(chosen) == 1


def test_a_torso_trained_in_another_process_equals_the_one_trained_here() -> None:
    x, _, rewards = rings_world(120)
    here, beside = (new(2, 2, kind="neural", retraining="manual") for _ in range(2))
    for policy in (here, beside):
        play(policy, x, rewards)
    beside.retrain_beside()
    here.retrain()  # while the other process, of low priority, is at work
    assert beside.active == "linear"
    assert beside.settle(wait=True)
    assert beside.active == "neural"
    assert beside.scores(x[0])[0] == pytest.approx(here.scores(x[0])[0])
    assert not beside.settle(wait=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"arms": ["a"]}, "two or more different arms"),
        ({"arms": ["a", "a"]}, "two or more different arms"),
        ({"n_features": 0}, "at least one feature"),
        ({"kind": "deep"}, "choose from auto, linear"),
        ({"epsilon": 1.5}, "epsilon lies between 0 and 1"),
        ({"alpha": math.nan}, "alpha is not negative"),
        ({"forget": 0}, "forget is"),
        ({"retraining": "later"}, "choose from inline"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        new(**options)


@pytest.mark.parametrize("x", [[1, 2, 3], [[1, 2, 3, 4]], [1, 2, 3, math.nan], [1, 2, 3, math.inf], list("abcd"), None])
def test_a_context_of_another_form_is_refused(x: Any) -> None:
    with pytest.raises(BadInput, match="context"):
        new().select(x)


@pytest.mark.parametrize("reward", [math.nan, math.inf, "much", None])
def test_a_reward_that_is_no_number_is_refused_and_changes_nothing(reward: Any) -> None:
    policy = new()
    with pytest.raises(BadInput, match="reward"):
        policy.update(np.zeros(4), 0, reward)
    assert policy.seen == 0


@pytest.mark.parametrize("arm", [3, "boost", None, [0]])
def test_an_unknown_arm_is_refused(arm: Any) -> None:
    with pytest.raises(BadInput, match="There is no arm"):
        new().update(np.zeros(4), arm, 1.0)


@pytest.mark.parametrize("kind", ["auto", "linear_ucb"])
def test_many_contexts_at_once_score_as_each_alone(kind: Kind) -> None:
    x, right, rewards = linear_world(60)
    policy = Policy(3, 4, kind=kind, rng=np.random.default_rng(1))
    play(policy, x, rewards, right)
    hints = [None, *(int(arm) for arm in right[1:20])]
    alone = [policy.scores(row, suggested=hint) for row, hint in zip(x, hints, strict=False)]
    mean, sd = policy.scores_of_rows(x[:20], hints)
    assert mean == pytest.approx(np.array([one for one, _ in alone]))
    assert sd == pytest.approx(np.array([one for _, one in alone]))
    odds = [policy.propensities(row, suggested=hint) for row, hint in zip(x, hints, strict=False)]
    assert policy.propensities_of_rows(x[:20], hints) == pytest.approx(np.array(odds), abs=1e-4)
    with pytest.raises(BadInput, match="4 finite numbers"):
        policy.scores_of_rows(x[:3], [None])


def test_a_torso_that_gets_no_time_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    x, right, rewards = linear_world(60)
    policy = Policy(3, 4, rng=np.random.default_rng(1), retraining="manual")
    play(policy, x, rewards, right)
    monkeypatch.setattr("copilot.bandit.retrain.PATIENCE_S", 0.001)
    policy.retrain_beside()
    assert not policy.settle(wait=True)
    policy.close()
    assert policy.active == "linear"
