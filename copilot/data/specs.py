"""What a feature is: one typed definition, checked when it is written down, and the names of its windows (MATHS §1)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

from copilot.data import portable
from copilot.data.book import DAY, TABLES, TEXT
from copilot.errors import BadInput
from copilot.text.cells import Unit

Grain = Literal["day", "week", "month"]
Aggregate = Literal["sum", "mean", "min", "max", "count", "distinct", "last", "std", "share"]
Transform = Literal["none", "log1p", "yoy", "change", "per_prior"]
Nulls = Literal["keep", "zero"]
Direction = Literal["higher is better", "lower is better", "neutral"]

YEAR = {"day": 365, "week": 52, "month": 12}  # grains between a window and the same window a year before
YOY_CAP = (-1.0, 3.0)
_COUNTS = ("sum", "count", "distinct")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WINDOW = re.compile(r"l(\d+)([dwm])(?:_l(\d+)\2)?")


@dataclass(frozen=True)
class FeatureSpec:
    """One feature.

    Attributes:
        name: The column it becomes.
        table: A table of the book.
        metric: A column of it, or an expression over its columns, ``as_of`` and ``age_day``, ``age_week``,
            ``age_month`` (``portable`` says what it may hold).
        aggregate: How the metric is drawn together over the rows where it is known. ``last`` is the newest value (of
            several at one moment the last to be known, then the largest), ``std`` the sample's standard deviation,
            ``share`` the sum of ``metric`` over the sum of ``per``.
        window: How many grains; None takes the whole known past.
        lag: How many grains before the window are left out (``_l2m_l1m`` is window 1, lag 1).
        grain: The unit of window and lag. Months are whole calendar months, the last complete one first.
        where: A further SQL condition on the row.
        entity: The key columns; one entity a call of ``build``.
        unit: The unit of the value.
        label: The feature in a rep's words, as in "seat utilisation".
        super_name: The feature without its window; its specs are told as one.
        ultra_name: The family of which one narrative survives (MATHS §6).
        category: The heading in an explanation.
        per: What a share is counted against; a row counts where both are known.
        transform: What becomes of the window's value x. ``log1p`` is ln(1 + x); ``change`` is x - p and ``per_prior``
            x / p, with p the window of the same length just before; ``yoy`` is (x - y) / |y|, with y the same window a
            year before (12 months, 52 weeks or 365 days). With nothing to compare with, or 0 to divide by: null.
        cap: The lowest and highest value after the transform, each may be None; null stays null. ``yoy`` is held to
            [-1, 3] unless told otherwise.
        nulls: What a window without a value is, before the transform: null ("keep") or 0 ("zero"). By default 0 for a
            sum or count and null for the rest.
        direction: Whether more of it is good news.
        owner: Who answers for the definition.
        description: What it says and leaves out, for a reader of the catalogue.
        tags: Words to find it by.
    """

    name: str
    table: str
    metric: str
    aggregate: Aggregate = "sum"
    window: int | None = None
    lag: int = 0
    grain: Grain = "month"
    where: str = ""
    entity: tuple[str, ...] = ("account_id",)
    unit: Unit = "count"
    label: str = ""
    super_name: str = ""
    ultra_name: str = ""
    category: str = ""
    per: str = ""
    transform: Transform = "none"
    cap: tuple[float | None, float | None] | None = None
    nulls: Nulls | None = None
    direction: Direction = "neutral"
    owner: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a spec that cannot be emitted, or that engines would read differently."""
        if self.table not in TABLES:
            raise BadInput(f"Feature {self.name!r} reads the table {self.table!r}; a book has {', '.join(TABLES)}.")
        if not _NAME.fullmatch(self.name) or self.name.lower() in ("asof", "sample"):
            raise BadInput(
                f"The feature name {self.name!r} must be letters, digits and underscores, without a digit first, and "
                "none of the emitter's own words asof and sample."
            )
        self._check_choices()
        self._check_window()
        self._check_cap()
        if self.aggregate in ("sum", "mean", "min", "max", "last", "std", "share"):
            for what in filter(None, (self.metric, self.per)):
                column = TABLES[self.table].columns.get(what)
                if column is not None and column.dtype in (TEXT, DAY):
                    raise BadInput(
                        f"Feature {self.name!r} takes the {self.aggregate} of {what}, which holds no numbers; "
                        "use count or distinct."
                    )
        _ = self.columns

    def _check_choices(self) -> None:
        for field, allowed in _CHOICES.items():
            value = getattr(self, field)
            if value not in allowed and not (field == "nulls" and value is None):
                raise BadInput(f"Feature {self.name!r} has the {field} {value!r}; use one of {', '.join(allowed)}.")
        if (self.aggregate == "share") != bool(self.per):
            raise BadInput(f"Feature {self.name!r} must name what it is counted against in per, if it is a share.")
        if not isinstance(self.entity, tuple) or not self.entity or not all(map(_NAME.fullmatch, self.entity)):
            raise BadInput(f'The entity of feature {self.name!r} must be a tuple of columns, as in ("account_id",).')

    def _check_window(self) -> None:
        wrong = self.window is not None and (not isinstance(self.window, int) or self.window < 1)
        if wrong or not isinstance(self.lag, int) or self.lag < 0:
            raise BadInput(
                f"Feature {self.name!r} needs a window of at least 1 and a lag of at least 0, both whole numbers."
            )
        if self.window is None and (self.transform in ("yoy", "change", "per_prior") or self.lag):
            raise BadInput(
                f"Feature {self.name!r} takes the whole past, which has no lag and no earlier window; give it a window."
            )

    def _check_cap(self) -> None:
        if self.cap is None:
            return
        if len(self.cap) != 2 or any(end is not None and not math.isfinite(end) for end in self.cap):
            raise BadInput(f"The cap of feature {self.name!r} must be (low, high), each a number or None.")
        low, high = self.cap
        if low is not None and high is not None and low > high:
            raise BadInput(f"The cap of feature {self.name!r} runs from {low:g} down to {high:g}; put the lower first.")

    @property
    def columns(self) -> frozenset[str]:
        """The columns its expressions read, the emitter's own included."""
        parts = {"metric": self.metric, "condition": self.where, "denominator": self.per}
        read = [
            portable.columns(text, f"The {part} of feature {self.name!r}")
            for part, text in parts.items()
            if text or part == "metric"
        ]
        return frozenset().union(*read)

    @property
    def ages(self) -> tuple[tuple[int, int], ...]:
        """The first and last age, in grains, of its window and of the one it is compared with; none for the whole past.

        Age 1 is the grain that ends with the sample's date: rows of a month that is still running do not count.
        """
        if self.window is None:
            return ()
        own = (self.lag + 1, self.lag + self.window)
        back = {"yoy": YEAR[self.grain], "change": self.window, "per_prior": self.window}.get(self.transform)
        return (own,) if back is None else (own, (own[0] + back, own[1] + back))

    @property
    def empty_is_zero(self) -> bool:
        """Whether a window without a value counts as 0."""
        return self.nulls == "zero" or (self.nulls is None and self.aggregate in _COUNTS)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The cap in force."""
        if self.cap is not None:
            return self.cap
        return YOY_CAP if self.transform == "yoy" else (None, None)


_CHOICES = {
    "aggregate": get_args(Aggregate),
    "grain": get_args(Grain),
    "transform": get_args(Transform),
    "nulls": get_args(Nulls),
    "direction": get_args(Direction),
    "unit": get_args(Unit),
}


def windows(spec: FeatureSpec, *names: str) -> list[FeatureSpec]:
    """Return ``spec`` over several windows, each named after its own, with ``spec``'s name as the super feature.

    Args:
        spec: The feature without a window.
        names: As in ``l3m`` (the last three months; ``d`` and ``w`` for days and weeks) or ``l6m_l3m`` (the three
            months before those: what the last three are compared with).

    Raises:
        BadInput: A name says no window.
    """
    found = []
    for name in names:
        said = _WINDOW.fullmatch(name)
        far, near = (int(said[1]), int(said[3] or 0)) if said else (0, 0)
        if said is None or far <= near:
            raise BadInput(f"{name!r} names no window; write l3m for the last 3 months, l6m_l3m for the 3 before them.")
        grain: Grain = {"d": "day", "w": "week", "m": "month"}[said[2]]  # type: ignore[assignment]
        found.append(
            replace(
                spec,
                name=f"{spec.name}_{name}",
                window=far - near,
                lag=near,
                grain=grain,
                super_name=spec.super_name or spec.name,
            )
        )
    return found


def yoy(spec: FeatureSpec) -> FeatureSpec:
    """Return the year-on-year change of a windowed feature, held to [-1, 3] (MATHS §1)."""
    return replace(spec, name=f"{spec.name}_yoy", transform="yoy", unit="percent", super_name=f"{_super(spec)}_yoy")


def rate(spec: FeatureSpec, per: str, *, name: str, label: str = "") -> FeatureSpec:
    """Return the rate that belongs to a volume: its metric as a share of ``per`` (MATHS §1: rates before volumes)."""
    return replace(spec, name=name, aggregate="share", per=per, unit="percent", label=label, super_name="", nulls=None)


def rates_first(specs: list[FeatureSpec]) -> list[FeatureSpec]:
    """Return the specs with rates ahead of volumes, otherwise in their order."""
    return sorted(specs, key=lambda spec: spec.aggregate not in ("share", "mean"))


def _super(spec: FeatureSpec) -> str:
    return spec.super_name or spec.name
