"""Which features the models get: the default and the onboarded ones, less what the workspace's lists deny.

The lists lie in ``feature_lists.yaml``. An entry names what a feature must be to fit, several things all at once::

    deny:
      - {column: region, reason: where somebody lives must not decide}
      - {tag: firmographics}
    allow: [{owner: the copilot}]

What fits an entry of ``deny`` goes; where ``allow`` has entries, what fits none of them goes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, model_validator

from copilot.data.catalogue import default_specs, readable
from copilot.data.onboarding import onboarded
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book, Workspace
from copilot.data.yaml_file import Strict, compose, fault, plain
from copilot.errors import BadInput

FILE = "feature_lists.yaml"
WHAT = "The feature list"
Pattern = Annotated[str, AfterValidator(lambda text: text.strip().lower()), Field(min_length=1, max_length=120)]


class Entry(Strict):
    """One entry of a list; ``*`` stands for any letters, capitals do not count, all that is named must fit.

    Attributes:
        name: The feature's name.
        super_name: The feature's name without its window.
        ultra: Its family.
        category: Its heading.
        tag: One of its tags.
        table: The table it reads.
        column: A column of that table it reads, in its metric or its condition; for protected attributes.
        owner: Who answers for it.
        reason: Why, for those who wonder.
    """

    name: Pattern | None = None
    super_name: Pattern | None = None
    ultra: Pattern | None = None
    category: Pattern | None = None
    tag: Pattern | None = None
    table: Pattern | None = None
    column: Pattern | None = None
    owner: Pattern | None = None
    reason: Annotated[str, Field(max_length=300)] = ""

    @model_validator(mode="after")
    def _says_something(self) -> Entry:
        if not self.wanted:
            raise ValueError("names nothing to go by; write name, tag, table, column, owner, ultra or category")
        return self

    @property
    def wanted(self) -> dict[str, str]:
        """What a feature must be, by kind."""
        return {kind: text for kind, text in self if kind != "reason" and text}

    @property
    def text(self) -> str:
        """The entry as one reads it."""
        return ", ".join(f"{kind} {text}" for kind, text in self.wanted.items())

    def fits(self, spec: FeatureSpec) -> bool:
        """Whether a feature is all that the entry names."""
        own: dict[str, Sequence[str]] = {
            "name": (spec.name,),
            "super_name": (spec.super_name or spec.name,),
            "ultra": (spec.ultra_name,),
            "category": (spec.category,),
            "tag": spec.tags,
            "table": (spec.table,),
            "column": tuple(spec.columns),
            "owner": (spec.owner,),
        }
        return all(
            any(fnmatchcase(value.lower(), pattern) for value in own[kind]) for kind, pattern in self.wanted.items()
        )


class Lists(Strict):
    """Both lists; empty ones change nothing."""

    allow: tuple[Entry, ...] = ()
    deny: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What the lists make of the catalogue.

    Attributes:
        specs: The features that models get.
        denied: Each feature that they do not get, with the sentence that says why.
        idle: Entries that fit no feature: perhaps misspelt, and then they protect nothing.
    """

    specs: tuple[FeatureSpec, ...]
    denied: tuple[tuple[FeatureSpec, str], ...]
    idle: tuple[str, ...]


def chosen_specs(workspace: Workspace, book: Book | None = None) -> list[FeatureSpec]:
    """Return what models are trained on and scored with: default and onboarded features, less the denied ones.

    Args:
        workspace: Holds the onboarded features and the lists.
        book: Another book than the current one.

    Raises:
        BadInput: A file of features or lists is broken, two features have one name, or nothing is left.
    """
    found = list(choice(workspace, book).specs)
    if not found:
        raise BadInput(f"{WHAT} {FILE!r} leaves no feature for the models; take an entry out of it.")
    return found


def choice(workspace: Workspace, book: Book | None = None) -> Choice:
    """Return what the lists make of the catalogue; see ``chosen_specs``."""
    book = book or workspace.book()
    default = default_specs(book)
    own = onboarded(workspace)
    taken = {spec.name.lower() for spec in default}
    for spec in own:
        if spec.name.lower() in taken:  # a later release may bring a name that a team chose first
            raise BadInput(
                f"The onboarded feature {spec.name!r} bears the name of a default one; rename it in its file."
            )
    return choose([*default, *readable(own, book)], read_lists(workspace))


def choose(specs: Sequence[FeatureSpec], lists: Lists) -> Choice:
    """Apply both lists to ``specs``; the order stays."""
    kept, denied = [], []
    for spec in specs:
        against = next((entry for entry in lists.deny if entry.fits(spec)), None)
        if against:
            denied.append((spec, f"denied by {against.text}" + (f" ({against.reason})" if against.reason else "")))
        elif lists.allow and not any(entry.fits(spec) for entry in lists.allow):
            denied.append((spec, "not on the allow list"))
        else:
            kept.append(spec)
    entries = [*(("allow", entry) for entry in lists.allow), *(("deny", entry) for entry in lists.deny)]
    idle = [f"{side} {entry.text}" for side, entry in entries if not any(map(entry.fits, specs))]
    return Choice(tuple(kept), tuple(denied), tuple(idle))


def read_lists(workspace: Workspace) -> Lists:
    """Read the workspace's lists; both empty where there is no file.

    Raises:
        BadInput: The file is broken: nothing is trained past a list that cannot be read.
    """
    file = workspace.root / FILE
    if not file.exists():
        return Lists()
    try:
        said = plain(compose(file, WHAT))
        if said is None:
            return Lists()
        if not isinstance(said, dict):
            raise ValueError("it is neither allow nor deny")
        return Lists.model_validate({key: value or [] for key, value in said.items()})
    except ValidationError as error:
        raise BadInput(f"{WHAT} {FILE!r} cannot be used: {fault(error, Lists)}; correct it.") from None
    except ValueError as error:
        raise BadInput(f"{WHAT} {FILE!r} cannot be used: {error}; write allow: and deny: with entries.") from None
