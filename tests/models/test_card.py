from __future__ import annotations

from typing import Any

import pytest

from copilot.models.card import card, figures

MANIFEST: dict[str, Any] = {
    "summary": "AUC 0.712 for shrinking accounts.",
    "source": "demo",
    "as_of": "2026-06-30",
    "trained_at": "2026-07-01T06:00:00+00:00",
    "book": "20260701T060000Z-abcdef01",
    "data_hash": "d" * 12,
    "spec_hash": "s" * 12,
    "labels": [{"set": "growth", "version": "v-1", "sha256": "l" * 12, "rows": 1200}],
    "report": {
        "n": 1200,
        "skill": True,
        "note": None,
        "auc_churn": {"value": 0.7123, "low": 0.68, "high": 0.75},
        "r_loss": {"model": 0.5, "gain": {"value": 0.01, "low": None, "high": None}},
        "folds": [{"n_train": 3}],
    },
    "segments": [{"segment": "SMB", "rows": 900, "auc": 0.7}, {"segment": "A|B", "rows": 300, "auc": None}],
    "features": ["a", "b", "c"],
    "importance": {"b": 0.75, "a": 0.25},
    "libraries": {"xgboost": "3.2.0"},
}


def test_a_card_tells_purpose_origin_figures_segments_features_and_identity() -> None:
    told = card("growth", "v1", MANIFEST, state="champion")
    assert "# Model card: growth" in told
    assert "Version v1 (champion)" in told
    assert "AUC 0.712 for shrinking accounts." in told
    assert "| auc churn | 0.7123 | 0.68 to 0.75 |" in told
    assert "| SMB | 900 | 0.7 |" in told
    assert "| A\\|B | 300 |  |" in told
    assert "3 features, the most important first, with their share of the gain: b (75.0%), a (25.0%), c." in told
    assert "| labels growth | 1,200 rows, version v-1 |" in told
    for hashed in ("d" * 12, "s" * 12, "l" * 12, "3.2.0"):
        assert hashed in told


def test_only_numbers_become_figures() -> None:
    assert list(figures(MANIFEST["report"])) == [
        ("n", "1,200", ""),
        ("auc churn", "0.7123", "0.68 to 0.75"),
        ("r loss model", "0.5", ""),
        ("r loss gain", "0.01", ""),
    ]


@pytest.mark.parametrize("name", ["uplift", "engagement", "propensity", "of a team's own"])
def test_a_bare_manifest_still_has_a_card(name: str) -> None:
    told = card(name, "v1", {})
    assert "Nothing is known." in told
    assert "{" not in told
