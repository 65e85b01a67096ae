"""Totals: by what a question wants its sums broken down, and which part of the book they cover."""

from __future__ import annotations

import re

from copilot.agent.clause import Arguments, Clause, each_name

DIMENSIONS = (
    (
        "rep",
        r"(?:sales )?reps?|sellers?|sales ?(?:person|people|persons|agents?)|agents?|owners?|colleagues?|team members?|"
        r"people|person|ae",
    ),
    ("product", r"products?(?: lines?)?|skus?|offerings?"),
    ("region", r"regions?|territor(?:y|ies)|offices?|countr(?:y|ies)|geograph\w+|geo"),
    ("segment", r"segments?|tiers?|customer sizes?"),
    ("stage", r"(?:deal |pipeline |sales )?stages?"),
    ("month", r"months?"),
    ("quadrant", r"quadrants?"),
    ("action", r"(?:type of |kind of |recommended )?actions?(?: types?)?|recommendations?"),
)
ANY = "|".join(pattern for _, pattern in DIMENSIONS)
GROUPED = re.compile(
    r"\b(?:by|per|each|every|across|which|what|for all|among|over)\s+(?:the |our |my |of the |all )*(?:rep's |deal's )*"
    rf"(?:{ANY})\b(?:\s*(?:,|and|&|\+|then|or)+\s*(?:then |by |per |the |each |rep's )*(?:{ANY})\b)*"
)
# "How do my segments compare", "compare the regions".
COMPARED = re.compile(
    rf"\b(?P<these>{ANY})\b (?:compare|stack up|perform|differ|rank|do(?:ing)?|look)\b|"
    rf"\b(?:compare|contrast) (?:all |my |our |the )*(?P<those>{ANY})\b"
)
IMPLIED = (
    ("month", r"\bmonthly\b|month (?:over|by|on|after) month|\btrend over the year"),
    (
        "rep",
        r"\b(?:top|best|worst|leading|strongest|weakest) (?:sales )?(?:rep|seller|salesperson|agent|performer)|"
        r"\bleaderboard|\brep ranking|\bwho\b.*\b(?:won|sold|sells?|clos\w+|brought in|quota|target|win rate|deals?|"
        r"most accounts|behind|ahead|perform\w*)",
    ),
    ("product", r"\b(?:best|top|worst)[- ]sell\w*|\bsells? best"),
    ("stage", r"\bin (?:negotiation|prospecting|engaging|proposal|discovery)\b"),
)


def summed(clause: Clause) -> list[Arguments]:
    """Return the arguments of ``summarize_book``, one call for each way of breaking down."""
    groups = [dimension for found in GROUPED.finditer(clause.plain) for dimension in _dimensions(found[0])]
    if not groups and (found := COMPARED.search(clause.plain)):
        groups = _dimensions(found["these"] or found["those"])
    groups = groups or [dimension for dimension, pattern in IMPLIED if clause.says(pattern)][:1]
    if not groups and clause.marked.values("rep"):
        groups = ["rep"]  # "Otto's win rate" stands in the rows by rep
    if not groups and len(clause.marked.values("region")) > 1 and clause.says(r"compar|\bvs\b|versus|against"):
        return [{"group_by": "region"}]
    calls = each_name(clause, {})
    return [{"group_by": group, **call} for group in dict.fromkeys(groups) for call in calls] or calls


def _dimensions(text: str) -> list[str]:
    """Return the dimensions a phrase names, in its own order; the rep of "the rep's region" is none."""
    text = re.sub(r"\b(?:rep|deal)'s ", "", text)
    found = [(hit.start(), name) for name, pattern in DIMENSIONS for hit in re.finditer(rf"\b(?:{pattern})\b", text)]
    return [name for _, name in sorted(found)]
