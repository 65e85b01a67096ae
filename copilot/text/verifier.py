"""The verifier: a sentence may be shown only where each of its claims rests on a cell it refers to (DESIGN, The agent).

It reads reference form and decides by word tables, English and German. It errs towards a fault: a false alarm costs a
template sentence, a missed one costs trust. It does not judge causes ("because") or advice ("call them").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import groupby

from copilot.text.cells import REFERENCE, Cell, Value

MARK = "§"  # stands for one reference while the words around it are read


# --- Words. Sentences are folded to small ASCII letters before they are compared, so "fünf" is found as "funf". ---


def _any(*words: str) -> re.Pattern[str]:
    """Compile a table: patterns apart by blanks, ``_`` for a blank inside one."""
    return re.compile(rf"\b(?:{'|'.join(' '.join(words).split())})\b".replace("_", " "))


_UNIT = "(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_EIN = "(?:ein|zwei|zwo|drei|drit|vier|funf|sech|sieb|sieben|acht|neun|zehn|elf|zwolf|zig|ssig|hundert|tausend)"
_ITEMS = "(?:tickets?|deals?|contacts?|touch(?:es)?|usage|calls?|seats?|meetings?|logins?|contracts?|renewals?|spend)"
NUMBER = re.compile(r"[$€£]?\d+(?:[.,:/-]\d+)*(?: ?[%€$£]|[a-z]+)?")
NUMBER_WORD = _any(
    rf"{_UNIT}(?:s|th|ths|fold|ish)? \w*teen(?:s|th|ths)? (?:second|third|fourth|fifth|ninth|twelfth)s?",
    r"\w*(?:hundred|thousand|illion|milliard|percent|prozent|dozen|dutzend|doubl|tripl|quadrupl|hundert|tausend)\w*",
    r"\w*(?:zwanzig|dreissig|doppel|verdreif|vervierf|tenfold)\w* (?:twent|thirt|fort(?:y|ie)|fift|sixt)\w*",
    r"(?:sevent|eight|ninet|half|halv|halb)\w* twice thrice couple pairs? handful several few single majority minority",
    r"nil nought naught null magnitude tens fractions? paar einige\w* mehrere\w* (?:most|all|none|many|scores|bulk)_of",
    r"quarters?_(?:of|as|less|more|lower|higher|again) by_(?:a|one)_quarter every_other basis_points? bps",
    rf"(?!(?:ein|eine[nrsm]?|einmal|einfach\w*)\b){_EIN}(?:(?:und)?(?:s|{_EIN}))*(?:mal|fach\w*|s?t?e[nrsm]?|tel|stel)?",
    r"(?:zweit|dritt|viert|funft)(?:grosst|hochst|best|kleinst|niedrigst)\w* ii iii iv vi{1,3} ix xi{0,3} xi?v xx",
    rf"(?:has|have|had|with|is|are|was|were)_(?:no|zero)_(?:\w+_)?{_ITEMS}",
    rf"without_(?:any_)?(?!an?_|the_)(?:\w+_)?{_ITEMS}",
)
PRONOUN = re.compile(
    r"\b(?:(?:this|that|no|any|every|each|which|the|another|other|next)[ -]one|ones|one (?:of|another)"
    r"|one[- ](?:on|to)[- ]one)\b"
)
ROMAN = re.compile(r"\b(?:[IVXLCDM]{2,}|[VXLCDM])\b")
MONTH = _any(
    "january february april june july august september october november december januar februar marz mai juni juli",
    "oktober dezember jan feb apr aug sept? oct nov dec tue wed thu fri (?:mon|tues|wednes|thurs|fri|satur|sun)days?",
    "(?:mon|diens|donners|frei|sams|sonn)tags? mittwochs? yesterday gestern ubermorgen christmas easter weekend",
    "(?:this|next|last|in)_(?:the_)?(?:spring|summer|autumn|fall|winter)",
)
CASED_MONTH = re.compile(r"\b(?:May|March|Mar|Jun|Jul|Mon|Sat|Sun)\b")  # in small letters these are other words
PERIOD = re.compile(
    r"(?<!§ )\ban? (?:hour|day|week|fortnight|month|quarter|year|decade)\b|§ an? (?:hour|day|week|month|quarter)\b"
    r"|§ (?:per|each|every) \w|\b(?:hours|days|weeks|months|years) (?:ago|away|left|old|late)\b|\bmid-?year\b"
    r"|\b(?:for|by|in|within) (?:hours|days|weeks|months|years)\b|\b(?:last|past) (?:week|month|quarter|year)\b"
    r"|\b(?:year|month|quarter)[- ]end\b|\bend of (?:the )?(?:year|month|quarter)\b"
)
SOON = _any("today tomorrow tonight heute morgen (?:next|this|coming)_(?:week|month|quarter|year)")
DUE = _any(r"renew\w* expir\w* due ends? ended lapse\w* overdue was were has_been called met contacted")
_WENT = (
    r"\b(?:is|are|was|were|be|been|went|goes|going|gone|moved|trend\w*|tick\w*|edg\w*|shot|picked|ramped|crept|headed) "
    r"(?:\w+ly )?"
)
_BY = r"(?: (?:by|of|from|to))? §"
ROSE = _any(
    r"rose rises? rising risen grew grows? growing grown increas\w* climb\w* jump\w* surg\w* soar\w* expand\w*",
    r"swell\w* spik(?:es?|ed|ing) balloon\w* rall(?:y|ied) stieg\w* steig\w* gestiegen wuchs\w* wachst wachsen\w*",
    r"gewachsen erhoht\w* zugenommen zunimmt zunahm\w*",
)
FELL = _any(
    r"fell falls? falling fallen drop\w* declin\w* decreas\w* shrank shrunk shrink\w* slip\w* sank\w* sunk sink\w*",
    r"plung\w* plummet\w* nosediv\w* slid(?:e|es|ing)? weaken\w* crater\w* slump\w* tumbl\w* dip(?:s|ped|ping)?",
    r"collaps\w* crash\w* tank(?:s|ed|ing) wan(?:es|ed|ing) fad(?:es|ed|ing) erod\w* shed(?:s|ding)? lower(?:ed|ing|s)",
    r"reduc\w* dwindl\w* fiel\w* fallt gefallen gesunken ruckgang zuruckgegangen rucklaufig\w* abgenommen abnahm\w*",
    r"verringert\w* reduziert\w*",
)
UPWARDS = re.compile(rf"{_WENT}up\b(?! for| to you)|\b(?:up|adds?|added|gain(?:s|ed)?){_BY}")
DOWNWARDS = re.compile(rf"{_WENT}down\b|\b(?:down|loses?|losing|loss(?:es)?){_BY}")
LEVELLED = _any(r"unchanged flat steady stable stagna\w* constant unverandert stabil")
TURNED = _any(r"improv\w* worsen\w* deteriorat\w* recover\w* accelerat\w* verbesser\w* verschlechter\w*")
DIRECTIONS = ((ROSE, 1), (UPWARDS, 1), (FELL, -1), (DOWNWARDS, -1), (LEVELLED, 0), (TURNED, None))
FROM_TO = re.compile(
    r"\b(?:from|von|vom) (?:[a-z]+ ){0,3}(§)(?:(?! (?:from|von|vom) ).){0,60}? (?:to|auf|zu) (?:[a-z]+ ){0,3}(§)"
)
TO_FROM = re.compile(
    r"(?:\b(?:to|auf|zu) (?:[a-z]+ )?|\b(?:is|at|now) (?=§,? (?:up|down) from))(§).{0,30}?"
    r" (?:from|von|vom) (?:[a-z]+ ){0,3}(§)"
)
ADVICE = re.compile(
    r"(?<!set )(?<!likely )(?<!expected )(?<!forecast )(?<!due )(?<!about )(?<!continues )(?<!continued )(?<!started )"
    r"(?<!seems )(?<!appears )\b(?:to|helps?|could|can|should|might) (?:[a-z]+ )?$"
)
CHANGE = _any(r"chang\w* delta differ\w* gain\w* loss\w* trend\w* growth uplift drop decline by adds? lift verander\w*")
DROP = _any(r"drop declin\w* loss decrease fall")
MORE = _any("higher larger bigger greater more later longer stronger hoher grosser mehr spater langer")
LESS = _any("lower smaller less fewer earlier sooner shorter weaker niedriger kleiner weniger geringer fruher kurzer")
BARE = _any("higher larger bigger greater lower smaller fewer stronger weaker hoher grosser niedriger kleiner")
THAN = re.compile(r"\b(?<!rather )(?<!other )(?:than|als)\b")
ABOVE = re.compile(
    r"\b(?:above|exceed\w*|outweigh\w*|beats?|outperform\w*|outranks?|surpass\w*)\b"
    r"|\b(?:over|beyond|ahead of|uber) (?:the )?(?=§)"
)
BELOW = re.compile(r"\b(?:below|trails?)\b|\b(?:under|behind|unter) (?:the )?(?=§)")
SAME = re.compile(r"\b(?:(?:the )?same as|equals?(?: to)?|as (?:high|low|much|many|large) as|gleich) (?=.*§)")
HIGHEST = _any(r"highest largest biggest greatest strongest most(?!_recent) longest hochste\w* grosste\w* meiste\w*")
LOWEST = _any(
    r"lowest smallest least fewest shortest weakest soonest earliest nearest niedrigste\w* kleinste\w* fruheste\w*"
)
OTHER_BEST = re.compile(
    r"\b(?!(?:inter|sugg|requ|t|r|lat|inv|w|hon|mod|gu|qu|prot|cont|manif|harv|dig|for)est\b)\w{2,}est\b"
)
FIRST = _any("top tops topmost leading ranks?_first ranked_first comes?_first is_first the_first")
WIDER = _any("book overall everyone everything team company ever portfolio territory")  # than the rows in the answer
LEVEL = _any(
    r"high low moderate\w* medium strong\w* weak\w* large small huge tiny big significant\w* substantial\w* slight\w*",
    r"sharp\w* steep\w* severe\w* healthy excellent poor\w* minor major considerabl\w* nearly almost barely best worst",
    r"hohe\w* hoch niedrige\w* stark\w* schwach\w* gering\w* deutlich\w* leicht\w* fast rund",
)
NOT = re.compile(r"\b(?:not|never|no|neither|nor|without|hardly|cannot|kein\w*|nicht|nie|ohne)\b|n't\b")
NOT_SO = re.compile(r"\b(?:not|never|cannot|nicht|nie)\b|n't\b")
STILL = _any("since for yet until only just before longer seit bisher")  # "not contacted since 2026-03-01"
CLAUSE = re.compile(r"[,;:]|\bbut\b")
MARKUP = re.compile(r"//|www\.|mailto|javascript|&#|&[a-z]+;|\b[a-z0-9-]{2,}\.[a-z]{2,}|\b(?:[a-z][ .–-]){2,}[a-z]\b")
MARKED_VALUE = re.compile(r"://|www\.|<[a-z/!]|\]\(|!\[", re.IGNORECASE)
STRANGE = re.compile(r"[^a-z0-9§%$€£ .,;:!?'\"()/&–—-]")
HIDDEN = ("No", "Nl", "Cf", "Zs")  # Unicode kinds: ½ and ², Ⅻ, joiners and soft hyphens, hair spaces
GLUED = re.compile(r"[a-z0-9]§|§[a-z0-9]|(?:^|[ (])[–—-]§|§[.,']?§|\b(?:minus|plus|negative|positive) §|§[ -]?[.,]\d")
UNIT_AFTER = re.compile(
    r"§[ -]?(?:percent|points?|days?|weeks?|months?|years?|hours?|minutes?|dollars?|euros?|usd|eur|times|fold|k|mn)\b"
)
METRICS = {
    "uplift": _any("uplift lift incremental ate"),
    "churn": _any(r"churn\w* attrition abwander\w* kundigung\w*"),
    "growth": _any(r"growth wachstum\w*"),
    "usage": _any(r"usage utili[sz]ation used nutzung\w* auslastung"),
    "adoption": _any("adoption"),
    "engagement": _any("engagement"),
    "priority": _any("priority prioritat"),
    "renewal": _any(r"renew\w* rtcd expir\w* verlanger\w*"),
    "price": _any(r"prices? preis\w*"),
    "win rate": _any("win_rates? abschlussquote"),
    "spend": _any(r"spend\w* spent arr ausgaben"),
    "tickets": _any("tickets?"),
    "quota": _any("quota attainment"),
    "last touch": _any(r"last_touch last_contact\w* contacted"),
    "probability": _any(r"probabilit\w* wahrscheinlich\w*"),
}
QUALIFIERS = (
    (_any("total sum combined together altogether insgesamt"), _any("totals? sum combined")),
    (_any(r"average mean median typical\w* durchschnitt\w*"), _any("average mean median ate")),
)
FORECAST = _any(r"forecast\w* expect\w* predict\w* prognose\w*")
AHEAD = _any(r"forecast\w* expect\w* predict\w* estimat\w* prognos\w* will would could likely may might next wird")
BESIDE = (
    re.compile(r" (?:(?:of|in|as) )?"),
    re.compile(r" (?:(?:of|in|as) )?(?!(?:and|or|but|while|with|from|to|und)\b)[a-z]+ "),
)
JOINED = re.compile(r"[ ,]*(?:and|or|to|versus|vs\.?|against|respectively|und|auf|zu|§|[ ,(])*[ ,]*")
COUNTING = re.compile(r" (?!(?:and|or|to|at|for|in|on|over|from|by|with|of|und|auf|bei)\b)[a-z]")
IN_TIME = re.compile(
    r"\b(?:on|in|since|until|by|before|after|within|for|over|last|next|past|from|of|am|seit|bis|vor)"
    r"(?: the)?(?: last| next| past)? $"
)
WINDOW = re.compile(r"\b(?:last|past|next|previous|coming|letzten|nachsten) $")
ASIDE = re.compile(  # a metric's name that only says when, or which model
    r"\b(?:at|before|after|until|ahead of|for|around) (?:the |its |their |next )*renewal\b|\b[a-z]+ model\b"
)
OF_OWNER = re.compile(r"(?: (?:in|of) [a-z]+)? (?:at|for|from|with|bei|fur|von) ")
CAPITALS = re.compile(r"\b[A-Z][\w'&-]*(?: [A-Z][\w'&-]*)*")
OPENING = re.compile(r"(?:^|[.:!?\"(–—] ?)$")
STARTERS = _any(  # capital words that begin sentences, and account names too
    "this that these those with when what where which your their here there first next call open after before both",
    "from have must only over some then they under will would while since also best good great global general",
)
SPOKEN = _any("I CRM ROI ARR AUC CEO CTO CFO CIO VP QBR IT HR KPI FAQ SLA OK Sie Ihr Ihre Ihrer Ihren Ihnen")
GERMAN = _any(
    "der die das und ist von vom mit fur auf wird dem den ein einen eine nicht ihr sie ich wir bei zum zur im am uber",
    "vor seit",
)
ABBREVIATION = _any(
    r"e\.g i\.e etc vs inc ltd corp co mrs? ms dr prof st jr approx ca z\.b d\.h bzw nr usw no [a-z] \d{1,2}"
)
SENTENCE_END = re.compile(r"[.!?…]+[\"')\]»”]*(?=\s)|\n+")


# --- A sentence taken apart ---


@dataclass(frozen=True)
class _Ref:
    """One reference: its cell, and where its mark stands in the text."""

    path: str
    cell: Cell
    at: int

    @cached_property
    def amount(self) -> float | None:
        """The value as a number, a date by its day; None for words and flags."""
        value = self.cell.value
        if isinstance(value, date):
            return float(value.toordinal())
        return None if isinstance(value, str | bool) or value is None else float(value)

    @cached_property
    def described(self) -> str:
        """What the cell measures, in small letters: its metric and the last word of its path."""
        return _fold(f"{self.cell.metric} {self.path.rsplit('.', 1)[-1]}").replace("_", " ").lower()

    @cached_property
    def families(self) -> frozenset[str]:
        """The metrics of our table that the cell may be called; its own metric counts before its path."""
        return _families(_fold(self.cell.metric).replace("_", " ").lower()) or _families(self.described)

    @property
    def is_given(self) -> bool:
        """Whether it belongs to the method (a horizon, a level) and measures nothing."""
        return self.cell.origin.startswith("method:")

    @property
    def is_span(self) -> bool:
        """Whether it is a span of time."""
        return self.cell.unit in ("days", "months", "hours")

    @property
    def is_time(self) -> bool:
        """Whether it may stand beside the metric spoken of without being its value."""
        return self.is_span or self.is_given or self.cell.unit == "date"

    @cached_property
    def change(self) -> int | None:
        """The sign of a cell that holds a change; None for a level."""
        if self.amount is None or "probability" in self.described or not CHANGE.search(self.described):
            return None
        return -_sign(self.amount) if DROP.search(self.described) else _sign(self.amount)


@dataclass(frozen=True)
class _Claim:
    """A sentence taken apart: ``cased`` is folded to ASCII, a mark for each reference; ``text`` in small letters."""

    text: str
    cased: str
    refs: tuple[_Ref, ...]
    cells: Mapping[str, Cell]
    question: str
    names: Collection[str]
    template: bool

    @cached_property
    def amounts(self) -> list[_Ref]:
        """The references that measure something, in order."""
        return [ref for ref in self.refs if ref.amount is not None and not ref.is_given]

    @cached_property
    def pairs(self) -> list[tuple[int, int, _Ref, _Ref]]:
        """Each "from … to …" and "to … from …": its span and its references, the older one first."""
        rest = FROM_TO.sub(lambda found: "." * len(found[0]), self.text)
        found = [(m.span(), m.start(1), m.start(2)) for m in FROM_TO.finditer(self.text)]
        found += [(m.span(), m.start(2), m.start(1)) for m in TO_FROM.finditer(rest)]
        return [(*span, self.at(old), self.at(new)) for span, old, new in sorted(found)]

    def at(self, place: int) -> _Ref:
        """Return the reference whose mark stands at ``place``."""
        return next(ref for ref in self.refs if ref.at == place)

    def before(self, place: int) -> _Ref | None:
        """Return the last amount before ``place``."""
        return next((ref for ref in reversed(self.amounts) if ref.at < place), None)

    def after(self, place: int) -> _Ref | None:
        """Return the first amount from ``place`` on."""
        return next((ref for ref in self.amounts if ref.at >= place), None)

    def peers(self, ref: _Ref) -> list[float]:
        """Return the amounts of the same field in every row."""
        field = re.sub(r"\[\d+\]", "", ref.path)
        alike = (_Ref(path, cell, 0) for path, cell in self.cells.items() if re.sub(r"\[\d+\]", "", path) == field)
        return [other.amount for other in alike if other.amount is not None]


def check(
    sentence: str, cells: Mapping[str, Cell], *, question: str = "", names: Collection[str] = (), template: bool = False
) -> str | None:
    """Return None where the sentence may be shown, else what is wrong with it in one phrase.

    Args:
        sentence: Reference form, as ``Usage fell from {{t1.previous}} to {{t1.current}}.``
        cells: Every cell the answer may use, by path. An account's name and id carry the metric ``account``.
        question: What was asked; its dates and names may be echoed, and its numbers with the word they counted.
        names: All account names of the asker's book; one that is in no cell and was not asked about is a fault.
        template: The words are our own (``prompts/``): only what the cells contradict is a fault, not what they
            leave open ("the largest first"). Never for a model's words.
    """
    paths = [found[1] for found in REFERENCE.finditer(sentence)]
    for path in paths:
        if fault := _unusable(path, cells.get(path)):
            return fault
    kinds = {unicodedata.category(letter) for letter in sentence if letter not in " \xa0"}
    if MARK in sentence or kinds.intersection(HIDDEN):
        return "a hidden letter or a number sign"
    cased = _fold(REFERENCE.sub(MARK, sentence))
    places = [place for place, letter in enumerate(cased) if letter == MARK]
    refs = tuple(_Ref(path, cells[path], place) for path, place in zip(paths, places, strict=True))
    claim = _Claim(cased.lower(), cased, refs, cells, _fold(question).lower(), names, template)
    rules = (_letters, _numbers, _ranges, _metrics, _directions, _orders, _extremes, _owners)
    prose = () if template else (_dates, _levels, _negations, _kinds, _known_names, _new_names)
    return next((fault for rule in rules + prose if (fault := rule(claim))), None)


def split_sentences(text: str) -> list[str]:
    """Cut ``text`` into sentences; not inside references, after abbreviations and initials, or within numbers."""
    masked = REFERENCE.sub(lambda found: MARK * len(found[0]), text)
    cuts = [0]
    for end in SENTENCE_END.finditer(masked):
        last = (masked[: end.start()].split() or [""])[-1].lstrip("(\"'„“").lower()
        goes_on = ABBREVIATION.fullmatch(last) or masked[end.end() :].lstrip()[:1].islower()
        if not (goes_on and set(end[0]) <= {".", "…"}):
            cuts.append(end.end())
    parts = [text[start:stop].strip() for start, stop in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    return [part for part in parts if part]


# --- Rules: each returns a fault or None ---


def _unusable(path: str, cell: Cell | None) -> str | None:
    if cell is None:
        return f"there is no cell {path}"
    if not cell.known:
        return f"the cell {path} holds no value"
    if isinstance(cell.value, str) and MARKED_VALUE.search(cell.value):
        return f"the cell {path} holds a link or markup"
    return None


def _letters(s: _Claim) -> str | None:
    """Links, markup, letters that only look like ours, words glued to a reference."""
    if len(s.text) > 1000:
        return "a sentence of more than 1000 letters"
    for table, fault in (
        (STRANGE, "the character"),
        (MARKUP, "a link, markup or letters set apart:"),
        (GLUED, "glued:"),
    ):
        if found := table.search(s.text):
            return f"{fault} {found[0]!r}"
    if (unit := UNIT_AFTER.search(s.text)) and s.at(unit.start()).amount is not None:
        return f"a unit outside its cell: {unit[0]!r}"
    return None


def _numbers(s: _Claim) -> str | None:
    rest = PRONOUN.sub(lambda found: " " * len(found[0]), s.text)
    unsaid = [found[0] for table in (NUMBER, NUMBER_WORD) for found in table.finditer(rest) if not _echoed(found, s)]
    unsaid += [found[0] for found in ROMAN.finditer(s.cased) if found[0].lower() not in s.question.split()]
    pieces = re.sub(r"(?<=[a-z])[^a-z§ ]+(?=[a-z])", "", NUMBER_WORD.sub(" ", rest))  # "fi-ve"
    unsaid += NUMBER_WORD.findall(pieces)
    if unsaid:
        return f"the number {unsaid[0]!r} comes from no cell"
    if sign := re.search(r"[%$€£]", NUMBER.sub("", rest)):
        return f"the sign {sign[0]!r} outside a cell"
    return None


def _echoed(found: re.Match[str], s: _Claim) -> bool:
    """Whether the asker said this number, and of the same thing: "30 days" does not cover "a churn of 30"."""

    def counted(text: str, end: int) -> set[str]:
        return set(re.findall(r"[a-z]{4,}", re.split(r"[.;:!?§]", text[end : end + 40])[0])[:2])

    own = counted(s.text, found.end())
    for said in found.re.finditer(s.question):
        theirs = counted(s.question, said.end())
        alike = own & theirs or not (own or theirs) or (found.re is NUMBER and len(found[0]) > 3)
        if said[0].replace(" ", "") == found[0].replace(" ", "") and alike:
            return True
    return False


def _ranges(s: _Claim) -> str | None:
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


def _metrics(s: _Claim) -> str | None:
    """The metric named with an amount must be the cell's."""
    for ref, before, named in _named(s):
        # Uplift and growth are changes of spend: "a touch changes its spend by".
        is_change = named == "spend" and ref.families & {"uplift", "growth"} and CHANGE.search(before)
        if named and named not in {*ref.families, ref.cell.metric} and not is_change:
            return f"{ref.path} is {ref.cell.metric or 'no known metric'}, not {named}"
        for said, meant in QUALIFIERS:
            if (
                said.search(before)
                and not meant.search(f"{ref.described} {ref.path.replace('.', ' ')}")
                and not s.template
            ):
                return f"{ref.path} is no total or average"
    return None


