"""Answer "did it work": a study's verdict first, then its figures; where the verdict refuses, no effect at all.

A study spans teams, so whoever may ask is told its aggregates alone: no account, no rep and no team by name.
"""

from __future__ import annotations

import difflib
import math
import re
from datetime import date
from typing import Any

from copilot.data.hidden import Held, held
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput, MissingData, TryAgain
from copilot.explain.answers.common import cell, constant, say
from copilot.jobs.study_report import measure, spec_of
from copilot.measure.studies import Finding
from copilot.measure.verdict import FEWEST_CLUSTERS, FEWEST_IN_AN_ARM
from copilot.store.database import Store
from copilot.text.cells import Cell, Column, Record, Say, Unit

KINDS = {"ab": "an A/B test in the books", "mau": "steady use, matched", "did": "regions, before and after"}
OUTCOMES = {"rig": "RIG, bookings of renewals over their target", "net_ratio": "Net Ratio, with add-ons"}
LISTED = 10  # studies told in a list, each of which is measured
REFUSALS = {
    "too few clusters": "impact_few",
    "fails A/A": "impact_aa",
    "coverage below 80 %": "impact_coverage",
    "a regional shock cannot be excluded": "impact_shock",
    "underpowered": "impact_power",
}
COLUMNS = {
    "study": Column("Study"),
    "kind": Column("What it compares"),
    "state": Column("State"),
    "starts": Column("From"),
    "ends": Column("To"),
    "verdict": Column("Verdict"),
    "effect": Column("Effect"),
}


def impact(workspace: Workspace, asked: str | None, store: Store) -> Record:
    """Return what a study found, or all studies with their verdicts where several are there and none is named.

    Args:
        workspace: Holds the studies and the book they are measured on, as it is now.
        asked: A study's name as a person writes it.
        store: The product's own log, for who looked.

    Raises:
        MissingData: There are no studies.
        TryAgain: None is called so; names the closest.
        BadInput: A study's file cannot be read.
    """
    known, book = held(workspace.root), workspace.book()
    if not known:
        raise MissingData(
            "There is no study in this workspace yet, so nothing proves what the recommendations bring; an analyst "
            "begins one with `sales-copilot study create FILE`."
        )
    known.sort(key=lambda study: study.ends, reverse=True)
    if asked is not None:
        known = [_named(asked, known)]
    told = [Told(study, book.as_of, _measured(study, book, store)) for study in known[:LISTED]]
    if len(known) == 1:
        return Record("measure_impact", told[0].cells, tuple(told[0].sentences()))
    data = {
        "as_of": cell(book.as_of, "date", "book:manifest.as_of", "as of"),
        "found": cell(len(known), "count", "studies", "studies"),
        "listed": cell(len(told), "count", "studies", "studies"),
        "rows": [one.cells for one in told],
    }
    lines = [say("impact_list" if len(told) == len(known) else "impact_list_some"), say("impact_all_teams")]
    columns = {key: head for key, head in COLUMNS.items() if any(key in one.cells for one in told)}
    return Record("measure_impact", data, tuple(lines), columns)


def _named(asked: str, known: list[Held]) -> Held:
    """Return the study a person means: by its name, or by a part of it that no other has."""
    wanted = re.sub(r"^(?:the|our)-|-study$", "", "-".join(re.findall(r"\w+", asked.casefold())))
    names = {study.name: study for study in known}
    if wanted in names:
        return names[wanted]
    part = [name for name in names if wanted and f"-{wanted}-" in f"-{name}-"]
    if len(part) == 1:
        return names[part[0]]
    close = part or difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.5)
    shown = re.sub(r"[^\w .,&'()/-]", "", asked)[:60].strip()
    hint = f"the closest {'is' if len(close) == 1 else 'are'}" if close else "there are"
    raise TryAgain(f"There is no study {shown!r}; {hint} {', '.join((close or list(names))[:LISTED])}.")


def _measured(study: Held, book: Book, store: Store) -> Finding | str | None:
    """Return what a study found, or why that cannot be said yet, or nothing where its arms were never kept apart."""
    if study.about["kind"] == "ab" and study.about["state"] == "planned":
        return None
    try:
        return measure(study, book, store)
    except BadInput as error:
        return str(error)


