"""The catalogue as one page to read: every feature with its profile and lineage, by category and family.

The page loads nothing from elsewhere; all text is escaped, and only the one script below, known by its hash, may run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from copilot.data.choice import Choice
from copilot.data.lineage import Lineage, Trained, lineage
from copilot.data.profile import SAMPLE, Profile, line
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book
from copilot.text.cells import Unit, show

SCRIPT = """
const box = document.getElementById("filter");
const parts = [...document.querySelectorAll("article")].map(one => [one, one.textContent.toLowerCase()]);
box.closest("p").hidden = false;
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const [one, text] of parts) one.hidden = !words.every(word => text.includes(word));
  for (const group of document.querySelectorAll("section section, main > section"))
    group.hidden = !group.querySelector("article:not([hidden])");
  const shown = parts.filter(([one]) => !one.hidden).length;
  document.getElementById("shown").textContent = shown + " of " + parts.length + " shown";
});
"""
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 84rem; margin: 1.5rem auto; padding: 0 1rem; color: #1f2430; }
h1 { margin-bottom: .2rem; } h2 { margin: 2rem 0 .2rem; border-bottom: 2px solid #d5dae3; }
h3 { margin: 1.2rem 0 .3rem; color: #52607a; font-size: 1rem; } h4 { margin: 0; font-size: 1rem; }
article { border: 1px solid #e1e5ec; border-radius: 8px; padding: .7rem .9rem; margin: .5rem 0; break-inside: avoid; }
article p { margin: .15rem 0; } .quiet { color: #596378; font-size: .87rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .87rem; margin-top: .4rem; }
th { text-align: right; font-weight: 600; color: #596378; } th:first-child, th:nth-child(2) { text-align: left; }
th, td { padding: .2rem .4rem; border-bottom: 1px solid #eef1f5; white-space: nowrap; }
td { text-align: right; font-variant-numeric: tabular-nums; } td:first-child, td:nth-child(2) { text-align: left; }
td:nth-child(2) { white-space: normal; min-width: 7rem; color: #596378; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.tag { background: #eef2f8; border-radius: 9px; padding: .05rem .5rem; margin-right: .25rem; font-size: .8rem; }
.spark polyline { fill: none; stroke: #2b63c6; stroke-width: 1.5; } .spark circle { fill: #2b63c6; }
.spark { vertical-align: middle; } .warn { background: #fff6e0; border-left: 4px solid #d69a00; padding: .4rem .8rem; }
#filter { font: inherit; padding: .35rem .6rem; width: 22rem; max-width: 100%; } [hidden] { display: none; }
nav a { margin-right: .9rem; } label { position: sticky; }
@media print { label, nav { display: none; } }
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src '{style_hash}'; script-src '{script_hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Features</title>
<style>{style}</style></head><body>
<h1>Features</h1>
<p>{intro}</p>
{warnings}
<p hidden><label>Show only <input id="filter" type="search" placeholder="words of a feature"></label>
<span id="shown" class="quiet"></span></p>
<nav>{contents}</nav>
<main>
{body}
</main>
{denied}
<script>{script}</script>
</body></html>
"""
_HEADS = "Feature|Window|Nulls|Different|Lowest|1 %|25 %|Median|75 %|99 %|Highest|Mean|Last 12 months|Used by"


def page(found: Choice, book: Book, profiles: Mapping[str, Profile], trained: list[Trained]) -> str:
    """Write the catalogue as one HTML page.

    Args:
        found: The features that models get, and those that are denied.
        book: What the profiles speak of.
        profiles: By feature; one without is listed all the same.
        trained: The trained models, for the lineage forward.
    """
    specs = found.specs
    categories = _grouped(specs, [spec.category for spec in specs])
    body = [
        f'<section id="{_anchor(place)}"><h2>{escape(category)}</h2>\n'
        + "\n".join(_family(name, inner, book, profiles, trained) for name, inner in _families(members))
        + "</section>"
        for place, (category, members) in enumerate(categories)
    ]
    contents = "".join(
        f'<a href="#{_anchor(place)}">{escape(category)} ({len(members)})</a>'
        for place, (category, members) in enumerate(categories)
    )
    return _PAGE.format(
        style_hash=_hash(STYLE),
        script_hash=_hash(SCRIPT),
        style=STYLE,
        script=SCRIPT,
        intro=escape(_intro(found, book, profiles)),
        warnings="\n".join(f'<p class="warn">{escape(sentence)}</p>' for sentence in warnings(found, trained)),
        contents=contents,
        body="\n".join(body),
        denied=_denied(found),
    )


def warnings(found: Choice, trained: list[Trained]) -> list[str]:
    """Return what the owner of the lists should know: entries that fit nothing, models trained with denied features."""
    said = [f"The entry {entry} of the lists fits no feature; see whether it is spelt right." for entry in found.idle]
    gone = {spec.name for spec, _ in found.denied}
    for one in trained:
        names = sorted(gone & set(one.ranks))
        if one.current and names:
            said.append(
                f"The model {one.model} in use was trained with {', '.join(names[:5])}{' …' * (len(names) > 5)}, "
                "denied now: run sales-copilot train."
            )
    return said


