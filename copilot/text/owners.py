"""Rules on names: an amount is of the account named with it, and no name comes from nowhere.

Each rule takes a sentence and returns what is wrong with it, or None.
"""

from __future__ import annotations

import re
from itertools import groupby

from copilot.text import words as w
from copilot.text.cells import Value
from copilot.text.claim import Claim, fold, whole

_PLAIN = ("for", "change", "difference")  # of a cell's name: what a verb says as well


def of_account(s: Claim) -> str | None:
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
    own = s.amounts if s.template else [ref for ref in s.refs if ref.cell.metric != "account" and not ref.is_given]
    contacts = [ref for ref in s.refs if ref.cell.metric == "contact" and s.template]
    items = sorted(items + [(ref.at, ref.path, False) for ref in (*own, *contacts)])
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


def shared(s: Claim) -> str | None:
    """Several accounts and one value: each account named beside values must have one of its own."""
    named = {_row(ref.path) for ref in s.refs if ref.cell.metric == "account"}
    valued = {_row(ref.path) for ref in s.amounts}
    if len(named) > 1 and valued & named and not named <= valued and not w.COMPARED.search(s.text):
        return "an account is named beside a value that is not its own"
    return None


def _row(path: str) -> str:
    return path[: path.index("]") + 1] if "]" in path else path.split(".")[0]


def known_names(s: Claim) -> str | None:
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


def new_names(s: Claim) -> str | None:
    """Other capital words inside a sentence are names too; German writes every noun so, and counts from two on."""
    rest, asked = s.unnamed, set(re.findall(r"[\w&-]+", s.question))
    for found in w.CAPITALS.finditer(rest):
        run = [word.removesuffix("'s") for word in found[0].split()]
        inside = run[w.OPENING.search(rest[: found.start()]) is not None :]
        strange = [word for word in inside if not w.SPOKEN.fullmatch(word) and word.lower() not in asked]
        if len(strange) > s.is_german:
            return f"the name {' '.join(strange)!r} is in no cell"
    return None


def of_one_entry(s: Claim) -> str | None:
    """A product, a rep or a feature and the value beside it must be of one entry of their list."""
    for clause in re.split(r"[,;:]|\b(?:and|while|but|than|instead of)\b", s.text) if not _has_accounts(s) else ():
        start = s.text.index(clause)
        if not any(ref.amount is None and start <= ref.at < start + len(clause) for ref in s.refs):
            continue
        entries: dict[str, str] = {}
        for ref in s.refs:
            found = re.match(r"(.*)\[\d+\]", ref.path)
            if found and start <= ref.at < start + len(clause) and entries.setdefault(found[1], found[0]) != found[0]:
                return f"{ref.path} is of another entry than what is told with it"
    named = {
        ref.path.rpartition(".")[0]: ref.path for ref in s.refs if ref.cell.metric in ("product", "rep", "feature")
    }
    for entry, name in named.items():
        for ref in s.amounts if entry.endswith("]") else ():
            own, _, field = ref.path.rpartition(".")
            if f"{entry}.{field}" in s.cells and own not in named:
                return f"{ref.path} is not of {name}"
    return None


def of_its_own_name(s: Claim) -> str | None:
    """A value may not go by the whole name of its neighbour and only a part of its own."""
    said = {word[:5] for word in re.findall("[a-z]+", s.text)}
    for ref in s.amounts:
        parent, own = ref.path.rpartition(".")[0], _stems(ref.cell.metric)
        if own <= said:
            continue
        for path, cell in s.cells.items():
            beside = path.rpartition(".")[0] == parent and cell.unit == ref.cell.unit and cell.metric != ref.cell.metric
            spoken_of = any(other.path == path for other in s.refs)
            if beside and not spoken_of and (theirs := _stems(cell.metric)) <= said and theirs & own:
                return f"{ref.path} is {ref.cell.metric}, not {cell.metric}"
    return None


def of_a_contact(s: Claim) -> str | None:
    """Nothing counted is a contact's own or doing."""
    people = [ref for ref in s.refs if ref.cell.metric == "contact"]
    counted = [ref for ref in s.amounts if not ref.is_time or "touch" in ref.described]
    for ref in people:
        near = [
            other
            for other in counted
            if not re.search("[,;:]|\\bat the\\b", s.text[min(ref.at, other.at) : max(ref.at, other.at)])
        ]
        if near and not re.match(
            r"(?:[a-z]+ ){0,2}(?:ask|call|talk|tell|contact|offer|follow|reach|consider)\b", s.text
        ):
            return f"{near[0].path} is not of {ref.path}"
    return None


def _has_accounts(s: Claim) -> bool:
    return any(ref.cell.metric == "account" and "]" in ref.path for ref in s.refs)


def _stems(metric: str) -> set[str]:
    return {word[:5] for word in re.findall("[a-z]+", fold(metric).lower()) if len(word) > 2 and word not in _PLAIN}
