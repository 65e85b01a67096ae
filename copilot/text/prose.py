"""Rules for a model's own words beside a value: what turns a true number into a claim that no cell holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from copilot.text import prose_words as p
from copilot.text import words as w
from copilot.text.claim import Claim, Ref, sign_of


def _rough(s: Claim) -> str | None:
    """About, at least, up to: a value is what it is."""
    for found in p.ROUGHLY.finditer(s.text):
        if _amount(s, found.end()) or _amount(s, found.start() - 1):
            return f"no cell says {found[0].strip()!r}"
    return None


def _parts(s: Claim) -> str | None:
    """A share of something, or all of something, that no cell counts."""
    if found := p.EVERYONE.search(s.text):
        return f"no cell counts {found[0]!r}"
    for found in p.SHARE.finditer(s.text):
        whole = _amount(s, found.end() - 1) if found[0].endswith(w.MARK) else True
        if _amount(s, found.start()) and whole:
            return f"no cell counts {found[0].replace(w.MARK, '…')!r}"
    return None


def _nouns(s: Claim) -> str | None:
    """The budget is …: the noun a value is given must be its metric's, whatever the noun."""
    for table in (*p.NAMED, p.COUNTED):
        for found in table.finditer(s.text):
            ref = _amount(s, found.start() if table is p.COUNTED else found.end())
            if ref is None or (table is p.COUNTED and ref.cell.unit != "count"):
                continue
            for word in found[1].split():
                if not _is_called(ref, word):
                    return f"{ref.path} is {ref.cell.metric or 'no known metric'}, not {word!r}"
    return None


def _is_called(ref: Ref, word: str) -> bool:
    own = {part[:4] for part in ref.described.split()}
    by_family = any(w.METRICS[name].fullmatch(word) for name in ref.families)
    # Orders and directions have rules of their own.
    other = any(table.fullmatch(word) for table in (p.CALLED_SO, w.HIGHEST, w.LOWEST, w.ROSE, w.FELL, w.CHANGE))
    return other or word[:4] in own or by_family


def _manner(s: Claim) -> str | None:
    """Fell gradually, rose nicely: two values say no manner."""
    for table in (w.ROSE, w.FELL):
        for found in table.finditer(s.text):
            near = s.text[max(0, found.start() - 14) : found.end() + 14]
            if told := p.MANNER.search(near):
                return f"no cell says {told[0]!r}"
    return None


def _states(s: Claim) -> str | None:
    """Open, won, paid: a word that the cell's own name must hold."""
    for table in (p.STATE, p.PAID):
        for found in table.finditer(s.text):
            ref = _amount(s, found.start() if table is p.STATE else found.end())
            if ref and found[1] not in ref.described:
                return f"{ref.path} is not {found[1]!r}"
    return None


def _times(s: Claim) -> str | None:
    """A renewal lies ahead, a touch behind, and a forecast is a cell of its own."""
    holds: tuple[tuple[re.Pattern[str], Callable[[Ref], bool], str], ...] = (
        (p.PAST, lambda ref: "renewal" not in ref.families or _is_past(ref), "behind us"),
        (p.CALLED, lambda ref: "touch" in ref.described or "contact" in ref.described, "a contact"),
        (p.ENDS, lambda ref: "renewal" in ref.families or "end" in ref.described, "an end"),
        (p.NOW, lambda ref: not re.search(r"\b(?:previous|before)$", ref.described), "now"),
        (p.THEN, lambda ref: not ref.described.endswith("current"), "before"),
        (p.SPENT, lambda ref: bool(w.AHEAD.search(s.text)) or not ref.families & {"uplift", "growth"}, "behind us"),
        (p.WORTH, lambda _: False, "a worth"),
        (p.COMING, lambda ref: bool(w.FORECAST.search(ref.described) or ref.is_time or _is_estimate(ref)), "ahead"),
    )
    for table, fits, what in holds:
        for ref in _beside(s, table):
            if not fits(ref):
                return f"{ref.path} is not {what}"
    spans = (ref for ref in s.amounts if ref.is_time and "renewal" in ref.families)
    return next((f"{ref.path} is a time to renewal" for ref in spans if not p.AHEAD_OF.search(s.text)), None)


def _both(s: Claim) -> str | None:
    """Both grow, a touch helps: every change that follows must point that way."""
    signs = {ref.change for ref in s.amounts if ref.change is not None}
    if len(signs) > 1 and re.search(r"\bboth\b", s.text):
        return "both do not"
    helped = p.HELPS.search(s.text)
    harmed = any("uplift" in ref.families and sign_of(ref.amount or 0) < 0 for ref in s.amounts)
    return "a touch does not help there" if helped and harmed and not w.NOT.search(s.text) else None


def _touches(s: Claim) -> str | None:
    """Left alone, touched, by a touch: three values that must not change places, and none of them is a level."""
    start = 0
    for ref in s.amounts:
        if not ref.families & {"uplift", "growth"}:
            continue
        said, last = s.text[start : ref.at], ref.path.rsplit(".", 1)[-1]
        start = ref.at
        alone, touched = p.ALONE.search(said), p.TOUCHED.search(p.ALONE.sub(" ", said))
        if alone and not touched and ("uplift" in ref.families or last.startswith("touched")):
            return f"{ref.path} is not what happens without a touch"
        if last.startswith("untouched") and (touched or not alone):
            return f"{ref.path} is what happens without a touch"
        if p.CHANGED_TO.search(said):
            return f"{ref.path} is a change"
    known = any(ref.families & {"uplift", "growth"} or "touch" in f"{ref.described} {ref.cell.value}" for ref in s.refs)
    spoken_of = not known and (p.ALONE.search(s.text) or p.TOUCHED.search(s.text))
    return "no cell says what a touch changes" if spoken_of and s.refs else None


def _groups(s: Claim) -> str | None:
    """In EMEA the churn probability is …: one account's value told of its region."""
    named = any(ref.cell.metric == "account" for ref in s.refs)
    for ref in () if named or not s.amounts else s.refs:
        row, _, last = ref.path.rpartition(".")
        told = last in ("region", "segment", "industry") and p.WITHIN.search(s.text[: ref.at])
        if told and f"{row}.account_id" in s.cells:
            return f"an account's value told of {ref.path}"
    return None


def _said(s: Claim) -> str | None:
    """Cancelled, unhappy, a hospital: facts and promises that no cell holds."""
    if found := p.TOLD.search(s.text):
        return f"no cell says {found[0]!r}"
    for found in p.KIND_OF.finditer(s.text):
        if any(ref.at == found.start() and ref.cell.metric == "account" for ref in s.refs):
            return f"no cell says what {s.at(found.start()).path} is"
    people = (ref for ref in s.refs if ref.cell.metric == "contact" and p.CONTACT.match(s.text, ref.at + 1))
    return next((f"no cell says what {ref.path} does" for ref in people), None)


RULES = (_rough, _parts, _nouns, _manner, _states, _times, _both, _touches, _groups, _said)


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
