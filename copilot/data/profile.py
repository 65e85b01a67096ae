"""What a feature's values look like: nulls, quantiles and the course of its mean, kept so that it is reckoned once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.features import build
from copilot.data.lineage import spec_hash
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book, Workspace

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
MONTHS = 12
SAMPLE = 2000  # accounts that the monthly means rest on
AT_ONCE = 6  # months a build: each reads the tables once, and of one day alone it would draw all their rows together
FORMAT = 1
_FILE = "profiles.json"
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Profile:
    """One feature on one book's day.

    Attributes:
        accounts: How many accounts were looked at.
        nulls: How many have no value.
        distinct: How many different values there are.
        low, high, mean: Of the values; None where there are none.
        quantiles: At ``QUANTILES``.
        months: The last twelve month ends, the oldest first.
        monthly: The mean as of each of them, None where nothing was known; empty where not reckoned.
        sampled: How many accounts the monthly means rest on.
    """

    accounts: int
    nulls: int
    distinct: int
    low: float | None
    high: float | None
    mean: float | None
    quantiles: tuple[float | None, ...]
    months: tuple[str, ...] = ()
    monthly: tuple[float | None, ...] = ()
    sampled: int = 0

    @property
    def null_share(self) -> float | None:
        """The share of accounts without a value; None where there are no accounts."""
        return self.nulls / self.accounts if self.accounts else None

    @property
    def median(self) -> float | None:
        """The middle value."""
        return self.quantiles[QUANTILES.index(0.5)]


def describe(values: pd.Series) -> Profile:
    """Return the profile of one feature's values, a row an account; infinite ones count as null."""
    numbers = values.to_numpy(dtype="float64")
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return Profile(len(numbers), len(numbers), 0, None, None, None, (None,) * len(QUANTILES))
    with np.errstate(over="ignore"):
        mean, quantiles = known.mean(), np.quantile(known, QUANTILES)
    return Profile(
        accounts=len(numbers),
        nulls=len(numbers) - len(known),
        distinct=len(np.unique(known)),
        low=float(known.min()),
        high=float(known.max()),
        mean=_number(mean),
        quantiles=tuple(_number(q) for q in quantiles),
    )


def _number(value: float) -> float | None:
    """Return a plain number, or None where there is none: nothing was known, or the sum is beyond any float."""
    return float(value) if np.isfinite(value) else None


