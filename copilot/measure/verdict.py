"""What a study proves: a verdict before the number, because a number alone is believed whatever made it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from copilot.measure.cem import COVERAGE
from copilot.measure.effect import Effect
from copilot.measure.power import detectable
from copilot.measure.shock import Shock

Word = Literal[
    "causal",
    "fails A/A",
    "coverage below 80 %",
    "underpowered",
    "too few clusters",
    "a regional shock cannot be excluded",
]
FEWEST_CLUSTERS = 20  # treated and untreated together; with fewer the errors themselves are guesses
FEWEST_IN_AN_ARM = 5
AA_LEVEL = 0.05


@dataclass(frozen=True)
class Verdict:
    """One word and the sentences behind it; the first says the verdict itself."""

    word: Word
    sentences: tuple[str, ...]

    @property
    def causal(self) -> bool:
        """Whether the effect may be told as caused by the treatment."""
        return self.word == "causal"


def judge(
    effect: Effect,
    *,
    smallest_effect: float,
    within_books: bool,
    placebo_p: float = math.nan,
    coverage: float = math.nan,
    shock: Shock | None = None,
) -> Verdict:
    """Judge a study by the first thing that is wrong with it.

    Args:
        effect: The effect with its errors by the level of assignment.
        smallest_effect: The smallest effect worth finding, in the outcome's unit.
        within_books: Whether accounts were randomised inside books (then each account is a unit of its own).
        placebo_p: The joint A/A over the periods before; NaN where there was none.
        coverage: The share of the treated that was matched; NaN without matching.
        shock: For a regional study, how the markets moved.
    """
    least = detectable(effect.se_corrected, effect.df)
    found = effect.low > 0 or effect.high < 0
    for word, wrong, sentence in (
        (
            "too few clusters",
            effect.clusters < FEWEST_CLUSTERS
            or (not within_books and min(effect.clusters_treated, effect.clusters_control) < FEWEST_IN_AN_ARM)
            or not effect.se_corrected > 0,
            f"There are {effect.clusters} units of assignment ({effect.clusters_treated} of them treated); "
            f"with fewer than {FEWEST_CLUSTERS}, or {FEWEST_IN_AN_ARM} in an arm, the error cannot be told.",
        ),
        (
            "fails A/A",
            placebo_p < AA_LEVEL,
            f"The arms already moved apart before anything was done (joint placebo p = {placebo_p:.3f}).",
        ),
        (
            "coverage below 80 %",
            coverage < COVERAGE,
            f"Only {coverage:.0%} of the treated found somebody like them; "
            "what holds for those says little of the rest.",
        ),
        (
            "a regional shock cannot be excluded",
            shock is not None and not shock.excluded,
            _shocked(shock),
        ),
        (
            "underpowered",
            not found and max(least, abs(effect.low), abs(effect.high)) > smallest_effect,
            f"No effect was found, and one of {smallest_effect:g} cannot be excluded "
            f"(95 %: {effect.low:+.3g} to {effect.high:+.3g}): this study sees effects from {least:.3g} on.",
        ),
    ):
        if wrong:
            return Verdict(word, (sentence,))  # type: ignore[arg-type]
    told = (
        f"The treatment changed the outcome by {effect.att:+.3g} (95 %: {effect.low:+.3g} to {effect.high:+.3g})."
        if found
        else f"No effect of {smallest_effect:g} or more: {effect.att:+.3g} "
        f"(95 %: {effect.low:+.3g} to {effect.high:+.3g}), in a study that would have seen it."
    )
    return Verdict("causal", (told, *_caveats(within_books, placebo_p, shock)))


def _shocked(shock: Shock | None) -> str:
    if shock is None or not shock.known:
        return "Nothing in the book tells how the regions' markets moved, so a shock to one of them cannot be excluded."
    return (
        f"The market of the treated regions moved by {shock.moved:+.1%} against the others' in the period; "
        "whatever changed there may come from that."
    )


def _caveats(within_books: bool, placebo_p: float, shock: Shock | None) -> list[str]:
    said = []
    if within_books:
        said.append(
            "Time that a rep moved from control to treated accounts would make the effect look larger than it is."
        )
    if shock is not None:
        said.append("A regional shock that the market index does not show cannot be told from the treatment.")
    if not within_books and math.isnan(placebo_p):
        said.append("There was no period before to test the arms on.")
    return said
