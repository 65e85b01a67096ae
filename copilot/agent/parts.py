"""The parts of a question: where one ends and the next begins, and what each asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from copilot.agent.mentions import Marked, Mention
from copilot.agent.router import Floats, Router
from copilot.agent.slots import FILLERS, REQUIRED

SURE = 0.5  # a part of a question stands alone from this probability on
UNSURE = 0.35  # below it the head was right in half of the bank's phrasings it had not seen: ask back
REFUSING = 0.6  # below it a question in few words was as often a rep's own as outside sales: ask back
CLOSE = 0.05  # two labels nearer than this: right in fewer than half of them
SETTLED = 0.8  # below it a first sentence that names an account, and commands nothing, only sets the scene
FOREIGN = 0.75  # a text with an unknown name is about something else ("Who painted the Mona Lisa?") from here on
MOST_PARTS = 4
SCENE = "scene"  # the label of a part that asks for nothing

VERBS = (
    "what|who|whom|whose|which|why|how|where|when|would|will|should|could|can|is|are|do|does|did|draft|write|tell|show|"
    "give|compare|list|rank|plan|forecast|predict|explain|recommend|suggest|search|find|mark|summari[sz]e|prepare|simulate|"
    r"was|wen|wem|wer|wie|warum|wieso|welche\w*|wo|wann|schreib\w*|zeig\w*|gib|erkläre?|vergleich\w*|plane|such\w*|mach\w*|"
    "würde|wird|soll"
)
SHORT_FORMS = ("vs", "inc", "ltd", "corp", "no", "nr", "dr", "mr", "ms")
STOP = "".join(rf"(?<!\b{short})" for short in SHORT_FORMS) + r"(?<!\d)\."  # no stop: "vs.", "30. September"
# Where one question may end and the next begin; whether it does, the head decides by what each part alone asks for.
BOUNDARY = re.compile(
    rf"(?:{STOP}|[;!?])+\s+(?:(?:and|also|then|plus|und|außerdem|dann)\b\s*,?\s*)?"
    rf"|,\s+(?=(?:{VERBS})\b.*\b(?:and|und)\s+(?:{VERBS})\b)"  # "why …, what … and can you …?"
    rf"|,?\s+(?:and|und|then)\s+(?:(?:also|then|außerdem|dann|please)\s+)?(?=(?:{VERBS})\b)"
    r"|,?\s+(?:and|plus|und)\s+(?=(?:the |my |your |die |meine )?(?:top|best|worst|next|riskiest|biggest|\d+)\s)"
    r"|,?\s+(?:(?:and|und)\s+)?(?:also|außerdem|plus)\s*[,:]?\s+",
    re.I,
)
ASKS = re.compile(rf"\W*(?:{VERBS})\b", re.I)
GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|hallo|moin|servus|good (?:morning|afternoon|evening)|guten (?:morgen|tag|abend)|"
    r"thanks?(?: you)?|danke|ok(?:ay)?|great|cool|perfect|super|please|bitte|so|well|right|now|sorry)\b"
    r"(?: (?:there|team|copilot|everyone|again|a lot|so much|very much|dir)\b)?[\s,.!:;–-]*)+",
    re.I,
)


@dataclass(frozen=True)
class Route:
    """One part of a question: what it asks for, how sure the head is, and its best labels with their probabilities."""

    part: Marked
    label: str
    sure: float
    ranked: tuple[tuple[str, float], ...] = ()


def routes(marked: Marked, router: Router, allowed: Collection[str]) -> list[Route]:
    """Return the parts of a question that each ask for something, or the whole as one.

    Args:
        marked: The question with its names.
        router: The trained head.
        allowed: Tools that win near ties.
    """
    greeting = GREETING.match(marked.text)
    rest = marked.cut(greeting.end(), len(marked.text)) if greeting and greeting.end() < len(marked.text) else marked
    whole, bare = _classify([marked, rest], router, allowed)
    pieces = _pieces(rest, router, allowed)
    if all(piece.sure >= SURE for piece in pieces) and any(piece.label in FILLERS for piece in pieces):
        return pieces[:MOST_PARTS]
    thanks = whole.label == "small_talk" and bare.sure < SURE
    return [whole if thanks or bare.label == "small_talk" or max(bare.sure, UNSURE) < whole.sure < SURE else bare]


def several(marked: Marked) -> bool:
    """Say whether a question may have more than one part."""
    return len(_split(marked)[0]) > 1


def _pieces(rest: Marked, router: Router, allowed: Collection[str]) -> list[Route]:
    """Route the parts of a question; none if it has but one.

    A part that names no account is also heard as if it spoke of the account of an earlier part.
    """
    parts, sentence_ends = _split(rest)
    if len(parts) < 2:
        return []
    found = _classify(parts, router, allowed)
    named = [bool(part.values("account")) for part in parts]
    leaning = [place for place in range(1, len(parts)) if any(named[:place]) and not named[place]]
    heard = _classify([_about_account(parts[place]) for place in leaning], router, allowed)
    for place, route in zip(leaning, heard, strict=True):
        if "account" in REQUIRED.get(route.label, ()) and route.sure > found[place].sure:
            found[place] = replace(route, part=parts[place])
    for place, route in enumerate(found):
        vague = named[place] and route.sure < SETTLED and not ASKS.match(route.part.text)
        if vague and place + 1 in leaning and route.label in ("get_account", "small_talk"):
            # "Stuck on Acme. Ideas?" says whom the next part is about; "A word on Acme, and …?" asks for one.
            label = SCENE if sentence_ends[place] else "get_account"
            found[place] = replace(route, label=label, sure=max(SURE, route.sure))
    return [route for route in found if route.label != "small_talk"]


def _about_account(part: Marked) -> Marked:
    text = part.text.rstrip(" .?!")
    return Marked(f"{text} for X", (*part.mentions, Mention("account", "X", len(text) + 5, len(text) + 6)))


def _split(marked: Marked) -> tuple[list[Marked], list[bool]]:
    """Return the parts, and for each whether a full stop or exclamation mark ends it."""
    ends = [
        (found.start(), found.end(), found[0].lstrip()[:1] in (".", "!"))
        for found in BOUNDARY.finditer(marked.text)
        if not any(one.start < found.end() and found.start() < one.end for one in marked.mentions)
    ]
    starts = [0, *(end for _, end, _ in ends)]
    stops = [*(start for start, _, _ in ends), len(marked.text)]
    stated = [*(stop for _, _, stop in ends), False]
    cut = [(marked.cut(start, stop), end) for start, stop, end in zip(starts, stops, stated, strict=True)]
    kept = [(part, end) for part, end in cut if re.search(r"\w", part.text)]
    return [part for part, _ in kept], [end for _, end in kept]


def _classify(parts: Sequence[Marked], router: Router, allowed: Collection[str]) -> list[Route]:
    """Route each part; a guessed name is masked unless the text with it is more surely no business of ours."""
    hidden = router.probabilities([part.masked() for part in parts])
    shown = hidden
    if any(mention.guess for part in parts for mention in part.mentions):
        shown = router.probabilities([part.masked(guesses=False) for part in parts])
    outside = router.labels.index("outside")
    return [
        _route(part, open_row if open_row[outside] >= FOREIGN and row.max() < SETTLED else row, router, allowed)
        for part, row, open_row in zip(parts, hidden, shown, strict=True)
    ]


def _route(part: Marked, row: Floats, router: Router, allowed: Collection[str]) -> Route:
    order = sorted(zip(router.labels, map(float, row), strict=True), key=lambda pair: -pair[1])
    (label, sure), (second, chance) = order[0], order[1]
    if label in FILLERS and label not in allowed and second in allowed and sure - chance < CLOSE:
        order = [order[1], order[0], *order[2:]]
        label, sure = second, SURE  # the role settles it
    if re.fullmatch(r"\W*(?:why|warum|wieso|weshalb)\W*", part.text, re.I):
        label, sure = "explain_account", 1.0
    return Route(part, label, sure, tuple(order))
