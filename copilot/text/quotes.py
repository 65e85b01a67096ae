"""Free text of others, made harmless: cut into passages, and shown as a marked quotation that nothing can act in.

What stands in a note was written by anybody. Shown, it has no hidden letters, no address that a screen would turn into
a link, no markup, no reference, and it cannot close the quotation marks it stands in.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

from copilot.text.cells import Cell, Record, flatten
from copilot.text.claim import split_sentences

PASSAGE = 300  # letters at most, of a passage and of a quotation
SHORT = 80  # letters at most, of a title or a name
_SLAB = 2000  # letters that are looked through at once
_UNSEEN = ("Cc", "Co", "Cs", "Cn", "Zl", "Zp")  # control, private, halves, unassigned, line ends
_PILED = re.compile(r"([\u0300-\u036f]{2})[\u0300-\u036f]+")  # marks piled on a letter cover the lines around it
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\b(?:mailto|javascript|vbscript):(?=\S)|\bdata:(?=\w+/))[^\s\])>\"']*",
    re.IGNORECASE,
)
_MARKS = str.maketrans(dict.fromkeys('“”„«»‹›"', "'"))
# What could begin a tag, a link's target, a picture or a reference stands apart afterwards.
_OPENING = re.compile(r"<(?=[a-z/!?])|\](?=[(\[])|!(?=\[)|\{(?=[{%])|\}(?=\})", re.I)


def inert(text: str, most: int = PASSAGE) -> str:
    """Return ``text`` in one line of at most ``most`` letters, harmless wherever it is shown."""
    seen = "".join(_visible(letter) for letter in text[: 4 * _SLAB])
    plain = _LINK.sub("(link)", _PILED.sub(r"\1", unicodedata.normalize("NFC", seen))).translate(_MARKS)
    return textwrap.shorten(_OPENING.sub(lambda found: found[0] + " ", plain), most, placeholder=" …")


def quoted(text: str, most: int = PASSAGE) -> str:
    """Return ``text`` as ``inert`` does, in quotation marks: so it is marked, and no spreadsheet runs it."""
    return f"“{inert(text, most)}”"


def passages(text: str) -> list[str]:
    """Cut ``text`` into its sentences, as written; one of more than ``PASSAGE`` letters into several."""
    slabs = (slab for line in text.splitlines() for slab in textwrap.wrap(line, _SLAB))
    sentences = (sentence for slab in slabs for sentence in split_sentences(slab))
    return [part for sentence in sentences for part in textwrap.wrap(sentence, PASSAGE)]


def around(parts: Sequence[str], hit: int) -> str:
    """Return the passage ``hit`` as a quotation, with as many of those after and before it as fit."""
    shown = [inert(part) for part in parts]
    first, last = hit, hit
    room = PASSAGE - 4 - len(shown[hit])  # for the marks of what is left out
    grown = True
    while grown:
        grown = False
        if last + 1 < len(shown) and len(shown[last + 1]) < room:
            last, room, grown = last + 1, room - len(shown[last + 1]) - 1, True
        if first > 0 and len(shown[first - 1]) < room:
            first, room, grown = first - 1, room - len(shown[first - 1]) - 1, True
    text = " ".join(shown[first : last + 1])
    return f"“{'… ' if first else ''}{text}{' …' if last + 1 < len(shown) else ''}”"


def _visible(letter: str) -> str:
    kind = unicodedata.category(letter)
    return "" if kind == "Cf" else " " if kind in _UNSEEN else letter  # Cf: joiners and writing directions


def free_text(record: Record) -> bool:
    """Say whether a record holds free text: after it, nothing may be written in the same turn."""
    return any(cell.unit == "quote" for _, cell in flatten(record.data, ""))


def quote(text: str, origin: str, metric: str) -> Cell:
    """Make the cell of a quotation; no language model is shown it or may refer to it."""
    return Cell(text, "quote", origin, metric)
