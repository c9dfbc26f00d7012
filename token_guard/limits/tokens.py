"""Reading a number of tokens as people write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

__all__ = ["ALLOWED_TOKENS", "read_tokens"]

ALLOWED_TOKENS: Final = "a whole number of tokens, 1 or more, such as 128000, 128_000 or 128k"

_WRITTEN: Final = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)([km]?)")
# Decimal, as providers write them in prices and documentation: a "128k" window holds at least 128,000 tokens.
_UNITS: Final[Mapping[str, int]] = MappingProxyType({"": 1, "k": 1_000, "m": 1_000_000})
# Far above any window on the market (10 million); what is longer is a mistake, and costly to parse.
_MAX_TOKENS: Final = 10**12
_MAX_LENGTH: Final = 32


def read_tokens(value: object) -> int | None:
    """The number of tokens that a value names, or None when it names none.

    >>> [read_tokens(value) for value in (128_000, 128e3, "128_000", "128k", "1.5m")]
    [128000, 128000, 128000, 128000, 1500000]
    >>> [read_tokens(value) for value in (0, -1, True, "many", None, float("nan"))]
    [None, None, None, None, None, None]
    """
    number = _number(value)
    return int(number) if number is not None and 1 <= number < _MAX_TOKENS else None


def _number(value: object) -> Decimal | int | float | None:
    if isinstance(value, str):
        return _written(value.strip().lower())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _written(text: str) -> Decimal | None:
    match = _WRITTEN.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    return Decimal(match[1].replace("_", "")) * _UNITS[match[2]] if match else None
