"""Population stability index (PSI) with thresholds from its null distribution, not from the folklore .1 and .2.

PSI = sum over bins of (a - b) ln(a / b), with a and b the shares of the reference and of today. Without any drift
PSI / (1/n + 1/m), of n and m rows, follows a chi-square law with (bins - 1) degrees of freedom (Yurdakul & Naranjo
2020), so how large it gets by chance is known beforehand. Where bins hold few rows that law is too narrow, and the
threshold is drawn from the multinomial law itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.sketch import BINS, counts, numbers, numeric, sketch, text_sketch, texts
from copilot.stats import Floats

ALPHA = 0.05  # chance that any of the features alarms where none has moved
# A shift that matters: of a normal column, PSI is about the squared shift in standard deviations, so .01 is a tenth of
# one. With 200 000 rows chance alone stays below .0005, and without a floor every trifle would alarm.
FLOOR = 0.01
FEWEST_ROWS = 10
ROWS_A_BIN = 20  # of a reference's smooth column
LEAST_EXPECTED = 20.0  # rows a bin should hold in either sample; with 8, far tails are three times as heavy
DRAWS = 20_000  # where it is not
COLUMNS = ["feature", "psi", "threshold", "by_chance", "ks", "moved", "note"]

Sketches = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _Binned:
    """Rows by bin, the missing ones last; ``ordered`` where bins have an order."""

    before: Floats
    now: Floats
    ordered: bool = True


def psi(
    reference: pd.DataFrame | Sketches,
    current: pd.DataFrame,
    *,
    alpha: float = ALPHA,
    floor: float = FLOOR,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Measure how far each column has moved, beside how far chance alone would move it.

    Numbers fall into the reference's tenths, and values that repeat into bins of their own; text by its commonest
    values and the rest; missing and infinite cells into a bin of their own. Rows count as independent of each other:
    where the same accounts stand in both frames, alarms by chance are rarer than ``alpha``.

    Args:
        reference: The rows a model was trained on, or their ``sketch.sketches`` as a model's version keeps them.
        current: The rows of today; at least 10, as in the reference.
        alpha: The chance that any feature passes its ``by_chance`` without drift, shared evenly among them.
        floor: The least PSI worth an alarm, whatever the number of rows; see ``FLOOR``. 0 leaves chance alone.
        rng: Draws thresholds where bins hold few rows; by default the same ones in every run.

    Returns:
        One row a feature, in the reference's order, then those only ``current`` has:

        - ``feature``; ``psi`` (half a row is added to each bin, so that an empty one has a finite PSI);
        - ``threshold``, the larger of ``by_chance`` and ``floor``; ``moved``: ``psi`` is above it;
        - ``by_chance``, what PSI exceeds without drift with a chance of ``alpha`` / features;
        - ``ks``, the largest gap of the two distribution functions at the bins' edges, among known values (0 to 1; NaN
          for text and where nothing is known);
        - ``note``: "absent" (only the reference has it: counts as missing throughout), "new" (only ``current`` has it:
          no PSI, and no alarm, for nothing was learned from it), or empty.

    Raises:
        BadInput: A frame has no columns or fewer than 10 rows, two columns of one name, or ``alpha`` or ``floor`` is
            out of range; a sketch is damaged.
    """
    if not 0 < alpha < 1 or not floor >= 0:
        raise BadInput(f"alpha lies between 0 and 1 and floor is not negative; got {alpha} and {floor}.")
    _check(current, "current")
    if isinstance(reference, pd.DataFrame):
        _check(reference, "reference")
        names = [str(name) for name in reference.columns]
        counted = {name: _between(reference[column], current) for name, column in zip(names, reference, strict=True)}
    else:
        if not reference:
            raise BadInput("The reference holds no sketch of any feature; train the model again.")
        counted = {str(name): _against(shape, _column(current, name), str(name)) for name, shape in reference.items()}
    rng = np.random.default_rng(0) if rng is None else rng
    held = {str(name) for name in current.columns}
    rows = []
    for name, filled in counted.items():
        found, chance = _psi(filled.before, filled.now), _by_chance(filled, alpha / len(counted), rng)
        ks = _ks(filled) if filled.ordered else np.nan
        limit = max(chance, floor)
        rows.append((name, found, limit, chance, ks, bool(found > limit), "" if name in held else "absent"))
    fresh = [name for name in map(str, current.columns) if name not in counted]
    rows += [(name, np.nan, np.nan, np.nan, np.nan, False, "new") for name in fresh]
    return pd.DataFrame(rows, columns=COLUMNS)


