"""Scenarios on disk: numbered once each, readable by their maker alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from copilot.errors import BadInput
from copilot.store import scenarios

MOVES = [{"account_id": "a", "from_rep_id": "r1", "to_rep_id": "r2"}]
BACK = [{"account_id": "a", "from_rep_id": "r2", "to_rep_id": "r1"}]


def _keep(workspace: Path, username: str = "mia") -> scenarios.Scenario:
    return scenarios.keep(
        workspace,
        username=username,
        snapshot="s",
        as_of="2026-06-30",
        made_at="2026-07-01T06:00:00+00:00",
        arguments={"without_rep": "Ana"},
        moves=MOVES,
        inverse=BACK,
    )


def test_names_count_up_also_for_writers_at_the_same_moment(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _keep(tmp_path), range(8)))
    assert sorted(one.name for one in made) == [f"S-{number}" for number in range(1, 9)]
    assert scenarios.load(tmp_path, "S-3", "mia").inverse == BACK


def test_somebody_elses_a_missing_and_a_crooked_name_read_the_same(tmp_path: Path) -> None:
    _keep(tmp_path)
    (tmp_path / "S-9.json").write_text("{}")
    for name, who in (("S-1", "ben"), ("S-2", "mia"), ("../S-9", "mia"), ("S-0", "mia"), ("S-1\n", "mia")):
        with pytest.raises(BadInput, match=r"There is no scenario .* of yours"):
            scenarios.load(tmp_path, name, who)
    (tmp_path / "scenarios" / "S-1.json").write_text("[")
    with pytest.raises(BadInput, match="There is no scenario"):
        scenarios.load(tmp_path, "S-1", "mia")