def _named(s: _Claim) -> Iterator[tuple[_Ref, str, str]]:
    """Bind each amount to the metric word before it, or right after it, or to its neighbour's.

    Yields the amount, the words since the amount before it, and the metric; empty where none is named.
    """
    start, named = 0, ""
    for ref, stop in zip(s.amounts, [*[ref.at for ref in s.amounts], len(s.text)][1:], strict=True):
        before = s.text[start : ref.at]
        near = before if ref.is_time else ASIDE.sub(lambda found: "." * len(found[0]), before)
        found = [(m.start(), name) for name, table in METRICS.items() for m in table.finditer(near)]
        found += [
            (r.at - start, str(r.cell.value))
            for r in s.refs
            if r.cell.metric in ("reason", "metric") and start <= r.at < ref.at
        ]
        last = max(found, default=(0, ""))[1]
        if ref.is_time and last not in ("renewal", "last touch") and IN_TIME.search(before):
            continue  # "tickets in the last 90 days": a time beside the metric, not its value
        if last:
            named = last
        elif beside := _beside(s.text, ref.at + 1, stop):
            named, start = beside
        elif not JOINED.fullmatch(before) or COUNTING.match(s.text, ref.at + 1):
            named = ""
        yield ref, before, named
        start = max(start, ref.at + 1)


