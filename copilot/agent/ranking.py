"""Ranking: by what, how many and up to which renewal a question wants its accounts listed."""

from __future__ import annotations

import re

from copilot.agent.clause import Arguments, Clause, each_name, first_of, number
from copilot.agent.periods import NUMBER, days_ahead, period
from copilot.agent.spans import named

MOST_ROWS = 50
MOST_DAYS = 1000  # ahead; past that every renewal is meant

RENEWAL = (
    r"\brenew\w*|\bexpir\w*|\bcontracts?\b|\bdue\b|\blaps\w+|\brun(?:s|ning)? out|\bup (?:for|by|in|before)\b|\bends\b|"
    r"\bending\b|\bterm ends?|\b(?:deal|agreement|subscription)s? end|\brtcd\b|\bsign again"
)
ORDERED = (  # said outright: "sorted by uplift"
    ("churn", r"churn|risk"),
    ("growth", r"growth|upsell|potential|expansion"),
    ("uplift", r"uplift|impact|effect|lift"),
    ("engagement_drop", r"engagement|usage"),
    ("renewal_date", r"renewal|date|expiry|contract end"),
    ("priority", r"priority|value"),
)
ORDER = (
    r"\b(?:by|on) (?:their |the |predicted |expected |highest |biggest )*(\w+(?: (?:risk|date|drop|potential|end))?)"
)
LESS = (
    r"drop|fall|fell|slip|declin|decreas|plung|sink|shrink|slump|slid|dip|fad(?:e|ing)|going down|went down|"
    r"quiet|nosediv|"
    r"collaps|less|fewer|lower|stopped|hardly|no longer|inactive|dormant|unused|cool"
)
USE = (
    r"\busage|\buse[sd]?\b|\busing|\butili[sz]|\bengag|\badopt|\bactiv|\blog(?:s|ged|ging)?[- ]?(?:ins?|into|on)\b|"
    r"\blogins?|\bseats?\b|\bsessions?"
)
TOUCHING = r"(?:call|visit|meet\w*|training|outreach|contact\w*|touch|e-?mail)"
SORTS = (
    (
        "engagement_drop",
        rf"(?:{USE}).*\b(?:{LESS})|\b(?:{LESS})\w*\b.*(?:{USE})|\b(?:went|gone|going|gotten|got) "
        r"(?:quiet|dark|silent|cold)|\bcool(?:s|ing|ed) (?:off|down)|\binactive\b|\bdormant\b|\bdisengag|"
        r"\blow[- ](?:usage|engagement|adoption|activity)",
    ),
    (
        "uplift",
        r"uplift|\blift\b|benefit|profit|persua|sway|change the most|move the needle|pay off|respond (?:best|most)|"
        r"\bbang\b|(?:biggest|largest|most|highest|strongest|greatest|best) (?:\w+ )?"
        r"(?:impact|effect|difference|influence|return)|"
        r"(?:impact|effect) (?:is|would be|of \w+ is) (?:the )?(?:biggest|largest|highest|strongest)|"
        r"mak\w+ (?:a|the|any|most) (?:\w+ )?difference|bring\w* (?:the )?most|worth (?:a|the) (?:call|visit)|"
        r"\bworth itself|"
        rf"\b{TOUCHING}\b(?: itself)? worth|return on (?:a |the )?{TOUCHING}|{TOUCHING}s? (?:\w+ )?pays? off|"
        rf"{TOUCHING} (?:actually |really )?(?:help|matter|change|count|work)s?",
    ),
    (
        "churn",
        r"churn|cancel|\brisk|\bleav|\blos(?:e|ing)\b|shrink|downsell|downgrad|danger|not (?:renew|sign|stay|extend)|"
        r"unlikely to (?:renew|stay|sign|extend)|stop (?:buying|paying)|won'?t renew|\bslip|shak(?:y|iest)|"
        r"unhealth|walk (?:out|away)|\bbail|defect|jump\w* (?:ship|us|off)|cut (?:back|their|spend\w*|down)|reduce|"
        r"spend less|worth saving|endanger|wobbl|\bquit|trouble|unhappy|at stake|worst|weakest|sav(?:e|ing)\b",
    ),
    (
        "growth",
        r"\bgrow|expan|upsell|up-sell|cross-?sell|\bsell (?:\w+ )?more|buy (?:\w+ )?more|buy (?:additional|"
        r"extra)|more seats|spend more|"
        r"upside|potential|room to|ready (?:for|to)|hot leads?|headroom|white ?space|bigger|upgrad|could (?:\w+ )?buy|"
        r"more \{product\}|opportunit",
    ),
    ("renewal_date", RENEWAL),
)
ACTIONS = (
    ("prevent_churn", r"prevent\w* (?:the )?churn|churn prevention|retention (?:play|action|list|case)|prevent_churn"),
    (
        "promote_upsell",
        r"promot\w* (?:an? )?upsell|upsell (?:play|action|campaign|motion|recommendation|list)|promote_upsell",
    ),
    (
        "boost_engagement",
        r"boost\w* (?:the |their )?(?:engagement|usage|adoption)|engagement (?:boost|play|push|action|campaign)|"
        r"(?:raise|increase|lift) (?:engagement|usage|adoption)|boost_engagement",
    ),
)
WHOM = (
    r"\b(?:who|whom|which|what|whose)\b.*\bshould (?:i|we|my)|\bcall list|\bpriorit|\bfocus|"
    r"\bto (?:call|contact|ring|visit|focus)\b"
)
OTHER_NUMBERS = (  # that are no number of rows
    rf"\b(?:more|less|fewer|over|under|above|below|at least|at most)(?: than)? (?:\$\s*)?{NUMBER}\b",
    rf"[$€]\s*\d[\d.,]*|\b{NUMBER}\s*(?:%|percent|k\b|hours?|minutes?|h\b|min\b|days?|weeks?|months?|seats?|"
    r"employees|dollars|euros?)",
    r"\b20\d\d\b|\bq[1-4]\b",
)


