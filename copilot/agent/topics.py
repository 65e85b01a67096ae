"""Topics: the free text in a question (what to search, a draft's goal, a reason), taken as typed."""

from __future__ import annotations

import re

from copilot.agent.mentions import Marked, Mention

QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]{2,80})[\"“”„«»]|(?<!\w)'([^']{2,80})'(?!\w)")
NAME = re.compile(r"\s*(?:\b(?:at|of|on|with|from|for|to|by|in|bei|von|mit|für|an|aus))?\s*\{account\}(?:['’]s)?", re.I)
FILLER = re.compile(
    r"^(?:(?:the|a|an|any|some|our|their|his|her|its|your|my|us|them|something|anything|anybody|anyone|somebody|topic|word|"
    r"subject|mentions? of|features?|variables?|columns?|inputs?|notes?|der|die|das|den|dem|ein|eine|einen|einem|ihre[nr]?|"
    r"seine[nr]?|unsere[nr]?|etwas|was|thema|themen|wort|merkmale?|dass|that|to|of|on|about)\b[\s:,]*)+",
    re.I,
)
TAIL = re.compile(
    r"[\s,]*\b(?:please|bitte|thanks|danke|lately|recently|somewhere|anywhere|again|notiert|gesagt|geschrieben|erwähnt|"
    r"gesprochen|besprochen|beschwert|according to notes|in (?:the|our|my) notes|last time|suchen|erstellen)\W*$",
    re.I,
)
ASKING = re.compile(
    r"^\W*(?:(?:what|who|which|where|did|do|does|has|have|is|are|was|were|can|could|there|me|you|we|read|show|find|search|"
    r"look|list|remind|hat|haben|gibt|es|wer|wo|wir|jemand|anyone|anybody|someone)\b\W*)+",
    re.I,
)
# Before an unknown name that spoke or was spoken to: "did Globex mention".
SPEAKS = re.compile(r"\b(?:did|does|has|have|hat|at|with|from|by|bei|mit|von)\s+$", re.I)
EMPTY = re.compile(r"^(?:anything|something|it|that|this|them|us|etwas|was|notes?|last time|the last|\W*)$", re.I)

# What a note is about stands after one of these, the most telling first.
SEARCH_LEADS = (
    r"\b(?:regarding|concerning|mention(?:s|ed|ing)?(?: of)?|bring(?:s|ing)? up|complain(?:s|ed|ing)? (?:about|of)|erwähn\w*|bezüglich|wegen|zum thema)\b",
    r"\b(?:about|über)\b",
    r"\b(?:ask(?:ed|s|ing)? for|search(?:es)?(?: \w+){0,2} for|look(?:ing)?(?: \w+){0,4} for|find (?:\w+ ){0,2}notes on|note on|evaluating|nach)\b",
    r"\b(?:said|say|says|written|wrote|tell us|told us|talked|notes?|conversations?) (?:on|about|that|they are|they're|they)\b",
    r"\b(?:gesagt|notiert|geschrieben)\b",
    r"\b(?:zum|zur|zu)\b",
    r"\b(?:raised?|promised?|objections?|concerns?|agreed)\b(?=.*\w)",
    r"\b(?:notes?|notizen|search|suche?)\b\s*:?",
)
GOAL_LEADS = (
    r"\b(?:about|regarding|concerning|because of|wegen|bezüglich|in sachen|hinsichtlich)\b",
    r"\b(?:zur|zum)\b",
    r"\{account\}[^{}]{0,12}\bthat\b",
    r"\b(?=(?:introducing|offering|inviting|thanking|reminding|asking|announcing|proposing|pitching)\b)",
    r"\{account\}\s+(?:for|to|on|um)\b(?! the phone)",
    r"\b(?:goal|purpose|ziel)\b\s*:?",
)
BACKWARD_GOALS = re.compile(
    r"\b(renewal|follow-?up|thank[- ]you|win[- ]?back|reminder|invitation|introduction|upsell)\b (?:mail|e-?mail|letter|note|message|call)",
    re.I,
)
FEATURE_LEADS = (
    r"\b(?:describ\w*|measur\w*|concern\w*|relat\w* to|about|regarding|deal(?:s|ing)? with|capture|beschreib\w*|messen|betreff\w*)\b",
    r"\bwhat (?:does|do|is)\b(?: the)?(?: feature| column| variable)?|\bbedeutet\b(?: das)?(?: merkmal| feature)?",
    r"\b(?:features?|variables?|columns?|predictors?|inputs?|dictionary|metadata|catalog|definition|merkmale?|spalten|datenkatalog)\b[^?]{0,12}?\b(?:for|on|of|in|with|zu|zum|zur|für)\b",
    r"\b(?:lookup|look up|explain|search)\b(?: for)?(?: the)?(?: feature| column| variable)?",
    r"\b(?:do we track|do the models know about|know about)\b",
    r"\b(?:features?|variables?|columns?|merkmale?)\b",
)
FEATURE_TAIL = re.compile(
    r"\s*\b(?:mean|means|stand for|defined|calculated|in the feature store|as an input|definiert)\W*$", re.I
)
REASON = re.compile(
    r"(?:\bbecause\b|\bsince\b|\bweil\b|\bdenn\b|\breason:?|\bgrund:?|\bas (?=they|we|it|he|she))\s*(?P<why>.+)$", re.I
)
AFTER_COMMA = re.compile(r"(?:[,;–—]|\s-\s)\s*(?P<why>[^,;]+)$")
NO_REASON = re.compile(
    r"\{|\b(?:done|mark|tick|dismiss|snooze|accept|skip|hide|remove|bitte|please|thanks|danke|later|erledigt|abhaken|call|"
    r"remind|show|take|(?:that|it|this)(?:'s| is) (?:finished|handled|sorted|settled|closed))\b", re.I
)  # fmt: skip
STUDY = re.compile(
    r"\b(?:the|our|der|die|das|unser\w*)\s+(?P<name>(?:[\w/-]+\s+){1,4}?)(?P<noun>study|studie|experiment|trial|pilot|campaign|a/b test|test)\b",
    re.I,
)
GENERIC = frozenset(
    "last latest current running whole same first new recent big small control test a/b ab sales big our the letzte laufende".split()
)