def _beside(text: str, start: int, stop: int) -> tuple[str, int] | None:
    """Return the metric named right after an amount ("12 % churn probability"), and where its name ends."""
    for gap in BESIDE:
        led = gap.match(text, start, stop)
        for name, table in METRICS.items() if led else ():
            if led and (found := table.match(text, led.end(), stop)):
                return name, found.end()
    return None


def _directions(s: _Claim) -> str | None:
    """Rose, fell, flat: as the two values or the change that follow."""
    moves = sorted((found.start(), found[0], sign) for table, sign in DIRECTIONS for found in table.finditer(s.text))
    for number, (start, word, sign) in enumerate(moves):
        stop = next((at for at, _, other in moves[number:] if other != sign), len(s.text))
        shown = _movement(s, start, stop)
        if shown is None and number == 0:  # "from … to …, usage fell"
            shown = _movement(s, 0, start)
        clause = CLAUSE.split(s.text[:start])[-1] + CLAUSE.split(s.text[start:])[0]
        if shown is None or sign is None or NOT.search(clause):
            advised = ADVICE.search(s.text[:start]) and not any(start <= ref.at < stop for ref in s.amounts)
            if not (s.template or advised):
                return f"no cell shows the direction {word!r}"
        elif shown != sign:
            return f"the cells contradict {word!r}"
    return None


