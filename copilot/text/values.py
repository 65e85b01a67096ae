"""Rules on values: the metric named, a direction, an order and a kind must be those of the cells beside the words.

Each rule takes a sentence and returns what is wrong with it, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from copilot.text import words as w
from copilot.text.claim import Claim, Ref, sign_of


def ranges(s: Claim) -> str | None:
    """From … to … must be two values of one thing, the older one first."""
    for _, _, old, new in s.pairs:
        if old.amount is None or new.amount is None or old.cell.unit == new.cell.unit == "date":
            continue
        if not _comparable(old, new) or re.findall(r"\[\d+\]", old.path) != re.findall(r"\[\d+\]", new.path):
            return f"{old.path} and {new.path} are no two values of one thing"
        if re.search(r"\b(?:previous|before)$", new.described):
            return f"{old.path} and {new.path} are the wrong way round"
    for now in re.finditer(r"\b(?:now|currently|jetzt) (?:at |only )?(?=§)", s.text):
        if re.search(r"\b(?:previous|before)$", s.at(now.end()).described):
            return f"{s.at(now.end()).path} is not now"
    return None


def metrics(s: Claim) -> str | None:
    """The metric named with an amount must be the cell's."""
    for ref, before, named in _named(s):
        # Uplift and growth are changes of spend: "a touch changes its spend by".
        is_change = named == "spend" and ref.families & {"uplift", "growth"} and w.CHANGE.search(before)
        if named and named not in {*ref.families, ref.cell.metric} and not is_change:
            return f"{ref.path} is {ref.cell.metric or 'no known metric'}, not {named}"
        for said, meant in w.QUALIFIERS:
            if (
                said.search(before)
                and not meant.search(f"{ref.described} {ref.path.replace('.', ' ')}")
                and not s.template
            ):
                return f"{ref.path} is no total or average"
    return None


def _named(s: Claim) -> Iterator[tuple[Ref, str, str]]:
    """Bind each amount to the metric word before it, or right after it, or to its neighbour's.

    Yields the amount, the words since the amount before it, and the metric; empty where none is named.
    """
    start, named = 0, ""
    for ref, stop in zip(s.amounts, [*[ref.at for ref in s.amounts], len(s.text)][1:], strict=True):
        before = s.text[start : ref.at]
        near = before if ref.is_time else w.ASIDE.sub(lambda found: "." * len(found[0]), before)
        # "The open deals come to $9,000" counts no deals.
        tables = {name: w.METRICS[name] for name in w.METRICS if name not in w.COUNTED or ref.cell.unit == "count"}
        found = [(m.end(), -m.start(), name) for name, table in tables.items() for m in table.finditer(near)]
        found += [
            (r.at + 1 - start, 0, str(r.cell.value))
            for r in s.refs
            if r.cell.metric in ("reason", "metric") and start <= r.at < ref.at
        ]
        last = max(found, default=(0, 0, ""))[2]  # of two that end alike the longer: "renewal probability"
        if ref.is_time and last not in ("renewal", "last touch") and w.IN_TIME.search(before):
            continue  # "tickets in the last 90 days": a time beside the metric, not its value
        if last:
            named = last
        elif beside := _beside(tables, s.text, ref.at + 1, stop):
            named, start = beside
        elif not w.JOINED.fullmatch(before) or w.COUNTING.match(s.text, ref.at + 1):
            named = ""
        yield ref, before, named
        start = max(start, ref.at + 1)


def _beside(tables: Mapping[str, re.Pattern[str]], text: str, start: int, stop: int) -> tuple[str, int] | None:
    """Return the metric named right after an amount ("12 % churn probability"), and where its name ends."""
    for gap in w.BESIDE:
        led = gap.match(text, start, stop)
        for name, table in tables.items() if led else ():
            if led and (found := table.match(text, led.end(), stop)):
                return name, found.end()
    return None


def directions(s: Claim) -> str | None:
    """Rose, fell, flat: as the two values or the change that follow."""
    moves = sorted((found.start(), found[0], sign) for table, sign in w.DIRECTIONS for found in table.finditer(s.text))
    for number, (start, word, sign) in enumerate(moves):
        stop = next((at for at, _, other in moves[number:] if other != sign), len(s.text))
        shown = _movement(s, start, stop)
        if shown is None and number == 0:  # "from … to …, usage fell"
            shown = _movement(s, 0, start)
        clause = w.CLAUSE.split(s.text[:start])[-1] + w.CLAUSE.split(s.text[start:])[0]
        if shown is None or sign is None or w.NOT.search(clause):
            advised = w.ADVICE.search(s.text[:start]) and not any(start <= ref.at < stop for ref in s.amounts)
            if not (s.template or advised):
                return f"no cell shows the direction {word!r}"
        elif shown != sign:
            return f"the cells contradict {word!r}"
    return None