def _check(frame: pd.DataFrame, which: str) -> None:
    if not isinstance(frame, pd.DataFrame) or not len(frame.columns):
        raise BadInput(f"The {which} rows have no columns to compare; give a frame with one column a feature.")
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(f"The {which} rows have two columns named {doubled[0]!r}; rename one of them.")
    if len(frame) < FEWEST_ROWS:
        raise BadInput(
            f"The {which} rows are {len(frame)}; drift can be told from chance with {FEWEST_ROWS} rows or more."
        )


def _column(frame: pd.DataFrame, name: object) -> pd.Series:
    """Return the column of that name; missing throughout where the frame lacks it."""
    column = next((one for one in frame.columns if str(one) == str(name)), None)
    return pd.Series(np.nan, index=frame.index) if column is None else frame[column]


def _between(column: pd.Series, current: pd.DataFrame) -> _Binned:
    now = _column(current, column.name)
    if numeric(column) or (column.isna().all() and numeric(now)):
        bins = int(np.clip(len(column) // ROWS_A_BIN, 2, BINS))
        return _against(sketch(column, bins=bins), now, str(column.name))
    return _against(text_sketch(column), now, str(column.name))


def _against(shape: Mapping[str, Any], now: pd.Series, name: str) -> _Binned:
    """Return the rows of a sketch and of today's column by the sketch's bins."""
    try:
        size, missing = float(shape["n"]), float(shape["missing"])
        known = size * (1 - missing)
        if "values" in shape:
            parts = [size * float(share) for share in shape["values"].values()]
            before, today = [*parts, known - sum(parts)], _count_values(now, list(shape["values"]))
        else:
            edges = np.asarray(shape["edges"], dtype="float64")
            before = [known * float(share) for share in shape["shares"]] or [0.0]
            today = _count_numbers(now, edges)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"The sketch of {name!r} cannot be read; train the model again.") from None
    if size < FEWEST_ROWS or len(before) + 1 != len(today):
        raise BadInput(f"The sketch of {name!r} is of {size:.0f} rows or damaged; train the model again.")
    # Shares are of whole rows; rounding takes back what the division lost.
    return _Binned(np.round([*before, size * missing]), today, "values" not in shape)


def _count_numbers(column: pd.Series, edges: Floats) -> Floats:
    value = numbers(column)
    known = value[np.isfinite(value)]
    return np.append(counts(known, edges), len(value) - len(known)).astype("float64")


def _count_values(column: pd.Series, values: list[str]) -> Floats:
    told = texts(column)
    missing = int(told.isna().sum())
    held = told.value_counts().reindex(values, fill_value=0).to_numpy(dtype="float64")
    return np.array([*held, len(told) - missing - held.sum(), missing])


def _psi(before: Floats, now: Floats) -> Any:
    """Return the PSI of counts by bin, along the last axis; bins that are empty in both add nothing."""
    total_before, total_now = before.sum(axis=-1, keepdims=True), now.sum(axis=-1, keepdims=True)
    filled = (before + now).reshape(-1, before.shape[-1]).any(axis=0)
    half = 0.5 * filled
    a = (before + half) / (total_before + half.sum())
    b = (now + half) / (total_now + half.sum())
    ratio = np.divide(a, b, out=np.ones_like(a), where=filled)
    return ((a - b) * np.log(ratio)).sum(axis=-1)


def _by_chance(bins: _Binned, alpha: float, rng: np.random.Generator) -> float:
    """Return what PSI exceeds with the chance ``alpha`` where both samples come from one law."""
    from scipy.special import chdtri

    filled = bins.before + bins.now > 0
    before, now = bins.before[filled], bins.now[filled]
    n, m = before.sum(), now.sum()
    if len(before) < 2:
        return 0.0
    law = (before + now) / (n + m)
    if law.min() * min(n, m) >= LEAST_EXPECTED:
        return float(chdtri(len(law) - 1, alpha) * (1 / n + 1 / m))
    drawn = _psi(
        rng.multinomial(int(n), law, DRAWS).astype("float64"), rng.multinomial(int(m), law, DRAWS).astype("float64")
    )
    return float(np.quantile(drawn, 1 - alpha))


def _ks(bins: _Binned) -> float:
    """Return the largest gap of both distribution functions at the edges, among known values."""
    before, now = bins.before[:-1], bins.now[:-1]
    if not before.sum() or not now.sum():
        return np.nan
    return float(np.abs(before.cumsum() / before.sum() - now.cumsum() / now.sum()).max())