def _movement(s: _Claim, low: int, high: int) -> int | None:
    """Return the sign of the change that the references between two places show; None where they show none."""
    for start, end, old, new in s.pairs:
        if low <= start < high or start <= low < end:
            if old.amount is None or new.amount is None or not _comparable(old, new):
                return None
            return _sign(new.amount - old.amount)
    first = s.after(low)
    return first.change if first is not None and first.at < high else None


def _orders(s: _Claim) -> str | None:
    """Higher than, above, the same as, before an account: as the amounts on both sides."""
    claimed = list(_comparisons(s.text))
    for found in re.finditer(r"\b(?:(before)|after) (?=§)", s.text):
        if s.at(found.end()).cell.metric == "account":
            claimed.append((found.start(), found[0], -1 if found[1] else 1))
    for place, word, sign in claimed:
        left, right = s.before(place), s.after(place)
        if right is not None and right.is_time and word.startswith(("over", "ahead", "beyond")):
            continue
        if not left or not right or sign is None or not _comparable(left, right) or NOT.search(s.text):
            if not s.template:
                return f"no two cells show {word.strip()!r}"
        elif _sign((left.amount or 0) - (right.amount or 0)) != sign:
            return f"the cells contradict {word.strip()!r}"
    return None


def _comparisons(text: str) -> Iterator[tuple[int, str, int | None]]:
    """Yield where a comparison stands, its word and the sign of left minus right that it claims."""
    for than in THAN.finditer(text):
        window = (max(0, than.start() - 40), than.start())
        said = [
            (m.start(), m[0], sign) for table, sign in ((MORE, 1), (LESS, -1)) for m in table.finditer(text, *window)
        ]
        if said or than[0] == "than":
            _, word, sign = max(said, default=(0, "than", None))
            yield than.start(), word, sign
    for table, sign in ((ABOVE, 1), (BELOW, -1), (SAME, 0)):
        yield from ((found.start(), found[0], sign) for found in table.finditer(text))
    if not THAN.search(text):
        yield from ((len(text), found[0], None) for found in BARE.finditer(text))


