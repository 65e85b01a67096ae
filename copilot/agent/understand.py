"""Understanding without a language model: from a question to calls, a question back, or a refusal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from copilot.agent import replies
from copilot.agent.asker import about_self, as_first_person
from copilot.agent.assent import follows, settles
from copilot.agent.clause import Clause, with_ordinals
from copilot.agent.languages import unread
from copilot.agent.limits import OWNED, WORKED, both_at_once
from copilot.agent.meanings import meaning
from copilot.agent.mentions import Kind, Marked
from copilot.agent.parts import CLOSE, REFUSING, SCENE, SETTLED, SURE, UNSURE, Route, routes, several
from copilot.agent.placing import placed
from copilot.agent.remarks import remark
from copilot.agent.router import Router
from copilot.agent.shorthand import in_full
from copilot.agent.slots import FILLERS, doubt, fill, missing, touches
from copilot.agent.strangers import with_strangers
from copilot.agent.vocabulary import Vocabulary

MOST_LETTERS = 2000  # of a question that are read; a pasted document is no question
MOST_CALLS = 4  # of one turn
READINGS = 3

Second = Callable[[str], str]  # another reader's label for a masked part of a question: a tool's name, or "none"
# Measured on 60 questions that nothing was tuned on: below SURE and apart, the head was right in two of four and the
# 1.5B model in none, so the asker decides; from SURE on the head was right in all four, so nobody else is heard.
AGREED = 0.9  # where both agreed they were right in 31 of 33 of our held-out questions

# Never a question about sales, whatever else the text says; names are masked before this looks.
# Asks for one account, its own or somebody else's, whatever the head takes the name for.
NAMED = re.compile(r"(?:please )?(?:tell|show) me (?:more )?about \{account\}[?.!]*", re.I)
# A person is away, whoever it is; an account is not.
ABSENT = re.compile(
    r"\{account\}(?: \w+)? (?:is|was|were|goes|went|stays|calls in|falls) (?:\w+ )?"
    r"(?:away|sick|ill|on (?:\w+ )?leave|on (?:vacation|holiday|sabbatical)|off (?:sick|for|in|until))\b",
    re.I,
)
# Somebody's list, whoever it is: "Otto's accounts", "show me Zed's list at risk".
SOMEBODYS = re.compile(
    r"(?:[\w ]+ )?\{account\}['’]s? (?:\w+ )?" + OWNED + r"(?: at risk| please| now| today)?\W*", re.I
)
ATTACK = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+|any\s+|your\s+|the\s+|these\s+|my\s+|previous\s+|prior\s+|"
    r"above\s+|of\s+)+(?:instruction|rule|prompt|restriction|guideline)s?\b|\bsystem prompt\b|\bjailbreak|<\s*script\b|"
    r"\bdrop\s+table\b|\bselect\s+\*|\bselect\s[\w\s,.]{1,60}\sfrom\s+\w+\s*(?:;|where\b)|\bunion\s+select\b|"
    r"ignorier\w*\s.{0,20}(?:anweisung|regel)",
    re.I,
)
# "And in EMEA?", "what about Acme?": words that add nothing of their own to the call before.
FOLLOW_UP = re.compile(r"^\W*(?:and|und|what about|how about|same|now|then|dann|was ist mit|wie sieht es)\b", re.I)
CARRYING = frozenset(
    "and und what how about same now then dann was ist mit wie sieht es aus for with in at on of by to the a this that "
    "only just please accounts customers reps region segment product bei in im für mit nur bitte kunden der die das too "
    "auch also an ein eine einen einem einer".split()
)
TAKES: Mapping[str, tuple[Kind, ...]] = {  # the names a follow-up may put into the call before it
    **dict.fromkeys(("rank_accounts", "summarize_book"), ("product", "segment", "region")),
    **dict.fromkeys(("forecast_engagement", "predict_growth"), ("account", "product")),
    **dict.fromkeys(("get_account", "estimate_uplift", "recommend_action", "explain_account"), ("account",)),
    **dict.fromkeys(("draft_outreach", "search_notes"), ("account",)),
    "simulate_assignment": ("region", "segment"),
    "measure_impact": ("study",),
}
# Before a word that no language knows stands an account: "why is globex at risk".
BEFORE_NAME = re.compile(
    r"\b(?:is|are|does|has|will|with|about|for|of|at|to|on|bei|von|mit|für|an|hat|wird|ist)\s+([^\W\d_][\w-]{2,})", re.I
)


@dataclass(frozen=True)
class Call:
    """One call of a tool, with the arguments the question determined; defaults are left out.

    ``remark`` says what is shown in place of what was asked; ``places`` are the accounts, names by id,
    whose places in a ranking are asked for, in place of the list.
    """

    name: str
    arguments: dict[str, Any]
    remark: str = field(default="", compare=False)
    places: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Understanding:
    """What a question asks for: one of calls, clarify, refused and small_talk.

    ``clarify`` is ``{"question": str, "readings": [at most three]}``. ``focus`` is what the narrator should stress.
    Only a question that is partly outside sales has both ``calls`` and ``refused``. ``confidence`` is the head's
    probability of the least certain part.
    """

    calls: tuple[Call, ...] = ()
    clarify: dict[str, Any] | None = None
    refused: str | None = None
    focus: tuple[str, ...] = ()
    confidence: float = 0.0
    small_talk: str | None = None


def understand(
    question: str,
    vocabulary: Vocabulary,
    router: Router,
    *,
    allowed: Collection[str],
    recent: Sequence[str] = (),
    previous: Sequence[Call] = (),
    pending: str = "",
    second: Second | None = None,
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
        pending: The proposal that the last answer left to be approved, for "yes, do it".
        second: Reads the parts that the head is unsure of; where the two disagree the copilot asks back.
    """
    text = _clean(question)
    if not re.search(r"[^\W\d_]", text) and text.strip(" .?!#").lower() not in vocabulary.ids:
        return Understanding(clarify={"question": replies.EMPTY, "readings": _readings(allowed, ())})
    if call := follows(text, [(one.name, one.arguments) for one in previous], recent):
        return Understanding(calls=(Call(*call),), confidence=SURE)
    if said := settles(text, pending):
        return Understanding(refused=said, confidence=1.0)
    marked = with_ordinals(_read_as(vocabulary.mark(text, router.bank), vocabulary, router), recent)
    answering = _Answering(vocabulary, router, recent, previous)
    if settled := _settled(marked, answering, previous):
        return settled
    found = _routes(marked, router, allowed)
    if second:
        found, apart = _second_reading(found, second)
        if apart:
            sure = min(route.sure for route in found)
            return Understanding(
                clarify={"question": replies.UNSURE, "readings": _readings(allowed, apart)}, confidence=sure
            )
    if len(found) == 1 and (back := _no_call(found[0], allowed)):
        return back
    return answering.answer(found)


