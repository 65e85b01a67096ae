"""What is written can be read again, and nothing in it runs."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copilot.errors import BadInput
from copilot.explain.export import as_csv, as_html, as_json, export
from copilot.explain.foreign_scores import read_contributions
from copilot.explain.record import Attribution, Fidelity

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", " =1", "<script>alert(1)</script>", 'A"1', "Müller, & Co"]


def found(names: tuple[str, ...] = ("seats", "=usage")) -> Attribution:
    values = np.random.default_rng(1).normal(size=(len(HOSTILE), len(names)))
    bias = np.full(len(HOSTILE), 2.0)
    return Attribution("exact", values, bias, names, "margin", Fidelity("local accuracy", 1.0, np.ones(8), 0.0))


def test_no_cell_of_the_csv_is_run_by_a_spreadsheet() -> None:
    rows = list(csv.reader(as_csv(found(), HOSTILE).splitlines()))
    for row in rows:
        for cell in row:
            assert re.fullmatch(r"-?[\d.]+(e[+-]\d+)?", cell) or not re.match(r"\s*[=+\-@]", cell)


def test_the_csv_is_read_again_with_the_same_ids_names_and_numbers(tmp_path: Path) -> None:
    one = found()
    names = [name.strip() for name in HOSTILE]
    again = read_contributions(export(one, names, tmp_path / "out.csv"), accounts=names, features=one.features)
    assert again.accounts.tolist() == names
    np.testing.assert_allclose(again.attribution.values, one.values, rtol=1e-8)
    np.testing.assert_allclose(again.scores, one.total, rtol=1e-8)


def test_the_json_holds_every_number() -> None:
    one = found()
    told = json.loads(as_json(one, HOSTILE))
    assert [row["account_id"] for row in told["accounts"]] == HOSTILE
    assert [list(row["contributions"].values()) for row in told["accounts"]] == one.values.tolist()
    unchecked = replace(one, fidelity=Fidelity("not checked", np.nan, np.full(8, np.nan), np.nan))
    assert json.loads(as_json(unchecked, HOSTILE))["fidelity"]["value"] is None


def test_the_page_holds_no_script_and_allows_nothing_but_its_own_style() -> None:
    page = as_html(replace(found(), notes=("<img src=x onerror=alert(1)>",)), HOSTILE)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    style = re.search("<style>(.*)</style>", page)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert "http://" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("names", "accounts", "path", "says"),
    [
        (("a", "b"), HOSTILE[:3], "x.csv", "8 rows of contributions but 3"),
        (("a", "b"), ["A"] * 8, "x.csv", "stands twice"),
        (("a", "score"), HOSTILE, "x.csv", "named 'score'"),
        (("a", "b"), HOSTILE, "x.xlsx", "csv, json or html"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, names: Any, accounts: Any, path: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        export(found(names), accounts, tmp_path / path)
    assert not (tmp_path / path).exists()
