"""Placing: questions about an account's place in a ranking ("why not Acme first?")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from copilot.agent.clause import POINTING, Arguments, Clause, pointed

MOST_ROWS = 50  # of a ranking, so as many places can be told
LIST = r"(?:(?:call |work |to-?do |priority )?list|worklist|ranking|top \w+)"
NOT = r"(?:\bnot\b|n't\b)"
WHY = r"\b(?:why|how come|what makes|what puts|warum|wieso|weshalb)\b[^?!]*"
PLACED = re.compile(
    rf"{WHY}(?:"
    rf"\b(?:first|on top|at the top|(?:number|no\.?|#) ?(?:one|1)|(?:the )?top spot|last|start with|begin with|"
    rf"further (?:up|down)|higher|lower|zuerst)\b|"
    r"\b(?:above|ahead of|before|below|behind|under|over|rather than|instead of|(?:and|but) not|über|vor|unter|"
    r"statt) \{account\}|"
    rf"{NOT}[^?!]*\b(?:on|in|among|make|reach|part of) (?:my |the |your |our |today's )?{LIST}|"
    rf"{NOT} (?:\{{account\}} )?(?:be )?(?:listed|shown|suggested|recommended|ranked)\b|\b(?:leave|left|keep|"
    rf"kept|skip\w*|hide|hidden|drop\w*)\b[^?!]*\b(?:out|off|down)\b|{NOT} (?:show|list|suggest|recommend|rank)\b|"
    rf"\b(?:missing from|left off|left out|not in)\b|\brank(?:s|ed|ing)?\b|"
    rf"\b(?:low|high|far|up|down) (?:on|in|down|up|the)\b[^?!]*{LIST}"
    r")|"
    rf"\bwhere (?:does|do|is|are|did)\b[^?!]*(?:\brank\w*|\bstand in|\bcome in|\b(?:on|in) (?:my |the |your )?{LIST})|"
    rf"\b(?:what|which) (?:rank|place|position|spot)\b|\bhow (?:high|low|far (?:up|down))\b[^?!]*(?:\brank\w*|{LIST})|"
    rf"^\W*(?:is|are|isn't)\b[^?!]*\{{account\}} (?:not )?(?:on|in|among) (?:my |the )?{LIST}"
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
