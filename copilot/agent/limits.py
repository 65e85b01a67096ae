"""Limits: what a question asks of a list or a sum that its tool has no argument for, so that it is asked back."""

from __future__ import annotations

import re
from itertools import pairwise

from copilot.agent.clause import ELSEWHERE, Arguments, Clause

COMPARED = (
    r"(?:over|above|below|under|beneath|exceed\w*|(?:more|less|fewer|greater|smaller|higher|lower) than|"
    r"at least|at most|[<>]=?)"
)
AMOUNT = (
    rf"{COMPARED} ?(?:[$€] ?\d|\d[\d.,]* ?(?:k\b|m\b|mio\b|%|percent|usd|eur|dollars?|euros?|seats?|employees|points))|"
    rf"\b(?:spend\w*|pay\w*|revenue|seats|employees)\b(?: \w+)? {COMPARED} ?\d"
)
CUSTOMERS = r"(?:accounts?|accts?|customers?|clients?|companies|logos)"
SIZE = (
    rf"\b(?:biggest|largest|smallest|richest|tiniest)(?:[ -]paying| \{{\w+\}})? {CUSTOMERS}\b|"
    r"\b(?:by|on) (?:their |the |annual |total )*(?:spend\w*|revenue|size|seats|employees|headcount|industry)\b|"
    r"\b(?:spends?|pays?|spending|paying) (?:us )?(?:the )?(?:most|least)\b|"
    r"\b(?:highest|lowest|top|most) (?:annual )?(?:spend\w*|revenue|seats)\b"
)
TOUCHED = (
    r"\b(?:who|whom|which|what)\b[^.?!]*\b(?:not|never|haven'?t|hasn'?t|without|nobody|no one)\b(?: \w+){0,3}? "
    r"(?:contacted|called|touched|spoken|talked|met|visited|e?-?mailed|heard|contact|touch|touches)\b"
)
LEFT_ALONE = (
    r"\b(?:who|whom|which|what)\b[^.?!]*\b(?:should|need|must|do|have)(?:n'?t)?(?: i| we| my team| \{rep\})? ?"
    r"(?:not|n't|(?<=n't)|(?<=nt))(?: \w+){0,3}? ?\b(?:call|contact|visit|bother|touch|phone|ring|e-?mail)\b"
)
OWNED = r"(?:accounts|customers|clients|accts|book|list|patch|portfolio)\b"
WORKED = (
    r"\b(?:does|did|should|can|must) \{account\} (?:\w+ )?(?:own|have|manage|carry|hold|look after|call|visit|"
    r"contact|ring|phone|meet|"
    r"see|focus|work)\b"
)
SOMEBODY = (
    rf"\b(?!(?:today|tomorrow|who|what|where|let|it|that|there|here|week|month|quarter|year|company|everybody|everyone|"
    rf"one|he|she|team|customer|client|vendor)'s)[a-zäöüß]+'s (?:\w+ )?{OWNED}"
)
LISTED = (
    r"\{rep\}(?:\s?['’]s?|s)? (?:\w+ )?(?:accounts|customers|clients|list|worklist)\b|\b(?:accounts|customers|"
    r"clients|list) (?:of|for) \{rep\}"
)
COUNTED = (
    r"\bhow (?:many|much)\b|\btotals?\b|\bsum\b|\bspend\w*|\bpipeline\b|\bdeals?\b|\bquota\b|\bwin rate|\bwon\b|"
    r"\bsold\b|\bsales\b|"
    r"\brevenue\b|\bnumber of\b|\bsplit\b|\b(?:by|per|each) \w+|\bcompar\w+|\bnumbers\b|\bworth\b"
)
CHANGED = (
    r"\bmov\w+|\bgiv\w+|\bhand\w*|\btransfer\w*|\bre-?assign\w*|\bshift\w*|\btak\w+|\bswap\w*|\bsplit\w*|\bcover\w*|\bif\b|\baway\b|"
    r"\bleav\w+|\bbetween\b|\bdistribut\w*|\brebalanc\w*|\bwithout\b|\bgoes? to\b|\bgets?\b"
)
# Between two names of one kind that are to hold at once; after "and", "or", "to" each has accounts of its own.
OF_BOTH = (
    r"(?: (?:accounts?|customers?|clients?|deals?|renewals?|pipeline|business|companies|ones|in|from|of|at|the|"
    r"based|located|within|for|"
    r"risk|who|that|are|is|only|just|my|our|all|due|open))* ?"
)


def both_at_once(clause: Clause) -> str | None:
    """Ask back where two names of one kind are to hold at once ("EMEA accounts in APAC"), as no account has both."""
    text = clause.marked.masked()
    for kind, known in (("region", rf"\{{region\}}|{ELSEWHERE.pattern}"), ("segment", r"\{segment\}")):
        named = iter([one.value for one in clause.marked.mentions if one.kind == kind])
        hits = [
            (hit, next(named, "") if hit[0].startswith("{") else hit[0].upper()) for hit in re.finditer(known, text)
        ]
        for (one, first), (other, second) in pairwise(hits):
            if first != second and re.fullmatch(OF_BOTH, text[one.end() : other.start()], re.I):
                return (
                    f"An account has one {kind}, so none is in both {first} and {second}. Which of the two do you mean?"
                )
    return None


def list_of_one_rep(clause: Clause) -> bool:
    """Say whether the accounts of one rep are to be listed, and neither counted nor given to another."""
    return bool(clause.says(LISTED)) and not clause.says(COUNTED) and not clause.says(CHANGED)


def beyond_ranking(clause: Clause, calls: list[Arguments]) -> str | None:
    """Return what ``rank_accounts`` cannot do as asked: a list that ignores half of the question would mislead."""
    if clause.says(AMOUNT):
        return "amount"
    if clause.says(LEFT_ALONE):
        return "left alone"
    if clause.says(TOUCHED):
        return "last touch"
    if _industry(clause):
        return "industry"
    if _somebody(clause):
        return "one rep"
    ordered = {"sort_by", "action", "renewal_within_days"} & {*calls[0]}
    return "size" if not ordered and clause.says(SIZE) else None


def beyond_totals(clause: Clause, calls: list[Arguments]) -> str | None:
    """Return what ``summarize_book`` cannot do as asked."""
    if clause.says(AMOUNT):
        return "amount"
    guessed = any(one.guess for one in clause.marked.mentions)
    if guessed and clause.says(r"\{account\}['’]s|\b(?:of|for|by|does|did|has|is) \{account\}"):
        return "stranger"
    return "industry" if _industry(clause) else None


def _industry(clause: Clause) -> bool:
    """Say whether an industry of the book limits the question; "media" or "software" alone may be any word."""
    names = "|".join(re.escape(name.lower()) for name in clause.industries)
    text = clause.marked.masked().lower()
    named = (
        rf"\b(?:in|from|im|aus) (?:the |der )?(?:{names})\b|\b(?:{names})[ -](?:industry|sector|branche|{CUSTOMERS})"
    )
    grouped = r"\b(?:by|per|each|which|nach|pro) (?:industry|industries|sector|branche)\b"
    return re.search(f"{named}|{grouped}" if names else grouped, text) is not None


def _somebody(clause: Clause) -> bool:
    """Say whether the list is to be one rep's."""
    if clause.marked.values("rep"):
        return True
    guessed = any(one.guess for one in clause.marked.mentions)
    return bool((guessed and clause.says(rf"\{{account\}}'s? (?:\w+ )?{OWNED}|{WORKED}")) or clause.says(SOMEBODY))
