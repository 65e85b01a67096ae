"""Answer "write to …": a draft for a customer by templates, each line only after the check; nothing is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.data.note_index import known_notes, said
from copilot.explain.answers.common import as_of_cell, cell, constant, resolve, templates
from copilot.explain.answers.customer import facts, recipient, sender
from copilot.explain.answers.notes import quotation
from copilot.explain.outreach import check
from copilot.text.cells import Cell, Column, Record, Say, fill, flatten, prefix
from copilot.text.quotes import SHORT, inert

Channel = Literal["email", "call", "meeting", "report"]
# What an asker wants, in English words.
GOALS = (
    ("pricing", r"\bpric|\bdiscount|\bterms\b|\bcosts?\b|\bbudget|\binvoic|\bpayment"),
    ("renewal", r"\brenew|\bextend|\bextension|\bcontract|\bexpir|\bprolong"),
    ("adoption", r"\busage|\buse\b|\busing|\badopt|\bengage|\btrain|\bworkshop|\bonboard|\bsession|\bwebinar"),
    ("growth", r"\bupsell|\bcross-?sell|\bexpan|\bgrow|\bmore seats|\badd-?on|\bupgrad|\badditional"),
    ("support", r"\btickets?\b|\bsupport|\bissues?\b|\bbugs?\b|\bproblems?\b|\bcomplain"),
    ("thanks", r"\bthank"),
    ("check_in", r"\bcheck(?:ing)?[- ]?in|\bfollow[- ]?(?:ing )?up|\bcatch(?:ing)? up|\bhello\b|\bin touch"),
)  # fmt: skip
BY_ACTION = {"boost_engagement": "adoption", "prevent_churn": "renewal", "promote_upsell": "growth"}
DECIDED = ("renewal", "pricing", "growth", "product")  # goals for which somebody who decides is wanted
SOON = 120  # days to the renewal within which it is the goal where nothing else is
MINUTES = {"welcome": 5, "facts": 10, "goal": 10, "next": 5}
QUESTIONS = {
    "renewal": ("what_works", "who", "when"),
    "pricing": ("matters", "who", "when"),
    "adoption": ("what_works", "use", "session"),
    "growth": ("plans", "who", "when"),
    "support": ("tickets", "what_works"),
    "product": ("plans", "who"),
}
OBJECTIONS = {
    "renewal": ("busy", "price", "think"),
    "pricing": ("price", "think"),
    "adoption": ("busy", "unused"),
    "growth": ("busy", "price", "think"),
    "support": ("busy", "bad_support"),
}


NONE = Cell(None)


def draft(
    snapshot: SnapshotReader,
    scope: Scope,
    account: str,
    channel: Channel,
    goal: str | None = None,
    *,
    rep_id: str | None = None,
    english: Callable[[str], str] = lambda text: text,
) -> Record:
    """Return a draft for one customer, with what only the asker should know beside it.

    ``data["draft"]`` holds the whole text, to be copied; the sentences tell it line by line, each value by reference.

    Args:
        snapshot: Names the book and the night's action.
        scope: What the asker may see.
        account: The customer's id or name.
        channel: What the draft is for.
        goal: What it should achieve, in the asker's words; the night's action decides without it.
        rep_id: The asker, where they are a rep.
        english: Puts a German goal into English.

    Raises:
        UnknownAccount: No such account in scope.
    """
    found = resolve(account, snapshot, scope)
    data: dict[str, Any] = {
        "as_of": as_of_cell(snapshot),
        "account_id": cell(found, "text", f"book:accounts[{found}].account_id", "account"),
        **facts(found, snapshot, scope),
    }
    data |= _wish(goal, english, snapshot, scope)
    chosen = data.pop("goal") or _usual(found, data, snapshot, scope)
    data["to"], by_title = recipient(found, snapshot, scope, decides=chosen in DECIDED)
    data["use"] = _use_for(chosen, data)
    if (writer := sender(found, rep_id, snapshot, scope)) is not None:
        data["sender"] = writer
    data["minutes"] = {name: constant(long, "minutes", f"agenda, {name}") for name, long in MINUTES.items()}
    data["minutes"]["total"] = constant(sum(MINUTES.values()), "minutes", "agenda, all of it")
    lines, kept_out = _checked(MAKERS[channel](chosen, data), data, found, _others(found, snapshot, scope))
    cells = dict(flatten(data, "t"))
    text = "\n".join(("- " if line.detail else "") + fill(prefix(line.text, "t"), cells) for line in lines)
    data["draft"] = cell(text, "text", "copilot: prompts/outreach.yaml", "draft")
    data["left_out"] = cell(kept_out, "count", "copilot: check", "lines left out")
    before, after = _around(channel, data, by_title=by_title), [_say("end")]
    if kept_out:
        after.append(_say("left_out"))
    notes, told = _note(found, snapshot, scope)
    rows = data["months"] if channel == "report" else []
    data |= {"notes": notes, "rows": rows}
    after = [replace(line, below=bool(rows)) for line in (*after, *told)]
    columns = {"month": Column("Month")} | {f"p{at}": Column(_head(name)) for at, name in enumerate(data.pop("heads"))}
    return Record("draft_outreach", data, (*before, *lines, *after), columns if rows else {}, (found,))


def _wish(goal: str | None, english: Callable[[str], str], snapshot: SnapshotReader, scope: Scope) -> dict[str, Any]:
    """Return the ``goal`` that the asker's words name, the words as ``wish`` where they are none of ours."""
    wish = inert(goal or "", SHORT)
    if not wish:
        return {"goal": None}
    for product in sorted(_products(snapshot, scope), key=len, reverse=True):
        if product.lower() in wish.lower():
            return {"goal": "product", "wanted": cell(inert(product, SHORT), "text", "book:products", "product")}
    plain = english(wish).lower()
    known = next((name for name, pattern in GOALS if re.search(pattern, plain)), None)
    if known:
        return {"goal": known}
    wanted = cell(wish, "text", "question", "goal")
    others = _others("", snapshot, scope)
    allowed = "(link)" not in wish and check("{{wish}}", {"wish": wanted}, account="", others=others) is None
    return {"goal": "other" if allowed else None, "wish": wanted, "kept_out": not allowed}


