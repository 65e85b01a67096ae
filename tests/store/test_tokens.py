"""A token stands for a person until it expires, is revoked, or the person is gone or has a new password."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from copilot.access import Principal
from copilot.errors import BadInput
from copilot.store import tokens
from copilot.store.database import Store
from tests.store.conftest import NOW, Place


def test_a_token_tells_whose_it_is_and_only_its_hash_is_kept(place: Place) -> None:
    token = tokens.make(place.store, "ana", NOW)
    assert tokens.holder(place.store, token, NOW) == Principal("ana", "rep", "R-ana")
    assert place.rows("SELECT digest, username FROM tokens") == [(hashlib.sha256(token.encode()).hexdigest(), "ana")]
    with closing(sqlite3.connect(place.path)) as connection:
        assert token not in "\n".join(connection.iterdump())


@pytest.mark.parametrize(("days", "holds"), [(0, True), (89.99, True), (90, False), (400, False)])
def test_a_token_ends_after_ninety_days(place: Place, days: float, holds: bool) -> None:
    token = tokens.make(place.store, "ana", NOW)
    assert (tokens.holder(place.store, token, NOW + timedelta(days=days)) is not None) is holds


def test_its_last_use_is_kept_to_the_minute(place: Place) -> None:
    token = tokens.make(place.store, "ana", NOW)
    used = [place.rows("SELECT used_at FROM tokens")[0][0]]
    for seconds in (0, 30, 61):
        tokens.holder(place.store, token, NOW + timedelta(seconds=seconds))
        used.append(str(place.rows("SELECT used_at FROM tokens")[0][0])[11:19])
    assert used == [None, "08:00:00", "08:00:00", "08:01:01"]


def test_revoking_ends_all_of_one_person_and_none_of_another(place: Place) -> None:
    mine = [tokens.make(place.store, "ana", NOW) for _ in range(2)]
    other = tokens.make(place.store, "otto", NOW)
    assert tokens.revoke(place.store, "ana", NOW) == 2
    assert [tokens.holder(place.store, token, NOW) for token in mine] == [None, None]
    assert tokens.holder(place.store, other, NOW) is not None
    assert tokens.revoke(place.store, "ana", NOW) == 0


def test_a_new_password_ends_them_too(place: Place) -> None:
    ana, otto = (tokens.make(place.store, name, NOW) for name in ("ana", "otto"))
    place.store.set_password("ana", "a new password")
    assert tokens.holder(place.store, ana, NOW) is None
    assert tokens.holder(place.store, otto, NOW) is not None


def test_a_removed_persons_token_is_over_even_after_the_person_comes_back(place: Place) -> None:
    token = tokens.make(place.store, "ana", NOW)
    place.store.remove_user("ana")
    assert place.rows("SELECT 1 FROM tokens") == []
    place.store.add_user("ana", "rep", "R-ana", restore=True)
    assert tokens.holder(place.store, token, NOW) is None


def test_a_person_shut_out_past_the_store_is_nobody_and_a_changed_role_counts_at_once(place: Place) -> None:
    token = tokens.make(place.store, "ana", NOW)
    place.store.add_user("ana", "manager", "R-mia")
    assert tokens.holder(place.store, token, NOW) == Principal("ana", "manager", "R-mia")
    place.rows("UPDATE users SET active = 0 WHERE username = 'ana'")
    assert tokens.holder(place.store, token, NOW) is None


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "' OR 1=1 --" * 4, "\ud800" * 43, "é" * 43])
def test_a_token_nobody_was_given_is_nobodys(place: Place, token: str) -> None:
    tokens.make(place.store, "ana", NOW)
    assert tokens.holder(place.store, token, NOW) is None


def test_making_and_revoking_are_audited_and_what_is_over_is_cleared_away(place: Place) -> None:
    token = tokens.make(place.store, "ana", NOW)
    later = NOW + timedelta(days=91)
    tokens.make(place.store, "otto", later, actor="ada")
    tokens.revoke(place.store, "otto", later, actor="ada")
    links = place.rows("SELECT actor, action, subject, digest FROM audit ORDER BY link")[2:]
    assert [link[:3] for link in links] == [
        ("setup", "make_token", "ana"), ("ada", "make_token", "otto"), ("ada", "revoke_tokens", "otto")
    ]  # fmt: skip
    assert links[0][3] == tokens.digest(token)
    assert place.store.verify_audit()
    assert place.rows("SELECT 1 FROM tokens") == []


def test_nobody_can_make_a_token_for_a_missing_user_or_at_no_certain_moment(place: Place) -> None:
    with pytest.raises(BadInput, match="There is no user 'eve'"):
        tokens.make(place.store, "eve", NOW)
    with pytest.raises(BadInput, match="lacks a time zone"):
        tokens.make(place.store, "ana", NOW.replace(tzinfo=None))


def test_a_database_from_before_tokens_gets_their_table(place: Place) -> None:
    place.store.close()
    place.rows("DROP TABLE tokens")
    with Store.open(place.path) as reopened:
        token = tokens.make(reopened, "ana", NOW)
        assert tokens.holder(reopened, token, NOW) is not None
