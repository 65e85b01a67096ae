"""Meanings: what the copilot's own words stand for, asked without an account ("what is uplift?")."""

from __future__ import annotations

import re
from functools import cache

MADE = re.compile(
    r"\b(?:what|how|where|explain|define|was|wie)\b[^?!]*\b(?:mean\w*|stand for|calculat\w*|comput\w*|work(?:s|"
    r"ed)?(?: out)?|defin\w*|"
    r"deriv\w*|determin\w*|made up|comes? from|c[ao]mes? up with|arrive at|gets? to|formula|goes into|based on|"
    r"bedeutet|berechnet)\b|"
    r"\b(?:meaning|definition|formula) (?:of|for|behind)\b"
)
# Nothing but the word itself: "what is uplift?", "define churn risk".
BARE = (
    r"\W*(?:(?:so|and|please|hi|hello|hey|sorry|ok|can you|could you|tell|me)[,.! ]+)*"
    r"(?:what(?: exactly)?(?: is|'s| are)|define|explain|was ist)(?: (?:the|an?|your|this|that|meant by|"
    r"meaning of|exactly))* "
    r"(?P<word>[\w -]+?)(?: (?:score|model|number|value|mean|please|exactly|anyway|again|here|actually|all about|"
    r"to me|for))*\W*"
)
# A figure of somebody's own, or a column of the models.
OTHERWISE = re.compile(
    r"\{\w+\}|\b(?:my|our) (?!(?:\w+ )?(?:list|priorit|rank|quota|win rate))|\b(?:features?|variables?|columns?|"
    r"inputs?|customers?)\b"
)


def meaning(plain: str) -> str | None:
    """Return what one of the copilot's own words means where a question asks for that and nothing else, or None.

    Args:
        plain: The question in English, lower case, with placeholders.
    """
    if OTHERWISE.search(plain):
        return None
    bare, made = re.fullmatch(BARE, plain), MADE.search(plain)
    for words, asked, says in _meanings():
        if asked and re.search(asked, plain):
            return says
        if (bare and re.fullmatch(words, bare["word"])) or (made and re.search(rf"\b(?:{words})\b", plain)):
            return says
    return None


@cache
def _meanings() -> tuple[tuple[str, str, str], ...]:
    import yaml

    from copilot.config import rooms_root

    found = yaml.safe_load((rooms_root() / "prompts" / "meanings.yaml").read_text(encoding="utf-8"))
    return tuple((one["words"], one.get("asked", "").strip(), one["says"].strip()) for one in found["meanings"])
