"""The words of the demo book's rep notes, with a few facts planted once each so that search can be checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from copilot.data.demo.words import INDUSTRIES, PRODUCTS, Array

# Each fact stands in exactly one note of the book; the words beside it are what a rep would search for.
PLANTED = (
    ("Budget timing", "The budget review has moved to September; nothing will be signed before that."),
    ("Single sign-on", "Their security team will not renew until single sign-on works with their directory."),
    ("Competitor trial", "They run a three-month trial of a rival tool called Nimbus Hire, ending in October."),
    ("Merger", "They merge with a smaller firm in the autumn and expect two hundred new colleagues."),
    ("New decision maker", "A new chief people officer starts on the first of August and will decide alone."),
    ("Data residency", "Legal wants all candidate data stored in Frankfurt, otherwise the contract ends."),
    ("Hiring freeze", "Hiring is frozen until the new plant opens in January."),
    ("Payment terms", "Procurement asks for quarterly invoices instead of one payment a year."),
    ("Champion leaves", "Our champion goes on parental leave in July; her deputy has never seen the product."),
    ("Accessibility audit", "The works council demands an accessibility audit before more seats are bought."),
    ("Second office", "They open an office in Lisbon in November and want the same set-up there."),
    ("Price cap", "The contract has a price cap of three percent that they insist on keeping."),
)

_TITLES = ("Call", "Check-in", "Quarterly review", "Visit", "Short call", "E-mail exchange")
_BY_MOOD = (  # little used, in between, much used
    (
        "Only a handful of people log in to {product}. {first} says nobody had time for the introduction.",
        "{first} doubts that {product} pays off; the managers went back to spreadsheets.",
        "Log-ins to {product} fell after the reorganisation. Offered a refresher, no answer yet.",
        "{first} could not name the administrator of {product} any more. We should find out who it is.",
    ),
    (
        "Friendly talk with {first}. {product} does what they need, no plans to change anything.",
        "{first} asked how other {industry} firms use {product}; promised two examples.",
        "Went through the figures of {product} with {first}. Some teams use it daily, others not at all.",
        "{first} wants a short summary for the board, two pages at most.",
    ),
    (
        "{first} is very happy with {product}; the whole team works in it every day.",
        "They reach the limit of their seats in {product} most weeks, says {first}.",
        "{first} would speak at our customer day. {product} has become part of their routine.",
        "No wishes from {first}: {product} runs, please send fewer e-mails.",
    ),
)
_CLOSINGS = (
    "Next step: call again in three weeks.",
    "Sent the slides afterwards.",
    "{first} prefers e-mail to the phone.",
    "Finance was not in the room.",
    "To be followed up after the holidays.",
    "Asked for a reference from another {industry} customer.",
    "",
)


def write(
    *, mood: Array, industry: Array, contact: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Return a title and a body for each note.

    Args:
        mood: 0 where the lead product is little used, 1 in between, 2 where it is used a lot.
        industry: Positions in ``INDUSTRIES``.
        contact: Whom the rep spoke to; the first name is used.
    """
    n, names = len(mood), [name.lower() for name in INDUSTRIES]
    draws = rng.random((4, n))
    titles, bodies = [], []
    for i in range(n):
        words = {
            "first": contact[i].split()[0],
            "product": PRODUCTS[0] if draws[0, i] < 0.8 else "the product",
            "industry": names[industry[i]],
        }
        text = f"{_pick(_BY_MOOD[mood[i]], draws[1, i])} {_pick(_CLOSINGS, draws[2, i])}".strip()
        titles.append(f"{_pick(_TITLES, draws[3, i])} with {words['first']}")
        bodies.append(text.format(**words))
    return titles, bodies


def _pick(options: Sequence[str], draw: float) -> str:
    return options[int(draw * len(options))]
