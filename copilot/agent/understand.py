"""Understanding without a language model: from a question to calls, a question back, or a refusal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from copilot.agent import replies
from copilot.agent.mentions import Marked, Mention
from copilot.agent.router import Floats, Router
from copilot.agent.slots import FILLERS, REQUIRED, Clause, fill, missing
from copilot.agent.vocabulary import Vocabulary

MOST_LETTERS = 2000  # of a question that are read; a pasted document is no question
MOST_CALLS = 4  # of one turn
SURE = 0.5  # a part of a question stands alone from this probability on
UNSURE = 0.35  # below it the head was right in fewer than six of ten held-out phrasings of the bank: ask back
SETTING = 0.8  # a first sentence less surely "show the account" than this, and no command, only sets the scene
SETTLED = 0.8  # a text that greets nobody is small talk only from here on: a lone "forecast" is half a question
CLOSE = 0.08  # two tools nearer than this: ask which
READINGS = 3

VERBS = (
    "what|who|whom|whose|which|why|how|where|when|would|will|should|could|can|is|are|do|does|did|draft|write|tell|show|give|compare|"
    "list|rank|plan|forecast|predict|explain|recommend|suggest|search|find|mark|summari[sz]e|prepare|simulate|"
    "was|wen|wem|wer|wie|warum|wieso|welche\\w*|wo|wann|schreib\\w*|zeig\\w*|gib|erkläre?|vergleich\\w*|plane|such\\w*|mach\\w*|würde|wird|soll"
)
# Where one question may end and the next begin; whether it does, the head decides by what each part alone asks for.
ABBREVIATED = (
    "".join(rf"(?<!\b{short})" for short in ("vs", "inc", "ltd", "corp", "no", "nr", "dr", "mr", "ms")) + r"(?<!\d)"
)
BOUNDARY = re.compile(
    rf"(?:{ABBREVIATED}\.|[;!?])+\s+(?:(?:and|also|then|plus|und|außerdem|dann)\b\s*,?\s*)?"
    rf"|,?\s+(?:and|und|then)\s+(?:(?:also|then|außerdem|dann|please)\s+)?(?=(?:{VERBS})\b)"
    r"|,?\s+(?:also|außerdem|plus)\s*,?\s+",
    re.I,
)
ASKS = re.compile(rf"\W*(?:{VERBS})\b", re.I)
STATEMENT = re.compile(r"[.!]\s+$")
SCENE = "scene"  # the label of a part that asks for nothing
GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|hallo|moin|servus|good (?:morning|afternoon|evening)|guten (?:morgen|tag|abend)|thanks?(?: you)?|danke|ok(?:ay)?|great|cool|"
    r"perfect|super|please|bitte|so|well|right|now|sorry)\b(?: (?:there|team|copilot|everyone|again|a lot|so much|very much|dir))?[\s,.!:;–-]*)+",
    re.I,
)
FOLLOW_UP = re.compile(r"^\W*(?:and|und|what about|how about|same|now|then|dann|was ist mit|wie sieht es)\b", re.I)
# Never a question about sales, whatever else the text says; names are masked before this looks.
ATTACK = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:instruction|rule|prompt|restriction|guideline)s?\b|\bsystem prompt\b|\bjailbreak"
    r"|<\s*script\b|\bdrop\s+table\b|\bselect\b.{1,60}\bfrom\b.{1,40}(?:;|\bwhere\b|$)|\bunion\s+select\b|ignorier\w*.{0,30}(?:anweisung|regel)",
    re.I,
)
TAKES: Mapping[str, tuple[str, ...]] = {  # names a follow-up ("and in EMEA?") may put into the call before it
    "rank_accounts": ("product", "segment", "region"), "summarize_book": ("product", "segment", "region"),
    "simulate_assignment": ("region", "segment"), "forecast_engagement": ("account", "product"),
    "predict_growth": ("account", "product"), "search_notes": ("account",),
    **dict.fromkeys(("get_account", "estimate_uplift", "recommend_action", "explain_account", "draft_outreach"), ("account",)),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call of a tool, with the arguments the question determined; defaults are left out."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Understanding:
    """What a question asks for; exactly one of calls, clarify, refused and small_talk is set, but for mixed questions.

    ``clarify`` is ``{"question": str, "readings": [at most three]}``. ``focus`` is what the narrator should stress.
    A question that is partly outside sales has both ``calls`` and ``refused``. ``confidence`` is the head's probability
    of the least certain call.
    """

    calls: tuple[Call, ...] = ()
    clarify: dict[str, Any] | None = None
    refused: str | None = None
    focus: tuple[str, ...] = ()
    confidence: float = 0.0
    small_talk: str | None = None


@dataclass(frozen=True)
class _Route:
    """One part of a question with the head's two best labels."""

    part: Marked
    label: str
    sure: float
    ranked: tuple[tuple[str, float], ...]


