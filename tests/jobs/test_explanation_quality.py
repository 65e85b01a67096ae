import numpy as np
import pandas as pd
import pytest

from copilot.access import EVERYTHING
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import MissingData
from copilot.jobs import explanation_quality
from copilot.jobs.explanation_quality import report


def test_the_explanations_of_a_workspace_are_judged(tiny: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation_quality, "ACCOUNTS", 50)
    monkeypatch.setattr(explanation_quality, "REFITS", 2)
    made = open_snapshot(tiny)
    accounts = made.scores("accounts", EVERYTHING)
    scored = accounts.assign(churn_probability=0.5).loc[accounts["spend_usd"] > 0]  # whatever the model's skill is
    told = [(account, about, "Seats: 12.") for account in scored["account_id"] for about in ("churn", "upsell")]
    made._shown |= {"accounts": scored, "narratives": pd.DataFrame(told, columns=["account_id", "about", "text"])}
    monkeypatch.setattr(explanation_quality, "open_snapshot", lambda _workspace: made)
    found = report(tiny, np.random.default_rng(3))
    assert set(found) == {"churn", "upsell"}
    for judged in found.values():
        assert judged.fidelity == 1.0
        assert judged.gap < 1e-4
        assert judged.insertion.low > 0
        assert judged.deletion.low > 0
        assert 0 < judged.jaccard < 1  # refits are other models of the same accounts
        assert 0 < judged.deduplicated < 1
        assert judged.reading_grade < 12


def test_without_a_growth_score_it_says_why(ravenstack: Workspace) -> None:
    with pytest.raises(MissingData, match="no skill"):
        report(ravenstack, np.random.default_rng(3))
