"""How alike two arms are, covariate by covariate."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from copilot.measure.columns import both_arms, flags, is_numeric, need, numbers, plain
from copilot.stats import Floats


def balance(frame: pd.DataFrame, *, arm: Hashable, covariates: Sequence[str]) -> pd.DataFrame:
    """Return how alike the arms are.

    Returns:
        One row a covariate (one a category): ``covariate, level, treated, control`` (means, or shares), and
        ``difference`` in standard deviations; below 0.1 nobody worries. Missing values are a row of their own.

    Raises:
        BadInput: A column is missing or an arm is empty.
    """
    whole = need(frame, [arm, *covariates])
    treated = flags(whole, arm)
    both_arms(treated, arm)
    rows = []
    for name in covariates:
        values = whole[name]
        parts: dict[Any, Floats] = {}
        if is_numeric(values) and not pd.api.types.is_datetime64_any_dtype(values) and values.notna().any():
            parts["mean"] = numbers(whole, name)
            if values.isna().any():
                parts["missing"] = values.isna().to_numpy(float)
        else:
            known = values.astype("object").where(values.notna(), "missing")
            parts = {level: (known == level).to_numpy(float) for level in known.value_counts().index[:20]}
        for level, column in parts.items():
            own, other = (column[side & ~np.isnan(column)] for side in (treated, ~treated))
            if not len(own) or not len(other):
                continue
            spread = float(np.sqrt((own.var() + other.var()) / 2))
            gap = float(own.mean() - other.mean())
            difference = gap / spread if spread > 0 else (0.0 if gap == 0 else np.inf)
            rows.append((name, str(plain(level)), float(own.mean()), float(other.mean()), difference))
    return pd.DataFrame(rows, columns=["covariate", "level", "treated", "control", "difference"])
