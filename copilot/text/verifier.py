"""The verifier: a sentence may be shown only where each of its claims rests on a cell it refers to (DESIGN, The agent).

It reads reference form and decides by word tables, English and German. It errs towards a fault: a false alarm costs a
template sentence, a missed one costs trust. It does not judge advice ("call them").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import reduce
from itertools import groupby

from copilot.text import prose, vocabulary
from copilot.text import words as w
from copilot.text.cells import REFERENCE, Cell, Value
from copilot.text.claim import Claim, Ref, fold, sign_of, split_sentences, whole

__all__ = ["check", "split_sentences"]


def check(
    sentence: str,
    cells: Mapping[str, Cell],
    *,
    question: str = "",
    names: Collection[str] = (),
    told: Collection[str] = (),
    template: bool = False,
) -> str | None:
    """Return None where the sentence may be shown, else what is wrong with it in one phrase.

    Args:
        sentence: Reference form, as ``Usage fell from {{t1.previous}} to {{t1.current}}.``
        cells: Every cell the answer may use, by path. An account's name and id carry the metric ``account``.
        question: What was asked; its dates and names may be echoed, and its numbers with the word they counted.
        names: All account names of the asker's book; one that is in no cell and was not asked about is a fault.
        told: Our own sentences that a model was given to word; it may use their words.
        template: The words are our own (``prompts/``): only what the cells contradict is a fault, not what they
            leave open ("the largest first"). Never for a model's words.
    """
    paths = [found[1] for found in REFERENCE.finditer(sentence)]
    for path in paths:
        if fault := _unusable(path, cells.get(path)):
            return fault
    kinds = {unicodedata.category(letter) for letter in sentence if letter not in " \xa0"}
    if w.MARK in sentence or kinds.intersection(w.HIDDEN):
        return "a hidden letter or a number sign"
    cased = fold(REFERENCE.sub(w.MARK, sentence))
    places = [place for place, letter in enumerate(cased) if letter == w.MARK]
    refs = tuple(Ref(path, cells[path], place) for path, place in zip(paths, places, strict=True))
    claim = Claim(cased.lower(), cased, refs, cells, fold(question).lower(), names, template, told)
    rules: tuple[Callable[[Claim], str | None], ...] = (
        _letters,
        _numbers,
        _ranges,
        _metrics,
        _directions,
        _orders,
        _extremes,
        _owners,
    )
    if not template:
        rules += (
            _shared,
            _dates,
            _levels,
            _negations,
            _kinds,
            _known_names,
            _new_names,
            _judgements,
            *prose.RULES,
            vocabulary.unheard,
        )
    return next((fault for rule in rules if (fault := rule(claim))), None)


# --- Rules: each returns a fault or None ---


def _unusable(path: str, cell: Cell | None) -> str | None:
    if cell is None:
        return f"there is no cell {path}"
    if not cell.known:
        return f"the cell {path} holds no value"
    if isinstance(cell.value, str) and w.MARKED_VALUE.search(cell.value):
        return f"the cell {path} holds a link or markup"
    return None


def _letters(s: Claim) -> str | None:
    """Links, markup, letters that only look like ours, words glued to a reference."""
    if len(s.text) > 1000:
        return "a sentence of more than 1000 letters"
    for table, fault in (
        (w.STRANGE, "the character"),
        (w.MARKUP, "a link, markup or letters set apart:"),
        (w.GLUED, "glued:"),
    ):
        if found := table.search(s.text):
            return f"{fault} {found[0]!r}"
    if (unit := w.UNIT_AFTER.search(s.text)) and s.at(unit.start()).amount is not None:
        return f"a unit outside its cell: {unit[0]!r}"
    return None


def _numbers(s: Claim) -> str | None:
    rest = w.PRONOUN.sub(lambda found: " " * len(found[0]), s.text)
    unsaid = [
        found[0] for table in (w.NUMBER, w.NUMBER_WORD) for found in table.finditer(rest) if not _echoed(found, s)
    ]
    unsaid += [found[0] for found in w.ROMAN.finditer(s.cased) if found[0].lower() not in s.question.split()]
    pieces = re.sub(r"(?<=[a-z])[^a-z§ ]+(?=[a-z])", "", w.NUMBER_WORD.sub(" ", rest))  # "fi-ve"
    unsaid += w.NUMBER_WORD.findall(pieces)
    if unsaid:
        return f"the number {unsaid[0]!r} comes from no cell"
    if sign := re.search(r"[%$€£]", w.NUMBER.sub("", rest)):
        return f"the sign {sign[0]!r} outside a cell"
    return None


def _echoed(found: re.Match[str], s: Claim) -> bool:
    """Whether the asker said this number, and of the same thing: "30 days" does not cover "a churn of 30"."""

    def counted(text: str, end: int) -> set[str]:
        return set(re.findall(r"[a-z]{4,}", re.split(r"[.;:!?§]", text[end : end + 40])[0])[:2])

    own = counted(s.text, found.end())
    for said in found.re.finditer(s.question):
        theirs = counted(s.question, said.end())
        alike = own & theirs or not (own or theirs) or (found.re is w.NUMBER and len(found[0]) > 3)
        if said[0].replace(" ", "") == found[0].replace(" ", "") and alike:
            return True
    return False


def _ranges(s: Claim) -> str | None:
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


def _metrics(s: Claim) -> str | None:
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


def _directions(s: Claim) -> str | None:
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


def _orders(s: Claim) -> str | None:
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


def _extremes(s: Claim) -> str | None:
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


def _owners(s: Claim) -> str | None:
    """An amount must be of the account named with it, by reference or written out."""
    items = _mentions(s)
    everyone = [path for _, path, is_name in items if is_name]
    owners = [own for _, path, is_name in items if not is_name and (own := _owner(s, path))]
    if not everyone and any(own.isdisjoint(owners[0]) for own in owners):
        return "values of several accounts and no name"
    run: list[str] = []
    for is_name, group in groupby(items, key=lambda item: item[2]):
        paths = [path for _, path, _ in group]
        if is_name:
            run = paths
            continue
        order: list[int] = []
        for path in paths if everyone else ():
            names = run or everyone[:1]
            places = [place for place, name in enumerate(names) if _is_of(s, path, name)]
            if not places and _owner(s, path):
                return f"{path} is not of the account named with it"
            order += [place for place in places[:1] if place not in order[-1:]]
        # "Acme and Globex have 1 and 2", or "compared with Acme, Globex has 2".
        if len(run) > 1 and order and order not in (list(range(len(run))), [len(run) - 1]):
            return "the accounts and their values are in different orders"
    return None


def _mentions(s: Claim) -> list[tuple[int, str, bool]]:
    """Return accounts (True) and amounts (False) in order; an account that directly follows its amount goes first."""
    known = {fold(str(cell.value)).lower(): path for path, cell in s.cells.items() if cell.metric == "account"}
    items = [(ref.at, ref.path, True) for ref in s.refs if ref.cell.metric == "account"]
    items += [(m.start(), path, True) for value, path in known.items() if value in s.text for m in whole(value, s.text)]
    own = [ref for ref in s.refs if ref.cell.metric == "contact"]
    items = sorted(items + [(ref.at, ref.path, False) for ref in (*s.amounts, *own)])
    for place in range(1, len(items)):
        (at, _, was_name), (next_at, _, is_name) = items[place - 1 : place + 1]
        if is_name and not was_name and w.OF_OWNER.fullmatch(s.text, at + 1, next_at):  # "40 % at Acme"
            items[place - 1 : place + 1] = items[place], items[place - 1]
    return items


def _owner(s: Claim, path: str) -> set[Value]:
    """Return the id and name of the account in whose row ``path`` lies; empty where none is known."""
    while "." in path:
        path = path.rsplit(".", 1)[0]
        near = (s.cells.get(f"{path}.{name}") for name in ("name", "account", "account_id", "account_name"))
        if own := {cell.value for cell in near if cell is not None and cell.metric == "account"}:
            return own
    return set()


def _is_of(s: Claim, path: str, name: str) -> bool:
    return s.cells[name].value in _owner(s, path) or path.startswith(f"{name.rsplit('.', 1)[0]}.")


def _shared(s: Claim) -> str | None:
    """Several accounts and one value: each account named beside values must have one of its own."""
    named = {_row(ref.path) for ref in s.refs if ref.cell.metric == "account"}
    valued = {_row(ref.path) for ref in s.amounts}
    if len(named) > 1 and valued & named and not named <= valued and not w.COMPARED.search(s.text):
        return "an account is named beside a value that is not its own"
    return None


def _row(path: str) -> str:
    return path[: path.index("]") + 1] if "]" in path else path.split(".")[0]


def _dates(s: Claim) -> str | None:
    """Months, days and spans must be the asker's; "next month" is advice unless something is due then."""
    tables = [(w.MONTH, s.text), (w.CASED_MONTH, s.cased), (w.PERIOD, s.text)]
    tables += [(w.SOON, _without_forecast_span(s))] if w.DUE.search(s.text) else []
    said = (found[0] for table, text in tables for found in table.finditer(text) if found[0].lower() not in s.question)
    return next((f"the time {word!r} comes from no cell" for word in said), None)