def _usual(account: str, data: Mapping[str, Any], snapshot: SnapshotReader, scope: Scope) -> str:
    """Return the goal of the night's action; without one the renewal where it is near, else to keep in touch."""
    frame = snapshot.scores("accounts", scope)
    action = frame.loc[frame["account_id"] == account, "action"].iloc[0]
    near = "renewal_date" in data and (data["renewal_date"].value - snapshot.as_of).days <= SOON
    usual = BY_ACTION.get(action) if isinstance(action, str) else None
    return usual or ("renewal" if near else "check_in")


def _use_for(goal: str, data: Mapping[str, Any]) -> dict[str, Cell]:
    """Return the use spoken of, with its seats: the least for adoption, the most for growth, else what costs most."""
    uses: list[dict[str, Cell]] = [use for use in data["uses"] if use["now"].value is not None]
    if goal == "product":
        uses = [use for use in uses if use["product"].value == data["wanted"].value]
    if not uses:
        return {}
    uses.sort(key=lambda use: float(str(use["now"].value)), reverse=goal != "adoption")
    seats = {row["product"].value: row["seats"] for row in data["contracts"] if "seats" in row}
    largest = data["contracts"][0]["product"].value if data["contracts"] else None
    held = [use for use in uses if use["product"].value == largest]
    use = held[0] if held and goal not in ("adoption", "growth") else uses[0]
    own = use["product"].value
    return use | ({"seats": seats[own]} if (seats.get(own, NONE).value or 0) > 1 else {})


def _email(goal: str, data: Mapping[str, Any]) -> list[Say]:
    dated = "renewal_date" in data and "products" in data
    bare = (goal == "renewal" and not dated) or (goal in ("adoption", "growth") and not data["use"])
    kind = {"renewal": "renewal_undated", "adoption": "adoption_unused", "growth": "growth_unused"}
    return [
        _say(f"subject_{kind[goal] if bare else goal}"),
        _say("hello" if data["to"] else "hello_nobody"),
        *(_say(key) for key in _told(goal, data)),
        _say("ask_renewal_undated" if goal == "renewal" and not dated else f"ask_{goal}"),
        _say("regards_from" if "sender" in data else "regards"),
    ]


def _call(goal: str, data: Mapping[str, Any]) -> list[Say]:
    opening = "call_open" if data["to"] else "call_open_nobody"
    points = _told(goal, data) or _told("check_in", data)
    return [
        _say(opening if "sender" in data else "call_open_unsigned"),
        *([_say("call_points"), *(_say(key, detail=True) for key in points)] if points else []),
        _say("call_questions"),
        *(_say(f"question_{key}", detail=True) for key in QUESTIONS.get(goal, ("what_works", "who"))),
        _say("call_objections"),
        *(_say(f"objection_{key}", detail=True) for key in OBJECTIONS.get(goal, ("busy", "think"))),
    ]


def _meeting(goal: str, data: Mapping[str, Any]) -> list[Say]:
    points = _told(goal, data) or _told("check_in", data)
    return [
        _say("meeting_title"),
        _say("meeting_welcome"),
        *([_say("meeting_facts"), *(_say(key, detail=True) for key in points)] if points else []),
        _say(f"meeting_goal_{goal}"),
        _say("meeting_next"),
    ]


def _report(goal: str, data: Mapping[str, Any]) -> list[Say]:
    events = data.get("measure") == "events"
    lines = [_say("report_title")]
    if data["contracts"]:
        lines.append(_say("report_contract"))
        for place, row in enumerate(data["contracts"]):
            if "spend_usd" in row:
                key = "report_product" if "seats" in row else "report_product_seatless"
                lines.append(_say(key, f"contracts[{place}]", detail=True))
    moved = [place for place, use in enumerate(data["uses"]) if "before" in use and use["now"].value is not None]
    if moved:
        key = "report_moved_events" if events else "report_moved"
        lines += [_say("report_changed"), *(_say(key, f"uses[{place}]", detail=True) for place in moved)]
    lines += [_say(f"report_{name}") for name in ("tickets", "renewal") if _has(f"fact_{name}", data)]
    lines += [_say("report_table_events" if events else "report_table")] if data["months"] else []
    return lines + ([replace(_say("report_from"), below=bool(data["months"]))] if "sender" in data else [])


