"""Names that tell several things by the same parts come out by the thing; measures of several channels do not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from copilot.explain.grouping import group
from copilot.explain.grouping.families import linked
from copilot.explain.grouping.glossary import own_glossary
from copilot.explain.grouping.grids import things
from copilot.text.encoder import Embedder, Ngrams


@pytest.fixture(scope="module")
def ngrams() -> Embedder:
    return Ngrams()


def things_of(names: list[str], size: int = 1) -> dict[str, str]:
    return dict(zip(names, things(names, [size] * len(names), own_glossary()), strict=True))


def test_numbered_things_are_families_though_descriptions_part_them_otherwise(ngrams: Embedder) -> None:
    parts = ("city", "street", "postal_code", "landmark", "verified")
    told = {f"site{number}_{part}": f"The {part} of a place" for number, part in product((1, 2), parts)}
    families = group(list(told), told, embedder=ngrams).set_index("feature_name")["ultra_name"]
    assert {families[f"site1_{part}"] for part in parts}.isdisjoint({families[f"site2_{part}"] for part in parts})


def test_a_thing_is_what_its_known_parts_follow() -> None:
    names = [f"{thing} {part}" for thing in ("buyer", "seller") for part in ("first name", "phone", "city", "mood")]
    assert things_of(names) == {name: name.split()[0] for name in names}


def test_opt_outs_are_one_family(ngrams: Embedder) -> None:
    frame = group(["donotfax", "do_not_call", "DoNotPostalMail", "fax", "call_count"], embedder=ngrams)
    assert list(frame["ultra_name"].head(3)) == ["Do Not Contact"] * 3
    assert "Do Not Contact" not in set(frame["ultra_name"].tail(2))
    alone = group(["do_not_call", "fax"], embedder=ngrams)
    assert list(alone["ultra_name"]) == ["Do Not Call", "Fax"]


def test_measures_of_channels_are_no_parts_of_the_channels() -> None:
    names = [f"{thing} {part}" for thing in ("radio", "print") for part in ("clicks", "spend", "reach", "reads")]
    assert set(things_of(names).values()) == {""}


def test_numbers_of_stretches_of_time_and_measures_are_no_things() -> None:
    names = [f"{word} {number} {part}" for word in ("month", "rate") for number in (1, 2) for part in "abcd"]
    assert set(things_of(names).values()) == {""}


def test_many_things_of_few_parts_are_no_families() -> None:
    names = [f"plan{letter} {part} minutes" for letter in "abcdef" for part in ("day", "night", "weekend")]
    assert set(things_of(names).values()) == {""}
    assert "" not in things_of([name for name in names if name[4] in "ab"]).values()


def test_a_thing_too_large_to_look_through_is_parted_by_its_next_word_and_by_known_parts() -> None:
    kinds = ("home", "abroad"), ("in", "out"), ("landline", "mobile", "own")
    calls = [f"{' '.join(words)} minutes" for words in product(*kinds)]
    assert set(things_of(calls).values()) == {"home", "abroad"}
    assert set(things_of(calls, size=3).values()) == {"home in", "home out", "abroad in", "abroad out"}
    places = [f"site {number} {part}" for number in (1, 2) for part in ("city", "street", "state", "phone", "fax")]
    assert things_of(places)["site 1 fax"] == "site 1"
    assert things_of(places, size=4)["site 1 fax"] == "site 1 phone number"
    assert things_of(places, size=4)["site 1 city"] == "site 1"


def test_an_aggregates_name_among_words_that_are_none_says_what_is_meant(ngrams: Embedder) -> None:
    kinds, sides, ends = ("std", "lcl", "isd", "vpn"), ("ic", "og"), ("t2t", "t2m", "t2f")
    names = [f"{'_'.join(words)}_mou_{month}" for words in product(kinds, sides, ends) for month in (6, 7)]
    supers = group(names, embedder=ngrams).set_index("feature_name")["super_name"]
    assert supers.nunique() == len(names) / 2
    assert supers["std_ic_t2m_mou_6"] == supers["std_ic_t2m_mou_7"] == "Std Ic T2M MOU"
    others = [*names, "std_revenue", "max_revenue", "avg_revenue"]
    supers = group(others, embedder=ngrams).set_index("feature_name")["super_name"]
    assert supers["std_revenue"] == supers["avg_revenue"] == "Revenue"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("donotfax", "Do Not Fax"),
        ("donotqzx", "Do Not Qzx"),
        ("slaid", "SLA ID"),
        ("slainvokedid", "SLA Invoked ID"),
        ("onholdtime", "On Hold Time"),
        ("calls_p2p", "Calls P2P"),
    ],
)
def test_what_was_written_as_one_word_is_read(name: str, shown: str, ngrams: Embedder) -> None:
    frame = group([name, "fax", "id", "phone"], embedder=ngrams)
    assert frame.loc[0, "super_name"] == shown


def test_first_and_last_within_a_name_are_no_aggregates(ngrams: Embedder) -> None:
    frame = group(["alt_first_name", "alt_last_name", "alt_middle_name"], embedder=ngrams)
    assert frame["super_name"].nunique() == 3


def test_the_usual_number_of_families_decides_between_cuts_that_are_about_as_likely() -> None:
    place = np.arange(40)
    chances = np.full((40, 40), 0.02, dtype=np.float32)
    for size, chance in ((4, 0.25), (2, 0.8), (1, 1.0)):
        chances[place[:, None] // size == place // size] = chance
    # Pairs: 2 · 16 / (20 + 40.4) = .53. Fours: 2 · 26 / (60 + 40.4) = .52; .5 and .25 groups for each member.
    assert [len(set(linked(chances, usual=usual))) for usual in (None, 0.25, 0.5)] == [20, 10, 20]
