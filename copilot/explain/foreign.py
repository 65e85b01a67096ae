"""Read a team's own XGBoost model, checked before it is run: JSON or UBJ, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import BadInput

if TYPE_CHECKING:
    import xgboost as xgb

MOST_BYTES = 512 * 1024**2


def read_model(path: Path) -> xgb.Booster:
    """Return the booster saved in an XGBoost ``.json`` or ``.ubj`` file.

    The trees' references are checked, so that a damaged file ends in a sentence and not in a crash.

    Raises:
        BadInput: No such file, another format, too large, or not a whole model.
    """
    import xgboost as xgb

    if path.suffix.lower() not in (".json", ".ubj"):
        raise BadInput(
            f"The model {path.name!r} is neither .json nor .ubj; save it with booster.save_model('model.json')."
        )
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError:
        raise BadInput(f"There is no readable model file {path.name!r}; check the path.") from None
    if size > MOST_BYTES:
        raise BadInput(
            f"The model {path.name!r} is larger than {MOST_BYTES // 1024**2} MiB; train fewer or smaller trees."
        )
    booster = xgb.Booster({"nthread": 1})
    try:
        if path.suffix.lower() == ".json":
            _check(json.loads(raw))
        booster.load_model(bytearray(raw))
        _check(json.loads(booster.save_raw("json")))
    except (xgb.core.XGBoostError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise BadInput(
            f"The model {path.name!r} is not a whole XGBoost model; save it again with booster.save_model."
        ) from None
    if booster.num_features() == 0 or booster.num_boosted_rounds() == 0:
        raise BadInput(f"The model {path.name!r} has not been trained; train it before saving.")
    return booster


def _check(found: Any) -> None:
    """Raise ValueError where a tree refers to what is not there."""
    learner = found["learner"]
    width = int(learner["learner_model_param"]["num_feature"])
    names = learner.get("feature_names", [])
    if names and (len(names) != width or len(set(names)) != width):
        raise ValueError("feature names")
    gradient = learner["gradient_booster"]
    model = gradient.get("gbtree", gradient).get("model", {})
    trees = model.get("trees", [])
    if trees and (len(model["tree_info"]) != len(trees) or model["iteration_indptr"][-1] != len(trees)):
        raise ValueError("count of trees")
    for tree in trees:
        _check_tree(tree, width)


def _check_tree(tree: dict[str, Any], width: int) -> None:
    left, right = tree["left_children"], tree["right_children"]
    size = len(left)
    columns = ("right_children", "split_indices", "split_conditions", "default_left", "sum_hessian", "split_type")
    if int(tree["tree_param"]["num_nodes"]) != size or any(len(tree[name]) != size for name in columns):
        raise ValueError("lengths")
    seen, waiting = 0, [0]
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > size or not 0 <= node < size:
            raise ValueError("children")
        if left[node] == -1:
            if right[node] != -1:
                raise ValueError("one child")
            continue
        if not 0 <= tree["split_indices"][node] < width:
            raise ValueError("features")
        waiting += [left[node], right[node]]
