"""What a feature says in words: short forms written out (glossary, then the descriptions themselves), capitals kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from copilot.explain.grouping.affixes import Affix, Parsed, window_words
from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.tokens import Token, common_words

LONGEST_NAME = 80  # characters of a readable name
LONGEST_MEANING = 160
LONGEST_DESCRIPTION = 600  # characters of a description that are read
FEWEST = 2  # descriptions that must agree on what a short form stands for
SHARE = 0.6  # of a short form's descriptions that must hold the word
LIFT = 2.0  # how much more often they hold it than the descriptions of other names
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
    in this order, and others seldom hold it; ``dpd`` is "days past due" where they hold that. A word of the language
    and what a team's glossary explains are left as they are.
    """
    told = {name: _phrases(descriptions.get(name, "")) for name in names}
    everywhere = Counter(phrase for phrases in told.values() for phrase in phrases)
    holders: dict[str, list[frozenset[str]]] = defaultdict(list)
    for name, tokens in names.items():
        if told[name]:
            for token in {token.text for token in tokens if len(token.text) >= 2 and not token.number}:
                holders[token].append(told[name])
    language = common_words()
    out: dict[str, str] = {}
    for short, texts in sorted(holders.items()):
        spoken = short in language and short not in glossary.expand
        if spoken or short in glossary.plain or short in glossary.team or short in glossary.acronyms:
            continue
        counts = Counter(phrase for text in texts for phrase in text if _abbreviates(short, phrase))
        if any(short in text for text in texts) or not counts:
            continue
        best = min(counts, key=lambda phrase: (-counts[phrase], " " in phrase, len(phrase), phrase))
        # What descriptions of other names hold as often is no explanation of this one.
        often = counts[best] / len(texts)
        elsewhere = (everywhere[best] - counts[best]) / max(len(names) - len(texts), 1)
        if counts[best] >= FEWEST and often >= max(SHARE, LIFT * elsewhere):
            out[short] = best
    return out


def _phrases(description: str) -> frozenset[str]:
    """Return a description's words, and its phrases of two to four words, in lower case."""
    words = [word.lower() for word in _WORD.findall(description)]
    runs = (words[at : at + size] for size in (1, 2, 3, 4) for at in range(len(words) - size + 1))
    return frozenset(" ".join(run) for run in runs)


def _abbreviates(short: str, phrase: str) -> bool:
    """Whether ``short`` is a phrase's initials, or the first letter and others of a longer word, in order."""
    words = phrase.split()
    if len(words) > 1:
        return len(words) == len(short) and all(word[0] == letter for word, letter in zip(words, short, strict=True))
    if len(phrase) < len(short) + 2 or phrase[0] != short[0]:
        return False
    rest = iter(phrase)
    return all(letter in rest for letter in short)


def written_out(tokens: Sequence[Token], glossary: Glossary, found: Mapping[str, str]) -> str:
    """Return a stem in plain lower-case words, short forms and acronyms written out."""
    words = (_expanded(token, glossary, found) for token in tokens)
    return " ".join(glossary.stands_for.get(word, word) for word in words)


def _expanded(token: Token, glossary: Glossary, found: Mapping[str, str]) -> str:
    word = token.text
    if token.subject and word in glossary.plain and word not in glossary.team:
        return word
    if word in glossary.team:
        return glossary.expand[word]
    return found.get(word) or glossary.expand.get(word) or word


def readable(tokens: Sequence[Token], glossary: Glossary, found: Mapping[str, str]) -> str:
    """Return a stem as a name for people: Title Case, acronyms in capitals, digits with the letters they belong to."""
    words: list[str] = []
    glue = False
    for place, token in enumerate(tokens):
        for part in _expanded(token, glossary, found).split():
            shown = glossary.acronyms.get(part) or (part if part in SMALL and place else part[:1].upper() + part[1:])
            if glue and token.glued and (token.number or len(token.text) == 1):
                words[-1] += shown
            else:
                words.append(shown)
        # A digit stays with a single letter beside it or an acronym before it, as in H1, 2G or B2B.
        glue = len(token.text) == 1 or token.number or token.text in glossary.acronyms
    name = " ".join(words)[:LONGEST_NAME].strip()
    return name or UNNAMED


def meaning(parsed: Parsed, super_name: str, phrase: str, description: str, glossary: Glossary) -> str:
    """Return one line: what the description says in its first sentence, else what the grammar makes of the name."""
    if description:
        first = _SENTENCE.split(description)[0].strip(" .;:,")
        if len(first) > LONGEST_MEANING:
            first = first[:LONGEST_MEANING].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
        if any(sign.isalpha() for sign in first):
            return first[:1].upper() + first[1:] if first[0].isalpha() else super_name + ": " + first
    explained = "" if _letters(phrase) == _letters(super_name) else f" ({phrase[:LONGEST_NAME]})"
    return (super_name + explained + _told(parsed.affixes, glossary))[: 2 * LONGEST_MEANING]


def _letters(text: str) -> str:
    return "".join(text.lower().split())[: LONGEST_NAME // 2]


def _told(affixes: Sequence[Affix], glossary: Glossary) -> str:
    """Return the affixes in words, as ", average, over the last 3 months"."""
    windows = [affix for affix in affixes if affix.kind == "window" and affix.unit]
    others = [
        " ".join(glossary.expand.get(word, word) for word in affix.words)
        for affix in affixes
        if affix.kind not in ("window", "flag")
    ]
    out = "".join(f", {word}" for word in others)
    if any(affix.kind == "flag" for affix in affixes):
        out += ", yes or no"
    if len(windows) == 2 and windows[0].unit == windows[1].unit and windows[0].number > windows[1].number:
        return f"{out}, {window_words(windows[0])} without {window_words(windows[1])}"  # l2m_l1m
    return out + "".join(f", over {window_words(affix)}" for affix in windows)
