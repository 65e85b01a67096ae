"""Answer "why not this one first": the places of some accounts in a ranking, in place of the whole list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from copilot.explain.answers.against import against
from copilot.explain.answers.common import constant, say
from copilot.explain.answers.ranking import KEYS, SortBy
from copilot.text.cells import Record, Say, references

LISTED = 10  # rows of a list that names no number


def standing(record: Record, asked: Mapping[str, str], sort_by: SortBy = "priority") -> Record:
    """Narrow a ranking to the accounts asked for, beside its first where only one is asked for.

    Args:
        record: What ``rank`` returned.
        asked: Names by account id.
        sort_by: What it ranked by.
    """
    every = record.data["rows"]
    chosen = [
        row for place, row in enumerate(every) if row["account_id"].value in asked or (place, len(asked)) == (0, 1)
    ]
    found = {row["account_id"].value for row in chosen}
    absent = [
        {"name": constant(name, "text", "account asked for")} for account, name in asked.items() if account not in found
    ]
    cells, unlike = against(chosen)
    data = {
        **record.data,
        "against": cells,
        "rows": chosen,
        "absent": absent,
        "ranked": constant(len(every), "count", "accounts ranked here"),
        "listed": constant(LISTED, "count", "rows of a list"),
    }
    kind = "standing_unranked" if len(every) == record.data["considered"].value else "standing_later"
    lines = [*_places(chosen, asked, sort_by), *(say(kind, f"absent[{n}]") for n in range(len(absent)))]
    if absent or any(row["rank"].value > LISTED for row in chosen):
        lines.append(say("standing_listed"))
    if sort_by == "priority" and any(row["uplift_usd"].value is not None for row in every if "uplift_usd" in row):
        lines.append(say("standing_weighs"))
    return replace(record, data=data, say=(*lines, *_about_all(record), *unlike), accounts=tuple(asked))


def _places(chosen: list[dict[str, Any]], asked: Mapping[str, str], sort_by: SortBy) -> list[Say]:
    """Tell the places asked for, then the first one beside them."""
    own = [place for place, row in enumerate(chosen) if row["account_id"].value in asked]
    others = [place for place in range(len(chosen)) if place not in own]
    lines = [say(_template("standing", chosen[place], sort_by), f"rows[{place}]") for place in own]
    return lines + [say(_template("standing_first", chosen[place], sort_by), f"rows[{place}]") for place in others]


def _template(kind: str, row: dict[str, Any], sort_by: SortBy) -> str:
    """Choose the sentence that gives the score too, where there is one."""
    score = row.get(KEYS[sort_by].column)
    return f"{kind}_{sort_by}" if score is not None and score.value is not None else f"{kind}_plain"


def _about_all(record: Record) -> list[Say]:
    """Keep what the ranking says of the list as a whole."""
    whole = (line for line in record.say if not (line.detail or line.below))
    return [line for line in whole if not any(path.startswith("rows[") for path in references(line.text))]