def ranked(clause: Clause) -> list[Arguments]:
    """Return the arguments of ``rank_accounts``."""
    found: Arguments = {}
    action = first_of(ACTIONS, clause.plain)
    sort_by = _sort(clause)
    if action:
        found["action"] = action
    if within := _renewal_window(clause):
        found["renewal_within_days"] = within
    if sort_by and not (action and sort_by in ("churn", "growth", "engagement_drop")):
        found["sort_by"] = sort_by
    if limit := rows(clause, default=10):
        found["limit"] = limit
    return each_name(clause, found)


def rows(clause: Clause, *, default: int) -> int | None:
    """Return how many rows are asked for, held to 1–50; None where it is not said or is the default."""
    asked = asked_rows(clause)
    count = default if asked is None else min(MOST_ROWS, max(1, asked))
    return None if count == default else count


def asked_rows(clause: Clause) -> int | None:
    """Return how many rows are asked for, however many; None where it is not said."""
    text = re.sub(r"\btop(?=\d)", "top ", clause.plain)  # "top20"
    while when := period(text, clause.today):  # the 60 of "60 days"
        text = text[: when[1][0]] + " " + text[when[1][1] :]
    for other in OTHER_NUMBERS:
        text = re.sub(other, " ", text)
    if re.search(r"\b(?:top|the|only|just|single) one\b(?! of)|\bthe single\b|\bnumber one\b", text):
        return 1
    found = re.search(rf"\b({NUMBER})\b( hundred| thousand)?", text)
    if found is None:
        return None
    return number(found[1]) * {" hundred": 100, " thousand": 1000}.get(found[2], 1)


def _sort(clause: Clause) -> str | None:
    """Return the key to rank by, or None for the default (priority)."""
    if (outright := clause.says(ORDER)) and (key := first_of(ORDERED, outright[1])):
        return None if key == "priority" else key
    key = first_of(SORTS, clause.plain)
    # "Whom should I call about renewals?" asks for the best ones to call, not for the earliest date.
    return None if key == "renewal_date" and clause.says(WHOM) else key


def _renewal_window(clause: Clause) -> int | None:
    """Return days ahead where the clause limits renewals, or risk by the month or longer, to a period to come."""
    span = named(clause.plain, clause.today)
    if span and span.past:
        return None
    risk = r"\b(?:churn|cancel|leave|lose|not renew)"
    if clause.says(RENEWAL) or (clause.says(risk) and not clause.says(r"\b(?:week|today|tomorrow)\b")):
        days = days_ahead(clause.plain, clause.today)
        return days if days and days <= MOST_DAYS else None
    return None
