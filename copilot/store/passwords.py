"""Passwords: one-time ones for new users, and the argon2 hashes that are kept in their place."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from copilot.errors import BadInput

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 8, 200  # characters; 8 is the least NIST SP 800-63B takes
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0 and 1, which are misread


def one_time_password() -> str:
    """Return 14 readable characters, ``abcd-efgh-jkmn``, with 59 bits of chance from the system."""
    # Not from an injected generator: whoever knows the seed would know the password.
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(3))


def hash_password(password: str) -> str:
    """Return the argon2id hash of ``password``, with its salt and parameters.

    Raises:
        BadInput: It is shorter than 8 or longer than 200 characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.")
    return _hasher().hash(_bytes(password))


def matches(password: str, stored: str | None) -> bool:
    """Say whether ``password`` belongs to ``stored``; without a stored hash the answer is no, after the same work."""
    from argon2.exceptions import InvalidHashError, VerificationError

    decoy = _decoy()  # made in both cases, so that the first call takes equally long
    try:
        return _hasher().verify(stored or decoy, _bytes(password)) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Say whether ``stored`` was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    # 46 MiB and one pass is the first of the settings OWASP's password storage sheet names: about 0.07 s on a laptop.
    return PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_bytes(16))


def _bytes(password: str) -> bytes:
    """Encode so that "ü" typed as one character or as two (a matter of the keyboard) is the same password."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
