"""One door to every way of attribution: how much each feature moves each prediction, and how far to believe it.

"auto" takes the exact way where the model has one (boosted trees, uplift), Integrated Gradients for torch networks, and
LIME for anything else that predicts.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.explain.gradients import answers, integrated_gradients
from copilot.explain.k_lime import k_lime
from copilot.explain.record import Attribution, Fidelity, Unit, local_accuracy
from copilot.explain.rule_list import as_attribution
from copilot.explain.rules import extract
from copilot.explain.surrogates import Predict, lime
from copilot.models.tree_shap import TOLERANCE, best_rounds, contributions, core, margins, matched
from copilot.models.uplift.model import UpliftModel
from copilot.models.uplift.several import SeveralTouches
from copilot.stats import Floats

__all__ = ["Attribution", "Fidelity", "attribute", "contributions"]

Way = Literal["auto", "exact", "gradients", "lime", "k-lime", "rules"]
Kind = Literal["trees", "uplift", "network", "other"]
WAYS: dict[Kind, tuple[str, ...]] = {  # the first is "auto"
    "trees": ("exact", "lime", "k-lime", "rules"),
    "uplift": ("exact",),
    "network": ("gradients", "lime", "k-lime"),
    "other": ("lime", "k-lime"),
}


def attribute(
    model: Any,
    X: pd.DataFrame | np.ndarray,
    *,
    method: Way = "auto",
    output: int | str | None = None,
    background: pd.DataFrame | np.ndarray | None = None,
    baseline: np.ndarray | None = None,
    unit: Unit | None = None,
    rng: np.random.Generator | None = None,
) -> Attribution:
    """Return how much each feature moves each prediction.

    Args:
        model: An XGBoost model, an uplift model, a torch module over numbers, or a function (n, f) → (n,).
        X: One row an account. A frame is matched to an XGBoost or uplift model by name, everything else by position.
        method: "auto", or a way the kind of model offers: "exact" (trees, uplift), "gradients" (networks), "lime" and
            "k-lime" (all but uplift), "rules" (trees whose margin above 0 is a yes).
        output: Which class or target of a model with several; the kind of touch of an uplift model with several.
        background: Rows like those the model was trained on, which surrogates and rules learn from; by default ``X``.
        baseline: (f,), where Integrated Gradients begin; by default the background's mean.
        unit: Of the predictions, where the model cannot say; a classifier's margins are log-odds.
        rng: Draws neighbours and clusters; surrogates need one.

    Returns:
        Exact ways and gradients are checked: each row's sum is its prediction (``fidelity.gap`` says how close), or an
        error says it is not. Surrogates and rules approximate, and ``fidelity`` says how well.

    Raises:
        BadInput: A method the model does not offer, rows it cannot read, or contributions that do not add up.
    """
    kind = _kind(model)
    way = WAYS[kind][0] if method == "auto" else method
    if way not in WAYS[kind]:
        raise BadInput(f"The method {way!r} does not go with this model; use one of {', '.join(WAYS[kind])}, or auto.")
    if kind == "uplift":
        return _uplift(model, X, output, unit)
    if isinstance(output, str):
        raise BadInput(f"The output {output!r} is a name; only uplift models with several kinds of touch have those.")
    if way == "exact":
        return _trees(model, X, output, unit)
    rows, names = _rows(model, kind, X)
    known = rows if background is None else _rows(model, kind, background)[0]
    if way == "gradients":
        start = known.mean(axis=0) if baseline is None and len(known) else baseline
        return integrated_gradients(model, rows, features=names, baseline=start, output=output, unit=unit or "margin")
    if way == "rules":
        yes, known_yes = (margins(model, part, output) > 0 for part in (rows, known))
        trees, rounds = core(model)[0], best_rounds(model)
        found = extract(trees, known, known_yes, features=names, rounds=rounds, output=output or 0)
        return as_attribution(found, rows, yes, data=known, data_yes=known_yes)
    if rng is None:
        raise BadInput("A surrogate draws at random; give rng=np.random.default_rng(seed).")
    surrogate = lime if way == "lime" else k_lime
    predict, told = _predict(model, kind, output), unit or ("outcome" if kind == "other" else "margin")
    return surrogate(predict, rows, background=known, features=names, rng=rng, unit=told)


def _kind(model: Any) -> Kind:
    import xgboost as xgb

    if isinstance(model, UpliftModel | SeveralTouches):
        return "uplift"
    if isinstance(model, xgb.Booster | xgb.XGBModel):
        return "trees"
    if _is_network(model):
        return "network"
    if callable(model):
        return "other"
    raise BadInput(
        f"A {type(model).__name__} cannot be explained; give an XGBoost or uplift model, a torch network, or a "
        "function that takes rows and gives one number each."
    )


def _is_network(model: Any) -> bool:
    """Say whether it is a torch module, without importing torch for what is not."""
    return any(kind.__module__.split(".")[0] == "torch" for kind in type(model).__mro__) and hasattr(
        model, "parameters"
    )


def _trees(model: Any, X: Any, output: int | None, unit: Unit | None) -> Attribution:
    names = matched(model, X)[1]
    found, told = contributions(model, X, output=output), margins(model, X, output)
    largest = max(1.0, float(np.abs(found).max(initial=0.0)))
    fidelity = local_accuracy(found.sum(axis=1), told, tolerance=TOLERANCE * largest, what="contributions")
    return Attribution("exact", found[:, :-1], found[:, -1], names, unit or "margin", fidelity)


def _uplift(model: Any, X: Any, output: int | str | None, unit: Unit | None) -> Attribution:
    if isinstance(model, SeveralTouches) and not (isinstance(output, str) and output in model.models):
        raise BadInput(f"Say which kind of touch: output= one of {', '.join(model.models)}.")
    if isinstance(model, UpliftModel) and output is not None:
        raise BadInput(f"The uplift model knows one kind of touch; output {output!r} was asked for.")
    one: UpliftModel = model.models[str(output)] if isinstance(model, SeveralTouches) else model
    said, found = model.predict(X), one.contributions(X)
    notes: list[str] = []
    told = said["uplift" if one is model else f"uplift_{output}"].to_numpy()
    if one is not model and one.task == "chance":
        # The kinds of touch share one y0; where y0 + uplift leaves the range of chances, no feature owns what is cut.
        cut = said[f"y1_{output}"].isin((0.0, 1.0)).to_numpy()
        found[cut, -1] += told[cut] - found[cut].sum(axis=1)
        if cut.any():
            notes.append(
                f"In {int(cut.sum())} rows the chance ends at 0 or 1; what that cuts off stands with the bias."
            )
    fidelity = local_accuracy(found.sum(axis=1), told, tolerance=TOLERANCE, what="contributions")
    own: Unit = "probability" if one.task == "chance" else "outcome"
    return Attribution("exact", found[:, :-1], found[:, -1], tuple(one.features), unit or own, fidelity, tuple(notes))


def _rows(model: Any, kind: Kind, X: Any) -> tuple[Floats, tuple[str, ...]]:
    """Return the rows as numbers in the model's order, and the names of the features."""
    if kind == "trees":
        rows, names = matched(model, X)
        try:
            plain = rows.to_numpy(np.float64, na_value=np.nan) if isinstance(rows, pd.DataFrame) else rows
        except (TypeError, ValueError):
            raise BadInput(
                "Surrogates and rules read numbers alone; use method='exact' for category columns."
            ) from None
        return np.asarray(plain, float), names
    names = tuple(map(str, X.columns)) if isinstance(X, pd.DataFrame) else ()
    try:
        rows = X.to_numpy(np.float64, na_value=np.nan) if isinstance(X, pd.DataFrame) else np.asarray(X, np.float64)
    except (TypeError, ValueError):
        raise BadInput("The rows to explain are not a table of numbers; encode them as for training.") from None
    if rows.ndim != 2 or not rows.shape[1]:
        raise BadInput(f"The rows to explain must be a table; the shape {rows.shape} was given.")
    return rows, names or tuple(f"f{k}" for k in range(rows.shape[1]))


def _predict(model: Any, kind: Kind, output: int | None) -> Predict:
    if kind == "trees":
        return lambda rows: margins(model, rows, output)
    if kind == "network":
        return lambda rows: answers(model, rows, output)
    return model  # type: ignore[no-any-return]