def _settled(marked: Marked, answering: _Answering, previous: Sequence[Call]) -> Understanding | None:
    """Return what a question asks for where no head is needed to tell."""
    masked = marked.masked()
    if ATTACK.search(masked):
        return Understanding(refused=replies.REFUSED["outside"], confidence=1.0)
    if follow := _follow_up(marked, previous):
        return Understanding(calls=(follow,), confidence=SURE)
    back = replies.LANGUAGES if unread(masked, answering.bank) else both_at_once(answering.clause(marked))
    if back:
        return Understanding(clarify={"question": back, "readings": []}, confidence=SURE)
    if told := meaning(answering.bank.english(masked)):
        return Understanding(small_talk=told, confidence=SURE)
    place = None if several(marked) else answering.place(marked)
    return Understanding(calls=(place,), confidence=SURE) if place else None


def _routes(marked: Marked, router: Router, allowed: Collection[str]) -> list[Route]:
    """Return the parts of a question; a name's own place in it tells some of them without the head."""
    masked, guessed = marked.masked(), any(one.guess for one in marked.mentions)
    alone = re.fullmatch(r"\W*\{account\}\W*", masked) or _only_carries(marked, "account")
    if alone or NAMED.fullmatch(masked):
        return [Route(marked, "get_account", 1.0)]
    if guessed and ABSENT.search(masked):
        return [Route(marked, "simulate_assignment", 1.0)]
    if guessed and (SOMEBODYS.fullmatch(masked) or re.search(WORKED, masked, re.I)):
        return [Route(marked, "rank_accounts", 1.0)]
    return routes(marked, router, allowed)


def _read_as(marked: Marked, vocabulary: Vocabulary, router: Router) -> Marked:
    """Return the question in whole words, and in the first person where the asker names herself."""
    if not router.bank.german(marked.masked()):
        whole = in_full(marked, router.bank.shorthand)
        if whole.text != marked.text:
            whole = vocabulary.mark(whole.text, router.bank)
        marked = with_strangers(whole, router.bank)
    if vocabulary.asker and about_self(marked, vocabulary.asker) and not _of_plans(marked, router):
        marked = as_first_person(marked)
    return marked


