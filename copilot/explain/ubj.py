"""Read Universal Binary JSON, as XGBoost writes it, so that a model can be checked before XGBoost itself reads it."""

from __future__ import annotations

from typing import Any

import numpy as np

DEEPEST = 32
NUMBERS = {"d": ">f4", "D": ">f8", "i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8"}
CONSTANTS = {"T": True, "F": False, "Z": None}


def decode(raw: bytes) -> Any:
    """Return the value a file holds.

    Raises:
        ValueError: It is cut off, holds a mark that is not known, goes on after its end, or nests too deeply.
    """
    reader = _Reader(raw)
    found = reader.value(reader.mark(), 0)
    if reader.at != len(raw):
        raise ValueError("the file goes on after its end")
    return found


class _Reader:
    """A place in the file; each method reads one thing and moves on."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size < 0 or self.at + size > len(self.raw):
            raise ValueError("the file is cut off")
        self.at += size
        return self.raw[self.at - size : self.at]

    def mark(self) -> str:
        """Return the next mark, a single letter."""
        return self.take(1).decode("latin-1")

    def value(self, mark: str, depth: int) -> Any:
        """Return what stands behind a mark."""
        if depth > DEEPEST:
            raise ValueError("it nests too deeply")
        if mark == "{":
            return self.object(depth)
        if mark == "[":
            return self.array(depth)
        if mark in ("S", "C"):
            return self.take(self.size() if mark == "S" else 1).decode("utf-8")
        if mark in CONSTANTS:
            return CONSTANTS[mark]
        return self.numbers(mark, 1)[0]

    def object(self, depth: int) -> dict[str, Any]:
        """Return names and values up to the closing brace."""
        found: dict[str, Any] = {}
        while self.mark() != "}":
            self.at -= 1
            name = self.take(self.size()).decode("utf-8")
            if name in found:
                raise ValueError("a name stands twice")
            found[name] = self.value(self.mark(), depth + 1)
        return found

    def array(self, depth: int) -> list[Any]:
        """Return the values up to the closing bracket, or as many as are said to follow."""
        mark = self.mark()
        kind = self.mark() if mark == "$" else None
        if kind is not None:
            mark = self.mark()
        if mark == "#":
            count = self.size()
            if kind is not None:
                return self.numbers(kind, count)
            if count > len(self.raw) - self.at:
                raise ValueError("the file is cut off")
            return [self.value(self.mark(), depth + 1) for _ in range(count)]
        found = []
        while mark != "]":
            found.append(self.value(mark, depth + 1))
            mark = self.mark()
        return found

    def size(self) -> int:
        """Return a count or length."""
        mark = self.mark()
        if mark in ("d", "D"):
            raise ValueError("a length is no whole number")
        return int(self.numbers(mark, 1)[0])

    def numbers(self, mark: str, count: int) -> list[Any]:
        """Return ``count`` numbers of one kind."""
        if mark not in NUMBERS:
            raise ValueError(f"the mark {mark!r} is not known")
        kind = np.dtype(NUMBERS[mark])
        found: list[Any] = np.frombuffer(self.take(count * kind.itemsize), kind).tolist()
        return found
