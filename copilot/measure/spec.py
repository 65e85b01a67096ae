"""What a study is, written down before it starts: one YAML file, checked word by word."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from copilot.data.yaml_file import Strict, compose, fault, plain
from copilot.errors import BadInput

Kind = Literal["ab", "mau", "did"]
Outcome = Literal["rig", "net_ratio"]
STRATA = ("segment", "region", "industry")
LONGEST = 3 * 366  # days: nobody hides accounts for longer, and a year typed wrong must not
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _names(value: Any) -> Any:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be a name or a list of names, as [segment, region]")
    return names


def _day(value: Any) -> Any:
    # A bare number would be read as seconds since 1970, which nobody means.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"must be a day as 2026-07-01, not {value[:60]!r}")
    if isinstance(value, str) and not "1990" <= value <= "2100":
        raise ValueError(f"lies outside the years 1990 to 2099: {value}")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Day = Annotated[date, BeforeValidator(_day)]


class StudySpec(Strict):
    """One study.

    Attributes:
        name: A short name of a-z, 0-9 and hyphens.
        kind: ``ab`` randomises accounts in the reps' books; ``mau`` compares reps who came to use the copilot often
            with reps who did not; ``did`` compares regions that got something with regions that did not.
        starts: The first day.
        ends: The last day; renewals due from ``starts`` to ``ends`` count.
        outcome: ``rig`` (renewal bookings / target) or ``net_ratio`` (with add-ons).
        smallest_effect: The smallest effect worth finding, in the outcome's unit (0.05 = five points of the ratio).
        strata: For ``ab``: what the arms are even over besides the books.
        share: For ``ab``: the share of accounts that is treated.
        seed: For ``ab``: the lot; kept with the study.
        waves: For ``ab``: in how many steps reps are let in; 1 lets all in on the first day.
        wave_days: Days from one step to the next.
        regions: For ``ab`` and ``mau`` the regions looked at (all by default); for ``did`` the treated ones.
        before_months: For ``mau`` and ``did``: how many months before ``starts`` are looked at.
        question: What the team wants to know, in its own words.
    """

    name: str
    kind: Kind
    starts: Day
    ends: Day
    outcome: Outcome = "rig"
    smallest_effect: float = Field(default=0.05, gt=0, le=10)
    strata: Names = ("segment",)
    share: float = Field(default=0.5, ge=0.05, le=0.95)
    seed: int = Field(default=7, ge=0)
    waves: int = Field(default=1, ge=1, le=26)
    wave_days: int = Field(default=14, ge=1, le=92)
    regions: Names = ()
    before_months: int = Field(default=12, ge=3, le=36)
    question: str = Field(default="", max_length=300)

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"must be a short name of a-z, 0-9 and hyphens, not {name[:60]!r}")
        return name

    @field_validator("strata")
    @classmethod
    def _known(cls, strata: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in strata if name not in STRATA]:
            raise ValueError(f"names {unknown[0][:60]!r}; accounts can be told apart by {', '.join(STRATA)}")
        return strata

    @model_validator(mode="after")
    def _fits(self) -> StudySpec:
        if self.ends <= self.starts:
            raise ValueError(f"ends on {self.ends}, not after it starts on {self.starts}")
        if (self.ends - self.starts).days > LONGEST:
            raise ValueError(f"runs from {self.starts} to {self.ends}, longer than three years")
        if self.kind == "did" and not self.regions:
            raise ValueError("compares regions, so it needs regions: the treated ones")
        if self.wave_days * (self.waves - 1) >= (self.ends - self.starts).days:
            raise ValueError("would let the last reps in after its end; take fewer waves or fewer wave_days")
        return self


def read_spec(file: Path) -> StudySpec:
    """Read a study's file.

    Raises:
        BadInput: It cannot be read, or says something a study cannot be; one sentence says what.
    """
    try:
        content = plain(compose(file, "The study file"))
    except ValueError as error:
        raise BadInput(f"The study file {file.name!r}: {error}; correct that line.") from None
    if not isinstance(content, dict):
        raise BadInput(f"The study file {file.name!r} must be keys and values, as name: autumn-test and kind: ab.")
    try:
        return StudySpec.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"The study file {file.name!r}: {fault(error, StudySpec)}.") from None
