"""Search by words over the default catalogue, with and without the sentence encoder, and over thousands of features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.catalogue import definitions
from copilot.data.feature_search import FeatureIndex, meaning, stem
from copilot.data.feature_vectors import index
from copilot.data.workspace import Workspace
from copilot.text.encoder import Encoder

BY_WORDS = FeatureIndex(definitions())


def names(query: str, catalogue: FeatureIndex = BY_WORDS, limit: int = 5) -> list[str]:
    return [hit.spec.name for hit in catalogue.search(query, limit).hits]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("tickets_l3m", "tickets_l3m"),
        ("TICKETS L3M", "tickets_l3m"),
        ("tickets", "tickets_l3m"),
        ("hires", "hires_l3m"),
        ("hiring", "hires_l3m"),
        ("visits to our site", "site_visits_l3m"),
        ("web traffic", "site_visits_l3m"),
        ("tenure", "tenure_months"),
        ("satisf", "satisfaction_l12m"),
        ("utilisation", "utilization_pct_l1m"),
        ("satisfacton", "satisfaction_l12m"),
        ("escalted", "escalated_share_l12m"),
        ("white space", "products_owned"),
        ("employes", "employees"),
    ],
)
def test_names_beginnings_labels_tags_and_slips_find_the_feature(query: str, first: str) -> None:
    assert names(query)[0] == first


def test_a_family_finds_its_features_and_several_things_before_all_windows_of_one() -> None:
    supers = [hit.spec.super_name for hit in BY_WORDS.search("usage", 6).hits]
    assert len(set(supers)) >= 4
    assert all(
        "usage" in " ".join((spec.name, spec.ultra_name, *spec.tags))
        for spec in (hit.spec for hit in BY_WORDS.search("usage", 30).hits)
    )


def test_hits_come_with_falling_scores_and_no_more_than_asked_for() -> None:
    scores = [hit.score for hit in BY_WORDS.search("support tickets", 7).hits]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 7


@pytest.mark.parametrize("query", ["", "?!", "zzzz qqqq", "the a of", "macro indicators"])
def test_where_nothing_fits_the_closest_words_of_the_catalogue_are_named(query: str) -> None:
    found = BY_WORDS.search(query)
    assert found.hits == ()
    words = " ".join(
        [*(spec.ultra_name for spec in definitions()), *map(meaning, definitions()), *(s.name for s in definitions())]
    )
    assert found.closest
    assert all(word in words.lower().replace("_", " ") for word in found.closest)


def test_an_owner_and_a_table_can_be_searched_for() -> None:
    own = replace(
        definitions()[0], name="own_l3m", owner="Priya from RevOps", table="touches", metric="kind", aggregate="count"
    )
    catalogue = FeatureIndex([*definitions(), own])
    assert names("priya", catalogue) == ["own_l3m"]
    assert {hit.spec.table for hit in catalogue.search("people_monthly", 3).hits} == {"people_monthly"}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = Encoder.find()
    if found is None:
        pytest.skip("the sentence encoder is not installed")
    return found


def test_meaning_finds_what_no_word_says_and_leaves_nonsense_alone(encoder: Encoder) -> None:
    some = [spec for spec in definitions() if spec.window is None or spec.name.endswith("_l12m")]
    catalogue = FeatureIndex(some, encoder.encode)
    assert FeatureIndex(some).search("resignations").hits == ()
    assert "leavers_l12m" in names("resignations", catalogue)
    assert catalogue.search("a poem about volcanoes").hits == ()


class Counting:
    """An embedder that counts what it is given."""

    name = "counting"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        return np.eye(8, dtype="float32")[[len(text) % 8 for text in texts]]


def test_vectors_are_reckoned_once_and_kept_in_the_workspace(tmp_path: Path) -> None:
    first, again, other = Counting(), Counting(), Counting()
    other.name = "other"
    specs = list(definitions())
    index(Workspace(tmp_path), specs, first, keep=True).search("usage")  # type: ignore[arg-type]
    assert len(first.texts) == len({meaning(spec) for spec in specs}) + 1
    index(Workspace(tmp_path), specs, again, keep=True).search("usage")  # type: ignore[arg-type]
    assert again.texts == ["usage"]
    index(Workspace(tmp_path), specs, other, keep=False).search("usage")  # type: ignore[arg-type]
    assert len(other.texts) == len(first.texts)
    few = Counting()
    (tmp_path / "mart" / "feature_vectors.npz").write_bytes(b"broken")
    index(Workspace(tmp_path), specs, few, keep=False, most_new=3).search("usage")  # type: ignore[arg-type]
    assert few.texts == []  # too many to wait for: words alone


def test_a_search_among_thousands_costs_milliseconds() -> None:
    many = [
        replace(spec, name=f"{spec.name}_{n}", tags=(*spec.tags, f"word{n}"))
        for n in range(30)
        for spec in definitions()
    ]
    catalogue = FeatureIndex(many)
    assert len(many) > 2000
    began = process_time()
    assert names("suport tickets word7", catalogue, 1)[0].endswith("_7")
    assert process_time() - began < 2  # CPU; measured 0.1


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_search(query: str) -> None:
    found = BY_WORDS.search(query, 3)
    assert len(found.hits) <= 3
    assert bool(found.hits) != bool(found.closest)


def test_an_empty_catalogue_finds_nothing() -> None:
    assert FeatureIndex([]).search("usage").hits == ()


def test_endings_are_cut_alike() -> None:
    assert len({stem(word) for word in ("hires", "hired", "hiring", "hire")}) == 1
    assert stem("utilisation") == stem("utilization") == stem("utilize")
    assert stem("business") == "business"
