"""Limits: what a question asks of a list or a sum that its tool has no argument for, so that it is asked back."""

from __future__ import annotations

import re

from copilot.agent.clause import Arguments, Clause

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
SOMEBODY = (
    rf"\b(?!(?:today|tomorrow|who|what|where|let|it|that|there|here|week|month|quarter|year|company|everybody|everyone|"
    rf"one|he|she|team|customer|client|vendor)'s)[a-zäöüß]+'s (?:\w+ )?{OWNED}"
)
LISTED = rf"\{{rep\}}(?:\s?['’]s?|s)? (?:\w+ )?(?:accounts|customers|clients|list|worklist)\b|\b(?:accounts|customers|clients|list) (?:of|for) \{{rep\}}"
COUNTED = (
    r"\bhow (?:many|much)\b|\btotals?\b|\bsum\b|\bspend\w*|\bpipeline\b|\bdeals?\b|\bquota\b|\bwin rate|\bwon\b|\bsold\b|\bsales\b|"
    r"\brevenue\b|\bnumber of\b|\bsplit\b|\b(?:by|per|each) \w+|\bcompar\w+|\bnumbers\b|\bworth\b"
)
CHANGED = (
    r"\bmov\w+|\bgiv\w+|\bhand\w*|\btransfer\w*|\bre-?assign\w*|\bshift\w*|\btak\w+|\bswap\w*|\bsplit\w*|\bcover\w*|\bif\b|\baway\b|"
    r"\bleav\w+|\bbetween\b|\bdistribut\w*|\brebalanc\w*|\bwithout\b|\bgoes? to\b|\bgets?\b"
)
JOINED = r"\band\b|\bor\b|\bvs\b|\bversus\b|\bto\b|\bthan\b|\bbetween\b|\bplus\b|\bthen\b|\bagainst\b|\bwith\b|[,/&+;]"


def both_at_once(clause: Clause) -> str | None:
    """Return the kind of which two names are to hold at once ("EMEA accounts in APAC"), as no account has both."""
    for kind in ("region", "segment"):
        parts = clause.plain.split(f"{{{kind}}}")
        named = [one.value for one in clause.marked.mentions if one.kind == kind]
        pairs = zip(named, named[1:], parts[1:], strict=False)
        if any(one != other and not re.search(JOINED, between) for one, other, between in pairs):
            return f"one {kind}"
    return None


def list_of_one_rep(clause: Clause) -> bool:
    """Say whether the accounts of one rep are to be listed, and neither counted nor given to another."""
    return bool(clause.says(LISTED)) and not clause.says(COUNTED) and not clause.says(CHANGED)


def beyond_ranking(clause: Clause, calls: list[Arguments]) -> str | None:
    """Return what ``rank_accounts`` cannot do as asked: a list that ignores half of the question would mislead."""
    if both := both_at_once(clause):
        return both
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
    if both := both_at_once(clause):
        return both
    if clause.says(AMOUNT):
        return "amount"
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
    return bool((guessed and clause.says(rf"\{{account\}}'s? (?:\w+ )?{OWNED}")) or clause.says(SOMEBODY))
