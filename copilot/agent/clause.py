"""A clause: one question to one tool, with what the slot rules look at, and the accounts it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from copilot.agent.mentions import Kind, Marked, Mention
from copilot.agent.periods import NUMBERS

Arguments = dict[str, Any]

MOST_COMPARED = 5  # accounts
ORDINALS = ("first", "second", "third", "fourth", "fifth")
POINTING = (
    r"\b(?:it|its|he|she|them|they|their|there|that|this|those|these|him|her|the (?:account|customer|client|company))\b"
)
# "The second one", "the last account", "die dritte": one row of the list before. Not "the first three".
ORDINAL = re.compile(
    r"\b(?:the|that|der|die|das|den|dem)\s+(?:(?P<one>first|1st|erste[nr]?)|(?P<two>second|2nd|zweite[nr]?)|(?P<three>third|3rd|dritte[nr]?)"
    r"|(?P<four>fourth|4th|vierte[nr]?)|(?P<five>fifth|5th|fünfte[nr]?)|(?P<last>last|letzte[nr]?))"
    r"(?:\s+(?:one|account|customer|client|company|kunde[n]?|konto)\b|(?=\W*$|\s+(?:and|or|und|oder)\s+(?:the|der|die|das|den|dem)\b))",
    re.I,
)
# A region that the asker's book has nothing in is no name of it; left out, the whole book would be answered for.
ELSEWHERE = re.compile(r"\b(?:(?i:EMEA|APAC|LATAM|DACH|AMERICAS)|NA|AMER|ANZ|MEA|CEE|UK|EU|USA)\b")
SCENARIO = re.compile(r"S-\d+")  # a scenario's id, which stands among the accounts an answer spoke of


@dataclass(frozen=True)
class Clause:
    """One question to one tool: its names, its words in English with placeholders, and what came before.

    ``recent`` are account ids that "it", "them" or "the second one" may stand for; ``industries`` those of the book.
    """

    marked: Marked
    plain: str
    today: date
    recent: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()

    def says(self, pattern: str) -> re.Match[str] | None:
        """Search the English words."""
        return re.search(pattern, self.plain)

    def first(self, kind: Kind) -> str | None:
        """Return the first name of a kind."""
        return next(iter(self.marked.values(kind)), None)

    def placed(self, kind: Kind, at: int) -> str:
        """Return the name whose placeholder stands at ``at`` in the English words."""
        mentions = [mention for mention in self.marked.mentions if mention.kind == kind]
        return mentions[self.plain[:at].count("{" + kind + "}")].value

    def guessed_reps(self) -> Clause:
        """Return the clause with unknown names taken for reps, where only reps are moved or away."""
        guesses = iter([one.guess for one in self.marked.mentions if one.kind == "account"])
        plain = re.sub(r"\{account\}", lambda found: "{rep}" if next(guesses) else found[0], self.plain)
        mentions = tuple(replace(one, kind="rep") if one.guess else one for one in self.marked.mentions)
        return replace(self, plain=plain, marked=Marked(self.marked.text, mentions))


def with_ordinals(marked: Marked, recent: Sequence[str]) -> Marked:
    """Return the question with "the second one" marked as the account it stands for among the recent ones."""
    found, recent = list(marked.mentions), [one for one in recent if not SCENARIO.fullmatch(one)]
    for hit in ORDINAL.finditer(marked.text):
        place = -1 if hit["last"] else int(hit.lastindex or 1) - 1
        apart = not any(one.start < hit.end() and hit.start() < one.end for one in found)
        if apart and place < len(recent) and recent:
            found.append(Mention("account", recent[place], *hit.span()))
    return Marked(marked.text, tuple(sorted(found, key=lambda one: one.start)))


def accounts(clause: Clause) -> list[str]:
    """Return the accounts a clause is about: named, or pointed at among the recent ones."""
    return clause.marked.values("account") or pointed(clause)


def pointed(clause: Clause) -> list[str]:
    """Return the recent accounts that "it", "both", "the second one" or "the first three" stand for."""
    recent = [one for one in clause.recent if not SCENARIO.fullmatch(one)]
    if found := clause.says(r"\b(?:first|top|those|these|the|last) (two|three|four|five|[2-5])\b"):
        count = number(found[1])
        return recent[-count:] if found[0].startswith("last") else recent[:count]
    if clause.says(r"\bboth\b"):
        return recent[:2]
    for place, word in enumerate(ORDINALS):
        if clause.says(rf"\b(?:{word}|{place + 1}(?:st|nd|rd|th)|(?:number|no\.?|#)\s*{place + 1})\b"):
            return recent[place : place + 1]
    if clause.says(r"\b(?:the|that) last one\b"):
        return recent[-1:]
    return recent[:1] if clause.says(POINTING) or len(recent) == 1 else []


def each_account(clause: Clause, **rest: Any) -> list[Arguments]:
    """Return one call's arguments for each account of the clause; without any, one that lacks it."""
    return [{"account": account, **rest} for account in accounts(clause)] or [dict(rest)]


def each_name(clause: Clause, found: Arguments) -> list[Arguments]:
    """Add product, segment and region; several names of one kind make several calls."""
    kinds: tuple[Kind, ...] = ("product", "segment", "region")
    calls: list[Arguments] = [dict(found)]
    for kind in kinds:
        every = regions(clause) if kind == "region" else clause.marked.values(kind)
        names = every if len(calls) == 1 else every[:1]
        calls = [{**call, kind: name} for call in calls for name in names] or calls
    return calls


def regions(clause: Clause) -> list[str]:
    """Return the regions a clause names, with those that the asker's book has nothing in."""
    return list(
        dict.fromkeys([*clause.marked.values("region"), *map(str.upper, ELSEWHERE.findall(clause.marked.masked()))])
    )


def first_of(patterns: Iterable[tuple[str, str]], text: str) -> str | None:
    """Return the name of the first pattern found in ``text``."""
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)


def number(text: str) -> int:
    """Return the value of a matched ``NUMBER``, digits or word."""
    return NUMBERS.get(text) or int(text[:9])
