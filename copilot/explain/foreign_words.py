"""Our narratives for a team's own model: its features grouped, its contributions ranked and worded (MATHS §6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from copilot.data.specs import FeatureSpec, Grain
from copilot.errors import BadInput
from copilot.explain.grouping import group
from copilot.explain.insights import insights
from copilot.explain.narratives import texts
from copilot.explain.reasons import TOP, reasons
from copilot.explain.record import Attribution
from copilot.explain.thresholds import Rules

COLUMNS = ("account_id", "rank", "category", "ultra_name", "feature_name", "weight", "text")
LAYERS = ("super_name", "ultra_name", "category", "meaning")
LONGEST = 200  # letters of a label
_WINDOWED = re.compile(r"(.+?)[_\-. ]l(\d{1,3})([dwm])(?:_l(\d{1,3})\3)?", re.IGNORECASE)
_GRAINS: dict[str, Grain] = {"d": "day", "w": "week", "m": "month"}


def narrate(
    found: Attribution,
    accounts: Sequence[str],
    values: pd.DataFrame,
    *,
    groups: pd.DataFrame | None = None,
    about: str = "score",
    top: int = TOP,
) -> pd.DataFrame:
    """Return each account's strongest reasons in words, one a family of features, the strongest first.

    A feature named ``…_l3m`` is told against its ``…_l6m_l3m`` where both are there; another by its value, or by its
    name alone where its value is not known.

    Args:
        found: The contributions, from ``attribute`` or ``read_contributions``.
        accounts: (n,), one id a row.
        values: (n, f), the features' raw values in the columns' order, NaN where not known.
        groups: ``feature_name`` with ``super_name, ultra_name, category, meaning`` of every feature, as
            ``group-features`` writes them; made by ``grouping.group`` unless given.
        about: churn, upsell, uplift, or any other word for what the model predicts.
        top: How many reasons an account keeps.

    Returns:
        ``COLUMNS``; the weight is the largest contribution of the features told, with the sign of their sum, in the
        attribution's unit.

    Raises:
        BadInput: Rows that do not fit, or a feature that ``groups`` lacks.
    """
    if len(accounts) != len(found.values) or values.shape != found.values.shape:
        raise BadInput(
            f"There are {len(found.values)} rows of contributions, {len(accounts)} account ids and values of shape "
            f"{values.shape}; give one id and one value a contribution."
        )
    raw = values.to_numpy(np.float64)
    known = np.isfinite(raw)
    whole = ((raw == np.round(raw)) | ~known).all(axis=0)
    specs = _specs(found.features, group(list(found.features)) if groups is None else groups, whole)
    told, place = insights(specs), {spec.name: position for position, spec in enumerate(specs)}
    # A value that is not known stands in as 1, so that its contribution is ranked; it is told by its name alone.
    filled = pd.DataFrame(np.where(known, raw, 1.0), index=pd.Index(accounts), columns=list(place))
    for one in told:
        if one.previous:  # against what is not known, nothing is told to have changed
            both = known[:, place[one.current]] & known[:, place[one.previous]]
            filled[one.previous] = filled[one.previous].where(both, filled[one.current])
    frame = reasons(about, found.values, filled, specs, top=top, told=told)
    row, column = filled.index.get_indexer(frame["account_id"]), frame["current_feature"].map(place).to_numpy(int)
    frame["current"] = frame["current"].where(known[row, column])
    return pd.DataFrame(
        {
            "account_id": frame["account_id"],
            "rank": frame["rank"],
            "category": frame["category"],
            "ultra_name": frame["ultra"],
            "feature_name": [found.features[one] for one in column],
            "weight": frame["importance"] * frame["push"],
            "text": texts(frame, Rules()),
        },
        columns=list(COLUMNS),
    )


def _specs(names: Sequence[str], groups: pd.DataFrame, whole: np.ndarray) -> list[FeatureSpec]:
    """Return what the insights need to know of each feature: its layers, its words, and the window in its name."""
    lacking = [name for name in ("feature_name", *LAYERS) if name not in groups]
    if lacking:
        raise BadInput(f"The groups lack the column {lacking[0]}; make them with `sales-copilot group-features`.")
    by_name = groups.drop_duplicates("feature_name").set_index("feature_name")[list(LAYERS)].fillna("").astype(str)
    unknown = [name for name in names if name not in by_name.index]
    if unknown:
        raise BadInput(f"The groups lack the feature {unknown[0][:60]!r}; group all of the model's features.")
    stems: dict[str, int] = {}
    specs = []
    for place, name in enumerate(names):
        super_name, ultra_name, category, meaning = by_name.loc[name]
        found = _WINDOWED.fullmatch(name)
        far, near = (int(found[2]), int(found[4] or 0)) if found else (0, 0)
        windowed = found is not None and far > near
        stem = stems.setdefault(found[1].casefold() if found else name, len(stems))
        specs.append(
            FeatureSpec(
                f"f{place}",
                "accounts",
                str(stem),  # what is measured: two windows of one stem are compared, two stems of one family are not
                "max",
                window=far - near if windowed else None,
                lag=near if windowed else 0,
                grain=_GRAINS[found[3].lower()] if found and windowed else "month",
                unit="count" if whole[place] else "ratio",
                label=((super_name if windowed else meaning) or name)[:LONGEST],
                super_name=super_name or name,
                ultra_name=ultra_name or super_name or name,
                category=category or "Other",
            )
        )
    return specs


def read_table(path: Path, key: str) -> pd.DataFrame:
    """Return a CSV as text, with its ``key`` filled and no value of it twice.

    Raises:
        BadInput: Unreadable, no such column, or a key that is missing or doubled.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(
            f"The file {path.name!r} cannot be read ({error.strerror}); name an existing CSV file."
        ) from None
    except ValueError:  # not UTF-8, empty, or lines of unequal length
        raise BadInput(f"The file {path.name!r} is not a UTF-8 CSV with a heading; export it again.") from None
    if key not in table or not isinstance(table.index, pd.RangeIndex):
        raise BadInput(f"The file {path.name!r} has no column {key} in its heading, or longer lines than its heading.")
    if (bad := table[key].str.strip().eq("") | table[key].duplicated()).any():
        place = int(np.flatnonzero(bad)[0])
        why = "names none" if not table[key].iloc[place].strip() else f"has {table[key].iloc[place][:40]!r} once more"
        raise BadInput(f"Each line of {path.name!r} needs a {key} of its own; line {place + 2} {why}.")
    return table


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return columns of text as numbers, NaN where empty.

    Raises:
        BadInput: A cell holds something else, or an infinite number.
    """
    found = {}
    for name in table:
        cells = table[name].str.strip()
        values = pd.to_numeric(cells.where(cells != ""), errors="coerce")
        wrong = (cells != "") & ~np.isfinite(values.fillna(np.inf).to_numpy(np.float64))
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise BadInput(
                f"The column {str(name)[:60]!r} holds {cells.iloc[place][:40]!r} in line {place + 2}; it needs finite "
                "numbers, with a point and without thousands separators, or nothing."
            )
        found[name] = values.astype("float64")
    return pd.DataFrame(found, index=table.index)
