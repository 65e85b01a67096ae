"""What if: who is away, which accounts move and how many each rep may hold in a simulated assignment."""

from __future__ import annotations

import re

from copilot.agent.clause import Arguments, Clause, number
from copilot.agent.mentions import Kind
from copilot.agent.periods import NUMBER

AWAY = (
    r"away|left|depart\w*|leav\w*|quits?|sick|ill\b|vacation|holiday|out of office|goes|gone|retir\w*|resign\w*|"
    r"churn\w*|los(?:e|ing)|absent|without|cover\w*|take[sn]? over|parental|maternity|sabbatical|drops? out|"
    r"not (?:here|available|around)|unavailable|missing|is out|off (?:in|for|sick|until)"
)
GIVER = (
    r"from (\{rep\})|(\{rep\})'s? (?:accounts?|customers?|book|clients?|patch)(?= (?:to|over to) )|"
    r"of (\{rep\})(?:'s?| (?=to\b))|"
    r"\boff (\{rep\})|(\{rep\}) (?:gave|gives|hands|handed|passe[sd])\b|"
    r"(\{rep\}) is over\w+|(?:lighten|relieve|unburden) (\{rep\})"
)
TAKER = (
    r"(?<!going )\b(?:to|onto) (\{rep\})|(?:give|hand|gave|gives) (\{rep\})|if (\{rep\}) took|"
    rf"(\{{rep\}})(?: \w+){{0,2}} tak\w+(?: over)? (?:\w+ )?(?:\{{account\}}|{NUMBER})|"
    r"(\{rep\}) (?:is|gets)(?: taking over)? \{account\}|let (\{rep\})"
)
COVERS = r"(\{rep\})(?: \w+){0,2} (?:cover|fill in|stand in|step in|take over)\w*(?: \w+)? for (\{rep\})"
MOVED = (
    r"\b(?:mov|shift|transfer|giv|hand|reassign|re-assign|swap|send|tak|took|assign|put|relocat)(?!le)\w*\b"
    rf"(?:(?!\b(?:if|and)\b)[^,.;])*?\b({NUMBER})\b(?!\s*(?:days?|%|percent))"
)
# With a giver or taker named, whatever the verb: "let {rep} have four of {rep}'s {segment} accounts".
COUNTED = rf"\b({NUMBER})\b(?: of)?(?: (?:\w+|\{{\w+\}}(?:'s?)?)){{0,3}}? (?:accounts?|customers?|clients?)\b"
MIDPOINT = rf"midpoint\D{{0,20}}({NUMBER})|({NUMBER})[- ]days? midpoint"
BONUS = (
    r"(?:no|without|drop|remove|ignore|zero)[^.]{0,20}(?:owner|keep)\w* bonus|"
    r"(?:owner|keep)[\w-]* bonus\D{0,12}(\d*\.?\d+)"
)
LEAST = (
    r"(?:at least|(?:nobody|no (?:one|rep))(?: \w+){0,2} (?:fewer|less) than|minimum(?: of)?|min\.?|"
    rf"no fewer than|not fewer than|no less than)\s*({NUMBER})"
)
MOST = (
    r"(?:at most|maximum(?: of)?|max\.?|no more than|not more than|more than|capped at|caps?(?: \w+)? (?:of|at)|"
    rf"limit\w*(?: \w+){{0,3}} (?:of|to|at)|cap|up to|limit)\s*({NUMBER})"
)
BETWEEN = (
    rf"(?:between\s+)?\b({NUMBER})\s*(?:to|and|-|–)\s*({NUMBER})\b"
    r"(?=\s*(?:accounts?|customers?|clients?|each|per|a (?:head|rep|person)|apiece))"
)


def simulated(clause: Clause) -> list[Arguments]:
    """Return the arguments of ``simulate_assignment``; reps as the book spells the part of the name that was typed."""
    clause = clause.guessed_reps()
    found: Arguments = {}
    kinds: tuple[Kind, ...] = ("region", "segment")
    for kind in kinds:
        if name := clause.first(kind):
            found[kind] = name
    bounds, people, moved = _bounds(clause), _people(clause), clause.marked.values("account")
    found |= bounds | people
    if days := clause.says(MIDPOINT):
        found["midpoint_days"] = number(days[1] or days[2])
    if bonus := clause.says(BONUS):
        found["keep_owner_bonus"] = float(bonus[1] or 0)
    if moved:
        found["accounts"] = moved
    elif not bounds and (count := clause.says(MOVED) or ({"from_rep", "to_rep"} & {*people} and clause.says(COUNTED))):
        found["move_count"] = number(count[1])
    return [found]


def _bounds(clause: Clause) -> Arguments:
    """Return the least and most accounts a rep."""
    text = re.sub(r"midpoint.*", "", clause.plain)
    if span := re.search(BETWEEN, text):
        return {"min_accounts": number(span[1]), "max_accounts": number(span[2])}
    found: Arguments = {}
    if low := re.search(LEAST, text):
        found["min_accounts"] = number(low[1])
    if high := re.search(MOST, text):
        found["max_accounts"] = number(high[1])
    return found


def _people(clause: Clause) -> Arguments:
    """Return who gives, who takes and who is away."""
    found: Arguments = {}
    if stand_in := clause.says(COVERS):
        return {
            "without_rep": clause.placed("rep", stand_in.start(2)),
            "to_rep": clause.placed("rep", stand_in.start(1)),
        }
    for name, pattern in (("from_rep", GIVER), ("to_rep", TAKER)):
        if hit := clause.says(pattern):
            place = next(index for index in range(1, len(hit.groups()) + 1) if hit[index])
            found[name] = clause.placed("rep", hit.start(place))
    reps = clause.marked.values("rep")
    if reps and not found and clause.says(AWAY):
        found["without_rep"] = reps[0]
    return found