def _extremes(s: _Claim) -> str | None:
    """Highest and lowest: as the same field in all rows. First and top: of the first row."""
    for found, best in [(m, best) for table, best in ((HIGHEST, max), (LOWEST, min)) for m in table.finditer(s.text)]:
        ref = s.after(found.start()) or s.before(found.start())
        peers = s.peers(ref) if ref else []
        if ref is None or len(peers) < 2 or WIDER.search(s.text):
            if not s.template:
                return f"no cells show {found[0]!r}"
        elif ref.amount != best(peers):
            return f"the cells contradict {found[0]!r}"
    if first := FIRST.search(s.text):
        places = {int(place) for ref in s.refs for place in re.findall(r"\brows\[(\d+)\]", ref.path)}
        if places - {0} or not (places or s.template):
            return f"no cell shows {first[0]!r}"
    return None


def _owners(s: _Claim) -> str | None:
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


def _mentions(s: _Claim) -> list[tuple[int, str, bool]]:
    """Return accounts (True) and amounts (False) in order; an account that directly follows its amount goes first."""
    known = {_fold(str(cell.value)).lower(): path for path, cell in s.cells.items() if cell.metric == "account"}
    items = [(ref.at, ref.path, True) for ref in s.refs if ref.cell.metric == "account"]
    items += [
        (m.start(), path, True) for value, path in known.items() if value in s.text for m in _whole(value, s.text)
    ]
    items = sorted(items + [(ref.at, ref.path, False) for ref in s.amounts])
    for place in range(1, len(items)):
        (at, _, was_name), (next_at, _, is_name) = items[place - 1 : place + 1]
        if is_name and not was_name and OF_OWNER.fullmatch(s.text, at + 1, next_at):  # "40 % at Acme"
            items[place - 1 : place + 1] = items[place], items[place - 1]
    return items


