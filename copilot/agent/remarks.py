"""Remarks: what an answer shows instead, where a question names a period that the tool's arguments cannot carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from copilot.agent import replies
from copilot.agent.clause import MOST_COMPARED, Arguments, Clause
from copilot.agent.limits import list_of_one_rep
from copilot.agent.periods import WEEKDAYS, days_ahead
from copilot.agent.ranking import MOST_ROWS, RENEWAL, asked_rows
from copilot.agent.spans import named
from copilot.explain.answers.summary import HORIZON
from copilot.explain.answers.week import working_days

CLOSED = (
    r"\bwon\b|\bwin\w*|\blost\b|\bclos\w+|\bsold\b|\bsell\w*|\bsales\b|\brevenue\b|\bbookings?\b|\bbooked\b|"
    r"\bbrought in\b|"
    r"\bearn\w*|\bmade\b|\bgenerated\b"
)
AVERAGE = (
    r"\baverage|\bmean (?:deal|spend|size|contract|revenue)|\bmedian|\bper (?:account|customer|deal|client)\b|\btypical"
)

HIRED = r"\bhir(?:e|es|ed|ing)\b|\brecruit\w*|\b(?:new|extra|additional|another|more) (?:sales ?)?reps?\b"
EVEN = r"\b(?:un)?fair(?:ly|er|ness)?\b|\b(?:un)?even(?:ly)?\b|\b(?:un)?equal\w*|\b(?:re)?balanc\w+|\blevel out\b"
WEEKDAY = rf"\b(?:{'|'.join(WEEKDAYS)})"
ONE_DAY = rf"(?<!by )(?<!until )(?<!till )(?<!through ){WEEKDAY}\b|\b(?:today|tomorrow|my day)\b"
LONGER = r"\b(?:month|quarter|year|fortnight|(?:two|three|four|2|3|4) weeks)\b"
ANOTHERS = (
    rf"(?:\}}|\b(?!(?:today|tomorrow|week|month|{'|'.join(WEEKDAYS)})['’]s)\w+)['’]s "
    r"(?:\w+ )?(?:week|days?|calendar|hours|schedule)\b"
)
LIMITS = {"min_accounts", "max_accounts"}


def remark(tool: str, clause: Clause, arguments: Arguments) -> str:
    """Return the sentence that says what is shown in place of what was asked; empty where all of it is shown."""
    return REMARKS[tool](clause, arguments) if tool in REMARKS else ""


def _of_list(clause: Clause, arguments: Arguments) -> str:
    return " ".join(filter(None, (_of_rows(clause), _of_window(clause, arguments))))


def _of_rows(clause: Clause) -> str:
    count = asked_rows(clause)
    if count is None or 1 <= count <= MOST_ROWS:
        return ""
    return f"A list holds {MOST_ROWS} accounts at most." if count else "A list holds one account at least."


def _of_window(clause: Clause, arguments: Arguments) -> str:
    span, today = named(clause.plain, clause.today), clause.today
    within = arguments.get("renewal_within_days")
    renewals = within is not None or arguments.get("sort_by") == "renewal_date" or bool(clause.says(RENEWAL))
    if span is None:
        return ""
    if span.past:
        kind = "what renews" if renewals else "what is expected"
        return f"Shown is {kind} from {today} on; a list cannot go back to a period that is past."
    later = span.first is not None and span.first > today
    if not renewals or not later:
        return ""
    until = f"to {today + timedelta(days=within)}" if within else "on"
    return f"Shown are accounts that renew from {today} {until}; a list cannot begin later."


def _of_totals(clause: Clause, arguments: Arguments) -> str:
    if list_of_one_rep(clause):
        return f"{replies.ONE_REP.split(':')[0]}; given are totals by rep."
    if clause.marked.values("account"):
        return "Totals cover the whole book, not one account; ask to see the account for its own."
    if clause.says(AVERAGE):
        return "Given are sums and counts: I work out no averages."
    span, focus = named(clause.plain, clause.today), replies.focus("summarize_book", clause.plain)
    if span is None:
        return ""
    if "renewals" in focus:
        days = days_ahead(clause.plain, clause.today)
        same = not span.past and days == HORIZON
        return "" if same else f"Renewals are counted for the next {HORIZON} days, whatever period is asked for."
    if not span.past and not span.running:
        return f"Totals are those on record as of {clause.today}: none of them looks ahead."
    if ("quota" in focus and span.running) or not (span.past or clause.says(CLOSED)):
        return ""
    months = "the table splits them by month" if arguments.get("group_by") == "month" else "I can split them by month"
    return f"Totals cover all that is on record as of {clause.today}, not one period alone; {months}."


def _of_plan(clause: Clause, arguments: Arguments) -> str:
    span = named(clause.plain, clause.today)
    if span and (span.first or span.running):
        return f"A scenario has no dates: it shows the plan as if it held from {clause.today} on."
    if clause.says(HIRED):
        return "A scenario cannot add a rep; shown is a plan for those there are."
    if clause.says(EVEN) and not LIMITS & {*arguments}:
        return (
            "A scenario does not even out what the reps' lists are worth; shown is what is worth most. "
            "A least or a most number of accounts for every rep can be tried out."
        )
    return ""


def _of_week(clause: Clause, arguments: Arguments) -> str:
    if clause.marked.values("rep") or clause.says(ANOTHERS):
        return "This is your own week; I plan nobody else's."
    longer = clause.says(LONGER)
    if not longer and not (clause.says(ONE_DAY) and len(re.findall(WEEKDAY, clause.plain)) < 2):
        return ""
    days = working_days(clause.today)
    limit = "it looks no further ahead" if longer else "it cannot keep to one of them"
    return f"The plan is for the working days from {days[0]} to {days[-1]}; {limit}."


def _of_comparison(clause: Clause, arguments: Arguments) -> str:
    if len(clause.marked.values("account")) <= MOST_COMPARED:
        return ""
    return f"I compare at most {MOST_COMPARED} accounts; shown are the first of those named."


REMARKS: Mapping[str, Callable[[Clause, Arguments], str]] = {
    "rank_accounts": _of_list,
    "summarize_book": _of_totals,
    "simulate_assignment": _of_plan,
    "plan_week": _of_week,
    "compare_accounts": _of_comparison,
}
