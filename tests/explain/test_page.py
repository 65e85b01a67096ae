"""The global view and one account's waterfall, read from the files of a snapshot."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.access import EVERYTHING
from copilot.data.choice import chosen_specs
from copilot.data.features import build
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import MissingData, NotSetUp
from copilot.explain import page
from copilot.jobs.explanations import Explained, write

BIAS = 0.25
SLOPES = np.random.default_rng(7).normal(size=1_000)


def shares(rows: pd.DataFrame) -> np.ndarray:
    """Return the contributions of a linear model, the bias last."""
    spread = (rows - rows.mean()) / rows.std().replace(0, 1)
    return np.c_[np.nan_to_num(spread.to_numpy(float)) * SLOPES[: rows.shape[1]], np.full(len(rows), BIAS)]


@pytest.fixture(scope="module")
def snapshot(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The tiny snapshot with the explanations of a linear model, whatever was learned there."""
    made, folder = open_snapshot(tiny), tmp_path_factory.mktemp("snapshot")
    frame = made.scores("accounts", EVERYTHING).head(40)
    specs = chosen_specs(tiny, made.book)
    today = build(tiny, specs=specs).loc[frame["account_id"]]
    paying = today.head(30)
    models = [Explained(about, shares, paying) for about in ("churn", "upsell")]
    write(folder, models, today, specs, frame.set_index("account_id")["segment"], made.book, folder)
    frame.drop(columns="hidden").to_parquet(folder / "accounts.parquet")
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8")) | {"skipped": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Snapshot(folder, made.book)


@pytest.fixture
def account(snapshot: Snapshot) -> tuple[str, str]:
    row = snapshot.scores("accounts", EVERYTHING).iloc[0]
    return row["account_id"], row["name"]


def test_the_families_of_the_snapshot_are_listed_the_strongest_first(snapshot: Snapshot) -> None:
    first = page.global_view(snapshot, EVERYTHING, "upsell")["ultra"].iloc[0]
    told = page.told(snapshot, EVERYTHING, ["upsell"], [])
    assert told[0] == "What drives upsell, as of 2026-06-30 (share of all that moves the score):"
    assert told[1].split("  ")[1] == first
    drivers = snapshot.scores("drivers", EVERYTHING)
    assert drivers.loc[drivers["about"] == "upsell", "ultra"].iloc[0] == first


def test_beside_each_share_stands_what_it_was_in_an_earlier_month(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = page.global_view(snapshot, EVERYTHING, "upsell")
    assert view["share_before"].isna().all()
    first, second = view["ultra"].iloc[0], view["ultra"].iloc[1]
    before = pd.DataFrame({"about": "upsell", "ultra": [first], "share": [0.01], "as_of": "2026-05-29"})
    kept = snapshot.scores
    monkeypatch.setattr(
        snapshot, "scores", lambda name, scope: before if name == "drivers_before" else kept(name, scope)
    )
    told = page.told(snapshot, EVERYTHING, ["upsell"], [])
    assert told[0].endswith("(share of all that moves the score; behind it what it was on 2026-05-29):")
    now = [round(100 * share) for share in view["share"]]
    assert f"{first:<22}{now[0]:>5}% (1%, {now[0] - 1:+d} points)" in told[1]
    assert f"{second:<22}{now[1]:>5}% (0%, {now[1]:+d} points)" in told[2]
    text = page.page(snapshot, EVERYTHING, ["upsell"], [])
    assert "Share (on 2026-05-29, change in points)" in text
    assert f"{now[0]}% (1%, {now[0] - 1:+d} points)" in text


def test_the_bars_of_an_account_lead_from_the_bias_to_the_models_own_answer(
    tiny: Workspace, snapshot: Snapshot, account: tuple[str, str]
) -> None:
    bars = page.account_bars(snapshot, EVERYTHING, account[0], "churn")
    assert (bars[0].kind, bars[0].end) == ("baseline", BIAS)
    assert bars[-2].end == pytest.approx(bars[-1].end)
    rows = build(tiny, specs=chosen_specs(tiny, tiny.book())).loc[snapshot.scores("accounts", EVERYTHING)["account_id"]]
    assert bars[-1].end == pytest.approx(shares(rows.head(30)).sum(axis=1)[0])


def test_the_page_shows_a_waterfall_for_each_score_and_escapes_names(
    snapshot: Snapshot, account: tuple[str, str]
) -> None:
    frame = snapshot.scores("accounts", EVERYTHING)
    renamed = Snapshot(snapshot.folder, snapshot.book)
    hostile = frame.assign(name=frame["name"].where(frame["account_id"] != account[0], "<script>alert(1)</script>"))
    renamed._shown["accounts"] = hostile
    text = page.page(renamed, EVERYTHING, ["churn", "upsell"], [account[0]])
    assert text.count("<svg") == 2
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_an_account_that_a_study_hides_an_unknown_score_and_an_old_snapshot_are_refused(
    snapshot: Snapshot, account: tuple[str, str]
) -> None:
    blind = Snapshot(snapshot.folder, snapshot.book, {account[0]: "hidden until 2026-12-31: control of autumn"})
    with pytest.raises(MissingData, match=f"The scores of {account[1]} are hidden until 2026-12-31"):
        page.told(blind, EVERYTHING, ["churn"], [account[1]])
    unpaying = pd.Index(snapshot.scores("accounts", EVERYTHING)["account_id"]).difference(
        snapshot.scores("weights", EVERYTHING)["account_id"]
    )
    with pytest.raises(MissingData, match=f"no churn score of {unpaying[0]}"):
        page.account_bars(snapshot, EVERYTHING, unpaying[0], "churn")
    weights = snapshot.scores("weights", EVERYTHING)
    old = Snapshot(snapshot.folder, snapshot.book)
    old._shown["weights"] = weights[weights["feature_name"] != page.START]
    with pytest.raises(NotSetUp, match="run `sales-copilot score`"):
        page.account_bars(old, EVERYTHING, account[0], "churn")


def test_a_book_without_skill_says_why_nothing_drives_a_score(ravenstack: Workspace) -> None:
    snapshot = open_snapshot(ravenstack)
    abouts = page.scored(snapshot, ["churn", "upsell", "uplift"])
    with pytest.raises(MissingData, match="no skill"):
        page.told(snapshot, EVERYTHING, abouts, [])


def test_the_command_prints_what_drives_the_scores_and_writes_the_page(
    snapshot: Snapshot,
    account: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from copilot.cli.explain import explain
    from copilot.errors import BadInput

    monkeypatch.setattr("copilot.data.snapshot.open_snapshot", lambda _workspace: snapshot)
    explain()
    out = capsys.readouterr().out
    assert "What drives churn, as of 2026-06-30" in out
    assert "What drives upsell, as of 2026-06-30" in out
    explain([account[1]], "churn", out=tmp_path / "page.html")
    assert f"{account[1]}, churn (log-odds of shrinking):" in capsys.readouterr().out
    assert account[1] in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        explain(None, "churn", out=tmp_path / "missing" / "page.html")
