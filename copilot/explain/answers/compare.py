"""Answer "A or B": two to five accounts side by side, which comes first and by what, and where another one leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.assign import value
from copilot.data.hidden import FACTS
from copilot.errors import TryAgain
from copilot.explain.answers.common import (
    SCORES,
    as_of_cell,
    cell,
    constant,
    hidden_cell,
    resolve,
    say,
    score_cells,
    templates,
    why_missing,
)
from copilot.explain.answers.ranking import DEALS
from copilot.explain.answers.summary import priced
from copilot.text.cells import Cell, Column, Record, Say

Rows = list[dict[str, Cell]]


@dataclass(frozen=True)
class _Measure:
    """What accounts are compared by: its topic, which of two values leads, and the cells its sentence needs."""

    topic: str
    most: bool
    needs: tuple[str, ...] = ()


MEASURES: Mapping[str, _Measure] = {
    "uplift_usd": _Measure("uplift", most=True),
    "growth_usd": _Measure("growth", most=True),
    "churn_probability": _Measure("churn", most=True),
    "engagement_change": _Measure("usage", most=False, needs=("engagement_current", "engagement_forecast")),
    "renewal_date": _Measure("renewals", most=False),
    "spend_usd": _Measure("spend", most=True),
    "open_deals": _Measure("open_deals", most=True),
}
# The table's lines in their order, each with its topic; the owner's stands where there are several.
LINES = {
    "name": "", "owner": "", "segment": "", "action": "", "priority": "", "uplift_usd": "uplift",
    "growth_usd": "growth", "upsell_probability": "growth", "churn_probability": "churn",
    "engagement_change": "usage", "renewal_date": "renewals", "spend_usd": "spend",
    "seats": "spend", "open_deals": "open_deals", "last_touch": "last_touch",
}  # fmt: skip
HEADS = {**SCORES, **DEALS}


def compare(snapshot: SnapshotReader, scope: Scope, accounts: Sequence[str]) -> Record:
    """Return two to five accounts side by side, the one of the highest priority first.

    Priority is taken apart into what money and what the change in use contribute (Eq. 2). What a running study hides
    stays unknown; the book's facts are compared all the same.

    Raises:
        UnknownAccount: One of them is not in scope.
        TryAgain: All of them mean one account.
    """
    wanted = list(dict.fromkeys(resolve(account, snapshot, scope) for account in accounts))
    frame = snapshot.scores("accounts", scope)
    several_owners, by_uplift = frame["owner_rep_id"].nunique() > 1, frame["uplift_usd"].notna().any()
    frame = frame.set_index("account_id", drop=False).loc[wanted]
    if len(wanted) < 2:
        raise TryAgain(f"Every name given means {frame['name'].iloc[0]}; name another account to compare it with.")
    if frame["priority"].notna().any():
        frame = frame.sort_values("priority", ascending=False, kind="stable", na_position="last")
    rows = _rows(frame, snapshot, scope)
    reason = why_missing(snapshot, "plan")
    data: dict[str, Any] = {
        "as_of": as_of_cell(snapshot),
        "money": constant("what a touch adds" if by_uplift else "the expected change in spend", "text", "money side"),
        "reason": cell(reason, "text", f"snapshot {snapshot.id}:skipped.plan", "reason"),
        "rows": rows,
    }
    lines = [*_first(rows, known_reason=reason is not None), *_measures(rows), *_open_questions(rows)]
    return Record(
        "compare_accounts",
        data,
        tuple(lines),
        _columns(rows, several_owners),
        tuple(frame["account_id"]),
        sideways=True,
    )


def _rows(frame: pd.DataFrame, snapshot: SnapshotReader, scope: Scope) -> list[dict[str, Cell]]:
    """Return the cells of each account, with the two sides of its priority and their distance to the first's."""
    deals = priced(snapshot, scope)
    still_open = deals.loc[deals["status"] == "open", "account_id"] if len(deals) else pd.Series(dtype="str")
    scales = value.Scales.from_dict(snapshot.manifest["scales"])
    use = value.value(float("nan"), frame["engagement_change"].abs(), frame["weight"], scales=scales)
    sides = pd.DataFrame({"use": use}, index=frame.index).fillna(0.0).where(frame["priority"].notna())
    sides["money"] = frame["priority"] - sides["use"]
    rows = []
    for account, row in zip(frame.index, frame.to_dict("records"), strict=True):
        scored = f"snapshot {snapshot.id}:accounts[{account}]"
        unit, metric, _ = DEALS["open_deals"]
        count = int((still_open == account).sum()) if len(deals) else None
        found = score_cells(row, snapshot)
        found["open_deals"] = cell(count, unit, f"book:opportunities[{account}], open", metric)
        found["weight"] = cell(row["weight"], "percent", f"{scored}.weight", "weight of money")
        for name, gap in (
            ("gap", frame["priority"].iloc[0] - row["priority"]),
            ("gap_money", sides["money"].iloc[0] - sides.loc[account, "money"]),
            ("gap_use", sides["use"].iloc[0] - sides.loc[account, "use"]),
        ):
            found[name] = cell(gap, "score", f"{scored}.priority, Eq. 2", "priority difference")
        if (why := hidden_cell(row)) is not None:
            found["hidden"] = why
        rows.append(found)
    return rows


