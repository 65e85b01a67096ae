"""Plant faults in narratives that are right, and count how many of each kind a checker finds.

Each kind turns one sentence into one that says something else, or into None where it does not apply. A sentence told of
another account is a fault only where that account's values read otherwise; a feature's name may fit by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from copilot.text.cells import show
from evals.narrative_check import PUSHES, Mart, check, faults, sentences

Plant = Callable[[str, np.random.Generator, Sequence[str]], str | None]
BY_CHANCE = ("another feature",)  # may happen to be true
_VALUE = re.compile(r"(?<!last )(?<!the )(?<![\w.,])\d[\d,]*(?:\.\d+)?(?! (?:months|weeks|days) before)")
_LABEL = re.compile(r"^.+?(?=: | rose from | fell from | over the last |, the last )")
_TURNED = {"rose": "fell", "fell": "rose", "up": "down", "down": "up", "highest": "lowest", "lowest": "highest"}


def _first_digit(sentence: str, rng: np.random.Generator, _others: Sequence[str]) -> str | None:
    return _digit(sentence, rng, lambda text: re.search(r"[1-9]", text) or re.search(r"\d", text))


def _last_digit(sentence: str, rng: np.random.Generator, _others: Sequence[str]) -> str | None:
    return _digit(sentence, rng, lambda text: re.search(r"\d(?=\D*$)", text))


def _digit(sentence: str, rng: np.random.Generator, which: Callable[[str], re.Match[str] | None]) -> str | None:
    values = list(_VALUE.finditer(sentence))
    if not values:
        return None
    value = values[int(rng.integers(len(values)))]
    at = value.start() + which(value[0]).start()  # type: ignore[union-attr]
    return f"{sentence[:at]}{int(sentence[at]) % 9 + 1}{sentence[at + 1 :]}"


def _replaced(pattern: str, by: str | Callable[[re.Match[str]], str], count: int = 0) -> Plant:
    def plant(sentence: str, _rng: np.random.Generator, _others: Sequence[str]) -> str | None:
        changed = re.sub(pattern, by, sentence, count=count)
        return changed if changed != sentence else None

    return plant


def _borrowed(pattern: re.Pattern[str]) -> Plant:
    """Take the part that ``pattern`` finds from another sentence."""

    def plant(sentence: str, rng: np.random.Generator, others: Sequence[str]) -> str | None:
        here, there = pattern.search(sentence), pattern.search(others[int(rng.integers(len(others)))])
        if not here or not there or here[0] == there[0]:
            return None
        return sentence[: here.start()] + there[0] + sentence[here.end() :]

    return plant


def _turned_push(found: re.Match[str]) -> str:
    opposite = {"to": "away from", "away from": "to", "more": "less", "less": "more"}
    return f"{found[1]}{opposite[found[2]]}"


SENTENCES: Mapping[str, Plant] = {
    "first digit of a number": _first_digit,
    "last digit of a number": _last_digit,
    "comma moved": _replaced(r"(\d),(\d{3})(?!\d)", r"\1\2,"),
    "minus put in": _replaced(r"(?:(?<=from )|(?<=: ))(?=\$?[1-9])", "-", 1),
    "direction turned": _replaced(r"\b(rose|fell|up|down)\b", lambda m: _TURNED[m[0]]),
    "rose for fell": _replaced(r"\b(rose|fell)\b", lambda m: _TURNED[m[0]]),
    "sides swapped": _replaced(r"from (\S+(?: [%a-z]+)?) to (\S+(?: [%a-z]+)?)(?=[ ,])", r"from \2 to \1"),
    "new for rose": _replaced(r" rose from (\S+(?: %)?) to (\S+(?: %)?)(?: \(up [^)]+\))?,", r": new, from \1 to \2,"),
    "percent for points": _replaced(r" points?\)", " %)"),
    "points for percent": _replaced(r"(\(up|\(down) (\S+) %\)", r"\1 \2 points)"),
    "unit left out": _replaced(r" (?:%|points?|days?|hours?)", ""),
    "currency left out": _replaced(r"\$", ""),
    "currency put in": _replaced(r"(?:(?<=from )|(?<=: ))(?=\d)", "$", 1),
    "another window": _replaced(r"\b(\d+) months\b", lambda m: f"{int(m[1]) + 1} months"),
    "window left out": _replaced(r" over the last [\w ]+?(?=[,:;. (])", ""),
    "another feature": _borrowed(_LABEL),
    "push turned": _replaced(r"(points |a touch helps )(to|away from|more|less)", _turned_push),
    "push of another model": _replaced(
        "|".join(PUSHES), lambda m: "a touch helps more" if "points" in m[0] else "points to churn"
    ),
    "place turned": _replaced(r"\b(highest|lowest)\b", lambda m: _TURNED[m[0]]),
    "place moved": _replaced(r", (second |third )?(highest|lowest)", lambda m: f", {'' if m[1] else 'second '}{m[2]}"),
    "another segment": _replaced(r"(?<=in segment )\S+", "Sagittarius"),
    "another group": _replaced(r"(?<= in )[\w ]+(?= \(function\)| \(level\)| \(priority\))", "Astrology"),
    "or more put in": _replaced(r": (up|down) ([\d.,]+ %)(?! or)", r": \1 \2 or more"),
    "or more left out": _replaced(" or more", ""),
    "meaning of another": _borrowed(re.compile(r"(?<=; it could mean that ).+(?=\.$)")),
    "meaning put in": _replaced(r"(?<=\d)\.$", "; it could mean that it sees what it pays for."),
    "doubled": _replaced(r"\brose\b", "doubled"),
    "a clause put in": _replaced(r"\.$", " and will go on so."),
}  # fmt: skip


def planted(narratives: pd.DataFrame, mart: Mart, rng: np.random.Generator, most: int) -> dict[str, tuple[int, int]]:
    """Return how many faults of each kind were planted and found.

    Args:
        narratives: ``account_id, about, category, text``, none of them wrong.
        mart: What they are held against.
        rng: Chooses sentences, digits and what is taken from elsewhere.
        most: Of a kind.
    """
    rows = [row | {"text": one} for row in narratives.to_dict("records") for one in sentences(row["text"])]
    order = rng.permutation(len(rows))
    texts = [row["text"] for row in rows]
    found = {}
    for kind, plant in SENTENCES.items():
        wrong: list[dict[str, str]] = []
        for place in order:
            said = plant(texts[place], rng, texts)
            if said is not None and len(wrong) < most:
                wrong.append(rows[place] | {"text": said})
        found[kind] = _counted(wrong, mart)
    shuffled = [rows[place] for place in order[:most]]
    headings = sorted(set(narratives["category"]))
    found["another account"] = _counted(elsewhere(shuffled, mart, rng), mart)
    found["another heading"] = _counted(
        [row | {"category": rng.choice([one for one in headings if one != row["category"]])} for row in shuffled], mart
    )
    found["family told twice"] = _counted([row | {"text": f"{row['text']} {row['text']}"} for row in shuffled], mart)
    return {kind: counts for kind, counts in found.items() if counts[0]}


def elsewhere(rows: Sequence[dict[str, str]], mart: Mart, rng: np.random.Generator) -> list[dict[str, str]]:
    """Tell each sentence of another account, unless what it shows reads the same there ("touches by us: 0").

    Args:
        rows: ``account_id, about, category, text``, each of one sentence that is right.
        mart: What they are held against.
        rng: Draws the other accounts.
    """
    units = {spec.name: spec.unit for spec in mart.specs}
    told = []
    for row, other in zip(rows, rng.choice(mart.values.index, len(rows)), strict=True):
        _, features = check(row["text"], row["account_id"], row["about"], mart)
        here, there = mart.table[row["account_id"]], mart.table[other]
        if any(show(here[name], units[name]) != show(there[name], units[name]) for name in features):
            told.append(row | {"account_id": other})
    return told


def _counted(wrong: list[dict[str, str]], mart: Mart) -> tuple[int, int]:
    return len(wrong), sum(bool(list(faults(pd.DataFrame([row]), mart))) for row in wrong)