def understand(
    question: str,
    vocabulary: Vocabulary,
    router: Router,
    *,
    allowed: Collection[str],
    recent: Sequence[str] = (),
    previous: Sequence[Call] = (),
) -> Understanding:
    """Return what ``question`` asks for. Never raises on any text.

    Args:
        question: As typed; English or German.
        vocabulary: The names of the asker's own book.
        router: The trained head.
        allowed: Tools this role may use: they win near ties and are offered when asking back. A call of another
            tool is returned all the same; whether the role has it is not decided here.
        recent: Account ids of the thread's last answer, for "it", "them" and "the second one".
        previous: The calls of the thread's last answer, for "and in EMEA?".
    """
    text = _clean(question)
    if not re.search(r"[^\W\d_]", text) and fold_id(text) not in vocabulary.ids:
        return Understanding(clarify={"question": replies.EMPTY, "readings": _readings(allowed, ())})
    marked = vocabulary.mark(text, router.bank)
    if ATTACK.search(marked.masked()):
        return Understanding(refused=replies.REFUSED["outside"], confidence=1.0)
    if follow := _follow_up(marked, previous, router):
        return Understanding(calls=follow, confidence=SURE)
    if re.fullmatch(r"\W*\{account\}\W*", marked.masked()):
        return _answer([_Route(marked, "get_account", 1.0, ())], vocabulary, router, recent)
    routes = _routes(marked, router, allowed)
    if len(routes) == 1 and (back := _ask_back(routes[0], allowed)):
        return back
    return _answer(routes, vocabulary, router, recent)


def fold_id(text: str) -> str:
    """Return a text that may be an id alone, as the vocabulary keys it."""
    return text.strip(" .?!#").lower()


def _clean(question: object) -> str:
    """Return the text without control characters, emojis and doubled blanks, cut to a readable length."""
    text = unicodedata.normalize("NFKC", str(question)[: 4 * MOST_LETTERS]).replace("’", "'").replace("`", "'")
    kept = "".join(
        letter if unicodedata.category(letter)[0] in "LNPZM" or letter in "$€+<>=|~^" else " " for letter in text
    )
    # Braces would read like our placeholders.
    return re.sub(r"\s+", " ", kept.replace("{", "(").replace("}", ")")).strip()[:MOST_LETTERS]


def _routes(marked: Marked, router: Router, allowed: Collection[str]) -> list[_Route]:
    """Return the parts of a question that each ask for something, or the whole as one."""
    greeting = GREETING.match(marked.text)
    rest = marked.cut(greeting.end(), len(marked.text)) if greeting and greeting.end() < len(marked.text) else marked
    parts = _parts(rest)
    whole, bare = _classify([marked, rest], router, allowed)
    pieces = (
        [one for one in _pieces(rest, parts, router, allowed) if one.label != "small_talk"] if len(parts) > 1 else []
    )
    if all(piece.sure >= SURE for piece in pieces) and any(piece.label in FILLERS for piece in pieces):
        return pieces[:MOST_CALLS]
    return [whole if bare.label == "small_talk" or (bare.sure < UNSURE and whole.sure > bare.sure) else bare]


