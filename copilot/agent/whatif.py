"""What if: who is away, which accounts move and how many each rep may hold in a simulated assignment."""

from __future__ import annotations

import re

from copilot.agent.clause import ELSEWHERE, Arguments, Clause, number
from copilot.agent.mentions import Kind
from copilot.agent.periods import NUMBER

AWAY = (
    r"away|left|depart\w*|leav\w*|quits?|sick|ill\b|vacation|holiday|out of office|goes|gone|retir\w*|resign\w*|"
    r"churn\w*|los(?:e|ing)|absent|without|cover\w*|take[sn]? over|parental|maternity|sabbatical|drops? out|"
    r"not (?:here|available|around)|unavailable|missing|is out|off (?:in|for|sick|until)"
)
ACCOUNTS = r"(?:accounts?|customers?|clients?|book|patch|portfolio|territory)"
LEAVE = r"(?:sabbatical|leave|break|time|vacation|holidays?|days?|weeks?|months?|off)\b"
GIVER = (
    rf"from (\{{rep\}})|(\{{rep\}})'s? (?:[\w{{}}-]+ ){{0,3}}?{ACCOUNTS}(?= (?:to|over to) )|"
    r"of (\{rep\})(?:'s?| (?=to\b))|"
    r"\boff (\{rep\})|(\{rep\}) (?:gave|gives|hands|handed|passe[sd])\b|"
    rf"(\{{rep\}}) (?:had|has|got|gets) (?:{NUMBER} (?:\w+ )?(?:fewer|less)\b|(?:fewer|less) accounts)|"
    r"(\{rep\})(?= (?:over )?to \{rep\})|(\{rep\}) is over\w+|(?:lighten|relieve|unburden) (\{rep\})"
)
TAKER = (
    # "what happens to {rep}'s accounts" speaks of who gives; "to {rep}'s list" of who takes.
    r"(?<!going )(?<!happens )(?<!happen )\b(?:to|onto) (\{rep\})(?!'s (?!book|list|patch|plate|portfolio))|"
    r"(?:give|hand|gave|gives) (\{rep\})(?!'s)|"
    rf"if (\{{rep\}}) took(?! (?:\w+ ){{0,3}}?{LEAVE})|"
    rf"(\{{rep\}})(?: \w+){{0,2}} tak\w+(?: over)? (?:\w+ )?(?:\{{account\}}|{NUMBER})|"
    rf"(\{{rep\}}) (?:had|has|got|gets) {NUMBER} (?:\w+ )?(?:more|extra|additional)\b|"
    r"(\{rep\}) (?:is|gets)(?: taking over)? \{account\}|let (\{rep\})(?!'s)"
)
COVERS = r"(\{rep\})(?: \w+){0,2} (?:cover|fill in|stand in|step in|take over)\w*(?: \w+)? for (\{rep\})"
MOVED = (
    r"\b(?:mov|shift|transfer|giv|hand|reassign|re-assign|swap|send|tak|took|assign|put|relocat)(?!le)\w*\b"
    rf"(?:(?!\b(?:if|and)\b)[^,.;])*?\b({NUMBER})\b(?!\s*(?:days?|%|percent))"
)
# With a giver or taker named, whatever the verb: "let {rep} have four of {rep}'s {segment} accounts".
COUNTED = (
    rf"\b({NUMBER})\b(?: of)?(?: (?:\w+|\{{\w+\}}(?:'s?)?)){{0,3}}? (?:accounts?|customers?|clients?)\b|"
    rf"\b({NUMBER}) (?:more|fewer|less|extra|additional)\b"
)
MIDPOINT = rf"midpoint\D{{0,20}}({NUMBER})|({NUMBER})[- ]days? midpoint"
BONUS = (
    r"bonus(?: for (?:keeping|staying|the owner)[a-z ]{0,30}?)?\s*(?:of|at|to|is|be|were|was|=|:)?\s*(\d*\.?\d+)|"
    r"(?:\bno|without|drop|remove|ignore|zero|n't|\bnot|scrap|switch off|turn off)\b[^.,;]{0,25}\bbonus"
)
WORDS = r"(?:(?!\bmax|\bmin|\bcap|\band\b|\d)[^,;]){0,30}?"  # between a limit's name and its number
EXACT = rf"exactly\s*({NUMBER})"
LEAST = (
    r"(?:at least|(?:nobody|none|no (?:one|rep|person))(?: \w+){0,3}? (?:fewer than|less than|under|below)|"
    rf"\bmin(?:imum)?\b{WORDS}|no fewer than|not fewer than|no less than)\s*\b({NUMBER})\b"
)
MOST = (
    r"(?:at most|no more than|not more than|more than|\bup to|"
    rf"\b(?:max(?:imum)?|cap(?:s|ped)?|limit(?:s|ed)?|ceiling)\b{WORDS})\s*\b({NUMBER})\b"
)
BETWEEN = (
    rf"(?:between\s+)?\b({NUMBER})\s*(?:to|and|-|–)\s*({NUMBER})\b"
    r"(?=\s*(?:accounts?|customers?|clients?|each|per|a (?:head|rep|person)|apiece))"
)
EVERYBODY = r"\b(?:every\w*|each|nobody|no (?:one|rep)|all|per|a (?:head|rep|person)|reps|people|team|anyone|apiece)\b"