def _owner(s: _Claim, path: str) -> set[Value]:
    """Return the id and name of the account in whose row ``path`` lies; empty where none is known."""
    while "." in path:
        path = path.rsplit(".", 1)[0]
        near = (s.cells.get(f"{path}.{name}") for name in ("name", "account", "account_id", "account_name"))
        if own := {cell.value for cell in near if cell is not None and cell.metric == "account"}:
            return own
    return set()


def _is_of(s: _Claim, path: str, name: str) -> bool:
    return s.cells[name].value in _owner(s, path) or path.startswith(f"{name.rsplit('.', 1)[0]}.")


def _dates(s: _Claim) -> str | None:
    """Months, days and spans must be the asker's; "next month" is advice unless something is due then."""
    tables = [(MONTH, s.text), (CASED_MONTH, s.cased), (PERIOD, s.text)]
    tables += [(SOON, s.text)] if DUE.search(s.text) else []
    said = (found[0] for table, text in tables for found in table.finditer(text) if found[0].lower() not in s.question)
    return next((f"the time {word!r} comes from no cell" for word in said), None)


def _levels(s: _Claim) -> str | None:
    """High, nearly, riskiest: a judgement that no cell holds."""
    found = LEVEL.search(s.text) or OTHER_BEST.search(HIGHEST.sub("", LOWEST.sub("", s.text)))
    return f"no cell says {found[0]!r}" if found else None


