"""The sentence vectors of a catalogue, kept in the workspace's folder ``mart`` so that a search finds them there."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot.data.feature_search import FeatureIndex, meaning
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Workspace

if TYPE_CHECKING:
    from copilot.text.encoder import Embedder, Floats

MOST_NEW = 150  # vectors that a search reckons itself, about 20 ms each; with more missing it goes by words


def index(
    workspace: Workspace,
    specs: Sequence[FeatureSpec],
    embedder: Embedder | None,
    *,
    keep: bool,
    most_new: int = MOST_NEW,
) -> FeatureIndex:
    """Return an index over ``specs`` that goes by meaning where their vectors are at hand.

    Args:
        workspace: Its folder ``mart`` holds the vectors.
        specs: The catalogue.
        embedder: The sentence encoder, or None where it is missing.
        keep: Write new vectors down.
        most_new: With more vectors missing than this, none is reckoned and words alone count.
    """
    if embedder is None:
        return FeatureIndex(specs)
    file = workspace.root / "mart" / "feature_vectors.npz"
    known = _read(file, embedder.name)
    new = [text for text in dict.fromkeys(map(meaning, specs)) if text not in known]
    if len(new) > most_new:
        return FeatureIndex(specs)
    if new:
        known.update(zip(new, embedder.encode(new), strict=True))
        if keep:
            _write(file, embedder.name, {text: known[text] for text in dict.fromkeys(map(meaning, specs))})

    def vectors(texts: Sequence[str]) -> Floats:
        return np.stack([known[text] if text in known else embedder.encode([text])[0] for text in texts])

    return FeatureIndex(specs, vectors)


def _read(file: Path, encoder: str) -> dict[str, Floats]:
    """Return vectors by text; none where the file is absent, broken or of another encoder."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["encoder"]) != encoder or len(kept["texts"]) != len(kept["vectors"]):
                return {}
            return dict(zip(map(str, kept["texts"]), kept["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _write(file: Path, encoder: str, known: dict[str, Floats]) -> None:
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    with suppress(OSError):  # a folder that may only be read costs the next search a second
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(draft, encoder=np.array(encoder), texts=np.array(list(known)), vectors=np.stack(list(known.values())))
        os.replace(draft, file)
