"""The feature mart as of the book's day, its profiles and its page; and one feature as a text to read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

import pandas as pd

from copilot.data.choice import choice, chosen_specs
from copilot.data.feature_page import page, shown, warnings, window
from copilot.data.feature_search import Found
from copilot.data.feature_vectors import index
from copilot.data.features import build
from copilot.data.lineage import lineage, spec_hash, trained_models
from copilot.data.onboarding import Added, onboarded
from copilot.data.profile import QUANTILES, Profile, bars, describe, profiles, stored, write
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput
from copilot.jobs.prepare import Stage
from copilot.text.cells import show
from copilot.text.encoder import Encoder

Tell = Callable[[str], None]


def stages(workspace: Workspace) -> list[Stage]:
    """Return the steps of ``sales-copilot features``, to be run in order.

    Raises:
        NotSetUp: There is no book.
        BadInput: A file of features or lists is broken, or the lists leave nothing.
    """
    return _Refresh(workspace).stages()


class _Refresh:
    """One run: what one step finds, the next one uses. The mart is written under the workspace's lock."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.book = workspace, workspace.book()
        chosen_specs(workspace, self.book)  # refuses lists that leave nothing
        self.choice = choice(workspace, self.book)
        self.values = pd.DataFrame()
        self.found: dict[str, Profile] = {}

    def stages(self) -> list[Stage]:
        size = max(sum(self.book.manifest["tables"].values()) / 1e6, 0.05)
        fresh = len(self.choice.specs) - len(stored(self.workspace, self.book, self.choice.specs))
        return [
            Stage(f"Features as of {self.book.as_of}", 1 + 12 * size, self.mart),
            Stage("Profiles", 0.5 + 0.12 * fresh, self.profiles),
            Stage("The page, and vectors for the search", 2, self.page),
        ]

    def mart(self, tell: Tell) -> list[str]:
        """Build every feature for every account and write them down."""
        specs = self.choice.specs
        with self.workspace.writing():
            self.values = build(self.workspace, specs=specs, as_of=self.book.as_of)
            home = self.workspace.root / "mart"
            home.mkdir(exist_ok=True)
            draft = home / f".features.{os.getpid()}"
            self.values.to_parquet(draft)
            os.replace(draft, home / "features.parquet")
            about = {
                "book": self.book.path.name,
                "as_of": self.book.as_of.isoformat(),
                "features": {spec.name: spec_hash(spec) for spec in specs},
            }
            write(home / "features.json", json.dumps(about, indent=1))
        rows, width = self.values.shape
        accounts = f"{rows:,} account{'s' * (rows != 1)}"
        return [f"{width} features of {accounts} as of {self.book.as_of}: {home / 'features.parquet'}"]

    def profiles(self, tell: Tell) -> list[str]:
        """Profile what is not profiled yet."""
        with self.workspace.writing():
            kept = len(stored(self.workspace, self.book, self.choice.specs))
            self.found = profiles(self.workspace, self.choice.specs, values=self.values, tell=tell)
        fresh = len(self.found) - kept
        return [f"{fresh} profiles reckoned, {kept} were there."]

    def page(self, tell: Tell) -> list[str]:
        """Write the page, and the vectors that a search compares."""
        trained = trained_models(self.workspace.models)
        file = self.workspace.root / "mart" / "features.html"
        with self.workspace.writing():
            write(file, page(self.choice, self.book, self.found, trained))
            index(self.workspace, self.choice.specs, Encoder.find(), keep=True, most_new=len(self.choice.specs))
        said = warnings(self.choice, trained)
        if self.choice.denied:
            said.insert(0, f"{_counted(self.choice.denied)} denied, so that no model gets it.")
        return [*said, f"The catalogue to read: {file}"]


def search(workspace: Workspace, query: str, *, limit: int = 20) -> tuple[Found, dict[str, Profile]]:
    """Return the features that fit some words, and the profiles that are kept of them."""
    book = workspace.book()
    specs = choice(workspace, book).specs
    found = index(workspace, specs, Encoder.find(), keep=True).search(query, limit)
    return found, stored(workspace, book, [hit.spec for hit in found.hits])