MAKERS: Mapping[Channel, Callable[[str, Mapping[str, Any]], list[Say]]] = {
    "email": _email,
    "call": _call,
    "meeting": _meeting,
    "report": _report,
}
# The facts that a draft tells by its goal, as far as they are known.
TOLD = {
    "renewal": ("renewal", "use"),
    "pricing": ("spend", "renewal"),
    "adoption": ("use",),
    "growth": ("seats", "use"),
    "support": ("tickets",),
    "product": ("contract", "use"),
    "check_in": ("use", "renewal", "tickets"),
}


def _told(goal: str, data: Mapping[str, Any]) -> list[str]:
    """Return the keys of the facts that a draft tells."""
    keys = []
    for name in TOLD.get(goal, ()):
        key = f"fact_{name}"
        if name == "use":
            key = "fact_events" if data.get("measure") == "events" else "fact_use"
            key += "_moved" if "before" in data["use"] and not (goal == "growth" and _fell(data["use"])) else ""
        keys += [key] if _has(key, data) else []
    return keys


def _fell(use: Mapping[str, Cell]) -> bool:
    return float(str(use["now"].value)) < float(str(use["before"].value))


def _has(key: str, data: Mapping[str, Any]) -> bool:
    """Whether the book knows all that a sentence refers to."""
    known = {path for path, one in flatten(data, "t") if one.known}
    return all(f"t.{path}" in known for path in re.findall(r"\{\{([\w.]+)\}\}", templates("outreach")[key]))


def _checked(lines: list[Say], data: Mapping[str, Any], account: str, others: frozenset[str]) -> tuple[list[Say], int]:
    """Return the lines that may go to the customer, and how many others there were."""
    cells = {path.removeprefix("t."): one for path, one in flatten(data, "t")}
    kept = [line for line in lines if check(line.text, cells, account=account, others=others) is None]
    return kept, len(lines) - len(kept)


def _around(channel: Channel, data: Mapping[str, Any], *, by_title: bool) -> list[Say]:
    """Return what the asker is told before the draft."""
    if not data["to"]:
        lines = [_say("lead_nobody")]
    elif channel == "email" and "email" not in data["to"]:
        lines = [_say("lead_email_unaddressed")]
    else:
        lines = [_say(f"lead_{channel}" if "title" in data["to"] else f"lead_{channel}_untitled")]
    if data["to"] and not by_title:
        lines.append(_say("no_role"))
    return lines + ([_say("goal_kept_out")] if data.get("kept_out") else [])


def _note(account: str, snapshot: SnapshotReader, scope: Scope) -> tuple[list[dict[str, Cell]], list[Say]]:
    """Return the newest note on the account for the asker, a quotation that is no part of the draft."""
    notes = snapshot.table("notes", scope)
    if notes.empty:
        return [], []
    notes = known_notes(notes[notes["account_id"] == account], snapshot.as_of)
    if notes.empty:
        return [], []
    note = next(notes.sort_values(["event_ts", "note_id"]).tail(1).itertuples())
    origin = f"book:notes[{note.note_id}]"
    day = note.event_ts if not pd.isna(note.event_ts) else note.known_ts
    row = {"date": cell(day, "date", origin, "day of the note"), "quote": quotation(note, 0, said(note))}
    if isinstance(note.author, str) and note.author:
        row["author"] = cell(inert(note.author, SHORT), "text", f"{origin}.author", "author")
    return [row], [_say("for_you"), _say("note_author" if "author" in row else "note", "notes[0]", detail=True)]


def _products(snapshot: SnapshotReader, scope: Scope) -> set[str]:
    """Return the names of our products as far as the asker's book has them."""
    tables = (snapshot.table(name, scope) for name in ("contracts", "opportunity_lines"))
    return {str(name) for table in tables for name in table["product"].dropna().unique() if len(str(name)) > 2}


def _others(account: str, snapshot: SnapshotReader, scope: Scope) -> frozenset[str]:
    """Return names and ids of the asker's other accounts, but for names made of words that every draft may use."""
    accounts = snapshot.table("accounts", scope)
    accounts = accounts[accounts["account_id"] != account]
    names = {str(name) for name in accounts["name"] if not set(_words(str(name))) <= _ordinary()}
    return frozenset(names | set(accounts["account_id"]))


@cache
def _ordinary() -> frozenset[str]:
    return frozenset(_words(" ".join(templates("outreach").values())))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _head(product: str) -> str:
    """Return a product's name as a table's heading, which no narrator escapes."""
    return re.sub(r"([\\`*\[\]<>|~_])", r"\\\1", product)


def _say(key: str, path: str = "", *, detail: bool = False) -> Say:
    text = templates("outreach")[key]
    return Say(prefix(text, path) if path else text, "", detail, verbatim=True)
