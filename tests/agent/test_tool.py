"""What a tool says of arguments that it cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from copilot import rooms
from copilot.access import EVERYTHING, Ctx, Principal
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import TryAgain
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("compare_accounts", {"accounts": ["A-1"]}, "To compare accounts, give 2 to 5 accounts, not 1."),
        ("compare_accounts", {"accounts": list("abcdef")}, "To compare accounts, give 2 to 5 accounts, not 6."),
        ("plan_week", {"hours": 0}, "To plan your week, give hours from 0.25 to 40, not 0."),
        ("plan_week", {"hours": float("inf")}, "To plan your week, give hours from 0.25 to 40, not inf."),
        ("plan_week", {"hours": "many"}, "plan_week cannot take hours: Input should be a valid number"),
        ("rank_accounts", {"limit": 80}, "To say whom to call and why, give limit from 1 to 50, not 80."),
        ("rank_accounts", {"role": "admin"}, "rank_accounts cannot take role: Extra inputs are not permitted."),
        ("compare_accounts", {}, "compare_accounts cannot take accounts: Field required."),
    ],
)
def test_the_limits_of_an_argument_are_said_with_what_was_given(
    tiny: Workspace, name: str, arguments: dict[str, Any], says: str
) -> None:
    who, rng = Principal("ana", "rep", "R-ana"), np.random.default_rng(7)
    ctx = Ctx(tiny.root, who, EVERYTHING, open_snapshot(tiny), lambda: NOW, rng)
    with pytest.raises(TryAgain) as refused:
        rooms.registry()[name](ctx, arguments)
    assert str(refused.value).startswith(says)