def _without_forecast_span(s: Claim) -> str:
    """Blot out "next month" right behind a forecast, or behind what one in the same sentence is for."""
    forecasts = {ref.at for ref in s.amounts if w.FORECAST.search(ref.described)}
    if not forecasts:
        return s.text
    behind = forecasts | {ref.at for ref in s.refs if ref.amount is None}
    spans = (found for found in re.finditer(r"§ (next month)\b", s.text) if found.start() in behind)
    return reduce(
        lambda text, found: text[: found.start(1)] + "x" * len(found[1]) + text[found.end(1) :], spans, s.text
    )


def _levels(s: Claim) -> str | None:
    """High, nearly, riskiest: a judgement that no cell holds."""
    found = w.LEVEL.search(s.text) or w.OTHER_BEST.search(w.HIGHEST.sub("", w.LOWEST.sub("", s.text)))
    return f"no cell says {found[0]!r}" if found else None


def _judgements(s: Claim) -> str | None:
    """Doing well, at risk, because: nothing that a table of numbers says."""
    if found := w.JUDGED.search(s.text):
        return f"no cell says {found[0]!r}"
    return "no cell holds a cause" if w.BECAUSE.search(s.text) else None


def _negations(s: Claim) -> str | None:
    start = 0
    for clause in w.CLAUSE.split(s.text):
        inside = any(start <= ref.at <= start + len(clause) and ref.cell.metric != "account" for ref in s.refs)
        if inside and w.NOT_SO.search(clause) and not w.STILL.search(clause):
            return "a negation beside a value"
        start += len(clause) + 1
    return None


