"""Search in notes: what a search must find, whatever it is called there, and in which order."""

import pandas as pd
import pytest

from copilot.agent.bank import Bank
from copilot.data.note_search import UNSURE, search

DAY = pd.Timestamp("2026-06-01")


def notes(*bodies: str, titles: tuple[str | None, ...] = ()) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "note_id": [f"N-{number}" for number in range(len(bodies))],
            "account_id": "A-1",
            "title": list(titles) or [None] * len(bodies),
            "body": bodies,
            "event_ts": [DAY + pd.Timedelta(days=number) for number in range(len(bodies))],
            "known_ts": DAY,
        }
    )


def found(
    frame: pd.DataFrame, query: str, near: dict[str, tuple[int, float]] | None = None, **words: object
) -> list[str]:
    return [hit.note.note_id for hit in search(frame, query, near or {}, **words) if hit.sure]  # type: ignore[arg-type]


FILLER = tuple(f"Friendly talk number {number}, the product does what they need." for number in range(30))


@pytest.mark.parametrize(
    "query",
    ["single sign-on", "Single Sign On", "SINGLE sign-on", "SSO", "Nimbus", "directories", "sign-on with directory"],
)
def test_a_rare_word_a_phrase_and_an_abbreviation_are_found_without_any_meaning(query: str) -> None:
    frame = notes(*FILLER, "They wait for single sign-on with their directory, else Nimbus Hire comes.")
    assert found(frame, query) == ["N-30"]


def test_a_slip_of_the_finger_is_forgiven() -> None:
    assert found(notes(*FILLER, "The accessibility audit is due."), "accesibility audit") == ["N-30"]


def test_umlauts_are_found_however_they_are_typed() -> None:
    frame = notes(*FILLER, "Prüfung durch Müller")
    assert found(frame, "Pruefung") == found(frame, "PRÜFUNG Müller") == ["N-30"]


def test_of_equals_the_newest_comes_first_and_words_in_their_order_before_all() -> None:
    frame = notes("price cap", "cap on the price", "price cap again")
    assert found(frame, "price cap") == ["N-2", "N-0", "N-1"]


def test_without_a_telling_word_all_come_newest_first() -> None:
    assert found(notes("a b", "c d", "e f"), "last notes") == ["N-2", "N-1", "N-0"]


def test_meaning_finds_what_shares_no_word_and_points_at_its_sentence() -> None:
    frame = notes(*FILLER, "Hello there. They merge with a smaller firm.")
    (hit,) = (hit for hit in search(frame, "acquisition", {"N-30": (1, 0.6), "N-3": (0, 0.2)}) if hit.sure)
    assert (hit.note.note_id, hit.parts[hit.place]) == ("N-30", "They merge with a smaller firm.")


def test_what_only_comes_near_is_given_as_not_sure_and_never_beside_a_note_with_all_the_words() -> None:
    near = {f"N-{number}": (0, 0.3 + number / 1000) for number in range(30)}
    hits = search(notes(*FILLER), "pizza", near)
    assert [hit.sure for hit in hits] == [False] * UNSURE
    assert [hit.note.note_id for hit in hits][:2] == ["N-29", "N-28"]
    assert len(search(notes(*FILLER, "pizza"), "pizza", near)) == 1


def test_nothing_like_it_is_nothing() -> None:
    assert search(notes(*FILLER), "pizza", {"N-1": (0, 0.1)}) == []
    assert search(notes(*FILLER).iloc[:0], "pizza", {}) == []


def test_german_asks_english_notes_and_english_german_ones() -> None:
    bank = Bank.read()
    frame = notes(*FILLER, "They complain about the price of the contract.", "Der Vertrag läuft im Herbst aus.")
    words = {"english": bank.english, "german": bank.germans}
    assert found(frame, "Vertrag Preis", **words)[0] == "N-30"
    assert "N-31" in found(frame, "contract", **words)


def test_the_word_in_the_title_counts_and_an_empty_title_is_none() -> None:
    assert found(notes(*FILLER, "Nothing special.", titles=(None,) * 30 + ("Merger",)), "merger") == ["N-30"]