def _of_plans(marked: Marked, router: Router) -> bool:
    """Whether a question tries out another plan, in which the asker is one rep among others ("Ana is away")."""
    plain = router.bank.english(marked.masked())
    hinted = any(re.search(rf"\b(?:{router.bank.cues.get(cue, '(?!)')})\b", plain) for cue in ("whatif", "cover"))
    likeliest = router.labels[int(router.probabilities([marked.masked()])[0].argmax())]
    return hinted and likeliest in ("simulate_assignment", "propose_assignment")


def _second_reading(found: Sequence[Route], second: Second) -> tuple[list[Route], list[str]]:
    """Put each unsure part to the second reader; return the parts, and the two labels where they are apart."""
    agreed = []
    for route in found:
        if route.sure < SURE and route.label != SCENE:
            other = second(route.part.masked())
            if other != route.label and not (other == "none" and route.label not in FILLERS):
                return list(found), [route.label, other, *(label for label, _ in route.ranked)]
            route = replace(route, sure=max(route.sure, AGREED))
        agreed.append(route)
    return agreed, []


def _clean(question: object) -> str:
    """Return the text without control characters, emojis and doubled blanks, cut to a readable length."""
    text = unicodedata.normalize("NFKC", str(question)[: 4 * MOST_LETTERS]).replace("’", "'").replace("`", "'")
    kept = "".join(one if unicodedata.category(one)[0] in "LNPZM" or one in "$€+<>=|~^" else " " for one in text)
    # Braces would read like our placeholders.
    return re.sub(r"\s+", " ", kept.replace("{", "(").replace("}", ")")).strip()[:MOST_LETTERS]


def _follow_up(marked: Marked, previous: Sequence[Call]) -> Call | None:
    """Return the call before with the new names in it, for a question that holds nothing else."""
    if len(previous) != 1:
        return None
    if previous[0].name == "estimate_uplift" and (kind := _other_touch(marked)):
        return Call("estimate_uplift", {**previous[0].arguments, "action": kind})
    if not _only_carries(marked):
        return None
    call = previous[0]
    new: dict[str, Any] = {kind: values[0] for kind in TAKES.get(call.name, ()) if (values := marked.values(kind))}
    return Call(call.name, {**call.arguments, **new}) if new else None


def _other_touch(marked: Marked) -> str | None:
    """Return the kind of touch that a follow-up asks for and nothing besides ("and a meeting?")."""
    if marked.mentions or not FOLLOW_UP.search(marked.text):
        return None
    left = [word for word in re.findall(r"[\w-]+", marked.text.lower()) if word not in CARRYING]
    kinds = {kind for word in left for kind in touches(word)}
    return kinds.pop() if len(kinds) == 1 and all(touches(word) for word in left) else None


def _only_carries(marked: Marked, kind: Kind | None = None) -> bool:
    """Whether a question leans on the one before and adds names alone ("what about Acme?"), all of ``kind`` if given."""
    others = re.findall(r"\w+", re.sub(r"\{\w+\}(?:'s)?", "", marked.masked().lower()))
    fits = kind is None or {one.kind for one in marked.mentions} == {kind}
    return fits and FOLLOW_UP.search(marked.text) is not None and CARRYING.issuperset(others)


def _no_call(route: Route, allowed: Collection[str]) -> Understanding | None:
    """Return a question back, a refusal or small talk where a lone route is no call."""
    if route.label == "small_talk" and route.sure >= (UNSURE if replies.social(route.part.text) else SETTLED):
        return Understanding(small_talk=replies.small_talk(route.part.text, allowed), confidence=route.sure)
    if route.label in replies.REFUSED and route.sure >= REFUSING:
        return Understanding(refused=replies.REFUSED[route.label], confidence=route.sure)
    tie = len(route.ranked) > 1 and route.sure < SURE and route.ranked[0][1] - route.ranked[1][1] < CLOSE
    if route.sure >= UNSURE and not tie and route.label in FILLERS:
        return None
    back = {"question": replies.UNSURE, "readings": _readings(allowed, (label for label, _ in route.ranked))}
    return Understanding(clarify=back, confidence=route.sure)


def _readings(allowed: Collection[str], near: Iterable[str]) -> list[str]:
    """Return what the likeliest of the allowed tools do, in plain words."""
    wanted = dict.fromkeys(tool for tool in (*near, *replies.READINGS) if tool in allowed)
    return [replies.READINGS[tool] for tool in wanted if tool in replies.READINGS][:READINGS]


