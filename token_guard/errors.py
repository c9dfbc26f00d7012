"""Every error that token_guard raises on purpose, and where another one came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb

__all__ = [
    "CompressionError",
    "ConfigError",
    "ContextOverflowError",
    "InputTooLongError",
    "ModelNotSupportedError",
    "TokenCountError",
    "TokenGuardError",
    "where",
]


class TokenGuardError(Exception):
    """The base of all errors raised by token_guard."""


class ConfigError(TokenGuardError, ValueError):
    """A setting or a limit file is wrong; the message names the key and what is allowed."""


class CompressionError(TokenGuardError):
    """The base of what goes wrong with counting for people: TokenCountError and ModelNotSupportedError."""


class TokenCountError(CompressionError, TypeError):
    """What was handed to a counter is not text or a list of messages."""


class ModelNotSupportedError(CompressionError, ValueError):
    """A model name that cannot be one: empty, or not a string."""


class ContextOverflowError(TokenGuardError):
    """A request that cannot be made to fit: what must stay whole is larger than what is allowed.

    `tokens` is what the request still counts, `allowed` what the model takes, both in tokens;
    `parts` splits `tokens` into `system`, `tools`, `last user` and `rest`.
    """

    def __init__(self, *, model: str, tokens: int, allowed: int, parts: Mapping[str, int]) -> None:
        self.model = model
        self.tokens = tokens
        self.allowed = allowed
        self.parts = dict(parts)
        split = ", ".join(f"{name} {count:,}" for name, count in self.parts.items())
        super().__init__(
            f"This model's maximum context length leaves {allowed:,} tokens for the prompt of {model or 'this request'}; "
            f"the parts that must stay whole count {tokens:,} ({split}). Shorten the largest part, or use a model with a larger window."
        )


class InputTooLongError(ContextOverflowError):
    """One input of an embeddings request is longer than the model's window; `place` is its number, from 0."""

    def __init__(self, *, model: str, place: int, tokens: int, allowed: int) -> None:
        super().__init__(model=model, tokens=tokens, allowed=allowed, parts={})
        self.place = place
        self.args = (
            f"input[{place}] counts {tokens:,} tokens, {tokens - allowed:,} more than the {allowed:,} that {model or 'this model'} "
            "takes of one input. Split it, or let token_guard cut it with on_too_long: truncate.",
        )


def where(error: BaseException) -> str:
    """The class of an error and the line that raised it; never its message, which may quote the request."""
    frames = extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
