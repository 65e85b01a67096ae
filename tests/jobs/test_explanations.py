from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.data.features import FeatureSpec
from copilot.errors import BadInput
from copilot.explain.steps import REST, START, check, schemas
from copilot.jobs.explanations import Explained, write

FILES = ("reasons", "narratives", "weights", "feature_info", "thresholds", "drivers")


def spec(name: str, label: str, **more: object) -> FeatureSpec:
    given = {"label": label, "super_name": label, "ultra_name": label, "category": "Use"} | more
    return FeatureSpec(name, "usage_monthly", "events", **given)  # type: ignore[arg-type]


SPECS = [
    spec("logins_l3m", "logins", window=3, direction="higher is better"),
    spec("logins_l6m_l3m", "logins", window=3, lag=3),
    spec("hours_l3m", "hours of use", window=3, unit="hours", category="Time"),
    spec("constant", "constant", window=12),
    spec("empty", "empty", window=12),
]
SLOPES = np.array([-0.5, 0.2, 0.3, 0.0, 0.0])


def world(n: int = 60) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(7)
    ids = pd.Index([f"a{number:03d}" for number in range(n)], name="account_id")
    values = pd.DataFrame(rng.poisson(9, (n, 5)).astype(float), index=ids, columns=[one.name for one in SPECS])
    values.loc[values.index[::7], "hours_l3m"] = np.nan
    return values.assign(constant=4.0, empty=np.nan), pd.Series("Small", index=ids)


class Linear:
    """A model whose contributions are slope times distance from the middle; counts its rows and may be killed."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.rows: list[int] = []
        self.killed_after = killed_after

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        if self.killed_after is not None and len(self.rows) > self.killed_after:
            raise KeyboardInterrupt
        self.rows.append(len(rows))
        return np.c_[np.nan_to_num((rows.to_numpy(float) - 9) * SLOPES), np.full(len(rows), 0.25)]


def run(root: Path, place: str, model: Linear, values: pd.DataFrame, segment: pd.Series, **more: object) -> Path:
    folder = root / place
    folder.mkdir(parents=True)
    write(folder, [Explained("churn", model, values)], values, SPECS, segment, None, root, chunk=25, **more)  # type: ignore[arg-type]
    return folder


def test_every_step_is_a_file_that_fits_its_schema(tmp_path: Path) -> None:
    folder = run(tmp_path, "night", Linear(), *world())
    for name in schemas():
        check(name, pd.read_parquet(folder / f"{name}.parquet"))
    told = pd.read_parquet(folder / "reasons.parquet")
    assert set(told["about"]) == {"churn", "facts"}
    assert not {"constant", "empty"} & set(told.loc[told["about"] == "churn", "super"])
    assert "empty" not in set(told["super"])


def test_an_account_s_weights_begin_with_the_model_s_bias_and_add_up_to_its_prediction(tmp_path: Path) -> None:
    values, segment = world()
    found = pd.read_parquet(run(tmp_path, "night", Linear(), values, segment) / "weights.parquet")
    total = found.groupby("account_id")["weight"].sum()
    expected = pd.Series(Linear()(values).sum(axis=1), index=values.index)
    pd.testing.assert_series_equal(total, expected, check_names=False)
    assert (found["feature_name"] == REST).sum() == len(values)
    assert (found.groupby("account_id")["feature_name"].first() == START).all()
    assert set(found.loc[found["feature_name"] == START, "weight"]) == {0.25}


def test_chunks_make_the_same_files_as_one_piece_and_bound_what_a_model_sees(tmp_path: Path) -> None:
    values, segment = world()
    model, whole = Linear(), tmp_path / "whole"
    folder = run(tmp_path / "in chunks", "night", model, values, segment)
    assert sorted(model.rows[1:]) == [10, 25, 25]  # the first call is the sample for the model's directions
    whole.mkdir()
    write(whole, [Explained("churn", Linear(), values)], values, SPECS, segment, None, tmp_path / "other", chunk=1_000)
    for name in FILES:
        pd.testing.assert_frame_equal(
            pd.read_parquet(folder / f"{name}.parquet"), pd.read_parquet(whole / f"{name}.parquet")
        )


def test_a_killed_night_goes_on_where_it_stopped_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    values, segment = world()
    straight = run(tmp_path / "straight", "night", Linear(), values, segment)
    root, killed = tmp_path / "killed", Linear(killed_after=1)
    with pytest.raises(KeyboardInterrupt):
        run(root, "first", killed, values, segment)
    again = Linear()
    resumed = run(root, "second", again, values, segment)
    assert again.rows == [60, 25, 10]  # the sample, and the two chunks that were missing
    for name in FILES:
        assert (resumed / f"{name}.parquet").read_bytes() == (straight / f"{name}.parquet").read_bytes()
    assert not (root / "explaining").exists()


def test_the_night_says_how_many_explanations_it_made_and_how_fast(tmp_path: Path) -> None:
    values, segment = world()
    told: list[str] = []
    times = iter(range(1000))
    model = [Explained("churn", Linear(killed_after=2), values)]
    given = (model, values, SPECS, segment, None, tmp_path)
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "first", *given, chunk=25)
    model[0] = Explained("churn", Linear(), values)
    said = write(tmp_path / "second", *given, chunk=25, tell=told.append, seconds=lambda: float(next(times)))
    # Of 60 accounts by the model 50 were there; 10 and the plain facts of 60 were made, over the ticks of the clock.
    ticks = next(times) - 1
    assert said == (
        f"Explained 60 accounts by 1 model and by plain facts: 70 explanations, {70 / ticks:,.0f} a CPU second; "
        "50 more are from a run that was stopped."
    )
    assert told[0] == "Explanations 1 of 6"
    assert told[-1].startswith("Explanations 6 of 6, ")
    assert told[-1].endswith(" a CPU second")


@pytest.mark.parametrize("what", ["values", "model", "rules"])
def test_after_a_change_nothing_of_the_killed_night_is_used(tmp_path: Path, what: str) -> None:
    values, segment = world()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "first", Linear(killed_after=1), values, segment)
    if what == "values":
        values = values + 1
    if what == "rules":
        (tmp_path / "narratives.yaml").write_text("actionable: {weight: 2, tags: [use]}", encoding="utf-8")
    model = Linear()
    run(tmp_path, "second", model, values, segment, made_by="growth-2" if what == "model" else "")
    assert model.rows == [60, 25, 25, 10]


def test_a_wrong_file_of_the_workspace_stops_the_night_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "narratives.yaml").write_text("thresholds: [{feature: wether, value: '> 3'}]", encoding="utf-8")
    with pytest.raises(BadInput, match="wether"):
        run(tmp_path, "night", Linear(), *world())


def test_a_book_without_accounts_leaves_files_without_rows(tmp_path: Path) -> None:
    values, segment = world()
    folder = run(tmp_path, "night", Linear(), values.iloc[:0], segment.iloc[:0])
    for name in FILES[:3]:
        assert pd.read_parquet(folder / f"{name}.parquet").empty


def test_the_global_view_names_the_families_that_drive_a_model_and_which_way(tmp_path: Path) -> None:
    drivers = pd.read_parquet(run(tmp_path, "night", Linear(), *world()) / "drivers.parquet").set_index("ultra")
    assert list(drivers.index[:2]) == ["logins", "hours of use"]
    assert list(drivers["more_means"][:2]) == ["lower", "higher"]
    assert drivers["share"].sum() == pytest.approx(1)
    assert drivers.at["constant", "share"] == 0