def profiles(
    workspace: Workspace,
    specs: Sequence[FeatureSpec],
    *,
    values: pd.DataFrame | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> dict[str, Profile]:
    """Return the profile of each spec on the current book, by name; only what is not stored is reckoned.

    Args:
        workspace: Its folder ``mart`` keeps the profiles, each under the book's version and the spec's hash.
        specs: The features.
        values: Their values as of the book's day, where they are at hand.
        tell: Hears which month is being reckoned.
    """
    book = workspace.book()
    found = stored(workspace, book, specs)
    fresh = [spec for spec in specs if spec.name not in found]
    if not fresh:
        return found
    if values is None:
        tell(f"Values as of {book.as_of}")
        values = build(workspace, specs=fresh, as_of=book.as_of)
    means, sampled = _monthly(workspace, book, fresh, tell)
    for spec in fresh:
        course = tuple(_number(mean) for mean in means[spec.name])
        found[spec.name] = replace(
            describe(values[spec.name]),
            months=tuple(day.isoformat() for day in means.index),
            monthly=course,
            sampled=sampled,
        )
    _store(workspace, book, {spec.name: spec_hash(spec) for spec in fresh}, found)
    return found


def stored(workspace: Workspace, book: Book, specs: Iterable[FeatureSpec]) -> dict[str, Profile]:
    """Return the profiles that are kept of this very book and these very definitions."""
    kept = _read(workspace, book)
    return {
        spec.name: kept[spec.name][1] for spec in specs if spec.name in kept and kept[spec.name][0] == spec_hash(spec)
    }


def month_ends(as_of: date) -> list[date]:
    """Return the last twelve month ends up to a day, the oldest first."""
    ends = pd.date_range(end=pd.Timestamp(as_of), periods=MONTHS, freq="ME")
    return [end.date() for end in ends]


def _monthly(
    workspace: Workspace, book: Book, specs: Sequence[FeatureSpec], tell: Callable[[str], None]
) -> tuple[pd.DataFrame, int]:
    """Return the mean of each feature as it was known at each month end, over a sample of the accounts of that day."""
    accounts = pd.read_parquet(book.file("accounts"), columns=["account_id", "known_ts"]).sort_values("account_id")
    if len(accounts) > SAMPLE:  # the same accounts each time, so that two months differ by what happened alone
        accounts = accounts.iloc[np.linspace(0, len(accounts) - 1, SAMPLE).round().astype(int)]
    days, means = month_ends(book.as_of), []
    for place in range(0, MONTHS, AT_ONCE):
        chosen = days[place : place + AT_ONCE]
        tell(f"months {place + 1} to {place + len(chosen)} of {MONTHS}")
        samples = accounts.merge(pd.DataFrame({"as_of": pd.to_datetime(chosen)}), how="cross")
        samples = samples[samples["known_ts"] < samples["as_of"] + pd.Timedelta(days=1)]
        values = build(workspace, specs=specs, as_of=samples[["account_id", "as_of"]])
        by_day = values.replace([np.inf, -np.inf], np.nan).groupby(samples["as_of"]).mean()
        means.append(by_day.reindex(pd.to_datetime(chosen)))
    return pd.concat(means).set_axis(days), len(accounts)


def _read(workspace: Workspace, book: Book) -> dict[str, tuple[str, Profile]]:
    """Return hash and profile by name; nothing where the file is absent, broken or of another book."""
    try:
        said = json.loads(_file(workspace).read_text(encoding="utf-8"))
        if said["format"] != FORMAT or said["book"] != book.path.name:
            return {}
        return {name: (kept["spec_hash"], _profile(kept["profile"])) for name, kept in said["features"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _profile(said: dict[str, Any]) -> Profile:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return Profile(**fields)


def _store(workspace: Workspace, book: Book, fresh: dict[str, str], found: dict[str, Profile]) -> None:
    kept = _read(workspace, book) | {name: (digest, found[name]) for name, digest in fresh.items()}
    features = {name: {"spec_hash": digest, "profile": asdict(profile)} for name, (digest, profile) in kept.items()}
    said = {"format": FORMAT, "book": book.path.name, "as_of": book.as_of.isoformat(), "features": features}
    write(_file(workspace), json.dumps(said, indent=1, allow_nan=False))


def _file(workspace: Workspace) -> Path:
    return workspace.root / "mart" / _FILE


def write(file: Path, text: str) -> None:
    """Write a file in one step: a reader finds the old text or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, file)


def bars(values: Sequence[float | None]) -> str:
    """Return a sparkline of block letters, a dot where there is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return "·" * len(values)
    low, spread = min(known), max(known) - min(known)
    return "".join(
        "·" if value is None else _BARS[round((value - low) / spread * (len(_BARS) - 1)) if spread > 0 else 3]
        for value in values
    )


def line(values: Sequence[float | None], title: str, *, width: int = 120, height: int = 24) -> str:
    """Return a sparkline as inline SVG, broken where there is no value; ``title`` is read out and shown on hover."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, spread = min(known), (max(known) - min(known)) or 1.0
    step = (width - 4) / max(len(values) - 1, 1)
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            up = (value - low) / spread if max(known) > low else 0.5
            runs[-1].append(f"{2 + place * step:.1f},{height - 3 - up * (height - 6):.1f}")
    drawn = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if len(run) > 1)
    alone = [point for run in runs if len(run) == 1 for point in run]
    ends = [runs[-1][-1]] if runs[-1] else []
    dots = "".join(
        f'<circle cx="{point.split(",")[0]}" cy="{point.split(",")[1]}" r="2"/>' for point in [*alone, *ends]
    )
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>{drawn}{dots}</svg>"
    )
