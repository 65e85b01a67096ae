"""The global view and single accounts as a person reads them: lines for a terminal, and one page with waterfalls.

Both read the files of a snapshot (``steps``), so they say what the answers say and need no model.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from copilot.access import EVERYTHING, Scope, SnapshotReader
from copilot.errors import MissingData, NotSetUp
from copilot.explain.answers.common import resolve, shown, why_missing
from copilot.explain.steps import REST, START
from copilot.explain.waterfall import Bar, bars_of, svg

UNITS = {"churn": "log-odds of shrinking", "upsell": "log-odds of growing", "uplift": "share of the annual spend"}
STAGES = {"churn": "growth", "upsell": "growth", "uplift": "uplift"}
MEANS = {"higher": "raises it", "lower": "lowers it", "mixed": "does either"}
LEAST = 0.01  # of all that moves a score; a family below is not listed
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:1.5rem auto;padding:0 1rem;color:#1f2430}"
    "table{border-collapse:collapse}th,td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #eef1f5}"
    "svg{max-width:44rem;display:block}h2{margin-top:2rem}"
)
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'"


def scored(snapshot: SnapshotReader, abouts: Sequence[str]) -> list[str]:
    """Return those of the scores that there are; all of them where there is none, so that each says why."""
    frame = snapshot.scores("drivers", EVERYTHING)
    known = set(frame["about"]) if len(frame) else set()
    return [about for about in abouts if about in known] or list(abouts)


def global_view(snapshot: SnapshotReader, scope: Scope, about: str) -> pd.DataFrame:
    """Return which families of features drive a score over all accounts, the strongest first.

    Returns:
        ``ultra, category, share, more_means, share_before`` of the families that make up at least one hundredth now:
        ``share_before`` is that of the newest snapshot of an earlier month, 0 where it had no such family and NaN
        without such a snapshot. ``attrs["before"]`` is its day, "" without one.

    Raises:
        MissingData: There is no such score; says why.
    """
    frame = snapshot.scores("drivers", scope)
    frame = frame[frame["about"] == about] if len(frame) else frame
    if frame.empty:
        raise MissingData(why_missing(snapshot, STAGES[about]) or f"Nothing was scored for {about}.")
    found = frame.loc[frame["share"] >= LEAST, ["ultra", "category", "share", "more_means"]]
    before = snapshot.scores("drivers_before", scope)
    before = before[before["about"] == about] if len(before) else before
    shares = before.set_index("ultra")["share"].to_dict() if len(before) else {}
    found["share_before"] = [shares.get(name, 0.0 if shares else float("nan")) for name in found["ultra"]]
    found.attrs["before"] = str(before["as_of"].iloc[0]) if shares else ""
    return found


def account_bars(snapshot: SnapshotReader, scope: Scope, account_id: str, about: str) -> list[Bar]:
    """Return the waterfall of one account's score, family by family; what no single weight lists is "All others".

    Raises:
        MissingData: The account has no such score.
        NotSetUp: The scores were made by a version that did not keep where a model starts from.
    """
    frame = snapshot.scores("weights", scope)
    mine = frame[(frame["account_id"] == account_id) & (frame["about"] == about)] if len(frame) else frame
    if mine.empty:
        raise MissingData(why_missing(snapshot, STAGES[about]) or f"There is no {about} score of {account_id}.")
    start = mine.loc[mine["feature_name"] == START, "weight"]
    if start.empty:
        raise NotSetUp("The scores were made by an earlier version: run `sales-copilot score`.")
    moves = mine[~mine["feature_name"].isin((START, REST))].groupby("ultra_name")["weight"].sum()
    return bars_of(moves.to_dict(), start=float(start.iloc[0]), end=float(mine["weight"].sum()))


def told(snapshot: SnapshotReader, scope: Scope, abouts: Sequence[str], accounts: Sequence[str]) -> list[str]:
    """Return the lines: what drives each score over all accounts, or each account's bars and reasons."""
    lines: list[str] = []
    for about in () if accounts else abouts:
        view = global_view(snapshot, scope, about)
        then = f"; behind it what it was on {view.attrs['before']}" if view.attrs["before"] else ""
        lines += [f"What drives {about}, as of {snapshot.as_of} (share of all that moves the score{then}):"]
        lines += [
            f"  {row.ultra:<22}{row.share:>6.0%}{_then(row)}   more of it {MEANS[row.more_means]}"
            for row in view.itertuples()
        ]
    for account_id, name in _named(snapshot, scope, accounts):
        for about in abouts:
            lines.append(f"{name}, {about} ({UNITS[about]}):")
            lines += [
                f"  {bar.label:<22}{bar.change:>+9.3f}" for bar in account_bars(snapshot, scope, account_id, about)
            ]
            lines += [f"  {category}: {text}" for category, text in _narratives(snapshot, scope, account_id, about)]
    return lines


def page(snapshot: SnapshotReader, scope: Scope, abouts: Sequence[str], accounts: Sequence[str]) -> str:
    """Return one HTML page with the same and each account's waterfalls; no script, every text escaped."""
    parts = [f"<h1>What drives the scores, as of {snapshot.as_of}</h1>"]
    for about in abouts:
        view = global_view(snapshot, scope, about)
        before = view.attrs["before"]
        rows = "".join(
            f"<tr><td>{escape(row.ultra)}</td><td>{escape(row.category)}</td><td>{row.share:.0%}{_then(row)}</td>"
            f"<td>{MEANS[row.more_means]}</td></tr>"
            for row in view.itertuples()
        )
        share = f"Share (on {before}, change in points)" if before else "Share"
        head = f"<tr><th>Family</th><th>Heading</th><th>{share}</th><th>More of it</th></tr>"
        parts.append(f"<h2>{escape(about.capitalize())}, over all accounts</h2><table>{head}{rows}</table>")
    for account_id, name in _named(snapshot, scope, accounts):
        for about in abouts:
            bars = account_bars(snapshot, scope, account_id, about)
            title = f"{name}: {about}"
            parts.append(
                f"<h2>{escape(title)}</h2><p>In {UNITS[about]}.</p>{svg(bars, title=title, unit=UNITS[about])}"
            )
            parts += [
                f"<p><b>{escape(category)}</b>: {escape(text)}</p>"
                for category, text in _narratives(snapshot, scope, account_id, about)
            ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>What drives the scores</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _then(row: Any) -> str:
    """Return a family's share in the earlier month and the change in points, of what is shown; "" without one."""
    if pd.isna(row.share_before):
        return ""
    now, then = round(100 * row.share), round(100 * row.share_before)
    change = f"{now - then:+d} point{'' if abs(now - then) == 1 else 's'}" if now != then else "no change"
    return f" ({then}%, {change})"


def _named(snapshot: SnapshotReader, scope: Scope, accounts: Sequence[str]) -> list[tuple[str, str]]:
    """Return id and name of the accounts meant; a study may hide one."""
    frame = snapshot.scores("accounts", scope).set_index("account_id", drop=False)
    found = [resolve(one, snapshot, scope) for one in accounts]
    return [(one, str(shown(frame.loc[one].to_dict())["name"])) for one in found]


def _narratives(snapshot: SnapshotReader, scope: Scope, account_id: str, about: str) -> list[tuple[str, str]]:
    frame = snapshot.scores("narratives", scope)
    mine = frame[(frame["account_id"] == account_id) & (frame["about"] == about)].sort_values("category_rank")
    return list(zip(mine["category"], mine["text"], strict=True))
