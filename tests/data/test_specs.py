import pytest

from copilot.data.portable import columns
from copilot.data.specs import FeatureSpec, rate, rates_first, windows, yoy
from copilot.errors import BadInput


def spec(name: str = "x", metric: str = "events", aggregate: str = "sum", **more: object) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", metric, aggregate, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "reads"),
    [
        ("1", set()),
        ("events", {"events"}),
        ("-events + 2.5e1 * (minutes - errors) / nullif(events, 0)", {"events", "minutes", "errors"}),
        ("CASE WHEN errors > 0 AND NOT events IS NULL THEN 1 ELSE 0 END", {"errors", "events"}),
        ("coalesce(round(adoption, 2), 0)", {"adoption"}),
        ("CASE WHEN product LIKE 'it''s; -- select%' THEN 1 END", {"product"}),
        ("age_month", {"age_month"}),
    ],
)
def test_a_metric_may_calculate_with_the_columns_of_its_row(metric: str, reads: set[str]) -> None:
    assert spec(metric=metric).columns == reads


@pytest.mark.parametrize(
    "where",
    [
        "start_date <= as_of - INTERVAL 365 DAY AND (end_date IS NULL OR end_date > as_of)",
        "quantity BETWEEN 1 AND 3 AND product NOT IN ('a', 'b')",
        "start_date >= DATE '2024-02-29' OR TRUE",
    ],
)
def test_a_condition_may_compare_and_look_at_the_date(where: str) -> None:
    FeatureSpec("x", "contracts", "annual_usd", where=where)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("least(events, 3)", "missing value into a number"),
        ("greatest(events, 0)", "missing value into a number"),
        ("datediff('month', event_ts, as_of)", "borders of months"),
        ("asof", "AS OF"),
        ("(SELECT max(events) FROM source)", "'select'.*one row, not a query"),
        ("sum(events) OVER (PARTITION BY product)", "'sum'"),
        ("events OVER ()", "window functions"),
        ("events; DROP TABLE source", "';"),
        ("events -- all of it", "'--"),
        ("events /* all */", "/\\*"),
        ("'it's'", 'at "\'"'),
        ("'a\\' OR 1", "OR 1"),
        ('"events"', "'\"events"),
        ("`events`", "`"),
        ("events::text", "::"),
        ("cast(events AS text)", "'cast'"),
        ("read_csv('secrets')", "'read_csv'"),
        ("events events", "'events'"),
        ("(events", "its end"),
        ("events +", "its end"),
        ("events = ", "its end"),
        ("CASE WHEN events THEN 1", "its end"),
        ("source.events", "'source.*'|'\\.events'"),
        ("DATE '2023-02-29'", "2023-02-29"),
        ("events NOT 3", "'3'"),
        ("1e", "1e"),
        ("événements", "é"),
        ("", "its end"),
    ],
)
def test_what_engines_read_differently_is_refused_when_the_spec_is_defined(metric: str, says: str) -> None:
    with pytest.raises(BadInput, match=rf"The metric of feature 'x' .*leaves the SQL.*{says}") as refused:
        spec(metric=metric)
    assert "\n" not in str(refused.value)


def test_conditions_and_denominators_are_held_to_the_same() -> None:
    with pytest.raises(BadInput, match="The condition of feature 'x'"):
        spec(where="events > 0) OR (SELECT 1")
    with pytest.raises(BadInput, match="The denominator of feature 'x'"):
        spec(aggregate="share", per="greatest(events, 1)")
    with pytest.raises(BadInput, match="nests deeper"):
        columns("(" * 100 + "1" + ")" * 100, "It")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"aggregate": "median"}, "the aggregate 'median'; use one of sum"),
        ({"grain": "quarter"}, "the grain 'quarter'; use one of day, week, month"),
        ({"transform": "square"}, "the transform 'square'"),
        ({"nulls": "drop"}, "the nulls 'drop'; use one of keep, zero"),
        ({"direction": "up"}, "the direction 'up'"),
        ({"unit": "eur"}, "the unit 'eur'"),
        ({"aggregate": "share"}, "counted against"),
        ({"per": "minutes"}, "counted against"),
        ({"window": 0}, "window of at least 1"),
        ({"window": 1.5}, "whole numbers"),
        ({"window": 1, "lag": -1}, "lag of at least 0"),
        ({"transform": "yoy"}, "no earlier window"),
        ({"lag": 2}, "no earlier window"),
        ({"cap": (3, 1)}, "from 3 down to 1"),
        ({"cap": (0, float("nan"))}, "each a number or None"),
        ({"entity": "account_id"}, "must be a tuple of columns"),
        ({"entity": ("account_id; --",)}, "must be a tuple of columns"),
        ({"metric": "product"}, "sum of product, which holds no numbers"),
        ({"metric": "event_ts", "aggregate": "max"}, "max of event_ts, which holds no numbers"),
        ({"name": "asof"}, "asof"),
        ({"name": "1st"}, "without a digit first"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_in_one_sentence(more: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        spec(**more)  # type: ignore[arg-type]


def test_windows_are_named_by_their_distance() -> None:
    found = windows(spec("events"), "l1m", "l2m_l1m", "l3m", "l6m_l3m", "l6m", "l12m", "l24m_l12m", "l14d", "l4w_l2w")
    assert {s.name: (s.grain, s.window, s.lag) for s in found} == {
        "events_l1m": ("month", 1, 0),
        "events_l2m_l1m": ("month", 1, 1),
        "events_l3m": ("month", 3, 0),
        "events_l6m_l3m": ("month", 3, 3),
        "events_l6m": ("month", 6, 0),
        "events_l12m": ("month", 12, 0),
        "events_l24m_l12m": ("month", 12, 12),
        "events_l14d": ("day", 14, 0),
        "events_l4w_l2w": ("week", 2, 2),
    }
    assert {s.super_name for s in found} == {"events"}


@pytest.mark.parametrize("name", ["3m", "l3", "l3y", "l1m_l3m", "l3m_l3m", "l3m_l1w", "l0m"])
def test_a_window_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="names no window"):
        windows(spec("events"), name)


def test_year_on_year_is_capped_unless_told_otherwise() -> None:
    [year] = [yoy(s) for s in windows(spec("events"), "l3m")]
    assert (year.name, year.bounds, year.ages) == ("events_l3m_yoy", (-1.0, 3.0), ((1, 3), (13, 15)))
    assert spec(window=3, transform="yoy", cap=(None, 9)).bounds == (None, 9)
    assert spec(window=3).bounds == (None, None)


def test_a_rate_stands_before_its_volume() -> None:
    volume = spec("errors", "errors", super_name="errors")
    share = rate(volume, "events", name="error_rate", label="errors an event")
    assert (share.metric, share.per, share.aggregate, share.unit) == ("errors", "events", "share", "percent")
    assert [s.name for s in rates_first([volume, share])] == ["error_rate", "errors"]
