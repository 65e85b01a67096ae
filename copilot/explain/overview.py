"""The global view: which families of features drive a score this month, which way, and against last month."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from copilot.data.specs import FeatureSpec
from copilot.errors import BadInput
from copilot.stats import Floats, spearman

REST = "Other"
COLUMNS = ["ultra", "category", "mean_abs", "share", "mean", "more_means", "share_before", "share_change"]
CLEAR = 0.2  # a correlation beyond this is told as a direction


def overview(
    contributions: pd.DataFrame,
    specs: Sequence[FeatureSpec],
    *,
    values: pd.DataFrame | None = None,
    previous: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the families that drive a score, the strongest first.

    A family's contribution to an account is the sum over its features, so that windows which cancel do not count.

    Args:
        contributions: (n, f), one row an account, columns named as the specs; without the bias.
        specs: Of the features; a column without one goes to "Other".
        values: (n, f) raw values in the same rows; tells what more of a family means.
        previous: Contributions to the same score a month before, any accounts; tells what changed.

    Returns:
        ``COLUMNS``: ``mean_abs`` and ``mean`` of the family's contribution in its unit, ``share`` of all families'
        ``mean_abs`` (they sum to 1), ``more_means`` "higher" or "lower" where more of its strongest feature goes with
        a higher or lower contribution, else "mixed" ("" without ``values``), ``share_before`` and ``share_change``
        (points of share, NaN without ``previous``).

    Raises:
        BadInput: No rows, contributions that are not finite, or values of other rows or columns.
    """
    family, heading = _families(specs)
    shares = _summed(contributions, family, "contributions")
    strength = shares.abs().mean()
    total = float(strength.sum())
    out = pd.DataFrame({"ultra": strength.index, "mean_abs": strength.to_numpy(), "mean": shares.mean().to_numpy()})
    out["category"] = [heading.get(name, "") for name in out["ultra"]]
    out["share"] = out["mean_abs"] / total if total > 0 else 0.0
    out["more_means"] = "" if values is None else [
        _direction(name, contributions, values, family) for name in out["ultra"]
    ]  # fmt: skip
    before: Floats = np.full(len(out), np.nan)
    if previous is not None:
        older = _summed(previous, family, "earlier contributions").abs().mean()
        before = (older / older.sum() if older.sum() > 0 else older).reindex(out["ultra"]).fillna(0.0).to_numpy()
    out["share_before"], out["share_change"] = before, out["share"] - before
    return out[COLUMNS].sort_values(["mean_abs", "ultra"], ascending=[False, True]).reset_index(drop=True)


def _families(specs: Sequence[FeatureSpec]) -> tuple[dict[str, str], dict[str, str]]:
    family = {spec.name: spec.ultra_name or spec.super_name or spec.name for spec in specs}
    return family, {family[spec.name]: spec.category for spec in reversed(specs)}


def _summed(contributions: pd.DataFrame, family: dict[str, str], what: str) -> pd.DataFrame:
    if not len(contributions) or not contributions.columns.is_unique:
        raise BadInput(f"The {what} must have rows, and each column once.")
    table = contributions.to_numpy(float)
    if not np.isfinite(table).all():
        raise BadInput(f"The {what} hold numbers that are missing or infinite; compute them again.")
    names = [family.get(str(name), REST) for name in contributions.columns]
    return pd.DataFrame(table.T).groupby(names, sort=False).sum().T


def _direction(ultra: str, contributions: pd.DataFrame, values: pd.DataFrame, family: dict[str, str]) -> str:
    """Return what more of the family's strongest feature means for the score."""
    if len(values) != len(contributions) or not set(contributions.columns) <= set(values.columns):
        raise BadInput("The values must be those of the contributions: the same rows, and every column.")
    own = [name for name in contributions.columns if family.get(str(name), REST) == ultra]
    strongest = max(own, key=lambda name: float(contributions[name].abs().mean()))
    value, share = values[strongest].to_numpy(float, na_value=np.nan), contributions[strongest].to_numpy(float)
    known = np.isfinite(value)
    tie = spearman(value[known], share[known]) if known.sum() > 2 else float("nan")
    return "higher" if tie > CLEAR else "lower" if tie < -CLEAR else "mixed"