def _pieces(rest: Marked, parts: Sequence[Marked], router: Router, allowed: Collection[str]) -> list[_Route]:
    """Route the parts of a question; one that names no account is also heard as if about an earlier part's account."""
    own = _classify(parts, router, allowed)
    names = [bool(part.values("account")) for part in parts]
    leaning = [place for place in range(1, len(parts)) if any(names[:place]) and not names[place]]
    heard = _classify([_about_account(parts[place]) for place in leaning], router, allowed)
    for place, route in zip(leaning, heard, strict=True):
        if "account" in REQUIRED.get(route.label, ()) and route.sure > own[place].sure:
            own[place] = replace(route, part=parts[place])
    # "Stuck on Acme. Ideas?": the first sentence only says whom the second is about.
    setting = [
        route.label == "get_account" and route.sure < SETTING and not ASKS.match(route.part.text) for route in own
    ]
    return [route for place, route in enumerate(own) if not (setting[place] and place + 1 in leaning)]


def _about_account(part: Marked) -> Marked:
    text = part.text.rstrip(" .?!")
    return Marked(f"{text} for X", (*part.mentions, Mention("account", "X", len(text) + 5, len(text) + 6)))


def _parts(marked: Marked) -> list[Marked]:
    ends = [found.span() for found in BOUNDARY.finditer(marked.text)]
    ends = [
        (start, end) for start, end in ends if not any(one.start < end and start < one.end for one in marked.mentions)
    ]
    starts, stops = [0, *(end for _, end in ends)], [*(start for start, _ in ends), len(marked.text)]
    cut = [marked.cut(start, stop) for start, stop in zip(starts, stops, strict=True)]
    return [part for part in cut if re.search(r"\w", part.text)]


def _classify(parts: Sequence[Marked], router: Router, allowed: Collection[str]) -> list[_Route]:
    """Route each part; a guessed name is masked unless the text with it is clearly about something else."""
    hidden = router.probabilities([part.masked() for part in parts])
    shown = hidden
    if any(mention.guess for part in parts for mention in part.mentions):
        shown = router.probabilities([part.masked(guesses=False) for part in parts])
    outside = router.labels.index("outside")
    return [
        _route(part, open_row if open_row[outside] >= SURE else row, router, allowed)
        for part, row, open_row in zip(parts, hidden, shown, strict=True)
    ]


def _route(part: Marked, row: Floats, router: Router, allowed: Collection[str]) -> _Route:
    order = sorted(zip(router.labels, map(float, row), strict=True), key=lambda pair: -pair[1])
    (label, sure), (second, chance) = order[0], order[1]
    if label in FILLERS and label not in allowed and second in allowed and sure - chance < CLOSE:
        order[0], order[1] = order[1], order[0]
        label, sure = second, chance
    if re.fullmatch(r"\W*(?:why|warum|wieso|weshalb)\W*", part.text, re.I):
        label, sure = "explain_account", 1.0
    return _Route(part, label, sure, tuple(order[: READINGS + 2]))


def _ask_back(route: _Route, allowed: Collection[str]) -> Understanding | None:
    """Return a question back, a refusal or small talk where a lone route is no call."""
    if route.label == "small_talk" and (
        route.sure >= SETTLED or (route.sure >= UNSURE and replies.social(route.part.text))
    ):
        return Understanding(small_talk=replies.small_talk(route.part.text), confidence=route.sure)
    if route.label in replies.REFUSED and route.sure >= UNSURE:
        return Understanding(refused=replies.REFUSED[route.label], confidence=route.sure)
    near = [label for label, _ in route.ranked if label in replies.READINGS]
    tie = len(route.ranked) > 1 and abs(route.ranked[0][1] - route.ranked[1][1]) < CLOSE and route.sure < SURE
    if route.sure >= UNSURE and not tie and route.label != "small_talk":
        return None
    return Understanding(
        clarify={"question": replies.UNSURE, "readings": _readings(allowed, near)}, confidence=route.sure
    )


def _readings(allowed: Collection[str], near: Iterable[str]) -> list[str]:
    wanted = [tool for tool in (*near, *replies.READINGS) if tool in allowed and tool in replies.READINGS]
    return [replies.READINGS[tool] for tool in list(dict.fromkeys(wanted))[:READINGS]]