class _Answering:
    """Fills the calls of one question's parts; later parts may lean on the accounts of earlier ones."""

    def __init__(
        self, vocabulary: Vocabulary, router: Router, recent: Sequence[str], previous: Sequence[Call] = ()
    ) -> None:
        self.vocabulary, self.bank, self.recent = vocabulary, router.bank, tuple(recent)
        self.ranking = next((call.arguments for call in previous if call.name == "rank_accounts"), None)
        self.calls: list[Call] = []
        self.focus: list[str] = []

    def answer(self, found: Sequence[Route]) -> Understanding:
        """Return the calls of all parts, or a question back for what the first of them lacks."""
        refused = next((replies.REFUSED[route.label] for route in found if route.label in replies.REFUSED), None)
        sure = min(route.sure for route in found)
        for route in found:
            if route.label == SCENE:
                self.recent = tuple(route.part.values("account"))
            elif route.label in FILLERS and not self._told_already(route) and (lacking := self._add(route)):
                if route is not found[-1] and route.part.values("account"):
                    self.recent = tuple(route.part.values("account"))  # "Acme is on my list. Why?"
                    continue
                return Understanding(clarify=lacking, confidence=route.sure)
        calls = tuple(self.calls[:MOST_CALLS])
        return Understanding(calls, None, refused, tuple(dict.fromkeys(self.focus)), sure)

    def place(self, part: Marked) -> Call | None:
        """Return the call for an account's place in the ranking, where that is what a part asks for."""
        arguments, names = placed(self.clause(part), self.vocabulary.accounts, self.ranking)
        return Call("rank_accounts", arguments, places=names) if names else None

    def clause(self, part: Marked) -> Clause:
        """Return a part with what the slot rules look at."""
        plain = self.bank.english(part.masked())
        return Clause(part, plain, self.vocabulary.today, self.recent, tuple(self.vocabulary.industries))

    def _told_already(self, route: Route) -> bool:
        """A ranking gives its reasons: the "and why?" behind it asks for no call of its own."""
        listed = bool(self.calls) and self.calls[-1].name in ("rank_accounts", "recommend_action")
        return listed and route.label == "explain_account" and not route.part.values("account")

    def _add(self, route: Route) -> dict[str, Any] | None:
        """Add the calls of one part; return what to ask back where it lacks something and nothing else was asked."""
        clause = self.clause(route.part)
        if place := self.place(route.part):
            self.calls.append(place)
            return None
        self.focus += replies.focus(route.label, clause.plain)
        calls = fill(route.label, clause)
        if not self.calls and (unclear := doubt(route.label, clause, calls)):
            return {"question": replies.lacking(route.label, unclear), "readings": []}
        for arguments in calls:
            lacking = missing(route.label, arguments)
            if lacking in ("account", "accounts"):
                arguments |= self._lent(lacking) or self._typed(lacking, route.part)
                lacking = missing(route.label, arguments)
            if lacking and not self.calls:
                names = [self.vocabulary.accounts[key] for key in self.recent if key in self.vocabulary.accounts]
                readings = names[:READINGS] if lacking == "account" else []
                return {"question": replies.lacking(route.label, lacking), "readings": readings}
            again = not arguments and route.label in {
                call.name for call in self.calls
            }  # "I have three calls. To whom?"
            if not lacking and not again and Call(route.label, arguments) not in self.calls:
                self.calls.append(Call(route.label, arguments, remark(route.label, clause, arguments)))
        self.recent = tuple(one.arguments["account"] for one in self.calls if "account" in one.arguments) or self.recent
        return None

    def _lent(self, argument: str) -> dict[str, Any]:
        """Return the account of an earlier part of the question, or the first of its ranking, by reference."""
        for place, call in enumerate(self.calls, 1):
            if argument == "account" and "account" in call.arguments:
                return {"account": call.arguments["account"]}
            if call.name == "rank_accounts":
                rows = [f"{{{{t{place}.rows[{row}].account_id}}}}" for row in (0, 1)]
                return {argument: rows[0] if argument == "account" else rows}
        return {}

    def _typed(self, argument: str, part: Marked) -> dict[str, Any]:
        """Return a word that no language knows where an account must stand; the tool names the closest ones."""
        words = BEFORE_NAME.findall(re.sub(r"\{\w+\}", " ", part.masked())) if argument == "account" else []
        unknown = [word for word in words if not self.bank.ordinary(word)]
        return {"account": unknown[0]} if unknown else {}