def _negations(s: _Claim) -> str | None:
    start = 0
    for clause in CLAUSE.split(s.text):
        inside = any(start <= ref.at <= start + len(clause) and ref.cell.metric != "account" for ref in s.refs)
        if inside and NOT_SO.search(clause) and not STILL.search(clause):
            return "a negation beside a value"
        start += len(clause) + 1
    return None


def _kinds(s: _Claim) -> str | None:
    """A forecast is no fact, a change no level, and a horizon of the method nobody's value."""
    moved = any(table.search(s.text) for table in (CHANGE, ROSE, FELL, UPWARDS, DOWNWARDS))
    for ref in s.refs:
        if ref.is_given and ref.is_span and not WINDOW.search(s.text[: ref.at]):
            return f"{ref.path} belongs to the method"
    for ref in s.amounts:
        if FORECAST.search(ref.described) and not AHEAD.search(s.text):
            return f"{ref.path} is a forecast"
        if ref.change is not None and not moved and not ref.families & {"uplift", "growth"}:
            return f"{ref.path} is a change"
    return None


def _known_names(s: _Claim) -> str | None:
    """An account of the book, by its whole name or its first word, must be in a cell or the asker's own."""
    rest = _without_values(s)
    small = rest.lower()
    capital = {
        word.lower().removesuffix("'s") for run in CAPITALS.findall(rest) for word in run.split() if len(word) > 3
    }
    capital = {word for word in capital if not STARTERS.fullmatch(word) and word not in s.question}
    in_cells = (
        str(cell.value) for cell in s.cells.values() if cell.metric == "account" and isinstance(cell.value, str)
    )
    for known, asked in [
        *((_fold(name).lower(), s.question) for name in s.names),
        *((_fold(n).lower(), "") for n in in_cells),
    ]:
        whole = known in small and any(_whole(known, small))
        if known.strip() and known not in asked and (whole or known.split()[0] in capital):
            return f"the name {known!r} is in no cell"
    return None


