"""Shorthand: "who 2 call tmrw w/ accts" in whole words, before a question is read; names and German stay as typed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from copilot.agent.mentions import Marked

DOING = (
    "call|ring|phone|dial|visit|meet|see|e-?mail|mail|contact|focus|talk|speak|reach|touch|go|do|start|know|get|ask|sell|"
    "upsell|churn|leave|renew|cancel|buy|grow|expand|drop|lose|have"
)
COUNTING = (
    "top|next|last|first|my|our|your|the|these|those|best|worst|only|just|any|all|show|list|give|find|get|rank|me|us"
)
# A figure in a word's place: "who 2 call" and "got 4 renewals", "ready 4 upsell" and "my 4 accounts".
TO = re.compile(
    rf"(?P<before>\b(?!(?:{COUNTING}|compare|move|shift)\b)[a-z]+|\{{rep\}}) 2 (?=(?:{DOING}|a|an|the|him|her|"
    rf"them)\b|\{{(?:account|rep)\}})",
    re.I,
)
FOR = re.compile(
    rf"(?P<before>\b(?!(?:{COUNTING}|in|of|at|to|with|need|want|got|have|move|shift)\b)[a-z]+) 4 "
    r"(?=\{\w+\}(?! (?:accounts?|customers?|clients?|accts?|custs?)\b)|(?:me|us|my|our|the|this|that|today|"
    r"tomorrow|next|upsells?|"
    r"up-?sell\w*|cross-?sell\w*|renewals?|churn|expansion|training)\b)",
    re.I,
)
MARKS = (
    (re.compile(r"\bw/o\b", re.I), "without"),
    (re.compile(r"\bw/\s?", re.I), "with "),
    (re.compile(r"(?<=\s)@\s?(?=[\w{])"), "at "),
    (re.compile(r"\bcross sell", re.I), "cross-sell"),
    (re.compile(r"\bup[- ]sell", re.I), "upsell"),
    (re.compile(r"\s*(?:-+|=+)>\s*"), " to "),
)
TOKEN = re.compile(r"(?<![\w{/'’.-])[^\W_]+(?![\w}/'’-])")


def in_full(marked: Marked, words: Mapping[str, str]) -> Marked:
    """Return the question with its shorthand in whole words.

    Args:
        marked: The question with its names, which are left alone.
        words: Whole words by their shorthand, in lower case.
    """
    text = marked.masked()
    for pattern, whole in MARKS:
        text = pattern.sub(whole, text)
    shouting = text.upper() == text

    def whole_word(found: re.Match[str]) -> str:
        typed = found[0]
        plain = typed.islower() or found.start() == 0 or shouting
        return words.get(typed.lower(), typed) if plain else typed

    text = TOKEN.sub(whole_word, text)
    text = TO.sub(r"\g<before> to ", text)
    return marked.reworded(FOR.sub(r"\g<before> for ", text))
