"""A boosted model laid out for fast exact contributions: one table of Shapley values for each leaf.

A leaf's share in a row's contributions depends on the row only through which features on the leaf's path the row
agrees with: d features give 2^d patterns. With z_i the share of training rows that feature i alone lets through and
o_i = 1 where the row agrees, path-dependent TreeSHAP (Lundberg et al. 2020, algorithm 2) is

    phi_i(o) = value · (o_i − z_i) · ∫₀¹ Π_{k≠i} [(1 − t) z_k + t o_k] dt,

an integral of a polynomial of degree d − 1, which Gauss-Legendre nodes give exactly. All patterns are worked out once;
a row then only looks them up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import xgboost as xgb

MOST_ENTRIES = 64_000_000  # of all tables together: 256 MB
MOST_NODES = 1_024  # inner nodes of one tree; a block of rows keeps a decision for each

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LeafTables:
    """Trees in flat arrays. A *slot* is one feature on the path of one leaf.

    Attributes:
        width: Features of the model.
        feature, threshold, default_left: One entry an inner node, the nodes of a tree together.
        node_start: Where each tree's nodes begin, and the end.
        leaf_start: Where each tree's leaves begin, and the end.
        slot_start: Where each leaf's slots begin, and the end.
        slot_feature: The feature of each slot.
        step_start: Where each slot's steps begin, and the end.
        step_node: The inner node of a step, counted within its tree.
        step_left: Whether the path goes left there.
        table_start: Where each leaf's table begins: slot by slot, in each the 2^d patterns, bit i for slot i.
        table: The contributions, float32.
        mean: What the trees say on average over their training rows, without the base score.
    """

    width: int
    feature: Array
    threshold: Array
    default_left: Array
    node_start: Array
    leaf_start: Array
    slot_start: Array
    slot_feature: Array
    step_start: Array
    step_node: Array
    step_left: Array
    table_start: Array
    table: Array
    mean: float

    @property
    def nbytes(self) -> int:
        """The memory it takes."""
        return sum(part.nbytes for part in vars(self).values() if isinstance(part, np.ndarray))


class NotCovered(Exception):
    """The model has something that these tables cannot hold; the text says what."""


def lay_out(booster: xgb.Booster, output: int = 0, rounds: tuple[int, int] = (0, 0)) -> LeafTables:
    """Lay out one output of a booster.

    Args:
        booster: Trees with numeric splits.
        output: Which class or target.
        rounds: From (included) and to (excluded); (0, 0) takes all.

    Raises:
        NotCovered: Linear or DART boosters, categorical splits, leaves with several values, nodes that no training row
            reached, more than ``MOST_NODES`` inner nodes in a tree or ``MOST_ENTRIES`` table entries in all.
    """
    learner = json.loads(booster.save_raw("json"))["learner"]
    gradient = learner["gradient_booster"]
    if gradient.get("name") != "gbtree":
        raise NotCovered(f"a booster of the kind {gradient.get('name')}")
    model = gradient["model"]
    first, last = _tree_range(model, rounds)
    trees = [
        tree for tree, own in zip(model["trees"][first:last], model["tree_info"][first:last], strict=True)
        if own == output
    ]  # fmt: skip
    layout = _Layout()
    for tree in trees:
        layout.add(tree)
    return layout.finish(int(learner["learner_model_param"]["num_feature"]))


def _tree_range(model: dict[str, Any], rounds: tuple[int, int]) -> tuple[int, int]:
    starts = model["iteration_indptr"]
    first, last = rounds
    return starts[first], starts[min(last, len(starts) - 1) if last else -1]


class _Layout:
    """Collects trees one by one."""

    def __init__(self) -> None:
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.default_left: list[int] = []
        self.node_start, self.leaf_start, self.slot_start, self.step_start = [0], [0], [0], [0]
        self.slot_feature: list[int] = []
        self.slot_share: list[float] = []
        self.step_node: list[int] = []
        self.step_left: list[int] = []
        self.value: list[float] = []
        self.entries = 0

    def add(self, tree: dict[str, Any]) -> None:
        left, right = tree["left_children"], tree["right_children"]
        if any(tree["split_type"]):
            raise NotCovered("splits by category")
        if len(tree.get("base_weights", left)) != len(left) or int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
            raise NotCovered("leaves with several values")
        inner = {node: place for place, node in enumerate(k for k, child in enumerate(left) if child != -1)}
        if len(inner) > MOST_NODES:
            raise NotCovered(f"a tree of more than {MOST_NODES} splits")
        for node in inner:
            self.feature.append(tree["split_indices"][node])
            self.threshold.append(tree["split_conditions"][node])
            self.default_left.append(tree["default_left"][node])
        self.node_start.append(len(self.feature))
        for value, path in _leaves(tree, left, right):
            self._leaf(value, path, tree["split_indices"], inner)
        self.leaf_start.append(len(self.value))

    def _leaf(
        self, value: float, path: list[tuple[int, bool, float]], splits: list[int], inner: dict[int, int]
    ) -> None:
        slots: dict[int, list[tuple[int, bool, float]]] = {}
        for step in path:
            slots.setdefault(splits[step[0]], []).append(step)
        for feature, steps in slots.items():
            self.slot_feature.append(feature)
            self.slot_share.append(float(np.prod([share for _, _, share in steps])))
            self.step_node += [inner[node] for node, _, _ in steps]
            self.step_left += [went_left for _, went_left, _ in steps]
            self.step_start.append(len(self.step_node))
        self.slot_start.append(len(self.slot_feature))
        self.value.append(value)
        self.entries += len(slots) << len(slots)
        if self.entries > MOST_ENTRIES:
            raise NotCovered(f"trees so deep that their tables pass {MOST_ENTRIES:,} entries")

    def finish(self, width: int) -> LeafTables:
        slot_start = np.array(self.slot_start, np.int64)
        depth = np.diff(slot_start)
        table_start = np.r_[0, np.cumsum(depth << depth)].astype(np.int64)
        share, value = np.array(self.slot_share), np.array(self.value)
        table, mean = np.zeros(int(table_start[-1]), np.float32), 0.0
        for d in np.unique(depth):
            leaves = np.flatnonzero(depth == d)
            shares = share[slot_start[leaves][:, None] + np.arange(d)]
            mean += float(value[leaves] @ shares.prod(axis=1))
            places = table_start[leaves][:, None] + np.arange(d << d)
            for some in np.array_split(np.arange(len(leaves)), 1 + len(leaves) * (int(d) << int(d)) // 2_000_000):
                table[places[some]] = _patterns(value[leaves[some]], shares[some])
        return LeafTables(
            width=width,
            feature=np.array(self.feature, np.int32),
            threshold=np.array(self.threshold, np.float32),
            default_left=np.array(self.default_left, np.uint8),
            node_start=np.array(self.node_start, np.int64),
            leaf_start=np.array(self.leaf_start, np.int64),
            slot_start=slot_start,
            slot_feature=np.array(self.slot_feature, np.int32),
            step_start=np.array(self.step_start, np.int64),
            step_node=np.array(self.step_node, np.int32),
            step_left=np.array(self.step_left, np.uint8),
            table_start=table_start,
            table=table,
            mean=mean,
        )


def _leaves(tree: dict[str, Any], left: list[int], right: list[int]) -> Iterator[tuple[float, list[Any]]]:
    """Yield each leaf's value and its path: node, whether it goes left, and which share of the node's rows do so."""
    cover, values = tree["sum_hessian"], tree["split_conditions"]
    waiting: list[tuple[int, list[Any]]] = [(0, [])]
    while waiting:
        node, path = waiting.pop()
        if left[node] == -1:
            yield values[node], path
            continue
        if not cover[node] > 0:
            raise NotCovered("a split that no training row reached")
        for child, went_left in ((left[node], True), (right[node], False)):
            waiting.append((child, [*path, (node, went_left, cover[child] / cover[node])]))


def _patterns(value: Array, share: Array) -> Array:
    """Return the tables of leaves with equally many slots.

    Args:
        value: (leaves,).
        share: (leaves, d): z of the module's text.

    Returns:
        (leaves, d · 2^d), slot by slot.
    """
    leaves, d = share.shape
    if not d:
        return np.zeros((leaves, 0))
    node, weight = np.polynomial.legendre.leggauss((d + 1) // 2)
    t, weight = (node + 1) / 2, weight / 2
    # what a slot multiplies by, without and with agreement: (leaves, d, 2, nodes)
    factor = (1 - t) * share[:, :, None, None] + t * np.array([0.0, 1.0])[:, None]
    table = np.empty((leaves, d, 1 << d))
    for own in range(d):
        product = np.ones((leaves, 1, len(t)))
        for slot in range(d):  # bit `slot` of a pattern: the patterns so far, without and with it
            side = np.ones((leaves, 2, len(t))) if slot == own else factor[:, slot]
            product = np.concatenate([product * side[:, [0]], product * side[:, [1]]], axis=1)
        agrees = (np.arange(1 << d) >> own) & 1
        table[:, own] = value[:, None] * (agrees - share[:, [own]]) * (product @ weight)
    return table.reshape(leaves, -1)
