"""What a feature says in words: short forms written out (glossary, then the descriptions themselves), capitals kept."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from copilot.explain.grouping.affixes import Affix, Parsed, window_words
from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.tokens import Token, common_words

LONGEST_NAME = 80  # characters of a readable name
LONGEST_MEANING = 160
LONGEST_DESCRIPTION = 600  # characters of a description that are read
FEWEST = 2  # descriptions that must agree on what a short form stands for
SHARE = 0.6  # of a short form's descriptions that must hold the word
SMALL = frozenset("a an and as at by for from in of on or per than the to with".split())
UNNAMED = "Unnamed"
# A description that talks to a reader instead of describing is set aside as a whole: it is data and is told to nobody.
_ORDERS = re.compile(
    r"ignore\W+(?:\w+\W+){0,4}?(?:above|previous|prior|earlier|instruction|rule)|disregard\W|system\W*prompt|"
    r"you\W+(?:are|must|should|will)\W|as an ai\b|instead (?:say|write|answer|reply)|"
    r"(?:reply|respond|answer|output|print)\W+(?:only|with|exactly)|</?[a-z]\w*[^<>]*>|https?:|javascript:|\{\{|\]\(",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n|\s+\(")


def clean(description: str) -> str:
    """Return a description on one line without control signs; empty where it gives orders instead of describing."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in description).split())
    return "" if _ORDERS.search(text) else text[:LONGEST_DESCRIPTION]


def learned(
    names: Mapping[str, Sequence[Token]], descriptions: Mapping[str, str], glossary: Glossary
) -> dict[str, str]:
    """Return what short forms stand for by the descriptions of the names they stand in.

    ``vce`` is "voice" where most descriptions of names with vce hold that one word which begins with v and has v, c, e
    in this order. A word of the language and what a team's glossary explains are left as they are.
    """
    holders: dict[str, list[frozenset[str]]] = defaultdict(list)
    for name, tokens in names.items():
        told = frozenset(word.lower() for word in _WORD.findall(descriptions.get(name, "")))
        if told:
            for token in {token.text for token in tokens if len(token.text) >= 2 and not token.number}:
                holders[token].append(told)
    language = common_words()
    out: dict[str, str] = {}
    for short in sorted(holders):
        affix = short in glossary.plain or (short in glossary.shared and len(short) <= 3)
        if (
            affix
            or short in glossary.team
            or short in glossary.acronyms
            or (short in language and short not in glossary.expand)
        ):
            continue
        counts: dict[str, int] = defaultdict(int)
        for told in holders[short]:
            for word in told:
                if short != word and _abbreviates(short, word):
                    counts[word] += 1
        if any(short in told for told in holders[short]) or not counts:
            continue
        best = min(counts, key=lambda word: (-counts[word], len(word), word))
        if counts[best] >= max(FEWEST, SHARE * len(holders[short])):
            out[short] = best
    return out


def _abbreviates(short: str, word: str) -> bool:
    """Whether ``short`` is the beginning of a longer word, or its letters in order with the first one first."""
    if len(word) < len(short) + 2 or word[0] != short[0]:
        return False
    rest = iter(word)
    return all(letter in rest for letter in short) and (len(short) >= 3 or word.startswith(short))


def written_out(tokens: Sequence[Token], glossary: Glossary, found: Mapping[str, str]) -> str:
    """Return a stem in plain lower-case words, short forms written out."""
    return " ".join(_expanded(token.text, glossary, found) for token in tokens)


def _expanded(word: str, glossary: Glossary, found: Mapping[str, str]) -> str:
    if word in glossary.team:
        return glossary.expand[word]
    return found.get(word) or glossary.expand.get(word) or word


def readable(tokens: Sequence[Token], glossary: Glossary, found: Mapping[str, str]) -> str:
    """Return a stem as a name for people: Title Case, acronyms in capitals, digits with the letters they belong to."""
    words: list[str] = []
    glue = False
    for place, token in enumerate(tokens):
        for part in _expanded(token.text, glossary, found).split():
            shown = glossary.acronyms.get(part) or (part if part in SMALL and place else part[:1].upper() + part[1:])
            if glue and token.glued and (token.number or len(token.text) == 1):
                words[-1] += shown
            else:
                words.append(shown)
        # A digit stays with a single letter beside it or an acronym before it, as in H1, 2G or B2B.
        glue = len(token.text) == 1 or token.number or token.text in glossary.acronyms
    name = " ".join(words)[:LONGEST_NAME].strip()
    return name or UNNAMED


def meaning(parsed: Parsed, super_name: str, description: str) -> str:
    """Return one line: what the description says in its first sentence, else what the grammar makes of the name."""
    if description:
        first = _SENTENCE.split(description)[0].strip(" .;:,")
        if len(first) > LONGEST_MEANING:
            first = first[:LONGEST_MEANING].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
        if any(sign.isalpha() for sign in first):
            return first[:1].upper() + first[1:] if first[0].isalpha() else super_name + ": " + first
    return (super_name + _told(parsed.affixes))[: 2 * LONGEST_MEANING]


def _told(affixes: Sequence[Affix]) -> str:
    """Return the affixes in words, as ", average, over the last 3 months"."""
    windows = [affix for affix in affixes if affix.kind == "window" and affix.unit]
    others = [" ".join(affix.words) for affix in affixes if affix.kind not in ("window", "flag")]
    out = "".join(f", {word}" for word in others)
    if any(affix.kind == "flag" for affix in affixes):
        out += ", yes or no"
    if len(windows) == 2 and windows[0].unit == windows[1].unit and windows[0].number > windows[1].number:
        return f"{out}, {window_words(windows[0])} without {window_words(windows[1])}"  # l2m_l1m
    return out + "".join(f", over {window_words(affix)}" for affix in windows)
