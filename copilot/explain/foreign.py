"""Read a team's own XGBoost model, checked before it is run: JSON or UBJ, never a pickle."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import BadInput
from copilot.explain.ubj import decode

if TYPE_CHECKING:
    import xgboost as xgb

MOST_BYTES = 512 * 1024**2
MOST_CATEGORIES = 1 << 24
MOST_FEATURES, MOST_OUTPUTS = 1_000_000, 10_000
NO_PARENT = -1


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
        # XGBoost's own readers trust a file: a wrong number in it can end the process. It gets what was checked here.
        found = json.loads(raw) if path.suffix.lower() == ".json" else decode(raw)
        _check(found)
        booster.load_model(bytearray(json.dumps(found, ensure_ascii=False).encode()))
        whole = booster.num_features() and booster.num_boosted_rounds()
    except (xgb.core.XGBoostError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise BadInput(
            f"The model {path.name!r} is not a whole XGBoost model; save it again with booster.save_model."
        ) from None
    if not whole:
        raise BadInput(f"The model {path.name!r} has not been trained; train it before saving.")
    return booster


def _check(found: Any) -> None:
    """Raise ValueError where a model refers to what is not there; other errors where a part is missing."""
    learner = found["learner"]
    told = learner["learner_model_param"]
    width, classes, targets = (_whole(told.get(name, 1)) for name in ("num_feature", "num_class", "num_target"))
    if not (0 <= width <= MOST_FEATURES and 0 <= classes <= MOST_OUTPUTS and 1 <= targets <= MOST_OUTPUTS):
        raise ValueError("features and outputs")
    groups = max(1, classes) * targets
    names = learner.get("feature_names", [])
    if names and (len(names) != width or len(set(names)) != width or not all(isinstance(name, str) for name in names)):
        raise ValueError("feature names")
    gradient = learner["gradient_booster"]
    model = gradient.get("gbtree", gradient)["model"]
    if "trees" not in model:
        _check_linear(model, width, groups)
        return
    trees, starts = model["trees"], model["iteration_indptr"]
    count = model["gbtree_model_param"]
    if _whole(count["num_trees"]) != len(trees) or len(model["tree_info"]) != len(trees) or _whole(
        count["num_parallel_tree"]) < 1:  # fmt: skip
        raise ValueError("count of trees")
    if starts[0] != 0 or starts[-1] != len(trees) or any(b < a for a, b in pairwise(starts)):
        raise ValueError("rounds")
    if any(not 0 <= _whole(one) < groups for one in model["tree_info"]):
        raise ValueError("outputs")
    for place, tree in enumerate(trees):
        _check_tree(tree, place, width)
    if "weight_drop" in gradient and len(gradient["weight_drop"]) != len(trees):
        raise ValueError("weights of trees")


def _check_linear(model: dict[str, Any], width: int, groups: int) -> None:
    if len(model["weights"]) != (width + 1) * groups:
        raise ValueError("weights")


def _check_tree(tree: dict[str, Any], place: int, width: int) -> None:
    left, right, told = tree["left_children"], tree["right_children"], tree["tree_param"]
    size = len(left)
    columns = ("right_children", "split_indices", "split_conditions", "default_left", "sum_hessian", "split_type",
               "loss_changes", "parents", "base_weights")  # fmt: skip
    if (
        tree.get("id", place) != place
        or not 0 < _whole(told["num_nodes"]) == size
        or _whole(told["num_feature"]) not in (0, width)
        or _whole(told.get("size_leaf_vector", 0)) not in (0, 1)
        or any(len(tree[name]) != size for name in columns)
    ):
        raise ValueError("sizes")
    seen, waiting = set(), [(0, NO_PARENT)]
    while waiting:
        node, parent = waiting.pop()
        if not 0 <= node < size or node in seen or (parent != NO_PARENT and tree["parents"][node] != parent):
            raise ValueError("children")
        seen.add(node)
        if left[node] == -1 or right[node] == -1:
            if left[node] != right[node]:
                raise ValueError("one child")
            continue
        if not 0 <= _whole(tree["split_indices"][node]) < width or tree["split_type"][node] not in (0, 1):
            raise ValueError("splits")
        waiting += [(_whole(left[node]), node), (_whole(right[node]), node)]
    _check_categories(tree, seen)


def _check_categories(tree: dict[str, Any], used: set[int]) -> None:
    nodes, starts, sizes = tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"]
    known = tree["categories"]
    if not len(nodes) == len(starts) == len(sizes) or any(not 0 <= _whole(one) < MOST_CATEGORIES for one in known):
        raise ValueError("categories")
    for first, count in zip(starts, sizes, strict=True):
        if _whole(first) < 0 or _whole(count) < 1 or first + count > len(known):
            raise ValueError("categories")
    split = {node for node in used if tree["split_type"][node] == 1 and tree["left_children"][node] != -1}
    if split != set(nodes) or list(nodes) != sorted(set(nodes)):
        raise ValueError("categories")


def _whole(given: Any) -> int:
    """Return a whole number, given as one or as its text; numbers of another kind raise."""
    if isinstance(given, float | bool):
        raise TypeError("no whole number")
    found = int(given)
    if abs(found) > MOST_CATEGORIES * 128:
        raise ValueError("too large")
    return found
