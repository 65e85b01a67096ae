"""Periods: how many days ahead a phrase such as "by 30 September" or "next quarter" reaches."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
    "half a dozen": 6, "a dozen": 12, "dozen": 12, "a couple of": 2, "couple": 2,
}  # fmt: skip
NUMBER = r"(?:\d+|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + ")"
# "The next three months" is a length of time, 30 days each; "next month" and "June" are pages of the calendar.
FARTHEST = 10_000  # of a unit, so that its end stays in the calendar
UNIT_DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}
MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name and name != "May"}
WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
MONTH = r"\b(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
YEAR = r"(?:,?\s*(?P<year>20\d\d)\b)?"

LENGTH = re.compile(
    rf"\b(?:(?P<some>{NUMBER})|an?|one|(?P<half>half an?)|next|coming)[\s-]+"
    r"(?P<unit>day|week|fortnight|month|quarter|year)s?\b"
)
SHORT_LENGTH = re.compile(r"\b(?P<some>\d+)\s?(?P<unit>d|w|m|q|y)\b")
WHOLE = re.compile(
    r"\b(?P<which>this|current|next|coming|following|end of(?: the| this)?|end(?: the| this)?)\s+(?P<unit>week|month|quarter|year)\b"
)
QUARTER = re.compile(rf"\bq(?P<quarter>[1-4])\b{YEAR}")
HALF_YEAR = re.compile(rf"\bh(?P<half>[12])\b{YEAR}")
ISO = re.compile(r"\b(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b")
DOTTED = re.compile(r"\b(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.(?P<year>20\d\d)?(?!\d)")  # 30.9. is German
SLASHED = re.compile(r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>20\d\d))?\b")  # 9/30 is American
DAY_MONTH = re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s*(?:of\s+)?{MONTH}{YEAR}")
MONTH_DAY = re.compile(rf"{MONTH}\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b{YEAR}")
MONTH_ONLY = re.compile(rf"(?P<before>\b(?:before|until the start of|by the start of)\s+)?{MONTH}{YEAR}")
FEAST = re.compile(r"\b(?P<feast>christmas|xmas|new year'?s?|year[- ]end)\b")
WEEKDAY = re.compile(rf"\b(?:by|before|until|till|on)\s+(?:next\s+)?(?P<weekday>{'|'.join(WEEKDAYS)})\b")

YEAR_ALONE = re.compile(
    r"(?<![\d$€.,/-])\b(?P<year>20\d\d)\b(?![.,/-]?\d|\s?(?:%|seats|usd|eur|dollars|employees|accounts))"
)
DAYS = (ISO, DOTTED, DAY_MONTH, MONTH_DAY, SLASHED)
# "After August", "from October on": where the period begins, and no end.
AFTER = re.compile(
    r"\b(?:after|beyond|later than|from|starting|as of|not before)(?: the)?(?: (?:end|start|beginning|middle) of)?(?: the)?\s*$"
)
# Its second date is the one that a list must reach.
BETWEEN = re.compile(r"\b(?:between|from)\b(?P<start>.*?)\b(?:and|to|until|till)\b(?P<end>.*)")


def days_ahead(text: str, today: date) -> int | None:
    """Return how many days from ``today`` the period in ``text`` ends (at least 1), or None where it has no end.

    Args:
        text: English, lower case; as ``Bank.english`` returns it.
        today: The book's own date. A day without a year is the next such day; a past one that names its year gives 1.
    """
    span = BETWEEN.search(text)
    found = (_until(span, today) if span else None) or period(text, today)
    if found is None or (not span and AFTER.search(text[: found[1][0]])):
        return None
    return max(1, found[0])


def _until(span: re.Match[str], today: date) -> tuple[int, tuple[int, int]] | None:
    """Return the end of "from December to July", which is in the year after that of its beginning."""
    first, last = period(span["start"], today), period(span["end"], today)
    if not (first and last and last[0] < first[0]):
        return last
    begins, ends = (today + timedelta(days=days) for days, _ in (first, last))
    later = period(span["end"], begins) if ends.month < begins.month else None
    return (first[0] + later[0], later[1]) if later else last


def period(text: str, today: date) -> tuple[int, tuple[int, int]] | None:
    """Return the days ahead and where in ``text`` the period stands."""
    for pattern in DAYS:
        if (found := pattern.search(text)) and (day := _date(found.groupdict(), today)):
            return (day - today).days, found.span()
    for pattern, end in ((QUARTER, _quarter), (HALF_YEAR, _half), (FEAST, _feast), (WEEKDAY, _weekday)):
        if found := pattern.search(text):
            return (end(found.groupdict(), today) - today).days, found.span()
    if (found := LENGTH.search(text)) and (found["some"] or found[0].startswith(("a", "o", "half"))):
        return _length(found["some"], found["unit"], bool(found["half"])), found.span()
    if found := WHOLE.search(text):
        return (
            _end(found["unit"], today, later=found["which"] in ("next", "coming", "following")) - today
        ).days, found.span()
    if found := SHORT_LENGTH.search(text):
        unit = {"d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year"}[found["unit"]]
        return _length(found["some"], unit, half=False), found.span()
    if (found := MONTH_ONLY.search(text)) and (
        found["month"] not in ("may", "march", "mar", "sep", "dec") or _dated(text, found)
    ):
        return (_month(found.groupdict(), today) - today).days, found.span()
    if found := YEAR_ALONE.search(text):
        return (date(int(found["year"]), 12, 31) - today).days, found.span()
    return None


def _dated(text: str, found: re.Match[str]) -> bool:
    """Tell the month of May from the verb."""
    return bool(
        found["year"]
        or re.search(
            r"\b(in|by|until|till|before|of|during|end|early|late|mid|this|next)\s+$", text[: found.start("month")]
        )
        or found["before"]
    )


def _length(some: str | None, unit: str, half: bool) -> int:
    days = UNIT_DAYS[unit]
    if half:
        return days // 2
    return days * (1 if some is None else min(int(some[:9]), FARTHEST) if some.isdigit() else NUMBERS[some])


def _date(parts: dict[str, str | None], today: date) -> date | None:
    """Return the named day, this year or next when it is past; None for a 31 June."""
    month, day = parts["month"] or "", int(parts["day"] or 1)
    number = int(month) if month.isdigit() else MONTHS[month]
    years = [int(parts["year"])] if parts["year"] else [today.year, today.year + 1, today.year + 2]
    for year in years:
        if not (1 <= number <= 12 and 1 <= day <= calendar.monthrange(year, number)[1]):
            continue
        if parts["year"] or date(year, number, day) >= today:
            return date(year, number, day)
    return None


def _last_day(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])


def _month(parts: dict[str, str | None], today: date) -> date:
    """Return the end of a named month, or the day before it for "before June"."""
    number = MONTHS[parts["month"] or ""]
    end = _last_day(int(parts["year"] or today.year), number)
    if not parts["year"] and end < today:
        end = _last_day(today.year + 1, number)
    return end.replace(day=1) - timedelta(days=1) if parts["before"] else end


def _quarter(parts: dict[str, str | None], today: date) -> date:
    month = 3 * int(parts["quarter"] or 1)
    end = _last_day(int(parts["year"] or today.year), month)
    return end if parts["year"] or end >= today else _last_day(today.year + 1, month)


def _half(parts: dict[str, str | None], today: date) -> date:
    month = 6 * int(parts["half"] or 1)
    end = _last_day(int(parts["year"] or today.year), month)
    return end if parts["year"] or end >= today else _last_day(today.year + 1, month)


def _feast(parts: dict[str, str | None], today: date) -> date:
    day = 24 if (parts["feast"] or "").endswith("mas") else 31
    end = date(today.year, 12, day)
    return end if end >= today else date(today.year + 1, 12, day)


def _weekday(parts: dict[str, str | None], today: date) -> date:
    return today + timedelta(days=(WEEKDAYS[parts["weekday"] or ""] - today.weekday()) % 7 or 7)


def _end(unit: str, today: date, *, later: bool) -> date:
    """Return the last day of this or the next week (its Sunday), month, quarter or year."""
    if unit == "week":
        return today + timedelta(days=6 - today.weekday() + 7 * later)
    if unit == "year":
        return date(today.year + later, 12, 31)
    span = 3 if unit == "quarter" else 1
    ends = (today.month - 1) // span * span + span * (1 + later)  # months since January, at the end of the unit
    return _last_day(today.year + (ends - 1) // 12, (ends - 1) % 12 + 1)