def _movement(s: Claim, low: int, high: int) -> int | None:
    """Return the sign of the change that the references between two places show; None where they show none."""
    for start, end, old, new in s.pairs:
        if low <= start < high or start <= low < end:
            if old.amount is None or new.amount is None or not _comparable(old, new):
                return None
            return sign_of(new.amount - old.amount)
    first = s.after(low)
    return first.change if first is not None and first.at < high else None


def orders(s: Claim) -> str | None:
    """Higher than, above, the same as, before an account: as the amounts on both sides."""
    claimed = list(_comparisons(s.text))
    for found in re.finditer(r"\b(?:(before)|after) (?=§)", s.text):
        if s.at(found.end()).cell.metric == "account":
            claimed.append((found.start(), found[0], -1 if found[1] else 1))
    for place, word, sign in claimed:
        left, right = s.before(place), s.after(place)
        if right is not None and right.is_time and word.startswith(("over", "ahead", "beyond")):
            continue
        if not left or not right or sign is None or not _comparable(left, right) or w.NOT.search(s.text):
            if not s.template:
                return f"no two cells show {word.strip()!r}"
        elif sign_of((left.amount or 0) - (right.amount or 0)) != sign:
            return f"the cells contradict {word.strip()!r}"
    return None


def _comparisons(text: str) -> Iterator[tuple[int, str, int | None]]:
    """Yield where a comparison stands, its word and the sign of left minus right that it claims."""
    for than in w.THAN.finditer(text):
        window = (max(0, than.start() - 40), than.start())
        said = [
            (m.start(), m[0], sign)
            for table, sign in ((w.MORE, 1), (w.LESS, -1))
            for m in table.finditer(text, *window)
        ]
        if said or than[0] == "than":
            _, word, sign = max(said, default=(0, "than", None))
            yield than.start(), word, sign
    for table, sign in ((w.ABOVE, 1), (w.BELOW, -1), (w.SAME, 0)):
        yield from ((found.start(), found[0], sign) for found in table.finditer(text))
    if not w.THAN.search(text):
        yield from ((len(text), found[0], None) for found in w.BARE.finditer(text))


def extremes(s: Claim) -> str | None:
    """Highest and lowest: as the same field in all rows. First and top: of the first row."""
    for found, best in [
        (m, best) for table, best in ((w.HIGHEST, max), (w.LOWEST, min)) for m in table.finditer(s.text)
    ]:
        ref = s.after(found.start()) or s.before(found.start())
        peers = s.peers(ref) if ref else []
        if ref is None or len(peers) < 2 or w.WIDER.search(s.text):
            if not s.template:
                return f"no cells show {found[0]!r}"
        elif ref.amount != best(peers):
            return f"the cells contradict {found[0]!r}"
    if first := w.FIRST.search(s.text):
        places = {int(place) for ref in s.refs for place in re.findall(r"\brows\[(\d+)\]", ref.path)}
        if places - {0} or not (places or s.template):
            return f"no cell shows {first[0]!r}"
    return None


def kinds(s: Claim) -> str | None:
    """A forecast is no fact, a change no level, and a horizon of the method nobody's value."""
    moved = any(table.search(s.text) for table in (w.CHANGE, w.ROSE, w.FELL, w.UPWARDS, w.DOWNWARDS))
    for ref in s.refs:
        if ref.is_given and ref.is_span and not w.WINDOW.search(s.text[: ref.at]):
            return f"{ref.path} belongs to the method"
    for ref in s.amounts:
        if w.FORECAST.search(ref.described) and not w.AHEAD.search(s.text):
            return f"{ref.path} is a forecast"
        if ref.change is not None and not moved and not ref.families & {"uplift", "growth"}:
            return f"{ref.path} is a change"
    return None


def _comparable(one: Ref, other: Ref) -> bool:
    if one.amount is None or other.amount is None or one.cell.unit != other.cell.unit:
        return False
    return one.cell.metric == other.cell.metric or bool(one.families & other.families)


def general(s: Claim) -> str | None:
    """What a model found over all accounts is no account's own, and the end of an interval no forecast."""
    ends = [(s.at(found.start()), s.at(found.end() - 1)) for found in w.BOUNDS.finditer(s.text)]
    bounds = {ref.at for pair in ends if all(w.BOUND.search(ref.described) for ref in pair) for ref in pair}
    for ref in s.amounts:
        if w.CHANGED_BY.search(s.text[: ref.at]) and (ref.change is None or ref.cell.unit == "score"):
            return f"{ref.path} is no change"
        if ".model." in ref.path:
            named = any(other.cell.metric == "account" for other in s.refs)
            if named or not w.OVERALL.search(s.text):
                return f"{ref.path} is no account's own"
        if w.BOUND.search(ref.described) and ref.at not in bounds:
            return f"{ref.path} is the end of an interval"
    return None
