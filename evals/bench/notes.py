"""Search in notes: of forty facts asked for in other words, and by a word of theirs, how many come first or among five.

The facts are planted one a note among those of the demo book. Beside the search as it is stand its two halves, words
alone and meaning alone, and the time of a question over all notes of the book.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import yaml

from copilot.agent.bank import Bank
from copilot.data.demo import make
from copilot.data.note_index import said
from copilot.data.note_search import Nearest, search
from copilot.text.encoder import Embedder, Encoder, Ngrams

FACTS = Path(__file__).with_suffix(".yaml")


def planted(notes: pd.DataFrame, facts: list[str], rng: np.random.Generator) -> tuple[pd.DataFrame, list[str]]:
    """Return the notes with each fact as a second sentence of one of them, and the ids of these."""
    chosen = rng.choice(len(notes), len(facts), replace=False)
    bodies = notes["body"].to_numpy(object).copy()
    for place, fact in zip(chosen, facts, strict=True):
        bodies[place] = f"{bodies[place].split('. ')[0].rstrip('.')}. {fact}"
    return notes.assign(body=bodies), list(notes["note_id"].iloc[chosen])


class Meanings:
    """Every passage of the notes with its vector; what the index holds, without Chroma."""

    def __init__(self, notes: pd.DataFrame, embedder: Embedder) -> None:
        rows = [(note.note_id, place, text) for note in notes.itertuples() for place, text in enumerate(said(note))]
        texts = list(dict.fromkeys(text for _, _, text in rows))
        vectors = dict(zip(texts, embedder.encode(texts), strict=True))
        self.places = [(note, place) for note, place, _ in rows]
        self.vectors, self.embedder = np.stack([vectors[text] for _, _, text in rows]), embedder

    def nearest(self, query: str) -> Nearest:
        """Return by note its nearest passage and the cosine."""
        best: dict[str, tuple[int, float]] = {}
        for (note, place), cosine in zip(self.places, self.vectors @ self.embedder.encode([query])[0], strict=True):
            if note not in best or cosine > best[note][1]:
                best[note] = place, float(cosine)
        return best


def ranks(notes: pd.DataFrame, asked: list[str], where: list[str], meanings: Meanings, bank: Bank) -> pd.DataFrame:
    """Return the place of each planted note in what was found, 1 the first and infinity where it is not, by method."""
    rows = []
    for query, note in zip(asked, where, strict=True):
        near = meanings.nearest(query)
        by_meaning = [key for key, _ in sorted(near.items(), key=lambda pair: -pair[1][1])]
        found = {
            "both, as it is": [hit.note.note_id for hit in search(notes, query, near, english=bank.english)],
            "words alone": [hit.note.note_id for hit in search(notes, query, {}, english=bank.english)],
            "meaning alone": by_meaning,
        }
        rows.append({name: ids.index(note) + 1 if note in ids else np.inf for name, ids in found.items()})
    return pd.DataFrame(rows, index=asked)


def main() -> None:
    """Plant, ask and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--preset", default="demo", choices=("tiny", "demo"))
    options.add_argument("--each", action="store_true", help="print the place of each fact")
    chosen = options.parse_args()
    facts = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    draft, _ = make(chosen.preset, seed=7, progress=lambda stage: None)
    notes, where = planted(draft.tables["notes"], [one["fact"] for one in facts], np.random.default_rng(7))
    bank = Bank.read()
    for embedder in (Encoder.find(), Ngrams()):
        if embedder is None:
            print("all-MiniLM-L6-v2 is not here")
            continue
        meanings = Meanings(notes, embedder)
        for way in ("ask", "name"):
            start = process_time()
            found = ranks(notes, [one[way] for one in facts], where, meanings, bank)
            took = (process_time() - start) / len(facts)
            words = {"ask": "in other words", "name": "by a word of theirs"}[way]
            print(
                f"{len(facts)} facts asked for {words} in {len(notes):,} notes, {embedder.name}; {took:.2f} CPU s each"
            )
            for name in found:
                print(f"  {name:<16} hit@1 {(found[name] == 1).sum():3d}   hit@5 {(found[name] <= 5).sum():3d}")
            if chosen.each:
                print(found.to_string())


if __name__ == "__main__":
    main()
