"""The closed vocabulary of a model: the only words its English sentences may hold beside a value.

A word tells nothing new where it is in our list, in the sentences handed to the model, in the name of a value beside
it, or in a table that another rule holds against the cells (metrics, directions). Any other word may be a claim.
"""

from __future__ import annotations

import re

from copilot.text import words as w
from copilot.text.cells import REFERENCE
from copilot.text.claim import Claim, fold

_PLAIN = frozenset(
    # function words
    """a an the this that these those it its itself they them their he she his her we us our you your i my me who whom
    whose which what where when how and or nor but so as if then than while with without within for from to of
    on in at by about between both during into until till since because before after over under against among up
    out off per is are was were be been being am has have had having do does did can could may might should
    would will not no nothing done never also too only just here there each every all any some other another one
    such more less same still however instead rather overall together alone respectively compared e g finally
    additionally meanwhile moreover furthermore d ll ve re s t m don doesn didn isn aren wasn weren hasn
    haven""".split()
    # a list and its order; times
    + """first second third next last then list table top following below above now current currently previous
    previously recent recently lately later date day week month quarter year annual soon time left ahead hand
    case note""".split()
    # what a rep works with
    + """account customer client contact contacts person people rep team book region segment product contract
    deal seat ticket tickets user open data number value amount level rate risk score figure
    chance probability likelihood estimate estimated prediction predicted forecast expected expectation
    potential opportunity candidate impact effect change result reason interval average total sum list price
    sale usage utilisation use uses term""".split()
    # what a rep may be told to do
    + """act action advise ask attend attention begin boost call called check consider contacted demo discuss email
    ensure explore eye find focus follow give go grow help hold keep know like logged look make mail meet
    meeting monitor move need new offer plan prevent prioritize prioritise promote propose reach recommend
    recommended renew report review schedule see show spoken stake start suggest suggested support take talk
    touch touched training turn upsell visit watch win work worth""".split()
    # how a value stands beside its name
    + """amount come counted due equal get goes going include located made namely possible
    provide range remain represent run stand see seen set show shown spent yield went""".split()
)
_CHECKED = (
    *w.METRICS.values(),
    *(table for table, _ in w.DIRECTIONS),
    *(w.MORE, w.LESS, w.ABOVE, w.BELOW, w.SAME, w.HIGHEST, w.LOWEST, w.FIRST, w.CHANGE, w.NUMBER_WORD, w.MONTH),
)


def unheard(s: Claim) -> str | None:
    """Thanks to our campaign, its CFO is thrilled: a word beside a value that is not in the vocabulary."""
    if not s.refs or not s.is_english:
        return None
    text = re.sub(r"\bx+\b", " ", s.unnamed.lower())  # the names that cells hold
    heard = {word for sentence in s.told for word in _words(REFERENCE.sub(" ", sentence))}
    heard |= {word for ref in s.refs for word in _words(ref.described)}
    for table in _CHECKED:
        text = table.sub(" ", text)
    for word in _words(text):
        if not {word, word.removesuffix("s"), word.removesuffix("es")} & (heard | _PLAIN):
            return f"no cell says {word!r}"
    return None


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", fold(text).lower())
