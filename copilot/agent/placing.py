"""Placing: questions about an account's place in a ranking ("why not Acme first?")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from copilot.agent.clause import POINTING, Arguments, Clause, pointed

MOST_ROWS = 50  # of a ranking, so as many places can be told
LIST = r"(?:(?:call |work |to-?do |priority )?list|worklist|ranking|top \w+)"
MINE = rf"(?:my |the |your |our |today's )?{LIST}"
NOT = r"(?:\bnot\b|n't\b)"
WHY = r"\b(?:why|how come|what makes|what puts|warum|wieso|weshalb)\b[^?!]*"
REASONS = (  # for a place, after "why"
    r"\b(?:first|on top|at the top|(?:number|no\.?|#) ?(?:one|1)|top spot|last|start with|begin with|zuerst)\b",
    r"\b(?:further (?:up|down)|higher|lower)\b",
    r"\b(?:above|ahead of|before|below|behind|under|over|rather than|instead of|(?:and|but) not) \{account\}",
    r"\b(?:beats?|outranks?|tops?|über|vor|unter|statt) \{account\}",
    rf"{NOT}[^?!]*\b(?:on|in|among|make|reach|part of) {MINE}",
    rf"{NOT} (?:\{{account\}} )?(?:be )?(?:show|list|suggest|recommend|rank)",
    r"\b(?:leave|left|keep|kept|skip\w*|hide|hidden|drop\w*)\b[^?!]*\b(?:out|off|down)\b|\bmissing from\b|\bnot in\b",
    r"\brank(?:s|ed|ing)?\b|\bonly (?:\w+ )?(?:\d+(?:st|nd|rd|th)|number)\b",
    rf"\b(?:low|high|far|up|down) (?:on|in|down|up|the)\b[^?!]*{LIST}",
)
PLACED = re.compile(
    rf"{WHY}(?:{'|'.join(REASONS)})|"
    rf"\bwhere (?:does|do|is|are|did)\b[^?!]*(?:\brank\w*|\bstand in|\bcome in|\b(?:on|in) {MINE})|"
    rf"\b(?:what|which) (?:rank|place|position|spot)\b|\bhow (?:high|low|far (?:up|down))\b[^?!]*(?:\brank\w*|{LIST})|"
    rf"^\W*(?:is|are|isn't)\b[^?!]*\{{account\}} (?:not )?(?:on|in|among) {MINE}"
)


def placed(
    clause: Clause, names: Mapping[str, str], earlier: Arguments | None = None
) -> tuple[Arguments, dict[str, str]]:
    """Return the ranking's arguments and the accounts whose places in it are asked for; none where none is.

    Args:
        clause: The question.
        names: The asker's accounts by id; where another is named, no place is told.
        earlier: The arguments of the ranking before, which is then the one that is asked about.
    """
    if not PLACED.search(clause.plain):
        return {}, {}
    said = clause.marked.values("account") or (pointed(clause)[:1] if clause.says(POINTING) else [])
    if not all(one in names for one in said):
        return {}, {}
    return {**(earlier or {}), "limit": MOST_ROWS}, {one: names[one] for one in said}
