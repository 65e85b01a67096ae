"""Look up the contributions of many rows in a model's leaf tables, a block of rows at a time (compiled by numba)."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from copilot.models.leaf_tables import LeafTables

BLOCK = 128  # rows worked on together, so that their values stay in the processor's cache


def walk(tables: LeafTables, X: np.ndarray) -> np.ndarray:
    """Return the contributions of each row, without the bias.

    Args:
        tables: The model.
        X: (rows, features), float32, NaN where missing.

    Returns:
        (rows, features), float64.
    """
    found = np.empty((len(X), tables.width))
    t = tables
    _walk(
        np.ascontiguousarray(X, np.float32), t.feature, t.threshold, t.default_left, t.node_start, t.leaf_start,
        t.slot_start, t.slot_feature, t.step_start, t.step_node, t.step_left, t.table_start, t.table, found,
    )  # fmt: skip
    return found


@numba.njit(cache=True, nogil=True)
def _walk(
    X: Any, feature: Any, threshold: Any, default_left: Any, node_start: Any, leaf_start: Any,
    slot_start: Any, slot_feature: Any, step_start: Any, step_node: Any, step_left: Any, table_start: Any, table: Any,
    found: Any,
) -> None:  # fmt: skip
    rows, width = X.shape
    most = 1
    for tree in range(len(node_start) - 1):
        most = max(most, node_start[tree + 1] - node_start[tree])
    columns = np.zeros((width, BLOCK), np.float32)
    summed = np.zeros((width, BLOCK), np.float32)
    goes_left = np.empty((most, BLOCK), np.uint8)
    pattern, agrees = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.uint8)
    for begin in range(0, rows, BLOCK):
        size = min(BLOCK, rows - begin)
        for f in range(width):
            for r in range(size):
                columns[f, r] = X[begin + r, f]
                found[begin + r, f] = 0.0
        for tree in range(len(node_start) - 1):
            _decide(columns, feature, threshold, default_left, node_start[tree], node_start[tree + 1], goes_left)
            for leaf in range(leaf_start[tree], leaf_start[tree + 1]):
                first, last = slot_start[leaf], slot_start[leaf + 1]
                _compare(goes_left, first, last, step_start, step_node, step_left, agrees, pattern)
                _add(table, table_start[leaf], slot_feature, first, last, pattern, summed)
            if tree % 64 == 63:  # short sums lose less
                _flush(summed, found, begin, size)
        _flush(summed, found, begin, size)


@numba.njit(cache=True, nogil=True)
def _decide(
    columns: Any, feature: Any, threshold: Any, default_left: Any, first: int, last: int, goes_left: Any
) -> None:
    """Say at each split of a tree which rows go left."""
    for node in range(first, last):
        f, limit = feature[node], threshold[node]
        if default_left[node] == 1:
            for r in range(BLOCK):  # a missing value is not >= anything
                goes_left[node - first, r] = np.uint8(not (columns[f, r] >= limit))
        else:
            for r in range(BLOCK):
                goes_left[node - first, r] = np.uint8(columns[f, r] < limit)


@numba.njit(cache=True, nogil=True)
def _compare(
    goes_left: Any, first: int, last: int, step_start: Any, step_node: Any, step_left: Any, agrees: Any, pattern: Any
) -> None:
    """Set bit i of a row's pattern where the row agrees with every step of a leaf's i-th slot."""
    for r in range(BLOCK):
        pattern[r] = 0
    for slot in range(first, last):
        for r in range(BLOCK):
            agrees[r] = 1
        for step in range(step_start[slot], step_start[slot + 1]):
            node, other = step_node[step], np.uint8(1 - step_left[step])
            for r in range(BLOCK):
                agrees[r] &= goes_left[node, r] ^ other
        for r in range(BLOCK):
            pattern[r] |= np.int32(agrees[r]) << (slot - first)


@numba.njit(cache=True, nogil=True)
def _add(table: Any, start: int, slot_feature: Any, first: int, last: int, pattern: Any, summed: Any) -> None:
    """Add what a leaf's table says for each row's pattern."""
    for slot in range(first, last):
        f, base = slot_feature[slot], start + ((slot - first) << (last - first))
        for r in range(BLOCK):
            summed[f, r] += table[base + pattern[r]]


@numba.njit(cache=True, nogil=True)
def _flush(summed: Any, found: Any, begin: int, size: int) -> None:
    """Move the sums of a block to its rows."""
    for f in range(summed.shape[0]):
        for r in range(size):
            found[begin + r, f] += summed[f, r]
        for r in range(BLOCK):
            summed[f, r] = 0.0
