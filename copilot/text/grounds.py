"""Grounds: a cause on an explanation or a recommendation, a value on its name, a meaning on a reason."""

from __future__ import annotations

import re

from copilot.text import clause_words as c
from copilot.text import words as w
from copilot.text.claim import Claim, Ref, fold
from copilot.text.clauses import TOKEN, Clause, clauses_of, marked, may_advise, names_of, naming, tokens_of, words_in
from copilot.text.ours import Ours, threes


def causes(s: Claim) -> str | None:
    """Because, so, due to, after a change: only as an explanation's cells or a recommendation say."""
    text = marked(s)
    if not s.refs:
        return None
    ours = Ours(s)
    moved = any(table.search(s.text) for table, _ in w.DIRECTIONS)
    apart = moved or any(not ref.is_time for ref in s.amounts)
    for found in [*c.CAUSE.finditer(text), *(c.MEANWHILE.finditer(text) if apart else ())]:
        following = TOKEN.findall(text, found.start())[:3]
        if ours.said(following) or _explained(s, text) or _advised(s, text, ours):
            continue
        return "no cell holds a cause"
    return None


def unnamed(s: Claim) -> str | None:
    """A value must be called what it is: by its metric, by a label beside it, or in our own words."""
    said = set(words_in(s.text))
    labels = {naming(ref) for ref in s.refs}
    ours = Ours(s)
    text = marked(s)
    runs = ours.runs(s.refs) & set(threes(tokens_of(s, Clause(text, 0, s.refs))))
    advised = c.ADVISED.search(text)
    bare = []
    for ref in s.amounts:
        span = ref.cell.unit == "date" and any(ref in (old, new) for _, _, old, new in s.pairs)  # "ran from § to §"
        deadline = advised and ref.is_time and s.text[: ref.at].endswith("before ")
        told = not ref.families and any(ref.path in run[1:] for run in runs)
        if not (span or deadline or told or _is_named(ref, s.text, said, labels)):
            bare.append(ref)
    named = {ref.cell.metric for ref in s.amounts if ref not in bare}
    return next((f"{ref.path} is given no name" for ref in bare if ref.cell.metric not in named), None)


def meanings(s: Claim) -> str | None:
    """What a reason points to, and could mean, must stand behind that reason; an action behind who chose it."""
    for ref in s.refs:
        if ref.cell.metric in ("direction", "glossary"):
            place = _reason(ref.path)
            before = [_reason(other.path) for other in s.refs if other.at < ref.at and _reason(other.path)]
            if not before or before[-1] != place:
                return f"{ref.path} is told of another reason"
        if "scores alone" in ref.cell.metric and "scores" not in s.text:
            return f"{ref.path} is {ref.cell.metric}"
    return None


def _is_named(ref: Ref, text: str, said: set[str], labels: set[str]) -> bool:
    if "uplift" in ref.families:  # growth is a change of spend, too
        return bool(w.METRICS["uplift"].search(text) or c.TOUCH & said)
    own = {word[:4] for word in words_in(ref.described) if len(word) > 2 and word not in c.UNNAMING}
    by_family = any(w.METRICS[name].search(text) for name in names_of(ref))
    by_family = by_family or ("spend" in ref.families and text.startswith(" a year", ref.at + 1))
    return bool(own & {word[:4] for word in said} or by_family or fold(ref.cell.metric).lower() in labels)


def _advised(s: Claim, text: str, ours: Ours) -> bool:
    """Whether a cause only joins advice to what our own sentences say of that row."""
    gives = any(c.ADVISED.search(clause.text) for clause in clauses_of(s, text))
    paths = {ref.path for ref in s.refs} - ours.accounts
    return gives and may_advise(s, ours) and bool(paths) and paths <= ours.paths


def _explained(s: Claim, text: str) -> bool:
    """Whether every reason told points to what the sentence speaks of."""
    places = {place for ref in s.refs if (place := _reason(ref.path))}
    cells = (s.cells.get(f"{place}.meaning") for place in places)
    aims = [c.TOWARDS.match(str(cell.value)) if cell is not None else None for cell in cells]
    return bool(aims) and all(aim and (aim[1] or aim[2]) in text for aim in aims)


def _reason(path: str) -> str:
    found = re.match(r".*\bwhy\[\d+\]", path)
    return found[0] if found else ""
