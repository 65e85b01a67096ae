"""A study as one HTML page in plain words: the verdict, the number, what it rests on, and plots; it loads nothing."""

from __future__ import annotations

import io
import math
from datetime import date
from html import escape
from typing import Any

import pandas as pd

from copilot.measure.spec import StudySpec
from copilot.measure.studies import Finding

DESIGN = {
    "ab": "Accounts were drawn by lot inside each rep's book; the scores of the others were hidden.",
    "mau": "Reps who came to use the copilot often were compared with reps like them who did not.",
    "did": "Regions that got it were compared with accounts like theirs elsewhere, before and after.",
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.verdict{font-size:1.4rem;padding:.6rem 1rem;border-radius:.4rem}
.good{background:#e3f4e6}.bad{background:#fbe9e1}svg{max-width:100%;height:auto}"""


def page(spec: StudySpec, found: Finding, as_of: date) -> str:
    """Return the report as HTML: everything inline, nothing loaded, every text from outside escaped."""
    effect, lift = found.effect, found.lift
    colour = "good" if found.verdict.causal else "bad"
    # A number that is called an effect is believed as one, whatever stands above it.
    name = "Effect on" if found.verdict.causal else "Not proven: the difference in"
    facts = [
        (f"{name} {found.outcome.replace('_', ' ')}", _signed(effect.att)),
        ("95 % interval", f"{_signed(effect.low)} to {_signed(effect.high)}"),
        ("Relative to no treatment", _percent(lift.value) if found.verdict.causal else "not known"),
        ("Smallest effect it could see", _number(found.detectable)),
        ("Units of assignment", f"{effect.clusters:,}"),
        ("Placebo A/A before (p)", _number(found.placebo_p)),
        ("Treated who found somebody like them", _percent(found.coverage, signed=False)),
        ("Imbalance L1, before and after matching", f"{_number(found.l1[0])}, {_number(found.l1[1])}"),
    ]
    shown = [(name, value) for name, value in facts if "not known" not in value]
    parts = [
        f"<h1>{escape(spec.name)}</h1>",
        f"<p>{escape(spec.question)}</p>" if spec.question else "",
        f'<p class="verdict {colour}"><b>{escape(found.verdict.word.capitalize())}.</b> '
        f"{escape(found.verdict.sentences[0])}</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in found.verdict.sentences[1:]),
        f"<p>{DESIGN[spec.kind]} Renewals due from {spec.starts} to {spec.ends}, as known on {as_of}.</p>",
        _table(pd.DataFrame(shown, columns=["", " "])),
        *(f"<p>{escape(note)}</p>" for note in found.notes),
    ]
    for name, title in (
        ("event", "Lead of the treated before and after"),
        ("deciles", "By the score when the arms were drawn, the highest tenth first"),
        ("balance", "How alike the arms were (in standard deviations)"),
        ("adoption", "Reps who used the copilot, month by month"),
        ("retention", "Of those who came, the share that came so many months later"),
    ):
        table = found.tables.get(name)
        if table is not None and len(table):
            parts += [f"<h2>{title}</h2>", _plot(name, table), _table(table)]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(spec.name)}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>\n"
    )


def _plot(name: str, table: pd.DataFrame) -> str:
    """Draw one plot as inline SVG, the same to the byte each time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": name, "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.4, 0.8 + 0.22 * len(table) if name == "balance" else 3.0), layout="constrained")
        axes = figure.subplots()
        _DRAW[name](axes, table)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    return text[text.index("<svg") :]


def _event(axes: Any, table: pd.DataFrame) -> None:
    axes.axhline(0, color="#999", lw=0.8)
    axes.axvline(-0.5, color="#999", lw=0.8, ls="--")
    axes.errorbar(table["key"], table["att"], yerr=1.96 * table["se"].fillna(0), fmt="o", capsize=3)
    axes.set_xlabel("periods since the start")
    axes.set_ylabel("lead of the treated")


def _balance(axes: Any, table: pd.DataFrame) -> None:
    label = table["covariate"].str.replace("$", r"\$") + ": " + table["level"].str.replace("$", r"\$")
    axes.axvline(0, color="#999", lw=0.8)
    axes.axvspan(-0.1, 0.1, color="#eee")
    axes.plot(table["difference"].clip(-1, 1), range(len(table)), "o")
    axes.set_yticks(range(len(table)), label)
    axes.invert_yaxis()


def _deciles(axes: Any, table: pd.DataFrame) -> None:
    axes.axhline(0, color="#999", lw=0.8)
    axes.bar(table["decile"], table["difference"])
    axes.set_xlabel("tenth by score")
    axes.set_ylabel("treated less control")


def _adoption(axes: Any, table: pd.DataFrame) -> None:
    axes.bar(table["month"].astype(str), table["share"])
    axes.tick_params(axis="x", rotation=45)
    axes.set_ylabel("share of reps")


def _retention(axes: Any, table: pd.DataFrame) -> None:
    axes.plot(table["months_later"], table["share"], "o-")
    axes.set_xlabel("months since the first use")
    axes.set_ylabel("share still there")


_DRAW = {"adoption": _adoption, "retention": _retention, "event": _event, "balance": _balance, "deciles": _deciles}


def _table(table: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(column).replace('_', ' '))}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:,.3f}" if math.isfinite(value) else "not known"


def _signed(value: float) -> str:
    return f"{value:+.3f}" if math.isfinite(value) else "not known"


def _percent(value: float, *, signed: bool = True) -> str:
    if not math.isfinite(value):
        return "not known"
    return f"{value:+.1%}" if signed else f"{value:.0%}"