class Told:
    """One study as cells and sentences; an effect has a cell only where the verdict is causal."""

    def __init__(self, study: Held, as_of: date, found: Finding | str | None) -> None:
        """Take what ``measure`` returned, or the sentence that says why it could not, or None where nobody began."""
        spec = spec_of(study)
        self.study, self.found = study, found
        self.cells: dict[str, Any] = {
            "study": self._cell("name", study.name, metric="study"),
            "kind": self._cell("kind", KINDS[spec.kind]),
            "outcome": self._cell("outcome", OUTCOMES[spec.outcome]),
            "state": self._cell("state", study.about["state"]),
            "verdict": self._cell("measured.verdict", "none yet", metric="verdict"),
            "starts": self._cell("starts", spec.starts, "date", "first day"),
            "ends": self._cell("ends", spec.ends, "date", "last day"),
            "as_of": cell(as_of, "date", "book:manifest.as_of", "as of"),
            "smallest": self._cell("smallest_effect", spec.smallest_effect, "ratio", "smallest effect sought"),
            "level": constant(0.95, "percent", "level of the interval"),
        }
        if isinstance(found, str):
            self.cells["reason"] = self._cell("measured", found, metric="reason")
        elif found is not None:
            self._judged(found)

    def sentences(self) -> list[Say]:
        """Return the verdict, what it rests on and what limits it."""
        if self.found is None or isinstance(self.found, str):
            return [say("impact_planned" if self.found is None else "impact_unmeasured")]
        effect, word = self.found.effect, self.found.verdict.word
        lines = [say("impact_verdict")]
        if word != "causal":
            unknown = word == "a regional shock cannot be excluded" and "market_moved" not in self.cells
            lines.append(say("impact_shock_unknown" if unknown else REFUSALS[word]))
        elif effect.low > 0 or effect.high < 0:
            lines += [say("impact_causal"), *([say("impact_lift")] if "lift" in self.cells else [])]
        else:
            lines.append(say("impact_nothing"))
        remarks = (say("impact_remark", f"remarks[{place}]") for place in range(len(self.cells["remarks"])))
        return [*lines, say("impact_units"), *remarks, say("impact_all_teams")]

    def _judged(self, found: Finding) -> None:
        effect, verdict = found.effect, found.verdict
        told: dict[str, tuple[float, Unit, str]] = {
            "units": (effect.clusters, "count", "units of assignment"),
            "units_treated": (effect.clusters_treated, "count", "units of assignment"),
            "placebo_p": (found.placebo_p, "ratio", "placebo p"),
            "coverage": (found.coverage, "percent", "coverage"),
            "detectable": (found.detectable, "ratio", "smallest effect it could see"),
            "market_moved": (found.market_moved, "percent", "market"),
        }
        if verdict.causal:
            told |= {
                "effect": (effect.att, "ratio", "effect"),
                "low": (effect.low, "ratio", "effect"),
                "high": (effect.high, "ratio", "effect"),
                "lift": (found.lift.value, "percent", "lift"),
            }
        for name, (value, unit, metric) in told.items():
            if math.isfinite(value):
                self.cells[name] = self._cell(f"measured.{name}", value, unit, metric)
        self.cells["verdict"] = self._cell("measured.verdict", verdict.word, metric="verdict")
        self.cells["least_units"] = constant(FEWEST_CLUSTERS, "count", "fewest units of assignment")
        self.cells["least_in_arm"] = constant(FEWEST_IN_AN_ARM, "count", "fewest units of assignment in an arm")
        # The notes speak of both arms' means, which would be an effect too.
        remarks = (*verdict.sentences[1:], *(found.notes if verdict.causal else ()))
        self.cells["remarks"] = [{"text": self._cell("measured.remarks", text, metric="remark")} for text in remarks]

    def _cell(self, place: str, value: Any, unit: Unit = "text", metric: str = "") -> Cell:
        return cell(value, unit, f"studies/{self.study.name}:{place}", metric or place)
