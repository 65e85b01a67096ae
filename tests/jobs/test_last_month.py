"""What drove the scores in an earlier month is found in the snapshot before, or carried on by it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from copilot.data.workspace import Workspace
from copilot.jobs.last_month import COLUMNS, FILE, drivers_before

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def night(workspace: Workspace, as_of: date, share: float, number: int) -> pd.DataFrame:
    """Score one day: publish its drivers and what an earlier month had; return the latter."""
    before = drivers_before(workspace, "demo", as_of)

    def fill(place: Path) -> dict[str, object]:
        drivers = pd.DataFrame({"about": ["churn"], "ultra": ["usage"], "share": [share], "mean": [0.0]})
        drivers.to_parquet(place / "drivers.parquet")
        before.to_parquet(place / f"{FILE}.parquet")
        return {"book": workspace.book().path.name, "as_of": as_of}

    workspace.publish("snapshots", fill, NOON + timedelta(days=number))
    return before


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    made.publish("book", lambda place: {"source": "demo", "as_of": "2026-05-31"}, NOON)
    return made


def test_the_last_night_of_an_earlier_month_is_remembered_though_its_snapshot_is_gone(workspace: Workspace) -> None:
    assert night(workspace, date(2026, 4, 30), 0.2, 0).empty
    found = night(workspace, date(2026, 5, 1), 0.3, 1)
    assert found.to_dict("records") == [{"about": "churn", "ultra": "usage", "share": 0.2, "as_of": "2026-04-30"}]
    for day in range(2, 12):  # more nights than snapshots are kept
        found = night(workspace, date(2026, 5, day), 0.4 + day / 100, day)
        assert found["as_of"].tolist() == ["2026-04-30"]
    found = night(workspace, date(2026, 6, 1), 0.6, 12)
    assert found[["share", "as_of"]].values.tolist() == [[0.51, "2026-05-11"]]


def test_a_snapshot_of_another_source_or_without_drivers_tells_nothing(workspace: Workspace) -> None:
    assert list(drivers_before(workspace, "demo", date(2026, 5, 1)).columns) == COLUMNS
    night(workspace, date(2026, 4, 30), 0.2, 0)
    assert drivers_before(workspace, "maven", date(2026, 5, 1)).empty
    folder = workspace.current("snapshots")
    assert folder is not None
    (folder / "drivers.parquet").unlink()
    assert drivers_before(workspace, "demo", date(2026, 5, 1)).empty
