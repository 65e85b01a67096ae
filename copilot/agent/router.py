"""The router: which tool a question asks for, by a logistic head on sentence vectors, letters and signs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from copilot.agent.bank import Bank
from copilot.text.encoder import Embedder, Encoder, Ngrams

Floats = npt.NDArray[np.float32]

LETTERS = Ngrams(2048)  # beside the sentence vector: German rests, jargon and word endings
SIGN_WEIGHT = 0.3  # a sign is one coordinate among unit vectors; chosen by cross-validation on the bank
STRENGTH = 30.0  # inverse of the L2 penalty of the head; 10 to 40 agree within half a point
FORMAT = 2  # raise it when the features change, so that cached heads are trained anew

# What a placeholder reads like to the encoder; the head sees their number besides.
READ_AS = {
    "account": "the customer", "product": "the product", "region": "the region", "segment": "midsize", "rep": "the rep",
    "scenario": "the scenario", "number": "10",
}  # fmt: skip
PRONOUN = re.compile(r"\b(it|them|they|that|their|this|those|these)\b")


@dataclass(frozen=True)
class Router:
    """A trained head. ``weights`` has shape (features + 1, labels), the intercept last."""

    labels: tuple[str, ...]
    weights: Floats
    bank: Bank
    encoder: Embedder

    @classmethod
    def train(cls, bank: Bank, encoder: Embedder) -> Router:
        """Fit a multinomial logistic regression on the bank; the same bank gives the same head.

        Args:
            bank: Phrasings by label, with placeholders for names.
            encoder: Sentence vectors; ``Ngrams`` where the encoder's weights are missing.
        """
        from sklearn.linear_model import LogisticRegression

        texts = [line for lines in bank.labels.values() for line in lines]
        wanted = [label for label, lines in bank.labels.items() for _ in lines]
        head = LogisticRegression(C=STRENGTH, max_iter=1000).fit(features(texts, bank, encoder), wanted)
        weights = np.vstack([head.coef_.T, head.intercept_]).astype(np.float32)
        return cls(tuple(map(str, head.classes_)), weights, bank, encoder)

    @classmethod
    def cached(cls, folder: Path, encoder: Embedder | None = None, bank: Bank | None = None) -> Router:
        """Return the head for this bank and encoder from ``folder``, or train it (seconds) and keep it there.

        A folder that cannot be written costs the training each time; a broken file is trained over.
        """
        bank, encoder = bank or Bank.read(), encoder or Encoder.find() or Ngrams()
        key = hashlib.sha256(f"{FORMAT} {bank.digest} {encoder.name} {SIGN_WEIGHT} {STRENGTH}".encode()).hexdigest()[
            :16
        ]
        path = folder / f"router-{key}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                return cls(tuple(json.loads(str(kept["labels"]))), kept["weights"], bank, encoder)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            router = cls.train(bank, encoder)
        router._keep(path)
        return router

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Return each masked text's probability per label, shape (n, labels), rows summing to one."""
        if not texts:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        scores = features(texts, self.bank, self.encoder) @ self.weights[:-1] + self.weights[-1]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)

    def _keep(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Written beside and moved, so that a reader never meets half a file.
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
                np.savez(file, labels=np.array(json.dumps(self.labels)), weights=self.weights)
            os.replace(file.name, path)
        except OSError:
            return


def features(texts: Sequence[str], bank: Bank, encoder: Embedder) -> Floats:
    """Return the head's inputs for masked texts: sentence vector, letter n-grams, signs; shape (n, features)."""
    if len(unique := list(dict.fromkeys(texts))) < len(texts):  # a question and its only part are one text
        return features(unique, bank, encoder)[[unique.index(text) for text in texts]]
    named = [text.replace("{study}", "the study") for text in texts]  # the bank says it so
    dated = [re.sub(r"(?<![\d$€.,/-])20\d\d(?![\d.,/-])", "last year", text) for text in named]
    masked = [re.sub(r"\d+(?:[.,:/]\d+)*", "{number}", text) for text in dated]
    english = [bank.english(text) for text in masked]
    read = [re.sub(r"\{(\w+)\}", lambda found: READ_AS.get(found[1], found[1]), text) for text in english]
    signs = SIGN_WEIGHT * _signs(masked, english, bank)
    return np.hstack([encoder.encode(read), LETTERS.encode(read), signs]).astype(np.float32)


def _signs(masked: Sequence[str], english: Sequence[str], bank: Bank) -> Floats:
    """Return one row a text of zeros and ones: cues, which names occur and how often, and the length."""
    cues = [re.compile(cue if cue.startswith("^") else rf"\b(?:{cue})\b") for cue in bank.cues.values()]
    rows = []
    for text, plain in zip(masked, english, strict=True):
        names = re.findall(r"\{(\w+)\}", text)
        bare = re.sub(r"\{\w+\}", "x", plain)
        accounts, words = names.count("account"), len(bare.split())
        row = [cue.search(bare) is not None for cue in cues]
        row += [accounts == 0, accounts == 1, accounts == 2, accounts > 2, names.count("rep") > 1]
        row += [name in names for name in ("rep", "product", "region", "segment", "number", "scenario")]
        row += [PRONOUN.search(plain) is not None, words <= 2, words <= 4, words > 10]
        rows.append(row)
    return np.array(rows, dtype=np.float32)
