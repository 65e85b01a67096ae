"""Loops over millions of pairs, as machine code where that pays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

Loop = Callable[..., Any]
# With fewer pairs than this plain Python is done before numba would be imported and its machine code read.
FEW = 8_000


def fast(function: Loop, pairs: int) -> Loop:
    """Return the function compiled, or itself where it will look at few pairs.

    It must be plain loops on arrays, and leave those it is given as they are.
    """
    return function if pairs < FEW else _compiled(function)


@cache
def _compiled(function: Loop) -> Loop:
    """Compile once a machine: numba keeps the code beside Python's own, or in the user's cache where it may not.

    No ``fastmath``: it breaks comparisons with infinity, which stands for "no limit" and "not allowed".
    """
    import numba

    try:
        compiled: Loop = numba.njit(cache=True)(function)
    except RuntimeError:  # no folder to keep it in: compile for this process alone
        compiled = numba.njit(function)

    @wraps(compiled)
    def run(*arguments: Any) -> Any:
        return compiled(*(_alike(one) for one in arguments))

    return run


def _alike(argument: Any) -> Any:
    """Return an array read-only and without gaps: numba would compile anew, for seconds, for each kind it meets."""
    if not isinstance(argument, np.ndarray):
        return argument
    argument = np.ascontiguousarray(argument).view()
    argument.flags.writeable = False
    return argument
