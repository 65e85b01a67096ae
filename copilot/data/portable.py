"""The small part of SQL that a feature may use, which every engine reads alike; checked when a spec is defined.

Columns, numbers, texts, arithmetic, comparisons, AND OR NOT, IS NULL, IN, BETWEEN, LIKE, CASE, DATE, TIMESTAMP,
INTERVAL and the functions of ``FUNCTIONS``. What is not allowed here is refused.
"""

from __future__ import annotations

import re
from datetime import datetime

from copilot.errors import BadInput

# What the emitter lays beside the table's own columns.
GIVEN = frozenset({"as_of", "age_day", "age_week", "age_month"})
FUNCTIONS = frozenset("abs ceil coalesce exp floor length lower month nullif round trim upper year".split())
_WORDS = frozenset("and or not is null in between like case when then else end true false interval".split())
# Words that no column is called; each would begin something that is not read alike everywhere.
_RESERVED = frozenset(
    "all any as asof by cast cross distinct except exists filter from full group having inner intersect into join "
    "lateral left limit natural on order outer over partition pivot qualify right select union unnest using values "
    "where window with".split()
)
_UNITS = frozenset("day days month months year years".split())
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|'')*')|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|!=|[-+*/%=<>(),]))",
    re.ASCII,
)
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")
_DEEPEST = 40
_INSTEAD = {
    "least": "write CASE WHEN, or the spec's cap: least and greatest turn a missing value into a number",
    "greatest": "write CASE WHEN, or the spec's cap: least and greatest turn a missing value into a number",
    "datediff": "use age_day, age_week or age_month: engines count the borders of months differently",
    "asof": "engines differ on AS OF joins; the rows are already those known at as_of",
    "select": "a metric reads one row, not a query",
    "over": "a metric reads one row, without window functions; use the spec's window and lag",
}


def columns(expression: str, about: str) -> frozenset[str]:
    """Check one expression and return the columns it reads, ``GIVEN`` ones included.

    Args:
        expression: A metric or a condition over one row.
        about: How the refusal begins, as in "The metric of feature 'spend'".

    Raises:
        BadInput: It leaves the portable part of SQL; the sentence says at which word.
    """
    reader = _Reader(expression, about)
    reader.choice()
    if reader.now:
        raise reader.refuse()
    return frozenset(reader.columns)


class _Reader:
    """A recursive-descent reader: one method a level of binding, from OR down to a single value."""

    def __init__(self, expression: str, about: str) -> None:
        self.expression, self.about = expression, about
        self.columns: set[str] = set()
        self.depth = 0
        self.tokens = self._split()
        self.place = 0

    def _split(self) -> list[tuple[str, str]]:
        found, place, text = [], 0, self.expression.rstrip()
        while place < len(text):
            token = _TOKEN.match(text, place)
            # "--" and "/*" are signs that may follow one another, and comments all the same.
            if token is None or re.match(r"--|/\*|\*/", text[token.start(token.lastgroup or 0) :]):
                rest = text[place:].lstrip()
                raise BadInput(self._sentence(rest[:12], _INSTEAD.get(rest[:12], "")))
            found.append((str(token.lastgroup), token[str(token.lastgroup)]))
            place = token.end()
        return found

    @property
    def now(self) -> str:
        """The token to be read next: words in small letters, others as they stand; empty at the end."""
        if self.place >= len(self.tokens):
            return ""
        kind, text = self.tokens[self.place]
        return text.lower() if kind == "word" else text

    @property
    def kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def refuse(self) -> BadInput:
        return BadInput(self._sentence(self.now or "its end", _INSTEAD.get(self.now, "")))

    def _sentence(self, word: str, instead: str) -> str:
        advice = instead or (
            "use columns, numbers, 'texts', arithmetic, comparisons, AND, OR, NOT, IN, BETWEEN, CASE and "
            f"{', '.join(sorted(FUNCTIONS))}"
        )
        return f"{self.about} ({self.expression!r}) leaves the SQL that every engine reads alike at {word!r}; {advice}."

    def take(self, *wanted: str) -> bool:
        if self.kind != "text" and self.now in wanted and self.now:
            self.place += 1
            return True
        return False

    def need(self, *wanted: str) -> None:
        if not self.take(*wanted):
            raise self.refuse()

    def choice(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise BadInput(f"{self.about} nests deeper than {_DEEPEST} brackets; split it into simpler features.")
        self.all_of()
        while self.take("or"):
            self.all_of()
        self.depth -= 1

    def all_of(self) -> None:
        self.condition()
        while self.take("and"):
            self.condition()

    def condition(self) -> None:
        while self.take("not"):
            pass
        self.sum()
        if self.take(*_COMPARISONS):
            self.sum()
        elif self.take("is"):
            self.take("not")
            self.need("null")
        else:
            negated = self.take("not")
            if self.take("in"):
                self.bracketed()
            elif self.take("between"):
                self.sum()
                self.need("and")
                self.sum()
            elif self.take("like"):
                self.literal("text")
            elif negated:
                raise self.refuse()

    def sum(self) -> None:
        self.product()
        while self.take("+", "-"):
            self.product()

    def product(self) -> None:
        self.signed()
        while self.take("*", "/", "%"):
            self.signed()

    def signed(self) -> None:
        while self.take("-"):
            pass
        self.value()

    def value(self) -> None:
        if self.kind in ("number", "text") or self.now in ("true", "false", "null"):
            self.place += 1
        elif self.take("("):
            self.choice()
            self.need(")")
        elif self.take("case"):
            self.cases()
        elif self.take("interval"):
            self.literal("number")
            self.unit()
        elif self.kind == "word":
            self.word()
        else:
            raise self.refuse()

    def cases(self) -> None:
        self.need("when")
        while True:
            self.choice()
            self.need("then")
            self.choice()
            if not self.take("when"):
                break
        if self.take("else"):
            self.choice()
        self.need("end")

    def word(self) -> None:
        following = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else ("", "")
        if self.now in ("date", "timestamp") and following[0] == "text":
            self.place += 1
            self.moment()
        elif following[1] == "(" and following[0] == "sign":
            if self.now not in FUNCTIONS:
                raise self.refuse()
            self.place += 1
            self.bracketed()
        elif self.now in _WORDS | _RESERVED:
            raise self.refuse()
        else:
            self.columns.add(self.now)
            self.place += 1

    def moment(self) -> None:
        try:
            datetime.fromisoformat(self.now.strip("'"))
        except ValueError:
            raise self.refuse() from None
        self.place += 1

    def bracketed(self) -> None:
        self.need("(")
        self.choice()
        while self.take(","):
            self.choice()
        self.need(")")

    def literal(self, kind: str) -> None:
        if self.kind != kind:
            raise self.refuse()
        self.place += 1

    def unit(self) -> None:
        self.need(*_UNITS)