def _intro(found: Choice, book: Book, profiles: Mapping[str, Profile]) -> str:
    sampled = max((one.sampled for one in profiles.values()), default=0)
    accounts = max((one.accounts for one in profiles.values()), default=0)
    rests = f"a sample of {sampled:,} of {accounts:,} accounts" if sampled == SAMPLE < accounts else "all accounts"
    return (
        f"{len(found.specs)} features on the book from {book.manifest['source']} as of {book.as_of}, version "
        f"{book.path.name}. Values are of that day, one an account; the course of twelve months is the mean as it was "
        f"known at each month's end, over {rests}."
    )


def _families(specs: Sequence[FeatureSpec]) -> list[tuple[str, list[FeatureSpec]]]:
    return _grouped(specs, [spec.ultra_name for spec in specs])


def _family(
    name: str, specs: Sequence[FeatureSpec], book: Book, profiles: Mapping[str, Profile], trained: list[Trained]
) -> str:
    supers = _grouped(specs, [spec.super_name or spec.name for spec in specs])
    inner = "\n".join(_super(key, members, book, profiles, trained) for key, members in supers)
    return f"<section><h3>{escape(name)}</h3>\n{inner}</section>"


def _super(
    name: str, specs: Sequence[FeatureSpec], book: Book, profiles: Mapping[str, Profile], trained: list[Trained]
) -> str:
    first = specs[0]
    traced = {spec.name: lineage(spec, book, trained) for spec in specs}
    facts = [first.unit, first.direction, f"owner: {first.owner or 'nobody'}"]
    rule = first.metric + (f" per {first.per}" if first.per else "") + (f" where {first.where}" if first.where else "")
    heads = "".join(f"<th>{head}</th>" for head in _HEADS.split("|"))
    rows = "\n".join(_row(spec, profiles.get(spec.name), traced[spec.name]) for spec in specs)
    return (
        f"<article><h4>{escape(first.label or name)} <code>{escape(name)}</code></h4>\n"
        f"<p>{escape(first.description)}</p>\n"
        f'<p class="quiet">{escape(" · ".join(facts))} · '
        + "".join(f'<span class="tag">{escape(tag)}</span>' for tag in first.tags)
        + f'</p>\n<p class="quiet">{escape(_origin(traced[first.name]))} <code>{escape(first.aggregate)} of '
        f'{escape(rule)}</code></p>\n<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n'
        "</tbody></table></div></article>"
    )


def _row(spec: FeatureSpec, profile: Profile | None, traced: Lineage) -> str:
    used = ", ".join(f"{model}" + (f" (rank {rank})" if rank else "") for model, _, rank in traced.models)
    name = f'<code title="definition {traced.spec_hash}">{escape(spec.name)}</code></td><td>{escape(window(spec))}'
    tail = f"<td>{escape(used or 'no model')}</td></tr>"
    if profile is None:
        return f'<tr><td>{name}</td><td colspan="11">not profiled yet</td>{tail}'
    numbers = [profile.low, *profile.quantiles, profile.high, profile.mean]
    cells = [shown(value, spec.unit) for value in numbers]
    title = f"{spec.name}: " + ", ".join(
        f"{month} {shown(value, spec.unit)}" for month, value in zip(profile.months, profile.monthly, strict=True)
    )
    share = show(profile.null_share, "percent")
    return (
        f"<tr><td>{name}</td><td>{share}</td><td>{profile.distinct:,}</td>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f"<td>{line(profile.monthly, title)}</td>{tail}"
    )


def shown(value: float | None, unit: Unit) -> str:
    """Write a profile's number in the feature's unit, without its word; a small mean of counts keeps its digits."""
    if value is None:
        return "–"
    if unit == "flag":
        return f"{value:.3g}"
    if unit in ("points", "hours", "days", "months"):
        return show(value, "score")
    if unit == "count" and value != round(value) and abs(value) < 10:
        return f"{value:.3g}"
    return show(value, unit)


def window(spec: FeatureSpec) -> str:
    """Say a spec's window in words."""
    if spec.window is None:
        return "all that is known"
    if not spec.lag:
        return f"last {_span(spec.window, spec.grain)}"
    return f"{_span(spec.window, spec.grain, one='1 ')} before the last {_span(spec.lag, spec.grain)}"


def _span(number: int, grain: str, one: str = "") -> str:
    return f"{number} {grain}s" if number > 1 else f"{one}{grain}"


def _origin(traced: Lineage) -> str:
    return (
        f"From {traced.table} ({', '.join(traced.columns)}), {traced.rows:,} rows imported from {traced.source} as of "
        f"{traced.as_of}:"
    )


def _denied(found: Choice) -> str:
    if not found.denied:
        return ""
    rows = "\n".join(
        f"<tr><td><code>{escape(spec.name)}</code></td><td>{escape(why)}</td></tr>" for spec, why in found.denied
    )
    return (
        f"<section><h2>Denied ({len(found.denied)})</h2><p>No model gets these.</p><table><tbody>\n{rows}\n"
        "</tbody></table></section>"
    )


def _grouped(specs: Sequence[FeatureSpec], keys: Sequence[str]) -> list[tuple[str, list[FeatureSpec]]]:
    found: dict[str, list[FeatureSpec]] = {}
    for spec, key in zip(specs, keys, strict=True):
        found.setdefault(key, []).append(spec)
    return list(found.items())


def _anchor(place: int) -> str:
    return f"category-{place}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
