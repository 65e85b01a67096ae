"""The vocabulary: the names of the asker's own book, and where a question mentions them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from copilot.agent.bank import WORD, Bank, fold
from copilot.agent.finder import Finder
from copilot.agent.mentions import Kind, Marked
from copilot.agent.names import Names

# Other words for a region or segment, heard only where the book has that value.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "na": ("north america", "nordamerika", "usa", "us"),
    "emea": ("europe", "europa"),
    "apac": ("asia", "asia pacific", "asien", "asien-pazifik"),
    "latam": ("latin america", "south america", "lateinamerika", "südamerika"),
    "us": ("usa", "united states", "america"),
    "united states": ("usa", "us", "america"),
    "uk": ("united kingdom", "britain", "england", "großbritannien"),
    "de": ("germany", "deutschland"),
    "in": ("india", "indien"),
    "fr": ("france", "frankreich"),
    "smb": ("smbs", "small business", "small businesses", "small accounts", "small customers", "kleinkunden", "kmu"),
    "mid-market": ("mid size", "mid sized", "mittelstand", "mittelstandskunden"),
    "enterprise": ("enterprises", "großkunden"),
}


@dataclass(frozen=True)
class Vocabulary:
    """Names the asker may know of: the caller has restricted them to the asker's scope, so others are unknown here.

    ``accounts`` and ``reps`` map ids to names; ``asker`` is the asker's own name among the reps. Keep one per scope and
    snapshot: the index is built on first use and takes a few seconds for 200 000 accounts.
    """

    accounts: Mapping[str, str]
    products: Sequence[str] = ()
    segments: Sequence[str] = ()
    regions: Sequence[str] = ()
    industries: Sequence[str] = ()
    reps: Mapping[str, str] = field(default_factory=dict)
    today: date = date.min
    stages: Sequence[str] = ()
    studies: Sequence[str] = ()
    asker: str = ""

    def mark(self, text: str, bank: Bank) -> Marked:
        """Return ``text`` with its names marked: ids first, then the longest names, then slips, then unknown names.

        Args:
            text: The question as typed.
            bank: Tells ordinary words from names.
        """
        return Finder(self, text, bank).marked()

    @cached_property
    def ids(self) -> dict[str, str]:
        """Account ids by their folded form; one without a digit or mark could be any word and counts as a name."""
        return {fold(key): key for key in self.accounts if re.search(r"[\d_-]", key)}

    @cached_property
    def indices(self) -> Mapping[Kind, Names]:
        """The index of each kind of name, in order of precedence among names of equal length."""
        people = {**self.reps, **{f"{key}\n": name.split()[-1] for key, name in self.reps.items() if name.split()}}
        return {
            "account": Names(self.accounts),
            "product": Names({name: name for name in self.products}),
            "rep": Names(people),
            "segment": Names(_with_aliases(self.segments)),
            "region": Names(_with_aliases(self.regions)),
        }

    @cached_property
    def common(self) -> frozenset[str]:
        """Folded words of stages, industries and parts of the world: no names, though they may have a capital."""
        world = (name for key, others in ALIASES.items() for name in (key, *others))
        return frozenset(fold(word) for name in (*self.stages, *self.industries, *world) for word in WORD.findall(name))


def _with_aliases(values: Iterable[str]) -> dict[str, str]:
    """Map "value", "value\\n1" … to the value itself and its other words; a key's first line is the value."""
    found = {value: value for value in values}
    for value in list(found):
        for number, other in enumerate(ALIASES.get(value.lower(), ())):
            found[f"{value}\n{number}"] = other
    return found
