"""The steps of an explanation as files one can look into, each with its schema (CPOG, appendix A.5, Tables 8–11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pandera.pandas as pa

STRONGEST = 20  # contributions of an account that are written one by one; the rest is written as one sum
START, REST = "(start)", "(all others)"
WEIGHTS = ["account_id", "about", "weight", "feature_name", "value", "super_name", "ultra_name"]


def weights(about: str, contributions: np.ndarray, features: pd.DataFrame, info: pd.DataFrame) -> pd.DataFrame:
    """Join each account's strongest contributions with values and layers (A.5.2, Tables 10 and 11).

    Args:
        about: What is explained.
        contributions: ``(n, f + 1)``, the bias last.
        features: ``(n, f)`` values indexed by account id.
        info: ``insights.feature_info`` of the same features.

    Returns:
        ``WEIGHTS``: what the model starts from, then the strongest first; what is not listed is summed in one last
        row, so that an account's weights add up to its prediction.
    """
    bias, contributions = contributions[:, -1], contributions[:, :-1]
    listed = min(STRONGEST, contributions.shape[1])
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :listed]
    rows = np.repeat(np.arange(len(features)), listed)
    columns = order.ravel()
    layers = info.set_index("feature_name").reindex(features.columns)
    found = pd.DataFrame(
        {
            "account_id": features.index.to_numpy()[rows],
            "about": about,
            "weight": contributions[rows, columns],
            "feature_name": features.columns.to_numpy()[columns],
            "value": features.to_numpy(np.float64)[rows, columns],
            "super_name": layers["super_name"].to_numpy()[columns],
            "ultra_name": layers["ultra_name"].to_numpy()[columns],
            "row": rows,
        }
    )
    total = contributions.sum(axis=1) - np.take_along_axis(contributions, order, axis=1).sum(axis=1)
    ends = [
        pd.DataFrame({"account_id": features.index, "about": about, "weight": weight, "feature_name": name}).assign(
            value=np.nan, super_name="", ultra_name="", row=np.arange(len(features))
        )
        for name, weight in ((START, bias), (REST, total))
    ]
    joined = pd.concat([ends[0], found, ends[1]], ignore_index=True).sort_values("row", kind="stable")
    return joined[WEIGHTS].reset_index(drop=True)


def check(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame where it keeps its schema.

    Raises:
        pandera.errors.SchemaError: It does not: a fault of ours, not of the book.
    """
    return schemas()[name].validate(frame)


def schemas() -> dict[str, pa.DataFrameSchema]:
    """Return the schema of each file: ``feature_info, thresholds, drivers, weights, narratives``."""
    import pandera.pandas as pa

    text, number, about = pa.Column(str), pa.Column(float), pa.Column(str, pa.Check.isin(_ABOUT))
    named = pa.Column(str, pa.Check.str_length(min_value=1))
    return {
        "feature_info": pa.DataFrameSchema(
            {
                "feature_name": pa.Column(str, pa.Check.str_length(min_value=1), unique=True),
                "super_name": named,
                "ultra_name": named,
                "category": text,
                "expression": named,
                "unit": named,
                "insight_type": pa.Column(str, pa.Check.isin(_KINDS)),
                "insight_item": pa.Column(str, pa.Check.isin(("", "current", "previous", "price"))),
            },
            strict=True,
            coerce=True,
        ),
        "thresholds": pa.DataFrameSchema(
            {
                "feature_name": named,
                "model": about,
                "item": pa.Column(str, pa.Check.isin(("value", "change", "importance"))),
                "threshold": pa.Column(str, pa.Check.str_matches(r"^\s*(>=|<=|>|<)")),
            },
            strict=True,
            coerce=True,
        ),
        "drivers": pa.DataFrameSchema(  # the global view: which families drive each model, the strongest first
            {
                "about": about,
                "ultra": named,
                "mean_abs": pa.Column(float, pa.Check.ge(0)),
                "share": pa.Column(float, pa.Check.in_range(0, 1)),
                "mean": number,
                "category": text,
                "more_means": pa.Column(str, pa.Check.isin(("higher", "lower", "mixed"))),
            },
            strict=True,
            coerce=True,
            unique=["about", "ultra"],
        ),
        "weights": pa.DataFrameSchema(
            {
                "account_id": named,
                "about": about,
                "weight": number,
                "feature_name": named,
                "value": pa.Column(float, nullable=True),
                "super_name": text,
                "ultra_name": text,
            },
            strict=True,
            coerce=True,
        ),
        "narratives": pa.DataFrameSchema(
            {
                "account_id": named,
                "about": about,
                "category_rank": pa.Column(int, pa.Check.ge(1)),
                "category": text,
                "weight": pa.Column(float, pa.Check.gt(0)),
                "text": pa.Column(str, [pa.Check.str_endswith("."), pa.Check.str_length(min_value=5)]),
            },
            strict=True,
            coerce=True,
            unique=["account_id", "about", "category"],
        ),
    }


_ABOUT = ("churn", "upsell", "uplift", "facts")
_KINDS = ("", "flag", "level", "quantity", "value change", "change", "count")