def _answer(routes: Sequence[_Route], vocabulary: Vocabulary, router: Router, recent: Sequence[str]) -> Understanding:
    """Fill the calls of the routes; later parts may lean on the accounts of earlier ones."""
    calls: list[Call] = []
    focus: list[str] = []
    refused = next((replies.REFUSED[route.label] for route in routes if route.label in replies.REFUSED), None)
    at_hand = tuple(recent)
    for route in routes:
        if route.label == SCENE:
            at_hand = tuple(route.part.values("account"))
        if route.label not in FILLERS or (route.label == "explain_account" and _explains_list(route, calls)):
            continue
        plain = router.bank.english(route.part.masked())
        clause = Clause(route.part, plain, vocabulary.today, at_hand)
        focus += replies.focus(route.label, plain)
        for arguments in fill(route.label, clause):
            lacking = missing(route.label, arguments)
            if lacking in ("account", "accounts"):
                arguments |= _lent(lacking, calls) or _typed(lacking, route.part, router)
                lacking = missing(route.label, arguments)
            if lacking and not calls:
                names = [vocabulary.accounts[key] for key in recent[:READINGS] if key in vocabulary.accounts]
                back = {
                    "question": replies.lacking(route.label, lacking),
                    "readings": names if lacking == "account" else [],
                }
                return Understanding(clarify=back, confidence=route.sure)
            if not lacking and Call(route.label, arguments) not in calls:
                calls.append(Call(route.label, arguments))
        at_hand = tuple(one.arguments["account"] for one in calls if "account" in one.arguments) or at_hand
    sure = min((route.sure for route in routes), default=0.0)
    return Understanding(tuple(calls[:MOST_CALLS]), None, refused, tuple(dict.fromkeys(focus)), sure)


def _explains_list(route: _Route, calls: Sequence[Call]) -> bool:
    """A ranking gives its reasons: the "and why?" behind it asks for no call of its own."""
    return bool(calls) and calls[-1].name in ("rank_accounts", "recommend_action") and not route.part.values("account")


def _lent(argument: str, calls: Sequence[Call]) -> dict[str, Any]:
    """Return the account of an earlier part of the question, or the first one of its ranking."""
    for place, call in enumerate(calls, 1):
        if argument == "account" and "account" in call.arguments:
            return {"account": call.arguments["account"]}
        if call.name == "rank_accounts":
            rows = (0,) if argument == "account" else (0, 1)
            found = [f"{{{{t{place}.rows[{row}].account_id}}}}" for row in rows]
            return {argument: found[0] if argument == "account" else found}
    return {}


def _typed(argument: str, part: Marked, router: Router) -> dict[str, Any]:
    """Return a small-letter word that no language knows, where an account must stand ("why is globex at risk")."""
    if argument != "account":
        return {}
    bare = re.sub(r"\{\w+\}", " ", part.masked())
    words = re.findall(
        r"(?:\b(?:is|are|does|has|will|with|about|for|of|at|to|on|bei|von|mit|für|an|hat|wird|ist)\s+)([^\W_][\w-]{2,})",
        bare,
        re.I,
    )
    unknown = [word for word in words if not router.bank.ordinary(word) and not word[0].isdigit()]
    return {"account": unknown[0]} if unknown else {}


def _follow_up(marked: Marked, previous: Sequence[Call], router: Router) -> tuple[Call, ...]:
    """Return the call before with the new names in it, for "and in EMEA?" or "what about Acme?"."""
    others = re.sub(r"\{\w+\}", "", marked.masked()).split()
    if len(previous) != 1 or not marked.mentions or len(others) > 5 or not FOLLOW_UP.search(marked.text):
        return ()
    call = previous[0]
    new = {kind: values[0] for kind in TAKES.get(call.name, ()) if (values := marked.values(kind))}  # type: ignore[arg-type]
    return (replace(call, arguments={**call.arguments, **new}),) if new else ()
