"""Files that the commands write: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from token_guard.commands.inputs import InputError
from token_guard.commands.interrupts import deferred

__all__ = ["write_whole"]


def write_whole(name: str, text: str) -> None:
    """Write a text to a file that appears when it is complete: beside it first, then in its place. Raises InputError."""
    target = Path(name)
    try:
        with deferred():
            _replace(target, text)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None


def _replace(target: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.absolute().parent, prefix=f".{target.name}.", delete=False) as file:
        beside = Path(file.name)
        try:
            file.write(text)
            file.close()
            beside.chmod(0o666 & ~_umask())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
