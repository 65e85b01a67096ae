"""How a change of an account's spend is divided among its products, and how likely each is then to be sold more of."""

from __future__ import annotations

import numpy as np

from copilot.data.demo.response import MORE, MORE_SLOPE, MORE_STEP, MOST, NOISE
from copilot.data.demo.words import LIST_PRICE_USD, Array
from copilot.data.demo.world import World, sigmoid

_NEW_PRODUCT_SHARE = 0.35  # of growing customers that grow by a product they did not have


def divide(
    world: World,
    who: Array,
    held: tuple[Array, Array],
    change: Array,
    habit: Array,
    may_widen: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return annual spend and quantity, (n, P), after the total changed by ``change`` dollars; zero where all ends.

    Args:
        who: Positions of the accounts.
        held: Annual spend and quantity before, (n, P).
        habit: Use of each product by the day of decision, 0-1: what is used grows first, what lies idle shrinks first.
        may_widen: Whether an account's growth may go into a product that is new to it.
    """
    old, quantity = held
    weight = old * np.where(change[:, None] > 0, 0.75 + 0.5 * habit, 1.25 - 0.5 * habit)
    room = _room(world, who, old) * (np.array(LIST_PRICE_USD) <= change[:, None])
    widens = (rng.random(len(who)) < _NEW_PRODUCT_SHARE) & room.any(axis=1) & may_widen
    weight[widens] = 0
    weight[widens, room[widens].argmax(axis=1)] = 1
    weight = weight / weight.sum(axis=1, keepdims=True)
    moved = np.trunc(change[:, None] * weight).astype(np.int64)
    moved[np.arange(len(who)), weight.argmax(axis=1)] += change - moved.sum(axis=1)  # to the dollar
    new = np.where((old.sum(axis=1) + change > 0)[:, None], old + moved, 0)
    scaled = np.maximum(1, np.round(quantity * new / np.maximum(old, 1)))
    seats = np.where(old > 0, scaled, np.maximum(1, np.round(new / world.price[who])))
    return new, np.where(new > 0, seats, 0).astype(np.int64)


def chance_of_more(
    world: World, who: Array, held: tuple[Array, Array], index: Array, habit: Array, may_widen: Array
) -> Array:
    """Return P(the quantity of each product rises), (n, P, arms), where the latent index is ``index`` + noise.

    A quantity is whole, so a product is sold more of only from an index on that brings it half a unit; and none of
    those held is where the growth goes into a new one. ``index`` is (n, arms).
    """
    old, quantity = held
    weight = old * (0.75 + 0.5 * habit)
    total = old.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        half_a_unit = 0.5 * old * weight.sum(axis=1, keepdims=True) / (quantity * weight * total)
    dearest = np.where(_room(world, who, old) > 0, np.array(LIST_PRICE_USD), np.inf).min(axis=1)
    widens = np.where(may_widen, dearest, np.inf)[:, None] / total
    enough, both = _index_at(half_a_unit), _index_at(np.maximum(half_a_unit, widens))

    def above(at: Array) -> Array:
        return sigmoid((index[:, None, :] - at[:, :, None]) / NOISE)

    chance: Array = above(enough) - _NEW_PRODUCT_SHARE * above(both)
    return np.where((old > 0)[:, :, None], chance, 0.0)


def _room(world: World, who: Array, old: Array) -> Array:
    room: Array = (world.seats * world.price)[who] * (old == 0)
    return room


def _index_at(growth: Array) -> Array:
    """Return the least latent index at which spend grows by the share ``growth``; infinite where it never does."""
    at = MORE + np.maximum(growth - MORE_STEP, 0) / MORE_SLOPE
    found: Array = np.where(at <= MOST, at, 1e9)
    return found
