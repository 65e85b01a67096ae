"""Spans: where a period that a question names begins, and whether it is past, running or still to come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from copilot.agent.periods import (
    AFTER,
    BETWEEN,
    DAYS,
    HALF_YEAR,
    MONTH_ONLY,
    MONTHS,
    QUARTER,
    UNIT_DAYS,
    WHOLE,
    YEAR_ALONE,
    period,
)

MONTHS_NAMED = "(?:" + "|".join(MONTHS) + ")"
UNITS = r"(?:days?|weeks?|fortnights?|months?|quarters?|years?)"
PAST = re.compile(
    rf"\b(?:last|past|previous|prior|preceding) (?:\w+ )?{UNITS}\b(?! of)|\byesterday\b|\b{UNITS} ago\b|"
    rf"\bin the past\b|\bbefore (?:today|now)\b|\boverdue\b|\bpast due\b|"
    rf"\b(?:last|past|previous) (?:q[1-4]\b|h[12]\b|winter|spring|summer|autumn|fall|christmas|{MONTHS_NAMED}\b)|"
    rf"\bsince (?:the |early |late |mid |last )*(?:q[1-4]\b|h[12]\b|20\d\d|new year|{MONTHS_NAMED}\b)"
)
RUNNING = re.compile(r"\b(?:this|current|the) (?:week|month|quarter|year)\b|\b[ymqw]td\b|\bto date\b|\bso far\b")
# Words of what has happened: "what renewed in May", "sales in March".
HAPPENED = re.compile(
    r"\b(?:did|was|were|won|lost|sold|closed|renewed|ended|expired|lapsed|ran out|cancell?ed|churned|bought|"
    r"signed|brought|"
    r"earned|wins|losses|generated|booked|revenue|sales|bookings|turnover)\b"
)
TO_COME = re.compile(r"\b(?:will|going to|expect\w*|forecast\w*|due|next|coming|by|until|till|before)\b")
UNTIL = re.compile(
    r"\b(?:by|until|till|to|through|before|up to|(?:no|not) later than|within)(?: the)?(?: (?:end|middle|"
    r"start) of)?(?: the)?\s*$"
)
RANGE = re.compile(r"\b(?P<least>\d+)\s*(?:-|–|to|and)\s*\d+[\s-]*(?P<unit>day|week|month|quarter|year)s?\b")


@dataclass(frozen=True)
class Span:
    """A named period: its ``first`` day where that lies ahead of today, and whether it is past or still running."""

    first: date | None = None
    past: bool = False
    running: bool = False


def named(text: str, today: date) -> Span | None:
    """Return the period that ``text`` names, or None.

    Args:
        text: English, lower case; as ``Bank.english`` returns it.
        today: The book's own date.
    """
    found = period(text, today)
    if PAST.search(text) or (found and found[0] < 0) or _happened(text, found, today):
        return Span(past=True)
    if RUNNING.search(text):
        return Span(running=True)
    if reach := RANGE.search(text):
        return _ahead(today + timedelta(days=int(reach["least"][:4]) * UNIT_DAYS[reach["unit"]]), today)
    if span := BETWEEN.search(text):
        first, ends = named(span["start"], today), period(span["end"], today)
        if first or ends:
            return first or _ahead((today + timedelta(days=ends[0])).replace(day=1) if ends else None, today)
    return _ahead(_first(text, found, today), today) if found else None


def _happened(text: str, found: tuple[int, tuple[int, int]] | None, today: date) -> bool:
    """Whether a month or quarter without its year is the one before, by the verb."""
    if not found or not HAPPENED.search(text) or TO_COME.search(text):
        return False
    start, end = found[1]
    piece = text[start:end]
    pages = [hit for pattern in (MONTH_ONLY, QUARTER, HALF_YEAR) if (hit := pattern.fullmatch(piece.strip()))]
    last = today + timedelta(days=found[0])
    first = _first_day(piece, last)
    return bool(pages) and not pages[0]["year"] and first is not None and first > today


def _first(text: str, found: tuple[int, tuple[int, int]], today: date) -> date | None:
    days, (start, end) = found
    last, piece = today + timedelta(days=days), text[start:end]
    if AFTER.search(text[:start]):
        return last
    if UNTIL.search(text[:start]) or re.match(r"\s*(?:before|until|by)\b", piece):
        return None
    return _first_day(piece, last)


def _first_day(piece: str, last: date) -> date | None:
    """Return the first day of the period ``piece`` that ends on ``last``; None for a length of time."""
    piece = piece.strip()
    if any(pattern.fullmatch(piece) for pattern in DAYS):
        return last
    if QUARTER.fullmatch(piece):
        return last.replace(month=last.month - 2, day=1)
    if HALF_YEAR.fullmatch(piece):
        return last.replace(month=last.month - 5, day=1)
    if YEAR_ALONE.fullmatch(piece):
        return last.replace(month=1, day=1)
    if MONTH_ONLY.fullmatch(piece):
        return last.replace(day=1)
    if (whole := WHOLE.fullmatch(piece)) and whole["which"] in ("next", "coming", "following"):
        months = {"month": last.month, "quarter": last.month - 2, "year": 1}
        return last - timedelta(days=6) if whole["unit"] == "week" else last.replace(month=months[whole["unit"]], day=1)
    return None


def _ahead(first: date | None, today: date) -> Span:
    """Return the period that begins on ``first``; where that is not after today, it is running."""
    return Span(first) if first and first > today else Span(running=first is not None)