def simulated(clause: Clause) -> list[Arguments]:
    """Return the arguments of ``simulate_assignment``; reps as the book spells the part of the name that was typed."""
    clause = clause.guessed_reps()
    found: Arguments = {}
    kinds: tuple[Kind, ...] = ("region", "segment")
    for kind in kinds:
        if name := clause.first(kind):
            found[kind] = name
    if "region" not in found and (other := ELSEWHERE.search(clause.marked.masked())):
        found["region"] = other[0].upper()
    (bounds, rest), people, moved = _bounds(clause), _people(clause), clause.marked.values("account")
    found |= bounds | people
    if days := clause.says(MIDPOINT):
        found["midpoint_days"] = number(days[1] or days[2])
    if bonus := clause.says(BONUS):
        found["keep_owner_bonus"] = float(bonus[1] or 0)
    if moved:
        found["accounts"] = moved
    elif count := re.search(MOVED, rest) or ({"from_rep", "to_rep"} & {*people} and re.search(COUNTED, rest)):
        found["move_count"] = number(next(part for part in count.groups() if part))
    return [found]


def unclear(clause: Clause, calls: list[Arguments]) -> str | None:
    """Return what the tool cannot do as asked, a key of ``replies.LACKING``: answering something else would mislead."""
    clause = clause.guessed_reps()
    found, reps = calls[0], set(clause.marked.values("rep"))
    told = {found.get(name) for name in ("without_rep", "from_rep", "to_rep")}
    if "without_rep" in found and len(reps - told) and clause.says(r"\{rep\}(?:,| and| or| &) (?:\w+ )?\{rep\}"):
        return "one rep away"
    if {"min_accounts", "max_accounts"} & {*found} and reps - told and not clause.says(EVERYBODY):
        return "limits of all"
    if reps and not found:  # the best plan for everybody is not what two named reps are asked about
        return "what the reps do"
    counts = {"min_accounts", "max_accounts", "move_count"} & {*found}
    return "what the number is for" if not counts and "accounts" not in found and clause.says(COUNTED) else None


def _bounds(clause: Clause) -> tuple[Arguments, str]:
    """Return the least and most accounts a rep, and the words without them."""
    text = re.sub(rf"{MIDPOINT}|{BONUS}", " ", clause.plain)
    if exact := re.search(EXACT, text):
        return dict.fromkeys(("min_accounts", "max_accounts"), number(exact[1])), text.replace(exact[0], " ")
    if span := re.search(BETWEEN, text):
        return {"min_accounts": number(span[1]), "max_accounts": number(span[2])}, text.replace(span[0], " ")
    found: Arguments = {}
    for name, pattern in (("min_accounts", LEAST), ("max_accounts", MOST)):
        if limit := re.search(pattern, text):
            found[name] = number(limit[1])
            text = text.replace(limit[0], " ")
    return found, text


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
