from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput, NotSetUp
from copilot.models import engagement, growth, registry, uplift


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


X = pd.DataFrame(rng(1).normal(size=(120, 3)), columns=["a", "b", "c"])
BASE = np.exp(rng(2).normal(8, 1, size=120))
PANEL = pd.DataFrame(
    {"unit": np.repeat(np.arange(30), 12), "month": np.tile(pd.date_range("2025-01-01", periods=12, freq="MS"), 30),
     "usage": rng(3).uniform(0, 100, size=360)}
)  # fmt: skip


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    noise, treated = rng(4).normal(size=120), (rng(5).random(120) < 0.5).astype(float)
    return {
        "uplift": uplift.fit(X, treated, X["a"] * treated + noise, rng=rng()),
        "uplift_chance": uplift.fit(X, treated, (X["a"] + noise > 0).astype(float), rng=rng()),
        "growth": growth.fit(X, BASE, BASE * np.clip(X["b"] + noise, -0.5, 0.5), rng=rng()),
        "growth_one_class": growth.fit(X, BASE, BASE, unit="quantity", rng=rng()),
        "engagement": engagement.fit(PANEL, unit="unit", time="month", value="usage", rng=rng()),
        "engagement_count": engagement.fit(
            PANEL, unit=["unit"], time="month", value="usage", bounds=(0, None), rng=rng()
        ),
    }


def said(model: Any) -> pd.DataFrame:
    kind = model.bundle().kind
    given = {"uplift": (X,), "growth": (X, BASE), "engagement": (PANEL,)}[kind]
    told: pd.DataFrame = model.predict(*given)
    return told


@pytest.mark.parametrize(
    "name", ["uplift", "uplift_chance", "growth", "growth_one_class", "engagement", "engagement_count"]
)
def test_a_saved_model_comes_back_with_exactly_the_same_predictions(
    models: dict[str, Any], name: str, tmp_path: Path
) -> None:
    model = models[name]
    again = registry.load(registry.save(model, tmp_path / "m", name=name, metrics={"auc": np.float64(0.7)}, book="b-1"))
    assert type(again) is type(model)
    pd.testing.assert_frame_equal(said(again), said(model), check_exact=True)
    assert again.report == model.report
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["metrics"] == {"auc": 0.7}
    assert manifest["notes"] == {"book": "b-1"}
    assert {file.suffix for file in (tmp_path / "m").iterdir()} <= {".ubj", ".json", ".safetensors"}  # no pickle


def test_a_loaded_uplift_model_is_checked_for_its_kind(models: dict[str, Any], tmp_path: Path) -> None:
    models["uplift"].save(tmp_path / "u")
    pd.testing.assert_frame_equal(uplift.load(tmp_path / "u").predict(X), said(models["uplift"]), check_exact=True)
    registry.save(models["growth"], tmp_path / "g")
    with pytest.raises(BadInput, match="another kind"):
        uplift.load(tmp_path / "g")


def test_a_damaged_a_missing_and_a_foreign_model_are_named_in_one_sentence(
    models: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(NotSetUp, match="sales-copilot train"):
        registry.load(tmp_path / "none")
    folder = registry.save(models["growth"], tmp_path / "g")
    file = folder / "churn.ubj"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BadInput, match=r"damaged \(churn.ubj\)"):
        registry.load(folder)
    file.unlink()
    with pytest.raises(BadInput, match="damaged"):
        registry.load(folder)
    for text, says in (("{", "unreadable"), ("[]", "cannot read"), ('{"format": 99, "kind": "growth"}', "cannot read"),
                       ('{"format": 1, "kind": "os"}', "cannot read")):  # fmt: skip
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=says):
            registry.load(folder)


@pytest.mark.parametrize("part", ["features", "state", "report", "files"])
def test_a_manifest_that_lost_a_part_is_damaged(models: dict[str, Any], part: str, tmp_path: Path) -> None:
    folder = registry.save(models["growth"], tmp_path / "g")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for broken in ({k: v for k, v in manifest.items() if k != part}, manifest | {part: 3}):
        (folder / "manifest.json").write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(BadInput, match=r"damaged \(manifest.json\)"):
            registry.load(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"state": {}}), encoding="utf-8")
    with pytest.raises(BadInput, match="damaged"):
        registry.load(folder)


def test_numbers_that_are_not_finite_are_written_as_nothing() -> None:
    assert registry.plain({"a": (np.nan, np.inf, np.int64(2)), 3: np.array([1.5])}) == {
        "a": [None, None, 2],
        "3": [1.5],
    }
