"""What may go to a customer: their own facts and nothing of ours; checked by code, line by line (DESIGN, Security)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from copilot.text.cells import REFERENCE, Cell, fill, references
from copilot.text.quotes import inert

# What the copilot knows of a customer and the customer is not told.
OURS = re.compile(
    r"(?<!\w)(?:uplift\w*|propensit\w+|priorit\w+|scor(?:e|es|ed|ing)|forecast\w*|predict\w*|probabilit\w+|likely|"
    r"likelihood|chances?|churn\w*|risk\w*|shrink\w*|persuadable\w*|lost cause|sleeping dog|sure thing|quadrant\w*|"
    r"worklist\w*|upsell\w*|up-sell\w*|cross-?sell\w*|recommend\w*|model\w*|segment\w*|bandit\w*|rank(?:ed|ing|s)?|"
    r"treated|treatment|control group|internal(?:ly)?|other (?:customer|client|account)s?|our notes?|abwander\w*|"
    r"kündig\w*|prognos\w*|wahrscheinlich\w*|risiko\w*|priorisier\w*)(?!\w)",
    re.IGNORECASE,
)
MARKED = re.compile(r"://|www\.|<[a-z/!]|\]\(|!\[|\{\{|\}\}|&#|&[a-z]+;|(?:java|vb)script:|mailto:", re.IGNORECASE)
# Tables of the book that hold an account's own facts; each cell names the account first.
OWN = "accounts|contacts|contracts|usage_monthly|tickets"
# What is no fact of anybody: the asker's words, our products' names, who writes, lengths of a meeting, the day.
NEUTRAL = re.compile(r"question$|book:products\b|book:reps\[[^\]]*\]\.name$|method: |book:manifest\.as_of$")


def check(form: str, cells: Mapping[str, Cell], *, account: str, others: Collection[str] = ()) -> str | None:
    """Return None where a line may stand in a draft for a customer, else what is wrong with it in one phrase.

    Args:
        form: The line in reference form.
        cells: Every cell it may refer to, by path.
        account: The customer's id: facts of no other may be told.
        others: Names and ids of other accounts that the asker knows.
    """
    own = re.compile(rf"book:(?:{OWN})\[{re.escape(account)}(?=[\],])")
    used = {path: cells[path] for path in references(form) if path in cells}
    for path in references(form):
        one = cells.get(path)
        if one is None or not one.known:
            return f"there is no value {path}"
        if one.unit == "quote" or not (own.match(one.origin) or NEUTRAL.match(one.origin)):
            return f"{path} is no fact of this customer's own"
        if isinstance(one.value, str) and (MARKED.search(one.value) or inert(one.value, 1000) != one.value):
            return f"{path} holds a link or markup"
    literal = REFERENCE.sub("§", form)
    asked = " ".join(str(one.value) for one in used.values() if one.origin == "question")
    if found := OURS.search(f"{literal} {asked}"):
        return f"{found[0]!r} is not told to a customer"
    if re.search(r"\d|%|[$€£]", f"{literal} {asked}"):
        return "a number from no cell"
    if MARKED.search(literal):
        return "a link or markup"
    return _named(fill(form, used), used, others)


def _named(text: str, used: Mapping[str, Cell], others: Collection[str]) -> str | None:
    """Find another account in the words that come from no cell, or from the asker's."""
    for one in used.values():
        if isinstance(one.value, str) and one.origin != "question":
            text = text.replace(one.value, "§")
    lower = text.lower()
    for name in others:
        if (
            len(name) > 2
            and name.lower() in lower
            and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
        ):
            return f"{name!r} is another account"
    return None
