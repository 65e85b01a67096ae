"""Feature grouping beside two writers who grouped the same names by hand, on three real dictionaries.

Pairwise F1: of all pairs of names, the harmonic mean of the share of our pairs that a writer has too and of theirs
that we have. Each dictionary is parted into an open and a sealed half by a hash of the names' stems, so that what
varies by window or aggregate stays together; constants were chosen on the open halves and on six further public
dictionaries, of two writers each, that are not in the repository. ``--half open`` leaves the sealed halves shut.
``--fit`` fits the weights of the likelihoods anew on the open halves, and says how each dictionary fares under weights
that were fitted on the others; ``--more FOLDER`` adds its dictionaries NAME.csv (feature_name, description) with their
writers' NAME_A.csv and NAME_B.csv (feature_name, super, ultra, category).

A caution: for homecredit and teradata the writers saw stems and suffixes that a rule had made from the names; for
lendingclub they saw names and descriptions only. A first draft of the code was made with sight of the families of
another half, by a hash of the whole names; ``unseen`` are the sealed names that lay outside it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from copilot.explain.grouping import group, likeness
from copilot.explain.grouping.categories import MOST, nearest_headings
from copilot.explain.grouping.families import USUAL, linked
from copilot.explain.grouping.glossary import own_glossary
from copilot.explain.grouping.meanings import clean
from copilot.explain.grouping.supers import super_features
from copilot.stats import Floats
from copilot.text.encoder import Embedder, Encoder, Ngrams

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
GOLD = ROOT / "evals" / "gold"
FILES = {
    "homecredit": ("homecredit2018_dictionary", "Row", "Description"),
    "teradata": ("teradata_churn_dictionary", "name", "description"),
    "lendingclub": ("lendingclub_dictionary", "name", "description"),
}
LAYERS = {"super": "super_name", "ultra": "ultra_name", "category": "category"}
GATE = 0.9
_EDGES = re.compile(r"^(?:avg|adj|tot)\d*_?|(?:_?(?:in|past|last|mean|range|avg|mode|medi|\d+[a-z]*))+$")


def dictionary(name: str) -> dict[str, str]:
    """Return a dictionary's names, blanks around them kept, with their first descriptions."""
    folder, names, descriptions = FILES[name]
    frame = pd.read_csv(SHARED / folder / "columns.csv", encoding="utf-8-sig", keep_default_na=False)
    return dict(zip(frame[names][::-1], frame[descriptions][::-1], strict=True))


@cache
def gold(name: str, writer: str, layer: str) -> Mapping[str, str]:
    """Return name to group as a writer has it."""
    groups = yaml.safe_load((GOLD / f"{name}_{writer}.yaml").read_text(encoding="utf-8"))[layer]
    written = {str(one).strip(): str(title) for title, members in groups.items() for one in members}
    return {one: written[one.strip()] for one in dictionary(name)}


def sealed(name: str) -> bool:
    """Whether a name lies in the sealed half: by its stem, without its families."""
    stem = _EDGES.sub("", name.strip().lower()) or name
    return hashlib.sha256(stem.encode()).digest()[0] % 2 == 1


def unseen(name: str) -> bool:
    """Whether a sealed name was outside the half that the first draft was made with."""
    return sealed(name) and zlib.crc32(name.strip().encode()) % 2 == 1


def pairwise_f1(ours: Mapping[str, object], theirs: Mapping[str, object], names: Collection[str]) -> float:
    """Return the pairwise F1 of two groupings over ``names``; NaN where neither joins any two."""
    both = ours_only = theirs_only = 0
    for one, other in combinations(sorted(names), 2):
        a, b = ours[one] == ours[other], theirs[one] == theirs[other]
        both += a and b
        ours_only += a and not b
        theirs_only += b and not a
    whole = 2 * both + ours_only + theirs_only
    return 2 * both / whole if whole else float("nan")


def checked(name: str) -> tuple[pd.DataFrame, bool]:
    """Print whether each name came out once and a second run, in another order, is the same; return the frame."""
    told = dictionary(name)
    start = time.process_time()
    frame = group(list(told), told)
    seconds = time.process_time() - start
    again, turned = group(list(told), told), group(list(told)[::-1], told)
    second = frame.equals(again) and frame.equals(turned[::-1].reset_index(drop=True))
    out = frame["feature_name"]
    lost, invented = len(set(told) - set(out)), len(set(out) - set(told))
    print(
        f"{name}: {len(told)} names, {frame['super_name'].nunique()} super, {frame['ultra_name'].nunique()} ultra, "
        f"{frame['category'].nunique()} categories in {seconds:.1f} CPU s; lost {lost}, doubled "
        f"{int(out.duplicated().sum())}, invented {invented}; the second run and the reverse order "
        f"{'equal' if second else 'DIFFER'}"
    )
    return frame, not (lost or invented or out.duplicated().any()) and second


def compare(name: str, frame: pd.DataFrame, halves: Mapping[str, Callable[[str], bool]]) -> bool:
    """Print F1 by half and layer; whether the ultra features of the sealed half reach the gate."""
    fine = True
    for half, inside in halves.items():
        names = [one for one in frame["feature_name"] if inside(one)]
        for layer, column in LAYERS.items():
            ours = dict(zip(frame["feature_name"], frame[column], strict=True))
            a, b = gold(name, "a", layer), gold(name, "b", layer)
            ceiling = pairwise_f1(a, b, names)
            with_a, with_b = pairwise_f1(ours, a, names), pairwise_f1(ours, b, names)
            share = (with_a + with_b) / 2 / ceiling
            gated = half == "sealed" and layer == "ultra"
            fine &= share >= GATE or not gated
            verdict = ("" if not gated else "  reached" if share >= GATE else "  MISSED") + f" ({len(names)} names)"
            print(
                f"  {half:<7} {layer:<9} a–b {ceiling:.3f}  ours–a {with_a:.3f}  ours–b {with_b:.3f}  "
                f"mean / a–b {share:.3f}{verdict}"
            )
    return fine


