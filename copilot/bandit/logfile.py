"""A log that only grows: one JSON record a line behind its checksum, on the disk before ``append`` returns."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot.errors import BadInput

Record = Mapping[str, Any]
_STEP = 65_536  # bytes


class LogFile:
    """Lines of ``checksum json``. One process appends (its store holds the lock); any number may read.

    Positions are byte offsets of line beginnings: what lies before one never changes, but for ``keep``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def end(self) -> int:
        """Return the position where the next line begins."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, records: Iterable[Record]) -> list[int]:
        """Write the records, all on the disk when this returns, and return their positions.

        Raises:
            BadInput: The disk refuses (full, read-only).
        """
        lines = [_line(record) for record in records]
        at, positions = self.end, []
        for line in lines:
            positions.append(at)
            at += len(line)
        if not lines:
            return positions
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as fault:
            raise BadInput(f"{self.path.name} cannot be written ({fault.strerror}); make room or mend it.") from None
        return positions

    def read(self, start: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the position after each whole line from ``start`` on, and its record; a torn last line is left out.

        Raises:
            BadInput: A line before the last fails its checksum.
        """
        at = start
        for line, record in self._lines(start):
            at += len(line)
            yield at, record

    def _lines(self, start: int = 0) -> Iterator[tuple[bytes, dict[str, Any]]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(start)
            at = start
            for line in file:
                record = _record(line)
                if record is None:
                    if file.read(1):
                        raise self._damaged(f"is damaged at byte {at}")
                    return
                at += len(line)
                yield line, record

    def record(self, position: int) -> dict[str, Any]:
        """Return the record whose line begins at ``position``."""
        return next(self.read(position))[1]

    def keep(self, wanted: Callable[[Record], bool]) -> None:
        """Rewrite the log with the wanted records only; a crash leaves the old file or the whole new one.

        Positions from before are void afterwards; a reader of the old file reads it to its end.
        """
        draft = self.path.with_name(f".{self.path.name}.draft")
        try:
            with draft.open("wb") as file:
                file.writelines(line for line, record in self._lines() if wanted(record))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self.path)
        except OSError as fault:
            draft.unlink(missing_ok=True)
            raise BadInput(f"{self.path.name} cannot be rewritten ({fault.strerror}); make room or mend it.") from None

    def cut_torn_end(self, whole: int = 0) -> None:
        """Take away the last line where a crash left it unfinished, so that the next one begins cleanly.

        Args:
            whole: A position up to which the log was known to be whole: nothing before it is cut.

        Raises:
            BadInput: The log is shorter than that, or what is torn lies before it.
        """
        end = self.end
        if end < whole:
            raise self._damaged(f"is damaged: it ends at byte {end} and once was whole up to byte {whole}")
        if not end:
            return
        with self.path.open("r+b") as file:
            start, last = end, b""
            while start and b"\n" not in last[:-1]:  # go back until the last line is whole in hand
                start = max(start - _STEP, 0)
                file.seek(start)
                last = file.read(end - start)
            line = last[last[:-1].rfind(b"\n") + 1 :]
            if _record(line) is None:
                if end - len(line) < whole:
                    raise self._damaged(f"is damaged at byte {end - len(line)}")
                file.truncate(end - len(line))
                os.fsync(file.fileno())

    def _damaged(self, what: str) -> BadInput:
        return BadInput(
            f"{self.path.name} {what}; restore it from a backup, or move the folder {self.path.parent} away to begin "
            "a new bandit."
        )


def _line(record: Record) -> bytes:
    text = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or None where the line is not whole."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    try:
        if not line.endswith(b"\n") or int(checksum, 16) != zlib.crc32(text):
            return None
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return found
