"""The sentence vectors of the book's notes, cached by a hash of their text: a second night embeds only new ones."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot.data.workspace import Workspace

if TYPE_CHECKING:
    from copilot.text.encoder import Embedder, Floats

AT_ONCE = 100  # texts between two words to whoever waits
WRITTEN_EVERY = 2000  # texts after which the cache is written, so that a killed run goes on from there


def cached(workspace: Workspace, embedder: Embedder, texts: Sequence[str], tell: Callable[[str], None]) -> Floats:
    """Return one unit vector a text, shape (n, width); what is new is embedded and kept, what is gone is forgotten.

    The caller holds the writer lock.

    Args:
        workspace: Its folder ``mart`` holds the cache: hashes and vectors, never the texts.
        embedder: Gives the vectors; those of another one are not used.
        texts: The passages of all notes; the same one may come again.
        tell: Hears how far it is.
    """
    file = workspace.root / "mart" / "note_vectors.npz"
    keys = [key_of(text) for text in texts]
    known = _read(file, embedder.name)
    wanted = dict(zip(keys, texts, strict=True))
    new = [key for key in wanted if key not in known]
    for done in range(0, len(new), AT_ONCE):
        tell(f"Reading the notes, {done:,} of {len(new):,} new sentences")
        part = new[done : done + AT_ONCE]
        known.update(zip(part, embedder.encode([wanted[key] for key in part]), strict=True))
        if (done + AT_ONCE) % WRITTEN_EVERY == 0:
            _write(file, embedder.name, known)
    if new or len(known) > len(wanted):
        _write(file, embedder.name, {key: known[key] for key in wanted})
    return np.stack([known[key] for key in keys])


def missing(workspace: Workspace, embedder: Embedder, texts: Sequence[str]) -> int:
    """Return how many of ``texts`` would have to be embedded anew."""
    known = _read(workspace.root / "mart" / "note_vectors.npz", embedder.name)
    return len({key_of(text) for text in texts} - set(known))


def key_of(text: str) -> str:
    """Return the hash that stands for a text."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _read(file: Path, encoder: str) -> dict[str, Floats]:
    """Return vectors by hash; none where the file is absent, broken or of another encoder."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["encoder"]) != encoder:
                return {}
            return dict(zip(map(str, kept["keys"]), kept["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _write(file: Path, encoder: str, known: dict[str, Floats]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    np.savez(draft, encoder=np.array(encoder), keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    os.replace(draft, file)