def search_topic(marked: Marked) -> str:
    """Return what to look for in notes: the words after "about", "mentioning" …, else what is left of the question."""
    return _topic(marked, SEARCH_LEADS) or _rest(marked)


def feature_topic(marked: Marked) -> str:
    """Return what to look for among features."""
    return FEATURE_TAIL.sub("", _topic(marked, FEATURE_LEADS)) or _rest(marked)


def goal(marked: Marked) -> str | None:
    """Return what a draft should achieve, or None where the question does not say."""
    found = _topic(marked, GOAL_LEADS)
    if not found and (before := BACKWARD_GOALS.search(marked.text)):
        found = before[1]
    return found or None


def reason(marked: Marked) -> str | None:
    """Return why somebody accepts or dismisses: the words after "because", or a closing clause."""
    masked = marked.masked()
    if found := REASON.search(masked):
        return _restore(found["why"], found.start("why"), marked)
    found = AFTER_COMMA.search(masked)
    if found and len(found["why"].split()) > 1 and not NO_REASON.search(found["why"]):
        return _restore(found["why"], found.start("why"), marked)
    return None


def study(marked: Marked) -> str | None:
    """Return the name of a study: quoted, or before the word "pilot", "study" …; None for "the study"."""
    if quoted := QUOTED.search(marked.text):
        return quoted[1] or quoted[2]
    if found := STUDY.search(marked.text):
        words = [word for word in found["name"].split() if word.lower() not in GENERIC]
        noun = [] if found["noun"].lower() in ("study", "studie") else [found["noun"]]
        return " ".join([*words, *noun]) if words else None
    return None


def _topic(marked: Marked, leads: tuple[str, ...]) -> str:
    if quoted := QUOTED.search(marked.text):
        return (quoted[1] or quoted[2]).strip()
    masked = _masked(marked)
    for lead in leads:
        for found in re.finditer(lead, masked, re.I):
            after = _clean(NAME.sub("", masked[found.end() :]))
            if after and not EMPTY.match(after):
                return after
    return ""


def _rest(marked: Marked) -> str:
    """Return the question without its names and question words, for want of a better topic."""
    bare = NAME.sub("", _masked(marked))
    return _clean(ASKING.sub("", bare)) or _clean(bare) or "notes"


def speakers(marked: Marked) -> list[str]:
    """Return the accounts a search is about; an unknown capitalised word is rather what is looked for."""
    return Marked(marked.text, _speaking(marked)).values("account")


def _speaking(marked: Marked) -> tuple[Mention, ...]:
    named = (mention for mention in marked.mentions if mention.kind == "account")
    return tuple(one for one in named if not one.guess or SPEAKS.search(marked.text[: one.start]))


def _masked(marked: Marked) -> str:
    """Mask the accounts only: a product or region is part of what is looked for."""
    return Marked(marked.text, _speaking(marked)).masked()


def _restore(part: str, start: int, marked: Marked) -> str | None:
    """Return the original words of a masked part that reaches to the end of the text."""
    seen = marked.masked()[:start].count("{")
    names = iter([marked.text[one.start : one.end] for one in marked.mentions[seen:]])
    return re.sub(r"\{\w+\}", lambda _: next(names), part).strip(" .!?") or None


def _clean(text: str) -> str:
    text = text.strip(" \t.,:;!?-–—'\"")
    while (shorter := TAIL.sub("", FILLER.sub("", text)).strip(" \t.,:;!?-–—'\"")) != text:
        text = shorter
    return re.sub(r"\s+", " ", text)