@dataclass(frozen=True)
class Dictionary:
    """What weights are fitted on: names that may be seen, and for each layer what each writer calls their group."""

    described: Mapping[str, str]
    seen: Sequence[str]
    written: Mapping[str, Sequence[Mapping[str, str]]]


def opened(folder: Path | None) -> dict[str, Dictionary]:
    """Return the open halves, and the dictionaries of a folder whole."""
    out = {}
    for name in FILES:
        told = dictionary(name)
        seen = sorted(one for one in told if not sealed(one))
        out[name] = Dictionary(told, seen, {layer: [gold(name, one, layer) for one in "ab"] for layer in LAYERS})
    for first in sorted(folder.glob("*_A.csv")) if folder else ():
        name = first.stem.removesuffix("_A")
        told = _column(first.with_name(f"{name}.csv"), "description")
        files = [first.with_name(f"{name}_{one}.csv") for one in "AB"]
        out[name] = Dictionary(
            told, sorted(told), {layer: [_column(file, layer) for file in files] for layer in LAYERS}
        )
    return out


def _column(file: Path, column: str) -> dict[str, str]:
    frame = pd.read_csv(file, encoding="utf-8-sig", keep_default_na=False)
    return dict(zip(frame["feature_name"], frame[column], strict=True))


@dataclass(frozen=True)
class Pairs:
    """The evidence of each pair of names (rows), the share of writers who join it, and what scores weights."""

    evidence: Floats
    joined: Floats
    score: Callable[[Floats], float]


def pairs(source: Dictionary, layer: str, encoder: Embedder) -> Pairs:
    """Return a dictionary's pairs of names in different super features; a score is the mean F1 over that of writers."""
    words = own_glossary()
    supers = super_features({one: clean(text) for one, text in source.described.items()}, words)
    read = [one.read for one in supers]
    _, scores = nearest_headings(likeness.texts_of(read), words.categories, encoder)
    if layer == "ultra":
        kinds = likeness.family_evidence(read, encoder, words.measures)
    else:
        kinds = likeness.category_evidence(read, scores, encoder, words.measures)
    found = np.stack([values for _, values in kinds], axis=-1).astype(float)
    at = {one: place for place, own in enumerate(supers) for one in own.names}
    names = [one for one in source.seen if one in at]
    writers = source.written[layer]
    apart = [(one, other) for one, other in combinations(names, 2) if at[one] != at[other]]
    x = np.array([found[at[one], at[other]] for one, other in apart])
    y = np.array([np.mean([own[one] == own[other] for own in writers]) for one, other in apart])
    ceiling = pairwise_f1(writers[0], writers[1], names)

    def score(weights: Floats) -> float:
        chances = 1 / (1 + np.exp(-(found @ weights[1:] + weights[0])))
        rounded = chances.round(4).astype(np.float32)
        groups = linked(rounded, MOST) if layer == "category" else linked(rounded, usual=USUAL)
        ours = {one: groups[place] for one, place in at.items()}
        return float(np.mean([pairwise_f1(ours, own, names) for own in writers])) / ceiling

    return Pairs(x, y, score)


def fit(sources: Mapping[str, Dictionary]) -> None:
    """Print the weights of both likelihoods, and what each dictionary scores under the weights of the others."""
    encoder = Encoder.find(max_tokens=64) or Ngrams()
    for layer, used in (("ultra", likeness.FAMILY), ("category", likeness.CATEGORY)):
        known = {name: pairs(source, layer, encoder) for name, source in sources.items()}
        everything = weights(list(known.values()))
        shown = ", ".join(f"{value:.2f}" for value in everything)
        print(f"{layer}: intercept, {', '.join(list(used)[1:])}: {shown}")
        for name, own in known.items():
            others = weights([other for another, other in known.items() if another != name])
            print(f"  {name:<22} {own.score(others):.3f} left out, {own.score(everything):.3f} with all")


def weights(known: Sequence[Pairs]) -> Floats:
    """Return intercept and weights by logistic regression on pairs, each dictionary counting the same."""
    from sklearn.linear_model import LogisticRegression

    x = np.vstack([one.evidence for one in known])
    y = np.concatenate([one.joined for one in known])
    share = np.concatenate([np.full(len(one.joined), 1e4 / len(one.joined)) for one in known])
    model = LogisticRegression(max_iter=2000)
    model.fit(
        np.vstack([x, x]),
        np.r_[np.ones(len(y)), np.zeros(len(y))],
        sample_weight=np.r_[share * y, share * (1 - y)],
    )
    return np.asarray(np.r_[model.intercept_, model.coef_[0]], dtype=float)


def main() -> int:
    """Print everything; the exit code is 1 where a name is lost or a gate of the sealed halves is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["open", "both"], default="both")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--more", type=Path, help="a folder of further dictionaries to fit on")
    given = parser.parse_args()
    if missing := [folder for folder, *_ in FILES.values() if not (SHARED / folder).is_dir()]:
        print(f"Skipped: {', '.join(missing)} not in {SHARED.name}/ beside the project.")
        return 0
    if given.fit:
        fit(opened(given.more))
        return 0
    halves: dict[str, Callable[[str], bool]] = {"open": lambda one: not sealed(one)}
    if given.half == "both":
        halves |= {"sealed": sealed, "unseen": unseen}
    fine = True
    for name in FILES:
        frame, whole = checked(name)
        fine &= compare(name, frame, halves) and whole
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