def describe_feature(workspace: Workspace, name: str, tell: Tell) -> list[str]:
    """Return one feature's definition, profile and lineage as lines of text; a profile that is missing is reckoned.

    Raises:
        BadInput: There is no such feature; names the closest.
    """
    book = workspace.book()
    found = choice(workspace, book)
    denied = {spec.name: (spec, why) for spec, why in found.denied}
    specs = {spec.name: spec for spec in found.specs} | {name: spec for name, (spec, _) in denied.items()}
    spec = next((one for key, one in specs.items() if key.lower() == name.strip().lower()), None)
    if spec is None:
        near = index(workspace, list(specs.values()), None, keep=False).search(name, 3)
        words = ", ".join(hit.spec.name for hit in near.hits) or ", ".join(near.closest)
        raise BadInput(f"There is no feature {name[:60]!r}; the closest are {words}. Try `features search WORDS`.")
    with workspace.writing():
        profile = profiles(workspace, [spec], tell=tell)[spec.name]
    lines = [*_definition(spec, book, workspace), *_profile(spec, profile)]
    return [*lines, f"denied     no model gets it: {denied[spec.name][1]}"] if spec.name in denied else lines


def _definition(spec: FeatureSpec, book: Book, workspace: Workspace) -> list[str]:
    traced = lineage(spec, book, trained_models(workspace.models))
    own = spec.name in {one.name for one in onboarded(workspace)}
    rule = f"{spec.aggregate} of {spec.metric}" + (f" per {spec.per}" if spec.per else "")
    rule += (f" where {spec.where}" if spec.where else "") + (
        f", then {spec.transform}" if spec.transform != "none" else ""
    )
    models = [f"{model} {version}" + (f" (rank {rank})" if rank else "") for model, version, rank in traced.models]
    earlier = f", and {traced.earlier} earlier versions" if traced.earlier else ""
    return [
        f"{spec.name}: {spec.label}",
        spec.description or "No description.",
        f"rule       {rule}",
        f"window     {window(spec)}",
        f"unit       {spec.unit}, {spec.direction}",
        f"group      {spec.category} / {spec.ultra_name} / {spec.super_name or spec.name}",
        f"owner      {spec.owner or 'nobody'}" + (" (onboarded)" if own else ""),
        f"tags       {', '.join(spec.tags) or 'none'}",
        f"from       {traced.table} ({', '.join(traced.columns)}), {traced.rows:,} rows",
        f"source     {traced.source} as of {traced.as_of}, book {traced.book}",
        f"definition {traced.spec_hash}",
        f"models     {'; '.join(models) or 'none in use'}{earlier}",
    ]


def _profile(spec: FeatureSpec, profile: Profile) -> list[str]:
    points = zip(QUANTILES, profile.quantiles, strict=True)
    ends = f"lowest {shown(profile.low, spec.unit)}, highest {shown(profile.high, spec.unit)}"
    return [
        f"values     {profile.accounts - profile.nulls:,} of {profile.accounts:,} accounts, null share "
        f"{show(profile.null_share, 'percent')}, {profile.distinct:,} different",
        f"spread     {ends}, mean {shown(profile.mean, spec.unit)}",
        "quantiles  " + ", ".join(f"{q:.0%} {shown(value, spec.unit)}" for q, value in points),
        f"12 months  {bars(profile.monthly)}  {profile.months[0]} to {profile.months[-1]}, "
        f"mean of {profile.sampled:,} accounts",
    ]


def added(taken: Added) -> list[str]:
    """Say what was onboarded, feature by feature."""
    looks = {spec: describe(taken.values[spec.name]) for spec in taken.specs}
    lines = [
        f"{spec.name}: null share {show(look.null_share, 'percent')}, median {shown(look.median, spec.unit)}"
        for spec, look in looks.items()
    ]
    return [f"Onboarded {_counted(taken.specs)} into {taken.file}.", *lines, *taken.notes]


def _counted(specs: Sequence[object]) -> str:
    return f"{len(specs)} feature{'' if len(specs) == 1 else 's'}"