def _new_names(s: _Claim) -> str | None:
    """Other capital words inside a sentence are names too; German writes every noun so, and counts from two on."""
    rest, asked = _without_values(s), set(re.findall(r"[\w&-]+", s.question))
    several = len(set(GERMAN.findall(s.text))) > 1
    for found in CAPITALS.finditer(rest):
        run = [word.removesuffix("'s") for word in found[0].split()]
        inside = run[OPENING.search(rest[: found.start()]) is not None :]
        strange = [word for word in inside if not SPOKEN.fullmatch(word) and word.lower() not in asked]
        if len(strange) > several:
            return f"the name {' '.join(strange)!r} is in no cell"
    return None


def _without_values(s: _Claim) -> str:
    """Return the sentence with every text that is a cell's whole value blotted out."""
    rest = s.cased
    values = {_fold(cell.value) for cell in s.cells.values() if isinstance(cell.value, str)}
    for value in sorted((value for value in values if value and value.lower() in s.text), key=len, reverse=True):
        for found in _whole(value.lower(), rest.lower()):
            rest = rest[: found.start()] + "x" * len(value) + rest[found.end() :]
    return rest


def _whole(part: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(rf"(?<!\w){re.escape(part)}(?!\w)", text)


@lru_cache(maxsize=65536)
def _fold(text: str) -> str:
    """Strip accents and compatibility forms, so that a number in fancy letters reads as the number."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter) != "Mn")
    return plain.replace("ß", "ss").replace("æ", "ae").translate(str.maketrans("øØł’‘“”„\n\t", 'oOl\'\'"""  '))


def _families(text: str) -> frozenset[str]:
    return frozenset(name for name, table in METRICS.items() if table.search(text))


def _comparable(one: _Ref, other: _Ref) -> bool:
    if one.amount is None or other.amount is None or one.cell.unit != other.cell.unit:
        return False
    return one.cell.metric == other.cell.metric or bool(one.families & other.families)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
