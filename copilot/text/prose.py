"""Rules for a model's own words beside a value: what turns a true number into a claim that no cell holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.text import words as w
from copilot.text.claim import Claim, Ref


def _rough(s: Claim) -> str | None:
    """About, at least, up to: a value is what it is."""
    for found in w.ROUGHLY.finditer(s.text):
        if _amount(s, found.end()) or _amount(s, found.start() - 1):
            return f"no cell says {found[0].strip()!r}"
    return None


def _parts(s: Claim) -> str | None:
    """A share of something, or all of something, that no cell counts."""
    for table in (w.SHARE, w.EVERYONE):
        if found := table.search(s.text):
            return f"no cell counts {found[0].replace(w.MARK, '…')!r}"
    return None


def _states(s: Claim) -> str | None:
    """Open, won, paid: a word that the cell's own name must hold."""
    for table in (w.STATE, w.PAID):
        for found in table.finditer(s.text):
            ref = _amount(s, found.start() if table is w.STATE else found.end())
            if ref and found[1] not in ref.described:
                return f"{ref.path} is not {found[1]!r}"
    return None


def _times(s: Claim) -> str | None:
    """A renewal lies ahead, a touch behind, and a forecast is a cell of its own."""
    for table, fits, what in (
        (w.PAST, lambda ref: "renewal" not in ref.families or _is_past(ref), "behind us"),
        (w.CALLED, lambda ref: "touch" in ref.described or "contact" in ref.described, "a contact"),
        (w.ENDS, lambda ref: "renewal" in ref.families or "end" in ref.described, "an end"),
        (w.COMING, lambda ref: bool(w.FORECAST.search(ref.described) or ref.is_time or _is_estimate(ref)), "ahead"),
    ):
        for ref in _beside(s, table):
            if not fits(ref):
                return f"{ref.path} is not {what}"
    return None


def _said(s: Claim) -> str | None:
    """Cancelled, unhappy, a hospital: facts and promises that no cell holds."""
    if found := w.TOLD.search(s.text):
        return f"no cell says {found[0]!r}"
    for found in w.KIND_OF.finditer(s.text):
        if any(ref.at == found.start() and ref.cell.metric == "account" for ref in s.refs):
            return f"no cell says what {s.at(found.start()).path} is"
    return None


RULES = (_rough, _parts, _states, _times, _said)


def _amount(s: Claim, place: int) -> Ref | None:
    return next((ref for ref in s.amounts if ref.at == place), None)


def _beside(s: Claim, table: re.Pattern[str]) -> Iterator[Ref]:
    """Yield the value right behind, or right before, each match."""
    for found in table.finditer(s.text):
        for place in (found.end(), found.start() - 1):
            if ref := _amount(s, place):
                yield ref


def _is_past(ref: Ref) -> bool:
    return ref.is_span and (ref.amount or 0) < 0


def _is_estimate(ref: Ref) -> bool:
    return bool(ref.families & {"uplift", "growth", "churn", "probability"})
