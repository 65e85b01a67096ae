import math

import pytest

from copilot.explain.reading import grade, syllables


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("cat", 1),
        ("rose", 1),
        ("errors", 2),
        ("table", 2),
        ("utilisation", 5),
        ("dropped", 1),
        ("wanted", 2),
        ("the", 1),
    ],
)
def test_syllables_are_counted(word: str, number: int) -> None:
    assert syllables(word) == number


def test_the_grade_of_a_known_text_is_that_of_the_formula() -> None:
    # 6 words, 1 sentence, 6 syllables
    assert grade(["The cat sat on the mat."]) == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    # 8 words, 2 sentences, 9 syllables; numbers are no words
    two = ["Errors rose from 2 to 4.", "The cat sat on it."]
    assert grade(two) == pytest.approx(0.39 * 9 / 2 + 11.8 * 10 / 9 - 15.59)


def test_long_words_in_long_sentences_read_harder() -> None:
    hard = (
        "Organisational utilisation deteriorated considerably, notwithstanding comprehensive remediation initiatives."
    )
    assert grade([hard]) > 18 > grade(["Its people use it less. We should call."])


def test_without_a_word_there_is_no_grade() -> None:
    assert math.isnan(grade([]))
    assert math.isnan(grade(["12 %."]))
