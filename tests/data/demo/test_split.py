"""The chance of being sold more of a product agrees with the seats that drawn noise brings."""

from __future__ import annotations

import numpy as np
import pytest

from copilot.data.demo import response, split
from copilot.data.demo.words import LIST_PRICE_USD, PRODUCTS
from copilot.data.demo.world import World


@pytest.mark.parametrize("mean", [-0.6, 0.2, 0.9, 2.0])
@pytest.mark.parametrize("may_widen", [False, True])
def test_the_closed_form_agrees_with_the_average_over_drawn_noise(world: World, mean: float, may_widen: bool) -> None:
    rng = np.random.default_rng(2)
    who = np.arange(150)
    quantity = (world.seats[who] * (rng.random((150, len(PRODUCTS))) < 0.6)).astype(np.int64)
    quantity[:, 0] = np.maximum(quantity[:, 0], 1)
    annual = np.round(quantity * world.price[who]).astype(np.int64)
    habit, widen = rng.random(annual.shape), np.full(150, may_widen)
    rose, draws = np.zeros(annual.shape), 1_500
    for _ in range(draws):
        ratio = response.spend_ratio(mean + rng.logistic(0, response.NOISE, 150))
        change = np.round(annual.sum(axis=1) * (ratio - 1)).astype(np.int64)
        _, seats = split.divide(world, who, (annual, quantity), change, habit, widen, rng)
        rose += (seats > quantity) & (quantity > 0)
    chance = split.chance_of_more(world, who, (annual, quantity), np.full((150, 1), mean), habit, widen)[:, :, 0]
    held = quantity > 0
    np.testing.assert_allclose(rose.sum() / draws / held.sum(), chance.sum() / held.sum(), atol=0.01)
    assert np.abs(rose / draws - chance)[held].mean() < 0.015
    assert (chance[~held] == 0).all()


def test_what_is_divided_adds_up_to_the_dollar_and_nothing_is_left_when_all_ends(world: World) -> None:
    rng = np.random.default_rng(4)
    who = np.arange(400)
    quantity = world.seats[who].astype(np.int64) * np.array([1, 1, 0, 0])
    annual = np.round(quantity * world.price[who]).astype(np.int64)
    total = annual.sum(axis=1)
    change = np.round(total * np.resize([-1.0, -0.3, 0.0, 0.2], 400)).astype(np.int64)
    new, seats = split.divide(world, who, (annual, quantity), change, rng.random(annual.shape), np.ones(400, bool), rng)
    assert (new.sum(axis=1) == total + change).all()
    assert (new >= 0).all()
    assert ((seats > 0) == (new > 0)).all()
    assert (new[::4] == 0).all()
    fresh = (annual == 0) & (new > 0)
    assert fresh.any()
    assert (new[fresh] >= np.broadcast_to(LIST_PRICE_USD, new.shape)[fresh]).all()
