"""How the treated moved against the others, period by period, with the joint A/A over the periods before."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.regression import Fit, fit


def event_study(rows: pd.DataFrame, outcome: str, starts: pd.Timestamp) -> tuple[pd.DataFrame, float]:
    """Return the treated regions' lead over the others period by period, against the last before, and the joint A/A.

    Args:
        rows: ``rep_id, period, region_treated, weight`` and the outcome.
        outcome: The outcome's column.
        starts: The first treated period.

    Returns:
        ``key`` (periods since the start, −1 being the base), ``att, se``; and the p of "all before are 0", by
        Hotelling's statistic over clusters (reps), NaN where there is but one period before.
    """
    from scipy.stats import f

    periods = np.sort(rows["period"].unique())
    start = int(np.searchsorted(periods, np.datetime64(starts)))
    place = np.searchsorted(periods, rows["period"].to_numpy())
    rep = pd.factorize(rows["rep_id"])[0].astype(np.intp)
    treated, y = rows["region_treated"].to_numpy(bool), rows[outcome].to_numpy(float)
    weight = rows["weight"].to_numpy(float)
    months = (place[:, None] == np.delete(np.arange(len(periods)), start - 1)).astype(float)
    leads = months * treated[:, None]
    keys = np.delete(np.arange(len(periods)), start - 1) - start
    fits: list[Fit | None] = []
    for column in range(leads.shape[1]):
        others = np.column_stack([months, np.delete(leads, column, axis=1)])
        try:
            fits.append(fit(y, leads[:, column], others, weight=weight, absorbed=rep, cluster=rep, mark=treated))
        except BadInput:  # no treated renewal in that period
            fits.append(None)
    told = [(key, one.effect.att, one.effect.se_corrected) for key, one in zip(keys, fits, strict=True) if one]
    before = [one for key, one in zip(keys, fits, strict=True) if one and key < 0]
    p = math.nan
    if before:
        att = np.array([one.effect.att for one in before])
        sums = np.column_stack([np.bincount(rep, one.influence) for one in before])
        clusters, k = len(sums), len(att)
        if clusters > k + 1:
            statistic = float(att @ np.linalg.pinv(sums.T @ sums * clusters / (clusters - 1), hermitian=True) @ att)
            p = float(f.sf(statistic * (clusters - k) / (k * (clusters - 1)), k, clusters - k))
    return pd.DataFrame([*told, (-1, 0.0, 0.0)], columns=["key", "att", "se"]).sort_values("key"), p