def _first(rows: Rows, *, known_reason: bool) -> list[Say]:
    """Say which comes first by priority, and what makes the difference to the next."""
    ranked = [place for place, row in enumerate(rows) if row["priority"].value is not None]
    if not ranked:
        return [say("compare_unranked" if known_reason else "compare_unranked_bare", topic="priority")]
    if len(ranked) == 1:
        return [say("compare_only", topic="priority")]
    if rows[0]["priority"].shown == rows[1]["priority"].shown:
        lines = [say("compare_level", topic="priority")]
    else:
        lines = [say("compare_first", topic="priority"), say("compare_next", "rows[1]", "priority", detail=True)]
        money, use = (abs(float(str(rows[1][name].value))) for name in ("gap_money", "gap_use"))
        lines.append(say("compare_gap_money" if money >= use else "compare_gap_use", "", "priority", detail=True))
        if rows[0]["weight"].shown != rows[1]["weight"].shown:
            lines.append(say("compare_weights", "", "priority", detail=True))
    return lines + [say("compare_next", f"rows[{place}]", "priority", detail=True) for place in ranked[2:]]


def _measures(rows: Rows) -> list[Say]:
    """Tell each measure's leader beside the first account, or beside the next where the first leads itself.

    Those in which another one leads come first: the highest priority alone is no verdict.
    """
    others: list[Say] = []
    own: list[Say] = []
    for name, measure in MEASURES.items():
        order = _order(rows, name, measure)
        if len(order) < 2 or rows[order[0]][name].shown == rows[order[1]][name].shown:
            continue
        lead = order[0]
        beside = 0 if lead != 0 and 0 in order else order[1]
        text = templates("answers")[f"compare_{name}"]
        text = text.replace("{{a.", f"{{{{rows[{lead}].").replace("{{b.", f"{{{{rows[{beside}].")
        (own if lead == 0 else others).append(Say(text, measure.topic, detail=True))
    return [say("compare_measures"), *others, *own] if others or own else []


def _order(rows: Rows, name: str, measure: _Measure) -> list[int]:
    """Return the places of the rows that hold a measure, its leader first."""

    def worth(place: int) -> Any:
        return rows[place][name].value

    known = [
        place for place, row in enumerate(rows) if all(row[one].value is not None for one in (name, *measure.needs))
    ]
    return sorted(known, key=worth, reverse=measure.most)


def _open_questions(rows: Rows) -> list[Say]:
    """Say whose scores are hidden, what is not known of one that is known of another, and where no touch helps."""
    lines = []
    for place, row in enumerate(rows):
        if "hidden" in row:
            lines.append(say("compare_hidden", f"rows[{place}]"))
        if missing := _missing(row, rows):
            row["unknown"] = constant(", ".join(missing), "text", "what is not known")
            lines.append(say("compare_unknown", f"rows[{place}]"))
        elif row["action"].value is None and row["priority"].value is not None:
            lines.append(say("recommend_none", f"rows[{place}]"))
    return lines


def _missing(row: Mapping[str, Cell], rows: Rows) -> list[str]:
    """Return what is not known of an account and known of another; what a study hides is told by itself."""
    return [
        HEADS[name][1]
        for name in ("priority", *MEASURES, "last_touch")
        if row[name].value is None
        and any(other[name].value is not None for other in rows)
        and ("hidden" not in row or name in FACTS)
    ]


def _columns(rows: Rows, several_owners: bool) -> dict[str, Column]:
    known = {name for name in LINES if any(row[name].value is not None for row in rows)}
    known -= set() if several_owners else {"owner"}
    return {name: Column(HEADS[name][2], topic) for name, topic in LINES.items() if name in known}
