"""Encryption of what is kept of conversations: Fernet (AES-128-CBC with HMAC-SHA256), with a key that only the operator has."""

from __future__ import annotations

import importlib.util
import json
import zlib
from typing import Final

from token_guard.errors import ConfigError

__all__ = ["HOW", "Sealing"]

_MAKE_ONE: Final = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"

HOW: Final = f"set TOKEN_GUARD_ENCRYPTION_KEY to the output of: {_MAKE_ONE}"
"""What an operator without a key is told."""

_LEVEL: Final = 1
"""zlib's fastest: conversations shrink to a third, a megabyte in 10 ms."""


class Sealing:
    """Seals texts so that only this key opens them, and only under the name that they were sealed for; thread-safe.

    Of several keys, separated by commas, the first seals and all open, so that a key can be replaced.

    >>> from cryptography.fernet import Fernet
    >>> sealing = Sealing(Fernet.generate_key().decode())
    >>> sealed = sealing.seal("a", "Hello")
    >>> sealing.open("a", sealed), sealing.open("b", sealed), "Hello" in sealed
    ('Hello', None, False)
    """

    def __init__(self, keys: str) -> None:
        """Raises ConfigError where there is no key, or none that is one; the message holds nothing of it."""
        if not keys.strip():
            raise ConfigError(f"encryption_key: there is none; {HOW}")
        if importlib.util.find_spec("cryptography") is None:
            raise ConfigError("encryption_key needs the package cryptography: pip install 'token-guard[sessions]'")
        from cryptography.fernet import Fernet, MultiFernet

        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError:
            raise ConfigError(f"encryption_key: it is no Fernet key (32 bytes in URL-safe base64); {HOW}") from None

    def seal(self, name: str, text: str) -> str:
        """A text as only `open` with the same name reads it."""
        packed = json.dumps([name, text], ensure_ascii=False).encode("utf-8", "surrogatepass")
        return self._fernet.encrypt(zlib.compress(packed, _LEVEL)).decode()

    def open(self, name: str, sealed: str) -> str | None:
        """What was sealed; None where it was sealed with another key or for another name, or altered."""
        from cryptography.fernet import InvalidToken

        try:
            found, text = json.loads(zlib.decompress(self._fernet.decrypt(sealed)).decode("utf-8", "surrogatepass"))
        except (InvalidToken, ValueError, zlib.error):
            return None
        return str(text) if found == name else None
