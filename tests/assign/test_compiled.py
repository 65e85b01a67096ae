"""Compiled loops: one piece of machine code for arrays of every kind."""

from __future__ import annotations

import numpy as np

from copilot.assign.compiled import FEW, fast


def _total(numbers: np.ndarray) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


def test_read_only_and_strided_arrays_do_not_compile_a_loop_again() -> None:
    plain = np.arange(5.0)
    fixed = plain.copy()
    fixed.flags.writeable = False
    run = fast(_total, FEW)
    assert [run(plain), run(fixed), run(np.arange(10.0)[::2])] == [10.0, 10.0, 20.0]
    assert len(run.__wrapped__.signatures) == 1  # type: ignore[attr-defined]
    assert plain.flags.writeable


def test_few_pairs_are_left_to_python() -> None:
    assert fast(_total, FEW - 1) is _total
