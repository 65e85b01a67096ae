"""One account's score as a waterfall: from the baseline, family by family, to the prediction; as data and as SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from copilot.data.specs import FeatureSpec
from copilot.errors import BadInput
from copilot.explain.record import Attribution

TOP = 8
OTHERS, SEEN = "All others", 1e-6  # what is left, where it is more than rounding
ROW, WIDTH, LABELS, MARGIN = 26, 640, 210, 70  # pixels
COLOURS = {"baseline": "#777", "up": "#1a7f4b", "down": "#b3362c", "prediction": "#333"}


@dataclass(frozen=True)
class Bar:
    """One step: from ``start`` to ``end``, in the attribution's unit; baseline and prediction start at 0."""

    label: str
    start: float
    end: float
    kind: Literal["baseline", "up", "down", "prediction"]

    @property
    def change(self) -> float:
        """How far it moves the score."""
        return self.end - self.start


def waterfall(found: Attribution, row: int, specs: Sequence[FeatureSpec], *, top: int = TOP) -> list[Bar]:
    """Return the bars of one account: baseline, its ``top`` strongest families, all others together, prediction.

    Args:
        found: Contributions.
        row: Which account, counted from 0.
        specs: Say which family (ultra feature) a feature belongs to; one without a spec stands by its own name.
        top: How many families get a bar.

    Raises:
        BadInput: There is no such row, or ``top`` is below 1.
    """
    if not 0 <= row < len(found.values) or top < 1:
        raise BadInput(f"There is no row {row} among {len(found.values)}, or fewer than one bar was asked for.")
    family = {spec.name: spec.ultra_name or spec.super_name or spec.name for spec in specs}
    moves: dict[str, float] = {}
    for name, share in zip(found.features, found.values[row].tolist(), strict=True):
        label = family.get(name, name)
        moves[label] = moves.get(label, 0.0) + share
    return bars_of(moves, start=float(found.bias[row]), end=float(found.total[row]), top=top)


def bars_of(moves: Mapping[str, float], *, start: float, end: float, top: int = TOP) -> list[Bar]:
    """Return the bars from ``start`` to ``end``: the ``top`` strongest moves, and what is left in one bar."""
    ranked = sorted(((label, move) for label, move in moves.items() if move), key=lambda one: (-abs(one[1]), one[0]))
    shown = ranked[:top]
    rest = end - start - sum(move for _, move in shown)
    if abs(rest) > SEEN * max(1.0, abs(end)):
        shown.append((OTHERS, rest))
    bars, at = [Bar("Baseline", 0.0, start, "baseline")], start
    for label, move in shown:
        bars.append(Bar(label, at, at + move, "up" if move >= 0 else "down"))
        at += move
    return [*bars, Bar("Prediction", 0.0, end, "prediction")]


def svg(bars: Sequence[Bar], *, title: str, unit: str = "") -> str:
    """Return a picture of the bars: SVG without script or link, texts escaped, described for a screen reader.

    Raises:
        BadInput: No bars, or ends that are not finite.
    """
    ends = np.array([[bar.start, bar.end] for bar in bars], float)
    if not len(ends) or not np.isfinite(ends).all():
        raise BadInput("A waterfall needs bars with finite ends.")
    low, high = float(ends.min()), float(ends.max())
    scale = (WIDTH - LABELS - MARGIN) / ((high - low) or 1.0)
    parts = []
    for place, bar in enumerate(bars):
        top, left = ROW * place + 4, LABELS + (min(bar.start, bar.end) - low) * scale
        size = max(1.0, abs(bar.change) * scale)
        told = f"{bar.change:+.3g}" if bar.kind in ("up", "down") else f"{bar.end:.3g}"
        label = bar.label if len(bar.label) <= 30 else bar.label[:29] + "…"
        parts.append(
            f'<text x="{LABELS - 8}" y="{top + 14}" text-anchor="end">{html.escape(label)}</text>'
            f'<rect x="{left:.1f}" y="{top}" width="{size:.1f}" height="{ROW - 8}" fill="{COLOURS[bar.kind]}"/>'
            f'<text x="{left + size + 5:.1f}" y="{top + 14}">{told}</text>'
        )
    words = "; ".join(f"{bar.label} {bar.change:+.3g}" for bar in bars)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {ROW * len(bars) + 4}" '
        f'font-family="sans-serif" font-size="12"><title>{html.escape(title)}</title>'
        f"<desc>{html.escape(words + (f' ({unit})' if unit else ''))}</desc>{''.join(parts)}</svg>"
    )
