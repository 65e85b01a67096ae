"""Definitions in YAML: what a good file becomes, and one sentence for everything that is wrong with a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.catalogue import definitions
from copilot.data.definitions import read_definitions
from copilot.data.specs import FeatureSpec
from copilot.errors import BadInput

GOOD = """
features:
  - name: meetings
    table: touches
    metric: 1
    aggregate: count
    where: kind = 'meeting'
    windows: [l3m, l6m_l3m]
    yoy: [l3m]
    label: meetings with us
    owner: RevOps
    description: How often we met.
    tags: [visits, in person]
    direction: higher is better
  - name: errors_seen
    table: usage_monthly
    metric: errors
    windows: l12m
    rate: {name: errors_per_event, per: events}
    owner: Ana
    description: Errors.
    cap: [0, null]
"""


def read(folder: Path, text: str, name: str = "own.yaml") -> list[FeatureSpec]:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return [spec for one in read_definitions(file) for spec in one.specs]


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadInput) as found:
        read(folder, text)
    said = str(found.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "own.yaml" in said
    assert str(folder) not in said
    return said


def test_one_definition_becomes_its_windows_its_rate_first_and_its_change_on_a_year_before(tmp_path: Path) -> None:
    specs = {spec.name: spec for spec in read(tmp_path, GOOD)}
    assert list(specs) == [
        "meetings_l3m",
        "meetings_l6m_l3m",
        "meetings_l3m_yoy",
        "errors_per_event_l12m",
        "errors_seen_l12m",
    ]
    past, change = specs["meetings_l6m_l3m"], specs["meetings_l3m_yoy"]
    assert (past.window, past.lag, past.super_name, past.metric) == (3, 3, "meetings", "1")
    assert (change.transform, change.bounds, change.unit, change.super_name) == (
        "yoy",
        (-1, 3),
        "percent",
        "meetings_yoy",
    )
    assert change.label == "meetings with us against a year before"
    assert specs["errors_per_event_l12m"].per == "events"
    assert specs["errors_per_event_l12m"].unit == "percent"
    assert specs["errors_seen_l12m"].cap == (0, None)
    assert {spec.owner for spec in specs.values()} == {"RevOps", "Ana"}
    assert past.tags == ("visits", "in person")


def test_a_file_may_hold_one_definition_alone_and_fills_in_what_it_need_not_say(tmp_path: Path) -> None:
    alone = "name: size_class\ntable: accounts\nmetric: employees\naggregate: max\nowner: no\ndescription: on\n"
    (spec,) = read(tmp_path, alone)
    assert (spec.label, spec.ultra_name, spec.super_name, spec.category) == (
        "size class",
        "size class",
        "size_class",
        "Other",
    )
    assert (spec.owner, spec.description) == ("no", "on")  # texts, not YAML's booleans


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("owner: RevOps", ""), ["'meetings'", "line 3", "lacks the key 'owner'"]),
        (("description: How often we met.", ""), ["lacks the key 'description'"]),
        (("owner: RevOps", 'owner: ""'), ["owner"]),
        (("aggregate: count", "agregate: count"), ["'agregate'", "did you mean 'aggregate'"]),
        (("aggregate: count", "aggregate: median"), ["aggregate", "'sum'"]),
        (("table: touches", "table: touch"), ["'meetings'", "line 3", "touch", "accounts"]),
        (("windows: [l3m, l6m_l3m]", "windows: [l3q]"), ["'l3q' names no window"]),
        (("windows: [l3m, l6m_l3m]", "windows: [l3m, l3m]"), ["'meetings_l3m'", "stands twice"]),
        (("windows: [l3m, l6m_l3m]", "windows: [l3m]\n    window: 3"), ["windows beside window"]),
        (("windows: [l3m, l6m_l3m]", "windows: [l99999999m]"), ["reaches more than 5000 months"]),
        (("yoy: [l3m]", "yoy: [l6m_l3m]"), ["yoy of a past window"]),
        (("kind = 'meeting'", "kind = (SELECT 1)"), ["'select'", "every engine"]),
        (("kind = 'meeting'", "1; DROP TABLE x"), ["every engine"]),
        (
            (
                "name: errors_seen\n    table: usage_monthly\n    metric: errors\n    windows: l12m",
                "name: Meetings_L3M\n    table: usage_monthly\n    metric: errors",
            ),
            ["'Meetings_L3M'", "line 3", "line 15"],
        ),
        (("name: meetings\n", "name: meetings\n    name: again\n"), ["line 4", "'name'", "second time"]),
        (("name: meetings\n", "name: two words\n"), ["letters, digits and underscores"]),
        (("cap: [0, null]", "cap: [5, 1]"), ["lower first"]),
        (("cap: [0, null]", "cap: 3"), ["cap"]),
        (("cap: [0, null]", "entity: [rep_id]"), ["account_id"]),
        (("cap: [0, null]", "unit: bananas"), ["unit"]),
        (("cap: [0, null]", "lag: soon"), ["lag"]),
        (("metric: errors\n", "metric: product\n"), ["product", "no numbers"]),
        (("per: events}", "per: events, colour: red}"), ["'colour'", "known are name, per"]),
        (("features:", "features:\n  - &a {name: x}\n  - *a"), ["alias", "line 4"]),
        (("features:", "owner: x\nfeatures:"), ["beside features"]),
        (("  - name: meetings", "  - name: [meetings"), ["no YAML"]),
        (("description: Errors.", "description: Err\u202eors."), ["cannot be seen"]),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_with_its_place(
    tmp_path: Path, change: tuple[str, str], said: list[str]
) -> None:
    assert change[0] in GOOD
    text = GOOD.replace(*change)
    sentence = refusal(tmp_path, text)
    assert [part for part in said if part not in sentence] == [], sentence


@pytest.mark.parametrize(
    "text", ["", "features: []", "features: 3", "- 1", "just words", "features:\n  - 1", "? {a: b}\n: c"]
)
def test_a_file_without_definitions_is_refused(tmp_path: Path, text: str) -> None:
    refusal(tmp_path, text)


def test_a_file_that_is_no_text_too_long_or_too_deep_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    for data in (
        b"\xff\xfe\x00",
        b"a: \x00",
        b"x: " + b"y" * (1 << 20),
        b"[" * 5000,
        b"a: !!python/object:os.system {}",
    ):
        file.write_bytes(data)
        with pytest.raises(BadInput, match=r"own\.yaml"):
            read_definitions(file)
    with pytest.raises(BadInput, match="No such file"):
        read_definitions(tmp_path / "gone.yaml")
    with pytest.raises(BadInput, match="directory"):
        read_definitions(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.text("{}[]:-, \n&*!'\"abc1", max_size=60))
def test_any_text_is_read_or_refused_in_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        read_definitions(file)
    except BadInput as error:
        assert "any.yaml" in str(error)  # noqa: PT017 - a text may also be a good file


def test_every_default_definition_says_whose_it_is_and_what_it_says() -> None:
    specs = definitions()
    assert all(spec.owner and spec.description.endswith(".") and spec.label and spec.tags for spec in specs)
    assert all(spec.super_name and spec.ultra_name and spec.category for spec in specs)
    assert len({spec.name for spec in specs}) == len(specs)


def test_two_definitions_may_share_a_name_as_long_as_their_features_differ(tmp_path: Path) -> None:
    assert len(read(tmp_path, GOOD.replace("name: errors_seen", "name: meetings"))) == 5
