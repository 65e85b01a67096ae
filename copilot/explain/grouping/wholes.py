"""Parts of one thing told as the thing: a city, a street and a postal code of billing are the billing address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from copilot.explain.grouping.glossary import Glossary

FEWEST = 2  # wholes that an unknown word must follow before it is taken for a part of them
SURE = 3  # parts of a whole, or places of an unknown word, from which on it holds what is said of it otherwise
LONGEST = 3  # words of a part
NEVER, OPT_OUT = ("do", "not"), "do not contact"  # what is not to be done, as to call or to mail, is one thing
_Cut = tuple[tuple[str, ...], tuple[str, ...], str]  # what comes before a part, the part, its whole


def wholes(phrases: Sequence[str], words: Glossary) -> list[str]:
    """Return each phrase with the part that it ends in told as its whole, where another phrase has another part of it.

    "billing city" beside "billing street" is "billing address"; "account state" alone stays. What comes after several
    wholes and after nothing else is a part as well: "billing landmark" beside "shipping landmark". So is what is said
    of a whole of many parts by its name: "billing address verified". Several opt-outs are "do not contact".
    """
    cuts = [_part(tuple(phrase.split()), words) for phrase in phrases]
    parts: dict[tuple[tuple[str, ...], str], set[tuple[str, ...]]] = defaultdict(set)
    for rest, part, whole in cuts:
        parts[rest, whole].add(part)
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for (rest, whole), own in parts.items():
        if whole and len(own) > 1:
            holders[rest].add(whole)
    large = {key for key, own in parts.items() if len(own) >= SURE}
    further = _further_parts(cuts, holders)
    opt_outs = {phrase for phrase in phrases if tuple(phrase.split()[:2]) == NEVER}
    out = []
    for phrase, (rest, part, whole) in zip(phrases, cuts, strict=True):
        if phrase in opt_outs and len(opt_outs) > 1:
            out.append(OPT_OUT)
            continue
        if said := _said_of(tuple(phrase.split()), large):
            rest, whole = said
        elif not part:
            rest, whole = further.get(rest, (rest, ""))
        told = (*rest, whole) if whole not in rest else rest  # "address 1 city" is of "address 1"
        out.append(" ".join(told) if whole in holders.get(rest, ()) else phrase)
    return out


def _said_of(
    phrase: tuple[str, ...], large: Collection[tuple[tuple[str, ...], str]]
) -> tuple[tuple[str, ...], str] | None:
    """Return the whole that a phrase names, numbered or not, and what comes before it; None where it names none."""
    for at, word in enumerate(phrase):
        for rest in (phrase[:at], phrase[: at + 2]):
            if (rest, word) in large:
                return rest, word
    return None


def _further_parts(
    cuts: Sequence[_Cut], holders: Mapping[tuple[str, ...], set[str]]
) -> dict[tuple[str, ...], tuple[tuple[str, ...], str]]:
    """Return phrases without a known part that end like one, with what comes before it and the whole."""
    rests: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for phrase, part, _ in cuts:
        for size in range(1, 0 if part else min(LONGEST, len(phrase)) + 1):
            rests[phrase[-size:]].add(phrase[:-size])
    out = {}
    for end, before in rests.items():
        shared = set.intersection(*(holders.get(rest, set()) for rest in before))
        if len(before) >= FEWEST and len(shared) == 1:
            out.update({(*rest, *end): (rest, min(shared)) for rest in before if rest or len(before) > SURE})
    return out


def _part(phrase: tuple[str, ...], words: Glossary) -> _Cut:
    """Return a phrase as what comes before its part, the part, and the whole; without a part, the phrase alone."""
    end = len(phrase)
    while end > 1 and phrase[end - 1].isdecimal():
        end -= 1
    for size in range(min(LONGEST, end), 0, -1):
        part = phrase[end - size : end]
        if whole := words.parts.get(part):
            rest = phrase[: end - size]
            return (rest[:-1] if rest and rest[-1] == whole else rest), part, whole
    return phrase, (), ""