def _kinds(s: Claim) -> str | None:
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


def _known_names(s: Claim) -> str | None:
    """An account of the book, by its whole name or its first word, must be in a cell or the asker's own."""
    rest = s.unnamed
    small = rest.lower()
    capital = {
        word.lower().removesuffix("'s") for run in w.CAPITALS.findall(rest) for word in run.split() if len(word) > 3
    }
    capital = {word for word in capital if not w.STARTERS.fullmatch(word) and word not in s.question}
    in_cells = (
        str(cell.value) for cell in s.cells.values() if cell.metric == "account" and isinstance(cell.value, str)
    )
    for known, asked in [
        *((fold(name).lower(), s.question) for name in s.names),
        *((fold(n).lower(), "") for n in in_cells),
    ]:
        is_said = known in small and any(whole(known, small))
        if known.strip() and known not in asked and (is_said or known.split()[0] in capital):
            return f"the name {known!r} is in no cell"
    return None


def _new_names(s: Claim) -> str | None:
    """Other capital words inside a sentence are names too; German writes every noun so, and counts from two on."""
    rest, asked = s.unnamed, set(re.findall(r"[\w&-]+", s.question))
    for found in w.CAPITALS.finditer(rest):
        run = [word.removesuffix("'s") for word in found[0].split()]
        inside = run[w.OPENING.search(rest[: found.start()]) is not None :]
        strange = [word for word in inside if not w.SPOKEN.fullmatch(word) and word.lower() not in asked]
        if len(strange) > s.is_german:
            return f"the name {' '.join(strange)!r} is in no cell"
    return None


def _comparable(one: Ref, other: Ref) -> bool:
    if one.amount is None or other.amount is None or one.cell.unit != other.cell.unit:
        return False
    return one.cell.metric == other.cell.metric or bool(one.families & other.families)
